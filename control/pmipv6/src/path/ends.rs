//! The two ends of a path, as the engines need them beyond what the codec reads (HL-9 to HL-11).

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::wire::MobilityOption;
use crate::wire::ro::{Endpoints, Group};

/// Shortest home network prefix that an RO message may name: no peer draws whole networks into a path
/// (L-74).
const MIN_HNP_LENGTH: u8 = 48;
/// Most homes of one end.
const MAX_HOMES: usize = 16;

/// Source and destination of a path (L-31): the source is the MN whose packet triggered it.
pub(crate) type Ends = Endpoints;

/// An end by its homes; engines know MNs by their homes and leave the NAI out of RO messages.
pub(crate) fn end(homes: Vec<IpNet>) -> Group {
    Group { mn_id: None, homes }
}

/// What the engines ask of two ends.
pub(crate) trait EndsExt: Sized {
    /// Reads them from a message; none where an option is missing or cannot be meant (L-30).
    fn parse(options: &[MobilityOption]) -> Option<Self>;
    /// Every (source home, destination home) of equal family (HL-10).
    fn pairs(&self) -> Vec<(IpNet, IpNet)>;
    /// What operators see as the two ends.
    fn shown(&self) -> (IpNet, IpNet);
    /// The options of a message about them; a MAG that is not an IPv6 address has no option 51.
    fn options(&self, mag: Option<IpAddr>, timestamp: Option<u64>) -> Vec<MobilityOption>;
    /// Source and destination with their parts exchanged.
    fn swapped(&self) -> Self;
}

impl EndsExt for Ends {
    fn parse(options: &[MobilityOption]) -> Option<Self> {
        let mut ends = Self::from_options(options).ok()?;
        ends.source.mn_id = None;
        ends.destination.mn_id = None;
        is_sound(&ends).then_some(ends)
    }

    fn pairs(&self) -> Vec<(IpNet, IpNet)> {
        let of_family = |group: &Group, v6: bool| -> Vec<IpNet> {
            let homes = group.homes.iter().copied();
            homes.filter(|home| is_v6(home) == v6).collect()
        };
        let mut pairs = Vec::new();
        for v6 in [true, false] {
            let destinations = of_family(&self.destination, v6);
            for source in of_family(&self.source, v6) {
                pairs.extend(
                    destinations
                        .iter()
                        .map(|destination| (source, *destination)),
                );
            }
        }
        pairs
    }

    fn shown(&self) -> (IpNet, IpNet) {
        let nowhere = IpNet::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        self.pairs().first().copied().unwrap_or((nowhere, nowhere))
    }

    fn options(&self, mag: Option<IpAddr>, timestamp: Option<u64>) -> Vec<MobilityOption> {
        let mag = match mag {
            Some(IpAddr::V6(address)) => Some(address),
            _ => None,
        };
        // Ends that were parsed or made from bindings always have options.
        self.to_options(mag, timestamp).unwrap_or_default()
    }

    fn swapped(&self) -> Self {
        Self {
            source: self.destination.clone(),
            destination: self.source.clone(),
        }
    }
}

pub(crate) const fn is_v6(home: &IpNet) -> bool {
    matches!(home, IpNet::V6(_))
}

fn is_sound(ends: &Ends) -> bool {
    let (source, destination) = (&ends.source.homes, &ends.destination.homes);
    let disjoint = |a: &IpNet| !destination.iter().any(|b| a.contains(b) || b.contains(a));
    source.len() <= MAX_HOMES
        && destination.len() <= MAX_HOMES
        && source.iter().all(disjoint)
        && source
            .iter()
            .chain(destination)
            .all(|home| !is_v6(home) || home.prefix_len() >= MIN_HNP_LENGTH)
}
