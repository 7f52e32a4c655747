//! What is done to which frames.

use std::net::Ipv6Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const ETHERNET_BYTES: usize = 14;
const IPV6_BYTES: usize = 40;
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const MOBILITY_HEADER: u8 = 135;
/// Longest delay that a rule may ask for, milliseconds: what is held is bounded.
pub(crate) const MAX_DELAY_MS: u32 = 60_000;
/// Most copies that a rule may ask for.
pub(crate) const MAX_COPIES: u8 = 8;

/// Which way a frame goes on its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// The node has sent it.
    FromNode,
    /// It is on its way to the node.
    ToNode,
}

/// What a rule does to the frames that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Action {
    /// The frame goes no further.
    Drop,
    /// The frame goes on later; frames behind it may overtake it.
    Delay {
        /// Milliseconds.
        ms: u32,
        /// Up to so many milliseconds more, at random.
        #[serde(default)]
        jitter_ms: u32,
    },
    /// Copies of the frame follow it.
    Duplicate {
        /// How many.
        copies: u8,
        /// Milliseconds from the frame to the first copy, and from copy to copy.
        #[serde(default)]
        after_ms: u32,
    },
}

/// One rule: a condition that is left out holds for every frame.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Name of the link.
    #[serde(default)]
    pub(crate) link: Option<String>,
    /// Direction on the link.
    #[serde(default)]
    pub(crate) way: Option<Way>,
    /// Mobility Header type (RFC 6275 section 6.1.1).
    #[serde(default)]
    pub(crate) mh: Option<u8>,
    /// Outer IPv6 source.
    #[serde(default)]
    pub(crate) source: Option<Ipv6Addr>,
    /// Outer IPv6 destination.
    #[serde(default)]
    pub(crate) destination: Option<Ipv6Addr>,
    /// IPv6 next header of the frame: 135 signalling, 41 tunnelled user packets.
    #[serde(default)]
    pub(crate) next_header: Option<u8>,
    /// So many matching frames are left alone first.
    #[serde(default)]
    pub(crate) skip: u64,
    /// Then so many are taken; without it, all.
    #[serde(default)]
    pub(crate) count: Option<u64>,
    /// Of those, so many in a hundred, at random.
    #[serde(default)]
    pub(crate) percent: Option<u8>,
    /// What is done.
    pub(crate) action: Action,
    /// Frames that matched.
    #[serde(skip)]
    pub(crate) matched: u64,
    /// Frames to which the action was done.
    #[serde(skip)]
    pub(crate) taken: u64,
}

/// What the rules look at in a frame.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Headers {
    source: Option<Ipv6Addr>,
    destination: Option<Ipv6Addr>,
    next_header: Option<u8>,
    mh: Option<u8>,
}

impl Headers {
    /// Reads an Ethernet frame; of what is not IPv6 nothing is known.
    pub(crate) fn read(frame: &[u8]) -> Self {
        let Some(packet) = frame.get(ETHERNET_BYTES..) else {
            return Self::default();
        };
        if frame[12..14] != ETHERTYPE_IPV6 || packet.len() < IPV6_BYTES || packet[0] >> 4 != 6 {
            return Self::default();
        }
        let address = |at: usize| {
            let octets = <[u8; 16]>::try_from(&packet[at..at + 16]).ok()?;
            Some(Ipv6Addr::from(octets))
        };
        let next_header = packet[6];
        let signalling = next_header == MOBILITY_HEADER;
        Self {
            source: address(8),
            destination: address(24),
            next_header: Some(next_header),
            mh: packet.get(IPV6_BYTES + 2).copied().filter(|_| signalling),
        }
    }
}

impl Rule {
    /// Whether the bounds are kept, and else what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        let delay_ms = match self.action {
            Action::Drop => 0,
            Action::Delay { ms, jitter_ms } => ms.max(jitter_ms),
            Action::Duplicate { copies, after_ms } => {
                if copies > MAX_COPIES {
                    return Err(format!("copies: {copies}, at most {MAX_COPIES}"));
                }
                after_ms
            }
        };
        if delay_ms > MAX_DELAY_MS {
            return Err(format!("{delay_ms} ms: at most {MAX_DELAY_MS}"));
        }
        Ok(())
    }

    /// Whether this frame is one of those that the rule takes; counts it.
    fn takes(&mut self, link: &str, way: Way, headers: &Headers, random: &mut Random) -> bool {
        fn holds<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let matches = self.link.as_deref().is_none_or(|wanted| wanted == link)
            && holds(self.way.as_ref(), Some(&way))
            && holds(self.mh.as_ref(), headers.mh.as_ref())
            && holds(self.source.as_ref(), headers.source.as_ref())
            && holds(self.destination.as_ref(), headers.destination.as_ref())
            && holds(self.next_header.as_ref(), headers.next_header.as_ref());
        if !matches {
            return false;
        }
        self.matched += 1;
        let takes = self.matched > self.skip
            && self.count.is_none_or(|count| self.taken < count)
            && self
                .percent
                .is_none_or(|percent| random.below(100) < u32::from(percent));
        self.taken += u64::from(takes);
        takes
    }
}

