//! Parameters that may be written in more than one way: a port by name or number, an Access Technology
//! Type by name or number, one prefix or several.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};
use pmipv6::io::{AttachRequest, Link, MacAddr};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::config::mn_id_problem;

/// Names of the Access Technology Types (RFC 5213 section 8.5 and IANA's registry).
pub const ATT_NAMES: &[(&str, u8)] = &[
    ("virtual", 1),
    ("ppp", 2),
    ("802.3", 3),
    ("802.11", 4),
    ("802.16e", 5),
    ("geran", 6),
    ("utran", 7),
    ("e-utran", 8),
    ("ehrpd", 9),
    ("hrpd", 10),
    ("1xrtt", 11),
    ("umb", 12),
    ("nb-iot", 13),
];

/// Names of the Handoff Indicators (RFC 5213 section 8.4).
pub const HI_NAMES: &[(&str, u8)] = &[
    ("new-interface", 1),
    ("between-interfaces", 2),
    ("between-mags", 3),
    ("unknown", 4),
    ("unchanged", 5),
    ("new-interface-sharing-prefixes", 6),
];

/// Parameters of `mn.attach`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MnAttach {
    /// NAI of the MN.
    #[serde(deserialize_with = "mn_id")]
    pub mn_id: String,
    /// Its access link.
    pub link: AttachLink,
    /// Access Technology Type; IEEE 802.3 where not given.
    #[serde(default)]
    pub att: AccessTechnologyType,
    /// Handoff Indicator; `unknown` where not given.
    #[serde(default)]
    pub hi: HandoffIndicator,
    /// Whether the MN is to have IPv6; false: IPv4 alone (RFC 5844 section 3.1.2.1).
    #[serde(default = "yes")]
    pub ipv6: bool,
    /// Prefixes to ask for; none: let the LMA choose.
    #[serde(default, rename = "hnp", deserialize_with = "one_or_many")]
    pub hnps: Vec<Ipv6Net>,
    /// IPv4 home address to ask for, 0.0.0.0 for any; none: no IPv4 service.
    #[serde(default)]
    pub ipv4_hoa: Option<Ipv4Addr>,
}

/// An access link as an operator names it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachLink {
    /// The port.
    pub port: PortRef,
    /// 802.1Q VLAN identifier, 1 to 4094.
    #[serde(default, deserialize_with = "vlan")]
    pub vlan: Option<u16>,
    /// The MN's link-layer address.
    #[serde(deserialize_with = "unicast_mac")]
    pub mac: MacAddr,
}

/// A port by the name of the configuration file or by DPDK's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortRef {
    /// DPDK port number.
    Number(u16),
    /// The configuration's name.
    Name(String),
}

/// Access Technology Type (RFC 5213 section 8.5), never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessTechnologyType(pub u8);

/// Handoff Indicator (RFC 5213 section 8.4), never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandoffIndicator(pub u8);

impl MnAttach {
    /// The engine's request, once the port's number is known.
    #[must_use]
    pub fn into_request(self, port: u16) -> AttachRequest {
        AttachRequest {
            mn_id: self.mn_id,
            link: Link {
                port,
                vlan: self.link.vlan,
                mac: self.link.mac,
            },
            att: self.att.0,
            hi: self.hi.0,
            ipv6: self.ipv6,
            hnps: self.hnps,
            ipv4_hoa: self.ipv4_hoa,
        }
    }
}

fn yes() -> bool {
    true
}

impl Default for AccessTechnologyType {
    fn default() -> Self {
        Self(3)
    }
}

impl Default for HandoffIndicator {
    fn default() -> Self {
        Self(4)
    }
}

impl FromStr for AccessTechnologyType {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        number_or_name(text, ATT_NAMES).map(Self)
    }
}

impl FromStr for HandoffIndicator {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        number_or_name(text, HI_NAMES).map(Self)
    }
}

impl FromStr for PortRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(format!("{text:?} is not a port's name or number"))
            }
            Err(_) => Ok(Self::Name(text.to_owned())),
        }
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

fn number_or_name(text: &str, names: &[(&str, u8)]) -> Result<u8, String> {
    let named = names.iter().find(|(name, _)| *name == text);
    let number = named.map_or_else(|| text.parse().ok(), |(_, number)| Some(*number));
    number.filter(|number| *number != 0).ok_or_else(|| {
        let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        format!(
            "{text:?} is neither 1 to 255 nor one of {}",
            names.join(", ")
        )
    })
}

/// Reads a number or a text through the type's `FromStr`.
struct TextOrNumber<T>(&'static str, std::marker::PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for TextOrNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

macro_rules! text_or_number {
    ($type:ty, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrNumber($expecting, std::marker::PhantomData))
            }
        }
    };
}

text_or_number!(PortRef, "a port's name or number");
text_or_number!(
    AccessTechnologyType,
    "an Access Technology Type's name or number"
);
text_or_number!(HandoffIndicator, "a Handoff Indicator's name or number");

/// An MN-ID that can be one (RFC 4283).
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct MnId(#[serde(deserialize_with = "mn_id")] pub(super) String);

fn mn_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match mn_id_problem(&text) {
        Some(problem) => Err(D::Error::custom(problem)),
        None => Ok(text),
    }
}

fn vlan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let vlan = Option::<u16>::deserialize(deserializer)?;
    match vlan {
        Some(number) if !(1..=4094).contains(&number) => Err(D::Error::custom(format_args!(
            "{number} is not from 1 to 4094"
        ))),
        _ => Ok(vlan),
    }
}

fn unicast_mac<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MacAddr, D::Error> {
    let mac = MacAddr::deserialize(deserializer)?;
    if mac.0[0] & 1 == 1 || mac.0 == [0; 6] {
        let reason = format_args!("{mac} is not a node's address");
        return Err(D::Error::custom(reason));
    }
    Ok(mac)
}

/// One end of a path: an address or a prefix.
#[derive(Debug)]
pub(super) struct Endpoint(pub(super) IpNet);

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address)));
        }
        match text.parse::<IpNet>() {
            Ok(prefix) if prefix.trunc() == prefix => Ok(Self(prefix)),
            Ok(prefix) => Err(D::Error::custom(format_args!(
                "{prefix} has bits beyond its length; meant is {}",
                prefix.trunc()
            ))),
            Err(_) => Err(D::Error::custom(format_args!(
                "{text:?} is neither an address nor a prefix"
            ))),
        }
    }
}

fn home_prefix<E: Error>(text: &str) -> Result<Ipv6Net, E> {
    match text.parse::<Ipv6Net>() {
        Ok(prefix) if prefix.trunc() == prefix => Ok(prefix),
        Ok(prefix) => Err(E::custom(format_args!(
            "{prefix} has bits beyond its length; meant is {}",
            prefix.trunc()
        ))),
        Err(_) => Err(E::custom(format_args!(
            "{text:?} is not a prefix like 2001:db8:100::/64"
        ))),
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Ipv6Net>, D::Error> {
    struct Prefixes;

    impl<'de> Visitor<'de> for Prefixes {
        type Value = Vec<Ipv6Net>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a prefix or a list of prefixes")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![home_prefix(text)?])
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut prefixes = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                prefixes.push(home_prefix(&text)?);
            }
            Ok(prefixes)
        }
    }

    deserializer.deserialize_any(Prefixes)
}
