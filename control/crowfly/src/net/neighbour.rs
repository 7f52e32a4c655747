//! Neighbour cache and neighbour unreachability detection (RFC 4861 sections 5.1, 7.2, 7.3); for IPv4
//! neighbours the same, with ARP for solicitations (RFC 1122 section 2.3.2.1 asks for no less).
//!
//! Control does not see the packets that workers send to a neighbour, so neighbours of tunnels
//! ("tracked") are probed whenever their reachability has timed out, whether used or not.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// RETRANS_TIMER (RFC 4861 section 10).
const RETRANS_TIMER: Duration = Duration::from_secs(1);
/// REACHABLE_TIME (RFC 4861 section 10).
const REACHABLE_TIME: Duration = Duration::from_secs(30);
/// MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT (RFC 4861 section 10).
const MAX_SOLICIT: u32 = 3;
/// Wait between solicitations for a tracked neighbour that has not answered MAX_SOLICIT of them.
const SLOW_RETRANS_TIMER: Duration = Duration::from_secs(3);
/// Packets that wait for one neighbour (RFC 4861 section 7.2.2 asks for at least one).
const MAX_QUEUED_PACKETS: usize = 16;
/// Longest wait of a packet: a message that is older than its Timestamp may be (RFC 5213 section 5.5:
/// TimestampValidityWindow, 300 ms) is refused, and its sender says it again soon.
const MAX_WAIT: Duration = Duration::from_millis(250);

/// A neighbour: the port, and its address there.
pub(super) type Key = (u16, IpAddr);

#[derive(Debug)]
enum State {
    /// From the configuration: needs no discovery.
    Static { mac: [u8; 6] },
    /// No answer yet; `next` is when the next solicitation is due.
    Incomplete { sent: u32, next: Duration },
    /// Answered; until then nothing needs to be done.
    Reachable { mac: [u8; 6], until: Duration },
    /// Was reachable, nobody is interested at present.
    Stale { mac: [u8; 6] },
    /// Was reachable, and is asked again, by unicast.
    Probe {
        mac: [u8; 6],
        sent: u32,
        next: Duration,
    },
}

#[derive(Debug)]
struct Neighbour {
    state: State,
    /// A tunnel leads through it.
    tracked: bool,
    /// Packets that wait for its link-layer address, each with the time since when.
    queue: VecDeque<(Duration, Vec<u8>)>,
    used: Duration,
}

/// What follows from a change of the cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Solicit the neighbour: by unicast where its link-layer address is thought to be known.
    Solicit { key: Key, mac: Option<[u8; 6]> },
    /// Send a packet that waited.
    Send {
        key: Key,
        mac: [u8; 6],
        packet: Vec<u8>,
    },
    /// The link-layer address of a tracked neighbour is another one now, or none.
    Changed { key: Key, mac: Option<[u8; 6]> },
    /// Packets were dropped because the neighbour does not answer.
    Unresolved { packets: u64 },
    /// A packet was dropped because too many wait already.
    QueueFull,
    /// A packet was dropped because the cache is full of neighbours in use.
    CacheFull,
}

#[derive(Debug)]
pub(super) struct Neighbours {
    entries: HashMap<Key, Neighbour>,
    capacity: usize,
    deadline: Option<Duration>,
}

