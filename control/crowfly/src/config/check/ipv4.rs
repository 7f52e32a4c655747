//! IPv4 home addresses and other LMAs' prefixes: pools with a default router each, addresses that have a
//! subnet.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::super::locate::KeyPath;
use super::{Check, Lma, Mag, Port, PortRole, home_prefix_problem, transport4};

/// Longest prefix of a home subnet: its default router and a mobile node fit in, beside the network's
/// and the broadcast address.
const MAX_POOL_LENGTH_BITS: u8 = 30;

/// Default routers by pool.
type Routers = BTreeMap<String, Ipv4Addr>;

impl Check<'_> {
    /// Pools of a realm, or of none.
    pub(super) fn ipv4_pools(&mut self, pools: &[Ipv4Net], path: &KeyPath) {
        let path = path.key("ipv4_pools");
        for (index, pool) in pools.iter().enumerate() {
            let path = path.index(index);
            if let Some(reason) = ipv4_prefix_problem(*pool) {
                self.complain(path.clone(), reason);
            }
            if pool.prefix_len() > MAX_POOL_LENGTH_BITS {
                let reason = "no mobile node fits in beside its default router";
                self.complain(path.clone(), reason);
            }
            let mut earlier = pools[..index].iter();
            if let Some(other) = earlier.find(|other| overlaps((**other).into(), (*pool).into())) {
                self.complain(path, format!("overlaps with {other}"));
            }
        }
    }

    pub(super) fn ipv4_default_routers(
        &mut self,
        pools: &[Ipv4Net],
        routers: &Routers,
        path: &KeyPath,
    ) {
        let path = path.key("ipv4_default_routers");
        for (name, router) in routers {
            let path = path.key(name);
            let pool = name.parse().ok();
            match pool.filter(|pool| pools.contains(pool)) {
                None => self.complain(path, "no pool of ipv4_pools"),
                Some(pool) if !is_host(pool, *router) => {
                    self.complain(path, format!("{router} is no host's address in {pool}"));
                }
                Some(_) => {}
            }
        }
    }

    /// A relay agent reaches its servers directly, and is reached by them.
    pub(super) fn dhcp_servers(&mut self, mag: &Mag, path: &KeyPath) {
        for (index, server) in mag.dhcp_servers.iter().enumerate() {
            let path = path.index(index);
            let ports = &self.config.ports;
            let mut transport = ports.iter().filter(|port| port.has(PortRole::Transport));
            let reachable = transport.any(|port| {
                let routed = port.gateway4.is_some() || port.on_link((*server).into());
                routed && port.ipv4().next().is_some()
            });
            if let Some(reason) = transport4::ipv4_problem(*server) {
                self.complain(path, reason);
            } else if mag.dhcp_servers[..index].contains(server) {
                self.complain(path, "stands here twice");
            } else if ports
                .iter()
                .flat_map(Port::ipv4)
                .any(|own| own.addr() == *server)
            {
                self.complain(path, "this is the node's own address");
            } else if !reachable {
                let reason =
                    "no transport port reaches it: in no on-link IPv4 prefix, and no gateway4";
                self.complain(path, reason);
            }
        }
    }

    /// An IPv4 home address has a home subnet with a default router in it (RFC 5844 section 3.3.3).
    pub(super) fn ipv4_hoa(
        &mut self,
        pools: &[Ipv4Net],
        routers: &Routers,
        hoa: Ipv4Addr,
        path: KeyPath,
    ) {
        let Some(pool) = pools.iter().find(|pool| pool.contains(&hoa)) else {
            let reason =
                "in no pool of ipv4_pools: it would have neither subnet nor default router";
            return self.complain(path, reason);
        };
        if !is_host(*pool, hoa) || hoa == default_router(routers, *pool) {
            let reason = format!("not free for a mobile node in {pool}");
            self.complain(path, reason);
        }
    }

    pub(super) fn peer_lmas(&mut self, lma: &Lma, path: &KeyPath) {
        for (index, peer) in lma.peer_lmas.iter().enumerate() {
            let path = path.index(index);
            self.peer(path.key("lma"), peer.lma);
            let path = path.key("prefix");
            let problem = match peer.prefix {
                IpNet::V6(prefix) => home_prefix_problem(prefix),
                IpNet::V4(prefix) => ipv4_prefix_problem(prefix),
            };
            if let Some(reason) = problem {
                self.complain(path.clone(), reason);
            }
            let hnps = lma.hnp_pools.iter().map(|pool| IpNet::V6(*pool));
            let mut own = hnps.chain(lma.ipv4_pools.iter().map(|pool| IpNet::V4(*pool)));
            if let Some(pool) = own.find(|pool| overlaps(*pool, peer.prefix)) {
                self.complain(path.clone(), format!("overlaps with the own pool {pool}"));
            }
            let mut earlier = lma.peer_lmas[..index].iter();
            if let Some(other) = earlier.find(|other| overlaps(other.prefix, peer.prefix)) {
                self.complain(path, format!("overlaps with {}", other.prefix));
            }
        }
    }
}

/// The default router of a pool: the one that is named, or its first host.
fn default_router(routers: &Routers, pool: Ipv4Net) -> Ipv4Addr {
    let named = routers.get(&pool.to_string()).copied();
    named.or_else(|| pool.hosts().next()).unwrap_or(pool.addr())
}

fn is_host(pool: Ipv4Net, address: Ipv4Addr) -> bool {
    pool.contains(&address) && address != pool.network() && address != pool.broadcast()
}

fn ipv4_prefix_problem(prefix: Ipv4Net) -> Option<String> {
    if prefix.trunc() != prefix {
        let meant = prefix.trunc();
        return Some(format!("has bits beyond its length; meant is {meant}"));
    }
    let first = prefix.network();
    let unusable = first.is_loopback() || first.is_multicast() || first.is_link_local();
    (unusable || first.octets()[0] == 0).then(|| "not a prefix of unicast addresses".to_owned())
}

pub(super) fn overlaps(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}
