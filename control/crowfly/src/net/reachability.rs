//! Whether MNs are still on their access links (RFC 4861 section 7.3, RFC 5213 section 6.9.4): each is asked
//! from time to time, by unicast, at addresses of its that were seen on the link.
//!
//! ```text
//!   nothing heard for `interval` ──▶ solicit ──1 s──▶ solicit ──1 s──▶ solicit ──1 s──▶ unreachable
//!                                    any Neighbour Discovery message of the MN ──▶ still there
//! ```

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv6Addr;
use std::time::Duration;

use pmipv6::io::Link;

/// RETRANS_TIMER (RFC 4861 section 10).
const RETRANS_TIMER: Duration = Duration::from_secs(1);
/// MAX_UNICAST_SOLICIT (RFC 4861 section 10).
const MAX_UNICAST_SOLICIT: u8 = 3;
/// Addresses remembered of one MN, the last ones seen: hosts change theirs (RFC 8981).
const MAX_ADDRESSES: usize = 4;

#[derive(Debug)]
struct Watched {
    addresses: Vec<Ipv6Addr>,
    next: Duration,
    /// Solicitations without an answer.
    asked: u8,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Solicit the MN at this address.
    Solicit(Link, Ipv6Addr),
    /// The MN has gone.
    Gone(Link),
}

/// The MNs that are asked.
#[derive(Debug)]
pub(super) struct Reachability {
    /// Zero: nobody is asked.
    interval: Duration,
    links: HashMap<Link, Watched>,
    due: BTreeSet<(Duration, Link)>,
}

impl Reachability {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            links: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// An MN is registered on the link, or registered again.
    pub(super) fn attached(&mut self, now: Duration, link: Link) {
        if self.interval.is_zero() || self.links.contains_key(&link) {
            return;
        }
        let next = now + self.interval;
        let watched = Watched {
            addresses: Vec::new(),
            next,
            asked: 0,
        };
        self.links.insert(link, watched);
        self.due.insert((next, link));
    }

    pub(super) fn detached(&mut self, link: Link) {
        if let Some(watched) = self.links.remove(&link) {
            self.due.remove(&(watched.next, link));
        }
    }

    /// The MN has sent something from, or about, an address of its own.
    pub(super) fn heard(&mut self, now: Duration, link: Link, address: Ipv6Addr) {
        let Some(watched) = self.links.get_mut(&link) else {
            return;
        };
        let own = !address.is_unspecified() && !address.is_multicast();
        if own && watched.addresses.last() != Some(&address) {
            watched.addresses.retain(|known| *known != address);
            watched.addresses.push(address);
            let surplus = watched.addresses.len().saturating_sub(MAX_ADDRESSES);
            watched.addresses.drain(..surplus);
        }
        watched.asked = 0;
        self.set(link, now + self.interval);
    }

    fn set(&mut self, link: Link, next: Duration) {
        if let Some(watched) = self.links.get_mut(&link) {
            self.due.remove(&(watched.next, link));
            watched.next = next;
            self.due.insert((next, link));
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whom to ask now, and who has gone. An MN of which no address is known cannot be asked.
    pub(super) fn timeout(&mut self, now: Duration) -> Vec<Due> {
        let mut found = Vec::new();
        while let Some((_, link)) = self.due.first().filter(|(at, _)| *at <= now).copied() {
            let Some(watched) = self.links.get_mut(&link) else {
                self.due.pop_first();
                continue;
            };
            if watched.addresses.is_empty() {
                self.set(link, now + self.interval);
            } else if watched.asked < MAX_UNICAST_SOLICIT {
                watched.asked += 1;
                let addresses = watched.addresses.iter();
                found.extend(addresses.map(|address| Due::Solicit(link, *address)));
                self.set(link, now + RETRANS_TIMER);
            } else {
                self.detached(link);
                found.push(Due::Gone(link));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmipv6::io::MacAddr;

    const LINK: Link = Link {
        port: 0,
        vlan: None,
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn address(last: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last)
    }

    fn watched() -> Reachability {
        let mut all = Reachability::new(seconds(10));
        all.attached(seconds(0), LINK);
        all
    }

    #[test]
    fn rfc4861_7_3_three_unanswered_solicitations_a_second_apart_mean_gone() {
        let mut all = watched();
        all.heard(seconds(1), LINK, address(1));
        assert!(all.timeout(seconds(10)).is_empty());
        for at in 11..14 {
            assert_eq!(all.timeout(seconds(at)), [Due::Solicit(LINK, address(1))]);
        }
        assert_eq!(all.timeout(seconds(14)), [Due::Gone(LINK)]);
        assert_eq!(all.next_deadline(), None);
    }

    #[test]
    fn whoever_answers_stays() {
        let mut all = watched();
        all.heard(seconds(1), LINK, address(1));
        for round in 0..5 {
            let start = 11 + round * 12;
            assert_eq!(all.timeout(seconds(start)).len(), 1);
            assert_eq!(all.timeout(seconds(start + 1)).len(), 1);
            all.heard(seconds(start + 2), LINK, address(1));
        }
        assert_eq!(all.next_deadline(), Some(seconds(71)));
    }

    #[test]
    fn an_mn_without_a_known_address_is_left_alone() {
        let mut all = watched();
        all.heard(seconds(1), LINK, Ipv6Addr::UNSPECIFIED);
        for at in 0..100 {
            assert!(all.timeout(seconds(at)).is_empty());
        }
    }

    #[test]
    fn the_last_addresses_are_asked_and_no_more_of_them() {
        let mut all = watched();
        for last in 1..=6 {
            all.heard(seconds(1), LINK, address(last));
        }
        let asked: Vec<Due> = (3..=6)
            .map(|last| Due::Solicit(LINK, address(last)))
            .collect();
        assert_eq!(all.timeout(seconds(11)), asked);
    }

    #[test]
    fn zero_turns_it_off() {
        let mut all = Reachability::new(Duration::ZERO);
        all.attached(seconds(0), LINK);
        all.heard(seconds(1), LINK, address(1));
        assert_eq!(all.next_deadline(), None);
    }
}
