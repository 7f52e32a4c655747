//! The two ends that an RO or LR message names, by the order of its options (HL-9 to HL-11).

use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv4Net};

use super::iana::mn_id_subtype;
use super::option::MobilityOption;

/// Source and destination: the source is the MN whose packet triggered the localized path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The group that comes first.
    pub source: Group,
    /// The group that comes second.
    pub destination: Group,
}

/// One MN: its homes, and its NAI where the sender knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// NAI (RFC 4283 subtype 1), not empty.
    pub mn_id: Option<String>,
    /// Home Network Prefixes, then IPv4 home addresses as /32; no host bits.
    pub homes: Vec<IpNet>,
}

/// Why the options do not name two ends: status 136.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointsError {
    /// No home of an end.
    #[error("no Home Network Prefix or IPv4 Home Address option of the {0}")]
    Missing(End),
    /// One option where there must be one of each end.
    #[error("one {0} option, but one of each end is needed")]
    Unpaired(&'static str),
    /// More than one of each end, and nothing says which belongs to which.
    #[error("{count} {name} options without a Mobile Node Identifier option of each end")]
    Ambiguous {
        /// Name of the option.
        name: &'static str,
        /// How many.
        count: usize,
    },
    /// More than two groups.
    #[error("{0} Mobile Node Identifier options, at most 2")]
    TooManyGroups(usize),
    /// A home in front of the first of two Mobile Node Identifiers.
    #[error("a {0} option in front of the Mobile Node Identifier of the source")]
    BeforeFirstGroup(&'static str),
    /// Not an NAI.
    #[error(
        "Mobile Node Identifier of the {end} has subtype {subtype}, or is not UTF-8: not an NAI"
    )]
    NotAnNai {
        /// Which end.
        end: End,
        /// Subtype.
        subtype: u8,
    },
    /// A home that names no node: a zero prefix, or an IPv4 Home Address that is not a whole address.
    #[error("{0} is not the home of one node")]
    NotAHome(IpNet),
    /// Nothing can flow between an IPv6 home and an IPv4 home.
    #[error("source and destination have no address family in common")]
    NoCommonFamily,
    /// The MAG's address is missing where the message must have one.
    #[error("no MAG IPv6 Address option")]
    MissingMagAddress,
}

/// An end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The first group.
    Source,
    /// The second group.
    Destination,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Destination => "destination",
        })
    }
}

const HNP: &str = "Home Network Prefix";
const IPV4_HOA: &str = "IPv4 Home Address";

impl Endpoints {
    /// Reads the two groups; other options may stand anywhere between.
    ///
    /// Two Mobile Node Identifiers open the groups, an empty one opens its group and names nobody. With
    /// fewer, each kind of home comes exactly twice or not at all, first the source's.
    ///
    /// # Errors
    /// What is missing or cannot be meant.
    pub fn from_options(options: &[MobilityOption]) -> Result<Self, EndpointsError> {
        let groups = options.iter().filter(|option| is_mn_id(option)).count();
        let endpoints = match groups {
            0 | 1 => Self::by_kind(options)?,
            2 => Self::by_group(options)?,
            _ => return Err(EndpointsError::TooManyGroups(groups)),
        };
        endpoints.check()?;
        Ok(endpoints)
    }

    /// The options of both ends, in the order of draft section 5.1: homes, MAG-ADDR, IPv4 homes, then the
    /// Timestamp. Mobile Node Identifiers only where an end is known by name, or the homes would be
    /// ambiguous without them.
    ///
    /// # Errors
    /// As [`Endpoints::from_options`], which reads what this writes.
    pub fn to_options(
        &self,
        mag: Option<Ipv6Addr>,
        timestamp: Option<u64>,
    ) -> Result<Vec<MobilityOption>, EndpointsError> {
        self.check()?;
        let mag = mag.map(MobilityOption::MagIpv6Address);
        let mut options = Vec::new();
        if self.is_plain() {
            options.extend(self.homes(true).map(home_option));
            options.extend(mag);
            options.extend(self.homes(false).map(home_option));
        } else {
            for group in [&self.source, &self.destination] {
                options.push(MobilityOption::nai(
                    group.mn_id.as_deref().unwrap_or_default(),
                ));
                options.extend(group.of_family(true).map(home_option));
                options.extend(group.of_family(false).map(home_option));
            }
            options.extend(mag);
        }
        options.extend(timestamp.map(MobilityOption::Timestamp));
        Ok(options)
    }

    /// Whether order alone says it all.
    fn is_plain(&self) -> bool {
        let unnamed = self.source.mn_id.is_none() && self.destination.mn_id.is_none();
        unnamed
            && [true, false].into_iter().all(|ipv6| {
                let source = self.source.of_family(ipv6).count();
                source <= 1 && source == self.destination.of_family(ipv6).count()
            })
    }

    fn homes(&self, ipv6: bool) -> impl Iterator<Item = &IpNet> {
        let destination = self.destination.of_family(ipv6);
        self.source.of_family(ipv6).chain(destination)
    }

