//! Realms: whose pools may be the same, and what tells their mobile nodes apart.

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv4Net};

use super::super::locate::KeyPath;
use super::super::{DhcpMode, Gre, Realm};
use super::ipv4::overlaps;
use super::{Check, Lma, Port, PortRole, is_name, root};

/// Longest name of a realm.
const MAX_NAME_BYTES: usize = 64;
/// Longest realm of an NAI: a domain name (RFC 4282 section 2.1).
const MAX_NAI_REALM_BYTES: usize = 253;

impl Check<'_> {
    pub(super) fn realms(&mut self, lma: &Lma, path: &KeyPath) {
        let path = path.key("realms");
        if !lma.realms.is_empty() && self.config.gre == Gre::Off {
            let reason = "need \"gre\": \"required\", or \"optional\": two mobile nodes of one address are told \
                          apart by GRE keys (RFC 5845 section 3)";
            self.complain(path.clone(), reason);
        }
        if !lma.realms.is_empty() && lma.dhcp_mode == DhcpMode::Relay {
            let reason =
                "need \"dhcp_mode\": \"server\": a DHCP server that is relayed to knows no realms";
            self.complain(path.clone(), reason);
        }
        let mut names = BTreeSet::new();
        for (index, realm) in lma.realms.iter().enumerate() {
            let path = path.index(index);
            if !is_name(&realm.name, MAX_NAME_BYTES) {
                let reason = format!("letters, digits, '.', '_', '-', at most {MAX_NAME_BYTES}");
                self.complain(path.key("name"), reason);
            }
            if !names.insert(&realm.name) {
                self.complain(path.key("name"), "another realm has this name");
            }
            self.realm_pools(lma, realm, &path);
        }
        self.nai_realms(lma, &path);
    }

    /// An NAI is of one realm.
    fn nai_realms(&mut self, lma: &Lma, path: &KeyPath) {
        let mut seen = BTreeSet::new();
        for (index, realm) in lma.realms.iter().enumerate() {
            let path = path.index(index).key("nai_realms");
            for (index, nai_realm) in realm.nai_realms.iter().enumerate() {
                if !is_name(nai_realm, MAX_NAI_REALM_BYTES) {
                    let reason = "not the realm of an NAI, such as example.com";
                    self.complain(path.index(index), reason);
                }
                if !seen.insert(nai_realm.to_ascii_lowercase()) {
                    self.complain(path.index(index), "stands in a realm already");
                }
            }
        }
    }

    fn realm_pools(&mut self, lma: &Lma, realm: &Realm, path: &KeyPath) {
        self.ipv4_pools(&realm.ipv4_pools, path);
        self.ipv4_default_routers(&realm.ipv4_pools, &realm.ipv4_default_routers, path);
        let path = path.key("ipv4_pools");
        if realm.ipv4_pools.is_empty() {
            self.complain(path.clone(), "empty: nobody would have an address in it");
        }
        for (index, pool) in realm.ipv4_pools.iter().enumerate() {
            if let Some(reason) = self.taken(lma, *pool) {
                self.complain(path.index(index), reason);
            }
        }
    }

    /// Realms share addresses with each other, and with nothing else: RO messages name an address without its
    /// realm, and so do peers.
    fn taken(&self, lma: &Lma, pool: Ipv4Net) -> Option<String> {
        let pool = IpNet::V4(pool);
        let mut of_none = lma.ipv4_pools.iter().map(|of_none| IpNet::V4(*of_none));
        if let Some(other) = of_none.find(|other| overlaps(*other, pool)) {
            return Some(format!(
                "overlaps with {other} of lma.ipv4_pools, which is of no realm"
            ));
        }
        let mut peers = lma.peer_lmas.iter().map(|peer| peer.prefix);
        if let Some(other) = peers.find(|other| overlaps(*other, pool)) {
            return Some(format!("overlaps with {other} of a peer LMA"));
        }
        let mut own = self.config.ports.iter().flat_map(Port::ipv4);
        let own = own.find(|own| pool.contains(&IpNet::from(std::net::IpAddr::V4(own.addr()))))?;
        Some(format!("the node's own address {} is in it", own.addr()))
    }

    /// The pools and routers that an MN's address is of.
    pub(super) fn realm_named<'l>(
        &mut self,
        lma: &'l Lma,
        name: &str,
        path: KeyPath,
    ) -> Option<&'l Realm> {
        let realm = lma.realms.iter().find(|realm| realm.name == name);
        if realm.is_none() {
            self.complain(path, "no realm of lma.realms has this name");
        }
        realm
    }

    /// A network port leads to the network of one realm.
    pub(super) fn realm_of_port(&mut self, number: usize, port: &Port, path: &KeyPath) {
        let Some(name) = &port.realm else {
            return;
        };
        let path = path.key("realm");
        let Some(lma) = self
            .config
            .lma
            .as_ref()
            .filter(|_| port.has(PortRole::Network))
        else {
            return self.complain(path, "only a network port of an lma is of a realm");
        };
        let earlier = &self.config.ports[..number];
        if earlier
            .iter()
            .any(|other| other.realm.as_ref() == Some(name))
        {
            self.complain(path.clone(), "another port is of this realm");
        }
        if port.gateway4.is_none() {
            let path = root("ports").index(number).key("gateway4");
            self.complain(
                path,
                "missing: nothing of the port's realm would get anywhere",
            );
        }
        self.realm_named(lma, name, path);
    }
}
