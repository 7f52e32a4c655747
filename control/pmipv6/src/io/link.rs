//! Access links, and the link-layer addresses of those on them.

use serde::{Deserialize, Serialize};

/// A MAC address, in wire order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

/// A mobile node's access link: a port, optionally a VLAN on it, and the MN's link-layer address. The
/// link is point-to-point by definition (RFC 5213 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    /// DPDK port number.
    pub port: u16,
    /// 802.1Q VLAN identifier, 1 to 4094.
    #[serde(default)]
    pub vlan: Option<u16>,
    /// The MN's address on the link.
    pub mac: MacAddr,
}

impl std::fmt::Display for MacAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl std::fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for MacAddr {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() == 2);
            *octet = part
                .and_then(|p| u8::from_str_radix(p, 16).ok())
                .ok_or_else(|| format!("{text:?} is not a MAC address like 00:00:5e:00:52:13"))?;
        }
        match parts.next() {
            None => Ok(Self(octets)),
            Some(_) => Err(format!("{text:?} has more than six octets")),
        }
    }
}

impl TryFrom<String> for MacAddr {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}
