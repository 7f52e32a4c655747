//! Addresses and prefixes as the file writes them, and their schemas.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

/// Peers: one address, or all of a prefix. `2001:db8:f::11` or `2001:db8:f::/64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, DeriveDeserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerPrefix(pub Ipv6Net);

impl std::str::FromStr for PeerPrefix {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self(Ipv6Net::from(address)));
        }
        text.parse()
            .map(Self)
            .map_err(|_| format!("{text:?} is not an IPv6 address or prefix"))
    }
}

impl TryFrom<String> for PeerPrefix {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<PeerPrefix> for String {
    fn from(peer: PeerPrefix) -> Self {
        match peer.0.prefix_len() {
            128 => peer.0.addr().to_string(),
            _ => peer.0.to_string(),
        }
    }
}

macro_rules! text_schema {
    ($(#[$doc:meta])* $visibility:vis $name:ident, $title:literal, $pattern:literal, $example:literal) => {
        $(#[$doc])*
        $visibility struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

text_schema!(
    /// Schema of a [`pmipv6::io::MacAddr`].
    pub(crate) MacSchema,
    "MacAddress",
    "^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$",
    "00:00:5e:00:52:13"
);

text_schema!(
    /// Schema of a prefix.
    pub(crate) PrefixSchema,
    "Prefix",
    "^[0-9a-fA-F:.]+/[0-9]{1,3}$",
    "2001:db8:100::/48"
);

text_schema!(
    /// Schema of an address with the length of its on-link prefix.
    pub(crate) InterfaceAddressSchema,
    "InterfaceAddress",
    "^[0-9a-fA-F:.]+/[0-9]{1,3}$",
    "2001:db8:f::11/64"
);

impl JsonSchema for PeerPrefix {
    fn schema_name() -> Cow<'static, str> {
        "PeerPrefix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$",
            "examples": ["2001:db8:f::11", "2001:db8:f::/64"]
        })
    }
}

/// A map in which no key stands twice; serde's own keeps the last.
pub(crate) fn unique_map<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Unique<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Unique<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((key, value)) = map.next_entry::<String, T>()? {
                if all.contains_key(&key) {
                    return Err(A::Error::custom(format_args!("{key:?} stands here twice")));
                }
                all.insert(key, value);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_map(Unique(std::marker::PhantomData))
}
