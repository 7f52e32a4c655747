//! How keys, addresses and names are written in the file: read from text, and their schemas.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use pmipv6::esp::KeyMaterial;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::{Remote, Secret};

/// Shown instead of a key.
const HIDDEN: &str = "(hidden)";

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The error does not quote what it was.
        let key = KeyMaterial::from_hex(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(key))
    }
}

impl TryFrom<String> for Remote {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let net = address.or_else(|_| text.parse::<IpNet>());
        net.map(Self)
            .map_err(|_| format!("{text:?} is not an address or prefix"))
    }
}

impl From<Remote> for String {
    fn from(Remote(net): Remote) -> Self {
        if net.prefix_len() == net.max_prefix_len() {
            net.addr().to_string()
        } else {
            net.to_string()
        }
    }
}

macro_rules! schema {
    ($name:ident, $title:literal, $schema:tt) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $title.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

pub(super) struct SuiteSchema;
pub(super) struct DirectionSchema;
pub(super) struct ActionSchema;

schema!(Secret, "Secret", {
    "type": "string",
    "pattern": "^\\s*([0-9a-fA-F]{2})+\\s*$"
});
schema!(Remote, "Remote", {
    "type": "string",
    "pattern": "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$",
    "examples": ["2001:db8:f::1", "2001:db8:f::/64", "192.0.2.1"]
});
schema!(SuiteSchema, "Suite", {
    "type": "string",
    "enum": [
        "aes-128-gcm-16", "aes-256-gcm-16",
        "aes-128-cbc-hmac-sha2-256-128", "aes-256-cbc-hmac-sha2-256-128",
        "null-hmac-sha2-256-128"
    ]
});
schema!(DirectionSchema, "Direction", { "type": "string", "enum": ["in", "out"] });
schema!(ActionSchema, "Action", { "type": "string", "enum": ["protect", "bypass", "discard"] });
