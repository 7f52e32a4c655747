//! What the schema cannot say: addresses that fit their links, ports that fit the role, names that stand
//! once, numbers that fit each other.

mod homes;
mod ipv4;
mod ports;
mod realms;
mod roles;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use tracing_subscriber::EnvFilter;

use super::error::Complaint;
use super::locate::KeyPath;
use super::range::check_ranges;
use super::{Config, Lma, Mag, MobileNode, Port, PortRole, Role, protection, transport4};

/// Longest MN-ID: the option's length octet counts a subtype octet too (RFC 4283 section 3).
pub(crate) const MAX_MN_ID_BYTES: usize = 254;

/// Everything that is wrong with a configuration.
pub(super) fn check(config: &Config) -> Vec<Complaint> {
    let schema = super::schema().to_value();
    let value = serde_json::to_value(config).expect("a configuration is plain JSON");
    let mut check = Check {
        config,
        complaints: check_ranges(&schema, &value),
    };
    check.node();
    check.role();
    check.ports();
    check.timers();
    check.memory();
    if let (Role::Mag, Some(mag)) = (config.role, &config.mag) {
        check.mag(mag);
    }
    if let (Role::Lma, Some(lma)) = (config.role, &config.lma) {
        check.lma(lma);
    }
    check.complaints
}

/// Why a text cannot be an MN-ID, if it cannot.
pub(crate) fn mn_id_problem(mn_id: &str) -> Option<String> {
    match mn_id.len() {
        0 => Some("an MN-ID is not empty".to_owned()),
        1..=MAX_MN_ID_BYTES if mn_id.chars().any(char::is_control) => {
            Some("an MN-ID has no control characters".to_owned())
        }
        1..=MAX_MN_ID_BYTES => None,
        length => Some(format!(
            "an MN-ID has at most {MAX_MN_ID_BYTES} octets (RFC 4283), this one has {length}"
        )),
    }
}

struct Check<'a> {
    config: &'a Config,
    complaints: Vec<Complaint>,
}

fn root(key: &str) -> KeyPath {
    KeyPath::default().key(key)
}

impl Check<'_> {
    fn complain(&mut self, path: KeyPath, reason: impl Display) {
        let reason = reason.to_string();
        self.complaints.push(Complaint { path, reason });
    }

    fn node(&mut self) {
        if !is_name(&self.config.node_id, 64) {
            self.complain(
                root("node_id"),
                "letters, digits, '.', '_', '-', at most 64",
            );
        }
        self.complaints.extend(protection::check(self.config));
        self.complaints.extend(transport4::check(self.config));
        if let Err(error) = EnvFilter::builder().parse(&self.config.log.filter) {
            self.complain(root("log").key("filter"), error);
        }
        let mut named = BTreeSet::new();
        for (index, peer) in self.config.peers.iter().enumerate() {
            if !named.insert(peer.address) {
                let path = root("peers").index(index).key("address");
                self.complain(path, "this peer stands here twice");
            }
        }
        if self.config.state_dir.as_os_str().is_empty() {
            self.complain(root("state_dir"), "empty: name a directory");
        }
        let domain = &self.config.domain;
        if !domain.mh_base.is_multiple_of(2) {
            let reason = "must be even: even types are requests, odd ones acknowledgements";
            self.complain(root("domain").key("mh_base"), reason);
        }
        if !domain.fixed_mag_link_local_address.is_unicast_link_local() {
            let path = root("domain").key("fixed_mag_link_local_address");
            self.complain(path, "not a link-local address (fe80::/10)");
        }
        if let Some(reason) = mac_problem(domain.fixed_mag_link_layer_address.0) {
            self.complain(root("domain").key("fixed_mag_link_layer_address"), reason);
        }
    }

    fn timers(&mut self) {
        let lr = &self.config.localized_routing;
        if lr.hold_off_max_s < lr.hold_off_s {
            let path = root("localized_routing").key("hold_off_max_s");
            self.complain(path, format!("less than hold_off_s, {}", lr.hold_off_s));
        }
        if lr.detect.after_packets == 0 && lr.detect.after_bytes == 0 {
            let path = root("localized_routing").key("detect").key("after_packets");
            self.complain(
                path,
                "0, and after_bytes is 0 too: no pair would ever count as talking",
            );
        }
    }
}

fn is_name(text: &str, max: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=max).contains(&text.len()) && text.bytes().all(allowed)
}

fn mac_problem(mac: [u8; 6]) -> Option<&'static str> {
    match mac {
        [0, 0, 0, 0, 0, 0] => Some("a link-layer address of zeros is nobody's"),
        [first, ..] if first & 1 == 1 => Some("a group address, not a node's"),
        _ => None,
    }
}

fn unicast_problem(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        Some("not a unicast address of a node")
    } else if address.is_unicast_link_local() {
        Some("a link-local address reaches no further than its link; a global one is needed")
    } else {
        None
    }
}

fn home_prefix_problem(prefix: Ipv6Net) -> Option<String> {
    if prefix.trunc() != prefix {
        return Some(format!(
            "has bits beyond its length; meant is {}",
            prefix.trunc()
        ));
    }
    if prefix.prefix_len() == 0 {
        return Some("all of IPv6 is not a home".to_owned());
    }
    unicast_problem(prefix.addr()).map(|_| "not a prefix of global unicast addresses".to_owned())
}

fn overlaps(a: Ipv6Net, b: Ipv6Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}
