//! How long things take that are more than one exchange of messages: read off what the engine puts out.

use std::collections::VecDeque;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::io::{Entry, Event, Output};
use pmipv6::wire::Message;
use pmipv6::wire::message::RoKind;
use pmipv6::wire::ro::Endpoints;

use super::latency::{HANDOVER, INTERRUPTED, Latency, SETUP_FROM_FIRST_PACKET};

/// Spans of a kind whose end is waited for; the oldest is forgotten first.
const MAX_OPEN: usize = 1024;
/// What has not come back after this long has ended, and was not interrupted.
const MAX_SPAN: Duration = Duration::from_secs(60);

/// What has begun, oldest first.
#[derive(Debug)]
struct Open<K>(VecDeque<(K, Duration)>);

/// The spans of a node.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Pairs whose packets were seen, and that a path was asked for.
    wanted: Open<(IpNet, IpNet)>,
    /// LMA: homes whose MN has registered anew.
    bound: Open<IpNet>,
    /// LMA: pairs whose path follows an MN, since its registration.
    following: Open<(IpNet, IpNet)>,
    /// MAG: pairs whose sending half was taken away.
    withdrawn: Open<(IpNet, IpNet)>,
}

impl Spans {
    /// Looks at what came of one input; `talks`: packets of a pair were seen.
    pub(super) fn look(
        &mut self,
        now: Duration,
        talks: bool,
        outputs: &[Output],
        latency: &mut Latency,
    ) {
        for output in outputs {
            match output {
                Output::Send { message, .. } => self.asked(now, talks, message),
                Output::Program { entry, .. } => self.programmed(now, entry, latency),
                Output::Notify(Event::PathUp {
                    source,
                    destination,
                    ..
                }) => self.path_up(now, source, destination, latency),
                _ => {}
            }
        }
    }

    /// A path is asked for because packets were seen, or because an MN has moved (the H flag).
    fn asked(&mut self, now: Duration, talks: bool, message: &Message) {
        let Message::RoRequest(request) = message else {
            return;
        };
        let asks = matches!(
            request.kind,
            RoKind::Trigger | RoKind::Init | RoKind::Request
        );
        if !asks || request.lifetime == 0 {
            return;
        }
        let Ok(ends) = Endpoints::from_options(&request.options) else {
            return;
        };
        let first = |homes: &[IpNet]| homes.first().copied();
        let (source, destination) = (&ends.source.homes, &ends.destination.homes);
        let (Some(one), Some(other)) = (first(source), first(destination)) else {
            return;
        };
        let of_pair = |home: &IpNet| source.contains(home) || destination.contains(home);
        if talks {
            self.wanted.begin((one, other), now);
        } else if request.handover
            && let Some(since) = self.bound.since(now, of_pair)
        {
            self.following.begin((one, other), since);
        }
    }

    fn programmed(&mut self, now: Duration, entry: &Entry, latency: &mut Latency) {
        match *entry {
            Entry::Bind { home, .. } => self.bound.begin(home, now),
            Entry::PathSendRemove { local, remote } => self.withdrawn.begin((local, remote), now),
            Entry::PathSend { local, remote, .. } => {
                if let Some(since) = self.withdrawn.end(now, |pair| *pair == (local, remote)) {
                    latency.record(INTERRUPTED, now.saturating_sub(since));
                }
            }
            _ => {}
        }
    }

    fn path_up(&mut self, now: Duration, source: &IpNet, destination: &IpNet, to: &mut Latency) {
        // A trigger knows the far end by address, the path by prefix.
        let within = |(a, b): &(IpNet, IpNet)| source.contains(a) && destination.contains(b);
        if let Some(since) = self.wanted.end(now, within) {
            to.record(SETUP_FROM_FIRST_PACKET, now.saturating_sub(since));
        } else if let Some(since) = self.following.end(now, within) {
            to.record(HANDOVER, now.saturating_sub(since));
        }
    }
}

impl<K: PartialEq> Open<K> {
    fn begin(&mut self, key: K, now: Duration) {
        self.0.retain(|(other, _)| *other != key);
        if self.0.len() == MAX_OPEN {
            self.0.pop_front();
        }
        self.0.push_back((key, now));
    }

    /// When it began.
    fn since(&mut self, now: Duration, is: impl Fn(&K) -> bool) -> Option<Duration> {
        while self
            .0
            .front()
            .is_some_and(|(_, at)| now.saturating_sub(*at) > MAX_SPAN)
        {
            self.0.pop_front();
        }
        let found = self.0.iter().rev().find(|(key, _)| is(key));
        found.map(|(_, at)| *at)
    }

