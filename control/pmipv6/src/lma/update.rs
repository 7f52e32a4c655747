//! A Proxy Binding Update, read: what it says, and what is missing (RFC 5213 section 5.3.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use crate::io::Via;
use crate::wire::MobilityOption;
use crate::wire::iana::status;
use crate::wire::message::BindingUpdate;
use crate::wire::options;

/// Seconds in a unit of the Lifetime field.
pub(super) const LIFETIME_UNIT_S: u32 = 4;

/// What a PBU says.
#[derive(Debug, Clone)]
pub(super) struct Update {
    /// Where the PBA goes.
    pub(super) source: IpAddr,
    /// How it came.
    pub(super) via: Via,
    /// F flag: the MAG wants its tunnels in UDP (RFC 5844 section 4.2.1.2).
    pub(super) forces_udp: bool,
    /// IPv4 Care-of Address: what the MAG takes for its own (RFC 5844 section 4.2.1.1).
    pub(super) ipv4_coa: Option<Ipv4Addr>,
    /// Proxy Care-of Address: the source, or the Alternate Care-of Address.
    pub(super) proxy_coa: IpAddr,
    pub(super) sequence: u16,
    pub(super) lifetime_s: u32,
    /// None where the option is missing or empty (status 160).
    pub(super) mn_id: Option<String>,
    /// Prefixes named, none of them zero.
    pub(super) hnps: Vec<Ipv6Net>,
    /// Whether there was an all-zero prefix: let the LMA choose.
    pub(super) any_hnp: bool,
    pub(super) ipv4: Vec<Ipv4Addr>,
    pub(super) hi: Option<u8>,
    pub(super) att: Option<u8>,
    pub(super) ll_id: Option<Vec<u8>>,
    pub(super) link_local: Option<Ipv6Addr>,
    pub(super) timestamp: Option<u64>,
    /// GRE Key option: none, without a key, or the key to send with.
    pub(super) gre: Option<Option<u32>>,
}

impl Update {
    pub(super) fn read(source: IpAddr, via: Via, update: &BindingUpdate) -> Self {
        let options = update.options.as_slice();
        let hnps = || options::home_network_prefixes(options);
        let alternate = options::alternate_care_of_address(options).map(IpAddr::V6);
        let ll_id = options::mn_link_layer_id(options);
        Self {
            source,
            via,
            forces_udp: via != Via::Ipv6 && update.flags & BindingUpdate::F != 0,
            ipv4_coa: options::ipv4_care_of_address(options),
            proxy_coa: alternate.unwrap_or(source),
            sequence: update.sequence,
            lifetime_s: u32::from(update.lifetime) * LIFETIME_UNIT_S,
            mn_id: options::mn_id(options).and_then(|(subtype, id)| name(subtype, id)),
            hnps: hnps()
                .filter(|hnp| !options::is_all_zero(hnp))
                .map(|hnp| hnp.trunc())
                .collect(),
            any_hnp: hnps().any(|hnp| options::is_all_zero(&hnp)),
            ipv4: options
                .iter()
                .filter_map(|option| match option {
                    MobilityOption::Ipv4HomeAddressRequest { address, .. } => Some(*address),
                    _ => None,
                })
                .collect(),
            hi: options::handoff_indicator(options),
            att: options::access_technology_type(options),
            ll_id: ll_id
                .filter(|id| id.iter().any(|octet| *octet != 0))
                .map(<[u8]>::to_vec),
            link_local: options::link_local_address(options),
            timestamp: options::timestamp(options),
            gre: options::gre_key(options),
        }
    }

    /// Options that must be there, in the order of wire.md section 2.
    pub(super) fn check_complete(&self) -> Result<(), u8> {
        let asks_ipv6 = self.any_hnp || !self.hnps.is_empty();
        if !asks_ipv6 && self.ipv4.is_empty() {
            return Err(status::MISSING_HOME_NETWORK_PREFIX_OPTION);
        }
        if self.hi.is_none() {
            return Err(status::MISSING_HANDOFF_INDICATOR_OPTION);
        }
        if self.att.is_none() {
            return Err(status::MISSING_ACCESS_TECH_TYPE_OPTION);
        }
        if self.ipv4.len() > 1 {
            return Err(status::MULTIPLE_IPV4_HOME_ADDRESS_NOT_SUPPORTED);
        }
        Ok(())
    }

    /// The MN's name, empty where it is missing.
    pub(super) fn name(&self) -> &str {
        self.mn_id.as_deref().unwrap_or_default()
    }

    /// The IPv4 home address that is named, not one to be chosen.
    pub(super) fn named_ipv4(&self) -> Option<Ipv4Addr> {
        self.ipv4
            .first()
            .copied()
            .filter(|address| !address.is_unspecified())
    }
}

/// The MN's name: an NAI as it is, anything else spelled out so that no two MNs share one.
fn name(subtype: u8, identifier: &[u8]) -> Option<String> {
    if identifier.is_empty() {
        return None;
    }
    match std::str::from_utf8(identifier) {
        Ok(nai) if subtype == crate::wire::iana::mn_id_subtype::NAI => Some(nai.to_owned()),
        _ => {
            let hex: String = identifier
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect();
            Some(format!("subtype-{subtype}:{hex}"))
        }
    }
}