impl Neighbours {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            capacity,
            deadline: None,
        }
    }

    /// A neighbour of the configuration; these do not count against the capacity.
    pub(super) fn set_static(&mut self, key: Key, mac: [u8; 6]) {
        let state = State::Static { mac };
        let neighbour = Neighbour {
            state,
            tracked: false,
            queue: VecDeque::new(),
            used: Duration::ZERO,
        };
        self.entries.insert(key, neighbour);
        self.capacity += 1;
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The neighbour's link-layer address, where it is known.
    pub(super) fn mac(&self, key: Key) -> Option<[u8; 6]> {
        self.entries
            .get(&key)
            .and_then(|neighbour| mac_of(&neighbour.state))
    }

    /// Keeps a neighbour resolved from now on, or does so no longer.
    pub(super) fn track(&mut self, now: Duration, key: Key, tracked: bool, out: &mut Vec<Effect>) {
        if tracked && !self.enter(now, key, out) {
            return;
        }
        if let Some(neighbour) = self.entries.get_mut(&key) {
            neighbour.tracked = tracked;
        }
    }

    /// Sends a packet, at once or when the neighbour is resolved.
    pub(super) fn send(&mut self, now: Duration, key: Key, packet: Vec<u8>, out: &mut Vec<Effect>) {
        if !self.enter(now, key, out) {
            out.push(Effect::CacheFull);
            return;
        }
        let Some(neighbour) = self.entries.get_mut(&key) else {
            return;
        };
        if let Some(mac) = mac_of(&neighbour.state) {
            out.push(Effect::Send { key, mac, packet });
            return;
        }
        if neighbour.queue.len() == MAX_QUEUED_PACKETS {
            neighbour.queue.pop_front();
            out.push(Effect::QueueFull);
        }
        neighbour.queue.push_back((now, packet));
    }

    /// A Neighbour Advertisement (RFC 4861 section 7.2.5). Neighbours that nobody asked for are ignored.
    pub(super) fn advertised(
        &mut self,
        now: Duration,
        key: Key,
        mac: Option<[u8; 6]>,
        (solicited, overrides): (bool, bool),
        out: &mut Vec<Effect>,
    ) {
        let Some(neighbour) = self.entries.get_mut(&key) else {
            return;
        };
        if matches!(neighbour.state, State::Static { .. }) {
            return;
        }
        let known = mac_of(&neighbour.state);
        let Some(mac) = mac.or(known) else { return };
        if known.is_some_and(|known| known != mac) && !overrides {
            return;
        }
        if !solicited && known == Some(mac) {
            return;
        }
        let until = if solicited { now + REACHABLE_TIME } else { now };
        neighbour.state = State::Reachable { mac, until };
        self.resolved(now, key, known, mac, out);
        self.arm(until);
    }

    /// A Neighbour Solicitation told the sender's link-layer address (RFC 4861 section 7.2.3). A new entry
    /// is made only while there is room: strangers cannot push out a neighbour.
    pub(super) fn solicited_by(
        &mut self,
        now: Duration,
        key: Key,
        mac: [u8; 6],
        out: &mut Vec<Effect>,
    ) {
        if self.entries.contains_key(&key) {
            return self.advertised(now, key, Some(mac), (false, true), out);
        }
        if self.entries.len() < self.capacity {
            let neighbour = Neighbour {
                state: State::Stale { mac },
                tracked: false,
                queue: VecDeque::new(),
                used: now,
            };
            self.entries.insert(key, neighbour);
        }
    }

    /// Does what is due.
    pub(super) fn timeout(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        let due: Vec<Key> = self
            .entries
            .iter()
            .filter(|(_, neighbour)| due_at(neighbour).is_some_and(|at| at <= now))
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            self.expire(now, key, out);
        }
        self.deadline = self.entries.values().filter_map(due_at).min();
    }

    fn expire(&mut self, now: Duration, key: Key, out: &mut Vec<Effect>) {
        let Some(neighbour) = self.entries.get_mut(&key) else {
            return;
        };
        let tracked = neighbour.tracked;
        match neighbour.state {
            State::Static { .. } | State::Stale { .. } => {}
            State::Reachable { mac, .. } if tracked => {
                neighbour.state = State::Probe {
                    mac,
                    sent: 1,
                    next: now + RETRANS_TIMER,
                };
                out.push(Effect::Solicit {
                    key,
                    mac: Some(mac),
                });
            }
            State::Reachable { mac, .. } => neighbour.state = State::Stale { mac },
            State::Probe { mac, sent, .. } if sent < MAX_SOLICIT => {
                let next = now + RETRANS_TIMER;
                neighbour.state = State::Probe {
                    mac,
                    sent: sent + 1,
                    next,
                };
                out.push(Effect::Solicit {
                    key,
                    mac: Some(mac),
                });
            }
            State::Probe { .. } => {
                neighbour.state = State::Incomplete {
                    sent: 1,
                    next: now + RETRANS_TIMER,
                };
                out.push(Effect::Solicit { key, mac: None });
                if tracked {
                    out.push(Effect::Changed { key, mac: None });
                }
            }
            State::Incomplete { sent, .. } => self.unanswered(now, key, sent, out),
        }
    }

    fn unanswered(&mut self, now: Duration, key: Key, sent: u32, out: &mut Vec<Effect>) {
        let Some(neighbour) = self.entries.get_mut(&key) else {
            return;
        };
        if sent >= MAX_SOLICIT {
            let packets = neighbour.queue.len() as u64;
            neighbour.queue.clear();
            if packets > 0 {
                out.push(Effect::Unresolved { packets });
            }
            if !neighbour.tracked {
                self.entries.remove(&key);
                return;
            }
        }
        let wait = if sent < MAX_SOLICIT {
            RETRANS_TIMER
        } else {
            SLOW_RETRANS_TIMER
        };
        neighbour.state = State::Incomplete {
            sent: sent.saturating_add(1),
            next: now + wait,
        };
        out.push(Effect::Solicit { key, mac: None });
    }

    /// Starts what it takes to know that the neighbour is reachable.
    fn want(&mut self, now: Duration, key: Key, out: &mut Vec<Effect>) {
        let next = now + RETRANS_TIMER;
        let Some(neighbour) = self.entries.get_mut(&key) else {
            let state = State::Incomplete { sent: 1, next };
            let queue = VecDeque::new();
            self.entries.insert(
                key,
                Neighbour {
                    state,
                    tracked: false,
                    queue,
                    used: now,
                },
            );
            out.push(Effect::Solicit { key, mac: None });
            self.arm(next);
            return;
        };
        neighbour.used = now;
        if let State::Stale { mac } = neighbour.state {
            neighbour.state = State::Probe { mac, sent: 1, next };
            out.push(Effect::Solicit {
                key,
                mac: Some(mac),
            });
            self.arm(next);
        }
    }

    fn resolved(
        &mut self,
        now: Duration,
        key: Key,
        known: Option<[u8; 6]>,
        mac: [u8; 6],
        out: &mut Vec<Effect>,
    ) {
        let Some(neighbour) = self.entries.get_mut(&key) else {
            return;
        };
        if neighbour.tracked && known != Some(mac) {
            out.push(Effect::Changed {
                key,
                mac: Some(mac),
            });
        }
        let waiting = std::mem::take(&mut neighbour.queue).into_iter();
        let (late, in_time): (Vec<_>, Vec<_>) =
            waiting.partition(|(since, _)| now.saturating_sub(*since) > MAX_WAIT);
        if !late.is_empty() {
            out.push(Effect::Unresolved {
                packets: late.len() as u64,
            });
        }
        out.extend(
            in_time
                .into_iter()
                .map(|(_, packet)| Effect::Send { key, mac, packet }),
        );
    }

    /// Makes sure that there is an entry for `key` and that it is being resolved. Where the cache is
    /// full, the entry unused for longest goes; false when all are in use.
    fn enter(&mut self, now: Duration, key: Key, out: &mut Vec<Effect>) -> bool {
        if !self.entries.contains_key(&key) && self.entries.len() >= self.capacity {
            let oldest = self
                .entries
                .iter()
                .filter(|(_, n)| !n.tracked && !matches!(n.state, State::Static { .. }))
                .min_by_key(|(_, neighbour)| neighbour.used)
                .map(|(oldest, _)| *oldest);
            let Some(gone) = oldest.and_then(|oldest| self.entries.remove(&oldest)) else {
                return false;
            };
            if !gone.queue.is_empty() {
                out.push(Effect::Unresolved {
                    packets: gone.queue.len() as u64,
                });
            }
        }
        self.want(now, key, out);
        true
    }

    fn arm(&mut self, at: Duration) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }
}

