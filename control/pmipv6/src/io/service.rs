//! IPv4 on access links (RFC 5844).

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// IPv4 on an access link, as the LMA grants it (RFC 5844 sections 3.3.2 to 3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ipv4Service {
    /// IPv4 home address of the MN (option 37).
    pub address: Ipv4Addr,
    /// Length of its home subnet's prefix, bits (option 37).
    pub prefix_len: u8,
    /// Its default router, which the MAG is to it (option 38).
    pub default_router: Ipv4Addr,
    /// Who answers DHCP (option 39).
    pub dhcp: DhcpMode,
}

/// Whose the DHCP server of an MN is (RFC 5844 section 3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DhcpMode {
    /// The MAG is the server: the S flag.
    #[default]
    Server,
    /// The MAG is a relay agent; also where the LMA does not say.
    Relay,
}