    fn by_kind(options: &[MobilityOption]) -> Result<Self, EndpointsError> {
        let mut source = Group::default();
        let mut destination = Group::default();
        for (name, ipv6) in [(HNP, true), (IPV4_HOA, false)] {
            let homes = read_homes(options, ipv6)?;
            match homes[..] {
                [] => {}
                [_] => return Err(EndpointsError::Unpaired(name)),
                [first, second] => {
                    source.homes.push(first);
                    destination.homes.push(second);
                }
                _ => {
                    let count = homes.len();
                    return Err(EndpointsError::Ambiguous { name, count });
                }
            }
        }
        // A single identifier names the end that it stands in front of.
        let identifier = options.iter().position(is_mn_id);
        let first_home = options
            .iter()
            .position(|option| home_name(option).is_some());
        if identifier < first_home {
            source.mn_id = read_mn_id(options, End::Source)?;
        } else {
            destination.mn_id = read_mn_id(options, End::Destination)?;
        }
        Ok(Self {
            source,
            destination,
        })
    }

    fn by_group(options: &[MobilityOption]) -> Result<Self, EndpointsError> {
        let first = options.iter().position(is_mn_id).unwrap_or_default();
        let second = options.iter().rposition(is_mn_id).unwrap_or_default();
        if let Some(name) = options[..first].iter().find_map(home_name) {
            return Err(EndpointsError::BeforeFirstGroup(name));
        }
        Ok(Self {
            source: Group::read(&options[first..second], End::Source)?,
            destination: Group::read(&options[second..], End::Destination)?,
        })
    }

    fn check(&self) -> Result<(), EndpointsError> {
        for (group, end) in [
            (&self.source, End::Source),
            (&self.destination, End::Destination),
        ] {
            if group.homes.is_empty() {
                return Err(EndpointsError::Missing(end));
            }
            if let Some(home) = group.homes.iter().find(|home| !is_home(home)) {
                return Err(EndpointsError::NotAHome(*home));
            }
        }
        let common = [true, false].into_iter().any(|ipv6| {
            let mut source = self.source.of_family(ipv6);
            source.next().is_some() && self.destination.of_family(ipv6).next().is_some()
        });
        common.then_some(()).ok_or(EndpointsError::NoCommonFamily)
    }
}

impl Group {
    fn read(options: &[MobilityOption], end: End) -> Result<Self, EndpointsError> {
        let mut homes = read_homes(options, true)?;
        homes.extend(read_homes(options, false)?);
        Ok(Self {
            mn_id: read_mn_id(options, end)?,
            homes,
        })
    }

    fn of_family(&self, ipv6: bool) -> impl Iterator<Item = &IpNet> {
        let of_family = move |home: &&IpNet| matches!(home, IpNet::V6(_)) == ipv6;
        self.homes.iter().filter(of_family)
    }
}

/// The MAG's address, where the message must have one.
///
/// # Errors
/// [`EndpointsError::MissingMagAddress`].
pub fn mag_address(options: &[MobilityOption]) -> Result<Ipv6Addr, EndpointsError> {
    super::options::mag_ipv6_address(options).ok_or(EndpointsError::MissingMagAddress)
}

const fn is_mn_id(option: &MobilityOption) -> bool {
    matches!(option, MobilityOption::MnId { .. })
}

const fn home_name(option: &MobilityOption) -> Option<&'static str> {
    match option {
        MobilityOption::HomeNetworkPrefix(_) => Some(HNP),
        MobilityOption::Ipv4HomeAddress { .. } => Some(IPV4_HOA),
        _ => None,
    }
}

/// The home of one node: not a zero prefix, not an IPv4 network.
fn is_home(home: &IpNet) -> bool {
    match home {
        IpNet::V6(prefix) => !prefix.addr().is_unspecified() && prefix.prefix_len() > 0,
        IpNet::V4(prefix) => !prefix.addr().is_unspecified() && prefix.prefix_len() == 32,
    }
}

fn read_homes(options: &[MobilityOption], ipv6: bool) -> Result<Vec<IpNet>, EndpointsError> {
    let mut homes = Vec::new();
    for option in options {
        let home = match option {
            MobilityOption::HomeNetworkPrefix(prefix) if ipv6 => IpNet::V6(prefix.trunc()),
            MobilityOption::Ipv4HomeAddress {
                prefix_len,
                address,
                ..
            } if !ipv6 => match Ipv4Net::new(*address, *prefix_len) {
                Ok(prefix) => IpNet::V4(prefix),
                Err(_) => {
                    return Err(EndpointsError::NotAHome(IpNet::from(
                        std::net::IpAddr::from(*address),
                    )));
                }
            },
            _ => continue,
        };
        if !is_home(&home) {
            return Err(EndpointsError::NotAHome(home));
        }
        homes.push(home);
    }
    Ok(homes)
}

fn read_mn_id(options: &[MobilityOption], end: End) -> Result<Option<String>, EndpointsError> {
    let Some((subtype, identifier)) = super::options::mn_id(options) else {
        return Ok(None);
    };
    let nai = String::from_utf8(identifier.to_vec()).ok();
    match nai.filter(|_| subtype == mn_id_subtype::NAI) {
        Some(nai) => Ok(Some(nai).filter(|nai| !nai.is_empty())),
        None => Err(EndpointsError::NotAnNai { end, subtype }),
    }
}

fn home_option(home: &IpNet) -> MobilityOption {
    match home {
        IpNet::V6(prefix) => MobilityOption::HomeNetworkPrefix(*prefix),
        IpNet::V4(prefix) => MobilityOption::ipv4_hoa(prefix.addr()),
    }
}
