//! Everything that is wrong with how signalling is protected.

use std::net::IpAddr;

use ipnet::IpNet;
use pmipv6::esp::{self, Suite};

use super::super::error::Complaint;
use super::super::locate::KeyPath;
use super::super::{Config, Ipv4Peer, Protection, Role};
use super::{Remote, Security, SecurityLeg, SecurityPeer, SecurityPolicy, SecurityRole};

/// Everything that is wrong with how signalling is protected.
pub(in crate::config) fn check(config: &Config) -> Vec<Complaint> {
    let path = KeyPath::default().key("security");
    let complain = |reason: &str| {
        let reason = reason.to_owned();
        let path = path.clone();
        vec![Complaint { path, reason }]
    };
    let security = match (config.protection, &config.security) {
        (Protection::None, None) => return Vec::new(),
        (Protection::None, Some(_)) => {
            return complain("does not belong here: \"protection\" is \"none\"");
        }
        (Protection::Esp, None) => {
            return complain("missing: \"protection\": \"esp\" needs peers and their keys");
        }
        (Protection::Esp, Some(security)) => security,
    };
    let mut complaints = Vec::new();
    if !security.state_file.is_absolute() {
        let path = path.key("state_file");
        let reason = "not an absolute path".to_owned();
        complaints.push(Complaint { path, reason });
    }
    for (index, peer) in security.peers.iter().enumerate() {
        check_peer(peer, index, &mut complaints);
    }
    let lets_by = |policy: &SecurityPolicy| policy.action == esp::Action::Bypass;
    if !security.policies.iter().any(lets_by) {
        check_anchors(config, security, &mut complaints);
        check_ipv4(config, security, &mut complaints);
    }
    // What the boundary itself refuses is about several entries; single ones were named above.
    if complaints.is_empty()
        && let Err(error) = esp::Boundary::new(&security.boundary(), 0, esp::Saved::default())
    {
        complaints.push(Complaint {
            path,
            reason: error.to_string(),
        });
    }
    complaints
}

fn check_peer(peer: &SecurityPeer, index: usize, complaints: &mut Vec<Complaint>) {
    let path = KeyPath::default().key("security").key("peers").index(index);
    for (name, list) in [("addresses", &peer.addresses), ("homes", &peer.homes)] {
        for (at, Remote(net)) in list.iter().enumerate() {
            if net.trunc() != *net {
                let path = path.key(name).index(at);
                let reason = format!("has bits beyond its length; meant is {}", net.trunc());
                complaints.push(Complaint { path, reason });
            }
        }
    }
    for (at, association) in peer.associations.iter().enumerate() {
        let path = association_path(index, at);
        let suite = association.suite;
        association
            .inbound
            .check(suite, &path.key("inbound"), complaints);
        if let Some(outbound) = &association.outbound {
            outbound.check(suite, &path.key("outbound"), complaints);
        }
    }
}

/// The LMAs that the node is told to speak to have keys.
fn check_anchors(config: &Config, security: &Security, complaints: &mut Vec<Complaint>) {
    let root = KeyPath::default();
    let mut anchors = Vec::new();
    if let (Role::Mag, Some(mag)) = (config.role, &config.mag) {
        let path = root.key("mag");
        anchors.push((path.key("lma"), mag.lma));
        let named = mag.lma_of.iter();
        anchors.extend(named.map(|(mn_id, lma)| (path.key("lma_of").key(mn_id), *lma)));
    }
    if let (Role::Lma, Some(lma)) = (config.role, &config.lma) {
        let path = root.key("lma").key("peer_lmas");
        let peers = lma.peer_lmas.iter().enumerate();
        anchors.extend(peers.map(|(at, peer)| (path.index(at).key("lma"), peer.lma)));
    }
    for (path, lma) in anchors {
        let of = |Remote(net): &Remote| net.contains(&IpAddr::V6(lma));
        let known = security.peers.iter().any(|peer| {
            peer.roles.contains(&SecurityRole::Lma)
                && !peer.associations.is_empty()
                && peer.addresses.iter().any(of)
        });
        if !known {
            let reason = "no entry of security.peers has this address, the role \"lma\" and keys";
            let reason = reason.to_owned();
            complaints.push(Complaint { path, reason });
        }
    }
}