    fn end(&mut self, now: Duration, is: impl Fn(&K) -> bool) -> Option<Duration> {
        let since = self.since(now, &is)?;
        self.0.retain(|(key, _)| !is(key));
        Some(since)
    }
}

impl<K> Default for Open<K> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

#[cfg(test)]
mod tests {
    use pmipv6::wire::MobilityOption;
    use pmipv6::wire::message::RoRequest;
    use serde_json::json;

    use super::*;

    const HERE: &str = "2001:db8:100::/64";
    const THERE: &str = "2001:db8:200::/64";

    /// Spans, histograms and a clock.
    #[derive(Default)]
    struct Rig(Spans, Latency);

    impl Rig {
        fn look(&mut self, ms: u64, talks: bool, outputs: &[Output]) {
            let now = Duration::from_millis(ms);
            self.0.look(now, talks, outputs, &mut self.1);
        }

        /// Samples and the largest of them, milliseconds.
        fn seen(&self, name: &str) -> (u64, u64) {
            let all = self.1.histograms();
            all.get(name)
                .map_or((0, 0), |h| (h.count, (h.max + 500_000) / 1_000_000))
        }
    }

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn trigger(destination: &str, handover: bool) -> Output {
        let home = |home: &str| MobilityOption::HomeNetworkPrefix(home.parse().unwrap());
        let message = Message::RoRequest(RoRequest {
            kind: RoKind::Trigger,
            sequence: 1,
            handover,
            proxy_mode: false,
            lifetime: 300,
            options: vec![home(HERE), home(destination)],
        });
        // Whatever else a message to be sent says, it is not looked at here.
        let mut output = json!({ "source": "::1", "destination": "::2", "message": message });
        output["via"] = json!("Ipv6");
        serde_json::from_value(json!({ "Send": output })).unwrap()
    }

    fn up() -> Output {
        Output::Notify(Event::PathUp {
            source: net(HERE),
            destination: net(THERE),
            peer: None,
            setup_us: 0,
        })
    }

    fn program(entry: Entry) -> Output {
        Output::Program { number: 1, entry }
    }

    #[test]
    fn set_up_counts_from_the_first_packet_where_it_was_seen() {
        let mut rig = Rig::default();
        rig.look(0, false, &[trigger(THERE, false)]);
        rig.look(5, false, &[up()]);
        assert_eq!(
            rig.seen(SETUP_FROM_FIRST_PACKET),
            (0, 0),
            "an operator asked"
        );
        rig.look(10, true, &[trigger("2001:db8:200::9/128", false)]);
        rig.look(14, false, &[up()]);
        rig.look(90, false, &[up()]);
        assert_eq!(rig.seen(SETUP_FROM_FIRST_PACKET), (1, 4));
    }

    #[test]
    fn a_path_that_follows_its_mn_counts_from_the_registration() {
        let mut rig = Rig::default();
        let bind = || {
            program(Entry::Bind {
                home: net(THERE),
                proxy_coa: "::2".parse().unwrap(),
            })
        };
        rig.look(0, false, &[bind()]);
        rig.look(3, false, &[trigger(THERE, false)]);
        rig.look(7, false, &[up()]);
        assert_eq!(rig.seen(HANDOVER), (0, 0), "it has attached, not moved");
        rig.look(20, false, &[bind()]);
        for ms in [22, 25] {
            rig.look(ms, false, &[trigger(THERE, true)]);
        }
        rig.look(29, false, &[up()]);
        rig.look(31, false, &[up()]);
        assert_eq!(rig.seen(HANDOVER), (1, 9));
        rig.look(20 + 61_000, false, &[trigger(THERE, true)]);
        rig.look(20 + 61_001, false, &[up()]);
        assert_eq!(rig.seen(HANDOVER).0, 1, "that is another story");
    }

    #[test]
    fn an_interruption_ends_when_the_sending_half_is_back() {
        let mut rig = Rig::default();
        let (local, remote) = (net(HERE), net(THERE));
        let send = || {
            program(Entry::PathSend {
                local,
                remote,
                peer: "::1".parse().unwrap(),
            })
        };
        rig.look(0, false, &[send()]);
        rig.look(
            10,
            false,
            &[program(Entry::PathSendRemove { local, remote })],
        );
        rig.look(13, false, &[send()]);
        rig.look(50, false, &[send()]);
        assert_eq!(rig.seen(INTERRUPTED), (1, 3));
    }

    #[test]
    fn what_never_ends_is_bounded() {
        let mut open = Open::default();
        for key in 0..5000 {
            open.begin(key, Duration::ZERO);
        }
        assert_eq!(open.0.len(), MAX_OPEN);
    }
}
