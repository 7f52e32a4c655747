//! What a role needs: its block, its ports, its peers, and timers that fit each other.

use std::net::Ipv6Addr;

use super::super::locate::KeyPath;
use super::{Check, Lma, Mag, Port, PortRole, Role, mn_id_problem, root, unicast_problem};

impl Check<'_> {
    pub(super) fn role(&mut self) {
        let role = self.config.role;
        if role == Role::Cn {
            let reason = "\"cn\" is not in this version; \"mag\" and \"lma\" are";
            return self.complain(root("role"), reason);
        }
        let blocks = [
            (Role::Mag, "mag", self.config.mag.is_some()),
            (Role::Lma, "lma", self.config.lma.is_some()),
        ];
        for (of, name, there) in blocks {
            if of == role && !there {
                self.complain(root(name), format!("missing: the role is \"{role}\""));
            }
            if of != role && there {
                self.complain(
                    root(name),
                    format!("does not belong here: the role is \"{role}\""),
                );
            }
        }
        let wanted: &[PortRole] = match role {
            Role::Mag => &[PortRole::Access, PortRole::Transport],
            Role::Lma | Role::Cn => &[PortRole::Transport],
        };
        for wanted in wanted {
            if !self.config.ports.iter().any(|port| port.has(*wanted)) {
                let wanted = format!("{wanted:?}").to_lowercase();
                let reason = format!("no port has the role \"{wanted}\", which a {role} needs");
                self.complain(root("ports"), reason);
            }
        }
    }

    /// The four-second units of PBU and PBA (RFC 6275 sections 6.1.7, 6.1.8).
    fn lifetime(&mut self, path: KeyPath, lifetime_s: u32) {
        if !lifetime_s.is_multiple_of(4) {
            self.complain(
                path,
                "not a multiple of 4: the field counts in units of 4 s",
            );
        }
    }

    /// A node of the domain must be reachable and must not be this one.
    pub(super) fn peer(&mut self, path: KeyPath, peer: Ipv6Addr) {
        if let Some(reason) = unicast_problem(peer) {
            return self.complain(path, reason);
        }
        let ports = &self.config.ports;
        if ports
            .iter()
            .flat_map(Port::ipv6)
            .any(|own| own.addr() == peer)
        {
            return self.complain(path, "this is the node's own address");
        }
        let reachable = ports
            .iter()
            .filter(|port| port.has(PortRole::Transport))
            .any(|port| port.gateway.is_some() || port.on_link(peer.into()));
        if !reachable && !self.config.is_reached_by_ipv4(peer) {
            let reason = "no transport port reaches it: in no on-link prefix, and no gateway";
            self.complain(path, reason);
        }
    }

    pub(super) fn mag(&mut self, mag: &Mag) {
        let path = root("mag");
        self.peer(path.key("lma"), mag.lma);
        for (mn_id, lma) in &mag.lma_of {
            let path = path.key("lma_of").key(mn_id);
            if let Some(reason) = mn_id_problem(mn_id) {
                self.complain(path.clone(), reason);
            }
            self.peer(path, *lma);
        }
        let peers = mag.peer_mags.iter().map(|peer| peer.0);
        self.listed_once(&path.key("peer_mags"), peers);
        self.dhcp_servers(mag, &path.key("dhcp_servers"));
        self.lifetime(path.key("binding_lifetime_s"), mag.binding_lifetime_s);
        if mag.max_bindack_timeout_ms < mag.initial_bindack_timeout_ms {
            let reason = "less than initial_bindack_timeout_ms";
            self.complain(path.key("max_bindack_timeout_ms"), reason);
        }
        let ra = &mag.router_advertisement;
        let path = path.key("router_advertisement");
        if ra.min_interval_s > ra.max_interval_s * 3 / 4 {
            let reason = "more than 0.75 times max_interval_s (RFC 4861 section 6.2.1)";
            self.complain(path.key("min_interval_s"), reason);
        }
        if u32::from(ra.router_lifetime_s) < ra.max_interval_s {
            let reason = "less than max_interval_s (RFC 4861 section 6.2.1)";
            self.complain(path.key("router_lifetime_s"), reason);
        }
    }

    pub(super) fn lma(&mut self, lma: &Lma) {
        let path = root("lma");
        self.lifetime(
            path.key("max_binding_lifetime_s"),
            lma.max_binding_lifetime_s,
        );
        self.pools(lma, &path.key("hnp_pools"));
        self.ipv4_pools(&lma.ipv4_pools, &path);
        self.ipv4_default_routers(&lma.ipv4_pools, &lma.ipv4_default_routers, &path);
        self.realms(lma, &path);
        self.mobile_nodes(lma, &path.key("mobile_nodes"));
        let mags = lma.authorised_mags.iter().map(|mag| mag.0);
        self.listed_once(&path.key("authorised_mags"), mags);
        if lma.authorised_mags.is_empty() {
            let reason = "empty: no MAG may register a mobile node here";
            self.complain(path.key("authorised_mags"), reason);
        }
        self.peer_lmas(lma, &path.key("peer_lmas"));
    }
}