fn mac_of(state: &State) -> Option<[u8; 6]> {
    match *state {
        State::Incomplete { .. } => None,
        State::Static { mac }
        | State::Reachable { mac, .. }
        | State::Stale { mac }
        | State::Probe { mac, .. } => Some(mac),
    }
}

fn due_at(neighbour: &Neighbour) -> Option<Duration> {
    match neighbour.state {
        State::Static { .. } | State::Stale { .. } => None,
        State::Incomplete { next, .. } | State::Probe { next, .. } => Some(next),
        State::Reachable { until, .. } => Some(until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const SOLICITED: (bool, bool) = (true, true);

    fn key(n: u16) -> Key {
        (
            0,
            std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).into(),
        )
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn packets_wait_for_the_answer_and_leave_in_order() {
        let (mut cache, mut out) = (Neighbours::new(4), Vec::new());
        cache.send(at(0), key(1), vec![1], &mut out);
        cache.send(at(0), key(1), vec![2], &mut out);
        assert_eq!(
            out,
            [Effect::Solicit {
                key: key(1),
                mac: None
            }]
        );
        out.clear();
        cache.advertised(at(0), key(1), Some(MAC), SOLICITED, &mut out);
        let sent = |packet| Effect::Send {
            key: key(1),
            mac: MAC,
            packet,
        };
        assert_eq!(out, [sent(vec![1]), sent(vec![2])]);
    }

    #[test]
    fn a_silent_neighbour_is_asked_three_times_and_forgotten() {
        let (mut cache, mut out) = (Neighbours::new(4), Vec::new());
        cache.send(at(0), key(1), vec![1], &mut out);
        for second in 1..=4 {
            cache.timeout(at(second), &mut out);
        }
        let solicitations = out
            .iter()
            .filter(|e| matches!(e, Effect::Solicit { .. }))
            .count();
        assert_eq!((solicitations, cache.len()), (3, 0));
        assert!(out.contains(&Effect::Unresolved { packets: 1 }));
        assert_eq!(cache.next_deadline(), None);
    }

    #[test]
    fn a_tracked_neighbour_is_probed_lost_and_found_again() {
        let (mut cache, mut out) = (Neighbours::new(4), Vec::new());
        cache.track(at(0), key(1), true, &mut out);
        cache.advertised(at(0), key(1), Some(MAC), SOLICITED, &mut out);
        assert_eq!(
            out.last(),
            Some(&Effect::Changed {
                key: key(1),
                mac: Some(MAC)
            })
        );
        out.clear();
        for second in 30..=33 {
            cache.timeout(at(second), &mut out);
        }
        let probes = out
            .iter()
            .filter(|e| matches!(e, Effect::Solicit { mac: Some(_), .. }))
            .count();
        assert_eq!(probes, 3);
        assert_eq!(
            out.last(),
            Some(&Effect::Changed {
                key: key(1),
                mac: None
            })
        );
        assert_eq!(cache.mac(key(1)), None);
        for second in 34..=60 {
            cache.timeout(at(second), &mut out);
        }
        cache.advertised(at(61), key(1), Some(MAC), SOLICITED, &mut out);
        assert_eq!(
            out.last(),
            Some(&Effect::Changed {
                key: key(1),
                mac: Some(MAC)
            })
        );
    }

    #[test]
    fn a_full_cache_drops_the_one_unused_for_longest_but_none_in_use() {
        let (mut cache, mut out) = (Neighbours::new(2), Vec::new());
        cache.track(at(0), key(1), true, &mut out);
        cache.send(at(1), key(2), vec![2], &mut out);
        cache.send(at(2), key(3), vec![3], &mut out);
        assert!(out.contains(&Effect::Unresolved { packets: 1 }) && cache.len() == 2);
        cache.track(at(3), key(3), true, &mut out);
        cache.send(at(4), key(4), vec![4], &mut out);
        assert_eq!(out.last(), Some(&Effect::CacheFull));
    }

    #[test]
    fn the_oldest_of_too_many_waiting_packets_goes() {
        let (mut cache, mut out) = (Neighbours::new(2), Vec::new());
        for n in 0..=MAX_QUEUED_PACKETS {
            cache.send(at(0), key(1), vec![n as u8], &mut out);
        }
        assert_eq!(out.last(), Some(&Effect::QueueFull));
        out.clear();
        cache.advertised(at(0), key(1), Some(MAC), SOLICITED, &mut out);
        assert_eq!(out.len(), MAX_QUEUED_PACKETS);
        assert_eq!(
            out[0],
            Effect::Send {
                key: key(1),
                mac: MAC,
                packet: vec![1]
            }
        );
    }

    #[test]
    fn a_packet_that_has_waited_too_long_is_counted_and_not_sent() {
        let (mut cache, mut out) = (Neighbours::new(2), Vec::new());
        cache.send(at(0), key(1), vec![0], &mut out);
        let later = at(1);
        cache.send(later - MAX_WAIT, key(1), vec![1], &mut out);
        out.clear();
        cache.advertised(later, key(1), Some(MAC), SOLICITED, &mut out);
        let (key, mac) = (key(1), MAC);
        let packet = vec![1];
        assert_eq!(
            out,
            [
                Effect::Unresolved { packets: 1 },
                Effect::Send { key, mac, packet }
            ]
        );
    }

    #[test]
    fn an_advertisement_without_override_changes_no_address() {
        let (mut cache, mut out) = (Neighbours::new(2), Vec::new());
        cache.send(at(0), key(1), vec![], &mut out);
        cache.advertised(at(0), key(1), Some(MAC), SOLICITED, &mut out);
        cache.advertised(at(1), key(1), Some([9; 6]), (true, false), &mut out);
        assert_eq!(cache.mac(key(1)), Some(MAC));
        cache.advertised(at(1), key(2), Some([9; 6]), SOLICITED, &mut out);
        assert_eq!(cache.len(), 1, "nobody asked for it");
        cache.set_static(key(5), MAC);
        cache.advertised(at(1), key(5), Some([9; 6]), SOLICITED, &mut out);
        assert_eq!(cache.mac(key(5)), Some(MAC));
    }

    #[test]
    fn who_solicits_us_is_known_from_then_on_and_probed_when_used() {
        let (mut cache, mut out) = (Neighbours::new(1), Vec::new());
        cache.solicited_by(at(0), key(1), MAC, &mut out);
        assert_eq!((cache.mac(key(1)), out.len()), (Some(MAC), 0));
        cache.send(at(0), key(1), vec![1], &mut out);
        let probe = Effect::Solicit {
            key: key(1),
            mac: Some(MAC),
        };
        let sent = Effect::Send {
            key: key(1),
            mac: MAC,
            packet: vec![1],
        };
        assert_eq!(out, [probe, sent]);
    }

    #[test]
    fn who_solicits_us_pushes_nobody_out() {
        let (mut cache, mut out) = (Neighbours::new(1), Vec::new());
        cache.solicited_by(at(0), key(1), MAC, &mut out);
        cache.solicited_by(at(0), key(2), MAC, &mut out);
        assert_eq!((cache.mac(key(1)), cache.mac(key(2))), (Some(MAC), None));
    }
}