/// How late each copy of a frame goes on: none when it is dropped.
pub(crate) fn verdict(
    rules: &mut [Rule],
    link: &str,
    way: Way,
    frame: &[u8],
    random: &mut Random,
) -> Vec<Duration> {
    let headers = Headers::read(frame);
    let mut delay_ms = 0;
    let mut copies_ms = Vec::new();
    for rule in rules {
        if !rule.takes(link, way, &headers, random) {
            continue;
        }
        match rule.action {
            Action::Drop => return Vec::new(),
            Action::Delay { ms, jitter_ms } => {
                delay_ms += ms + random.below(jitter_ms.saturating_add(1));
            }
            Action::Duplicate { copies, after_ms } => {
                copies_ms.extend((1..=u32::from(copies)).map(|number| number * after_ms));
            }
        }
    }
    std::iter::once(0)
        .chain(copies_ms)
        .map(|later_ms| Duration::from_millis(u64::from(delay_ms + later_ms)))
        .collect()
}

/// Xorshift: the same seed, the same frames lost.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`; 0 when there is none.
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 32) % u64::from(limit.max(1))) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signalling(mh: u8) -> Vec<u8> {
        let mut frame = vec![0; ETHERNET_BYTES + IPV6_BYTES + 8];
        frame[12..14].copy_from_slice(&ETHERTYPE_IPV6);
        frame[ETHERNET_BYTES] = 0x60;
        frame[ETHERNET_BYTES + 6] = MOBILITY_HEADER;
        frame[ETHERNET_BYTES + 23] = 1; // source ::1
        frame[ETHERNET_BYTES + IPV6_BYTES + 2] = mh;
        frame
    }

    fn rules(json: &str) -> Vec<Rule> {
        serde_json::from_str(json).expect("rules")
    }

    #[test]
    fn the_second_of_a_kind_is_dropped_and_no_other() {
        let mut rules = rules(r#"[{"mh": 245, "skip": 1, "count": 1, "action": "drop"}]"#);
        let mut random = Random::new(1);
        let mut seen = |mh| {
            verdict(
                &mut rules,
                "mag1",
                Way::FromNode,
                &signalling(mh),
                &mut random,
            )
        };
        let copies: Vec<_> = [245, 244, 245, 245].map(|mh| seen(mh).len()).into();
        assert_eq!(copies, [1, 1, 0, 1]);
        assert_eq!((rules[0].matched, rules[0].taken), (3, 1));
    }

    #[test]
    fn conditions_are_all_asked_for() {
        let mut rules = rules(
            r#"[{"link": "lma", "way": "to-node", "source": "::1", "next_header": 135, "action": "drop"}]"#,
        );
        let mut random = Random::new(1);
        let mut lost = |link: &str, way, frame: &[u8]| {
            verdict(&mut rules, link, way, frame, &mut random).is_empty()
        };
        let mut other = signalling(240);
        other[ETHERNET_BYTES + 23] = 2;
        assert!(lost("lma", Way::ToNode, &signalling(240)));
        assert!(!lost("lma", Way::FromNode, &signalling(240)));
        assert!(!lost("mag1", Way::ToNode, &signalling(240)));
        assert!(!lost("lma", Way::ToNode, &other));
        assert!(!lost("lma", Way::ToNode, &[0; 14]));
        assert!(!lost("lma", Way::ToNode, &[]));
    }

    #[test]
    fn delays_add_up_and_copies_follow() {
        let mut rules = rules(
            r#"[{"action": {"delay": {"ms": 10}}}, {"mh": 240, "action": {"duplicate": {"copies": 2, "after_ms": 5}}}]"#,
        );
        let mut random = Random::new(1);
        let at = verdict(
            &mut rules,
            "lma",
            Way::ToNode,
            &signalling(240),
            &mut random,
        );
        let ms: Vec<_> = at.iter().map(Duration::as_millis).collect();
        assert_eq!(ms, [10, 15, 20]);
    }

    #[test]
    fn a_share_is_lost_and_a_rule_without_bounds_is_refused() {
        let mut some = rules(r#"[{"percent": 20, "action": "drop"}]"#);
        let mut random = Random::new(7);
        let lost = (0..1000)
            .filter(|_| verdict(&mut some, "a", Way::ToNode, &[], &mut random).is_empty())
            .count();
        assert!((100..300).contains(&lost), "{lost}");
        assert!(
            rules(r#"[{"action": {"delay": {"ms": 60001}}}]"#)[0]
                .check()
                .is_err()
        );
        assert!(serde_json::from_str::<Rule>(r#"{"action": "drop", "mhh": 1}"#).is_err());
    }
}