/// ESP over IPv4 goes by IPv4 addresses (RFC 5844 section 4.3.1), and what comes has to be of the peer that it
/// names (L-74). Through a NAT it goes by the IPv6 addresses that are inside UDP (RFC 5555 section 4.1).
fn check_ipv4(config: &Config, security: &Security, complaints: &mut Vec<Complaint>) {
    let transport = &config.ipv4_transport;
    if transport.behind_nat {
        return;
    }
    let rows = transport.peers.iter().enumerate();
    for (index, row) in rows.filter(|(_, row)| row.nat.is_empty()) {
        if let Some((key, reason)) = ipv4_problem(security, row) {
            let path = KeyPath::default().key("ipv4_transport").key("peers");
            complaints.push(Complaint {
                path: path.index(index).key(key),
                reason: reason.to_owned(),
            });
        }
    }
}

/// Which key of a row does not fit `security.peers`, and why. A peer without keys is not spoken to (L-11).
fn ipv4_problem(security: &Security, row: &Ipv4Peer) -> Option<(&'static str, &'static str)> {
    let named = entries_of(security, IpNet::V6(row.peer.0));
    let addressed = entries_of(security, IpNet::V4(row.address.0));
    match (named.as_slice(), addressed.as_slice()) {
        ([], []) => None,
        ([], _) => Some((
            "peer",
            "security.peers has its IPv4 address, and not this name, which its messages say is theirs",
        )),
        (_, []) => Some((
            "address",
            "security.peers has the peer, and not this address, which ESP over IPv4 goes by (RFC 5844 \
             section 4.3.1): add it there, or say here in nat what a NAT makes of it",
        )),
        (_, _) if named.iter().any(|at| addressed.contains(at)) => None,
        _ => Some((
            "address",
            "this address and the peer's name stand in different entries of security.peers",
        )),
    }
}

/// Entries of `security.peers` that an address belongs to: one, that with the longest prefix; or those that a
/// prefix touches.
fn entries_of(security: &Security, net: IpNet) -> Vec<usize> {
    let touching = security.peers.iter().enumerate().filter_map(|(at, peer)| {
        let touches = |Remote(own): &&Remote| own.contains(&net) || net.contains(own);
        let longest = peer.addresses.iter().filter(touches);
        longest
            .map(|own| own.0.prefix_len())
            .max()
            .map(|bits| (bits, at))
    });
    if net.prefix_len() == net.max_prefix_len() {
        return touching.max().map(|(_, at)| at).into_iter().collect();
    }
    touching.map(|(_, at)| at).collect()
}

impl SecurityLeg {
    fn check(&self, suite: Suite, path: &KeyPath, complaints: &mut Vec<Complaint>) {
        let (key, reason) = match (&self.key, &self.key_file, self.material()) {
            (Some(_), Some(_), _) => ("key_file", "there is a key already".to_owned()),
            (None, None, _) => ("key", "missing: a key, or a key_file".to_owned()),
            (key, _, Some(material)) if material.len() != suite.key_len() => {
                let (needed, found) = (suite.key_len(), material.len());
                let name = if key.is_some() { "key" } else { "key_file" };
                let reason = format!("{suite} needs {needed} octets, there are {found}");
                (name, reason)
            }
            // Of a key file that could not be read it was said why.
            _ => return,
        };
        let path = path.key(key);
        complaints.push(Complaint { path, reason });
    }
}

pub(super) fn association_path(peer: usize, association: usize) -> KeyPath {
    let peers = KeyPath::default().key("security").key("peers");
    peers.index(peer).key("associations").index(association)
}
