//! Home network prefixes: pools, mobile nodes known by name, and lists in which nothing stands twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use super::super::locate::KeyPath;
use super::{
    Check, Lma, MobileNode, home_prefix_problem, mn_id_problem, overlaps, unicast_problem,
};

impl Check<'_> {
    pub(super) fn pools(&mut self, lma: &Lma, path: &KeyPath) {
        for (index, pool) in lma.hnp_pools.iter().enumerate() {
            let path = path.index(index);
            if let Some(reason) = home_prefix_problem(*pool) {
                self.complain(path.clone(), reason);
            }
            if pool.prefix_len() > lma.hnp_length_bits {
                let reason = format!(
                    "no prefix of hnp_length_bits, {}, fits in",
                    lma.hnp_length_bits
                );
                self.complain(path.clone(), reason);
            }
            let overlap = lma.hnp_pools[..index]
                .iter()
                .find(|other| overlaps(**other, *pool));
            if let Some(other) = overlap {
                self.complain(path, format!("overlaps with {other}"));
            }
        }
        if lma.accept_unknown_mns && lma.hnp_pools.is_empty() && lma.ipv4_pools.is_empty() {
            self.complain(
                path.clone(),
                "empty, but accept_unknown_mns needs a pool to serve from",
            );
        }
    }

    pub(super) fn mobile_nodes(&mut self, lma: &Lma, path: &KeyPath) {
        let mut names = BTreeSet::new();
        let mut homes_v4 = BTreeSet::new();
        let mut homes = BTreeMap::new();
        for (index, node) in lma.mobile_nodes.iter().enumerate() {
            let path = path.index(index);
            if let Some(reason) = mn_id_problem(&node.mn_id) {
                self.complain(path.key("mn_id"), reason);
            }
            if !names.insert(&node.mn_id) {
                self.complain(path.key("mn_id"), "another mobile node has this MN-ID");
            }
            if let Some(hoa) = node.ipv4_hoa
                && !homes_v4.insert((&node.realm, hoa))
            {
                self.complain(path.key("ipv4_hoa"), "another mobile node has this address");
            }
            let (mut pools, mut routers) = (&lma.ipv4_pools, &lma.ipv4_default_routers);
            if let Some(name) = &node.realm {
                let Some(realm) = self.realm_named(lma, name, path.key("realm")) else {
                    continue;
                };
                (pools, routers) = (&realm.ipv4_pools, &realm.ipv4_default_routers);
            }
            if let Some(hoa) = node.ipv4_hoa {
                self.ipv4_hoa(pools, routers, hoa, path.key("ipv4_hoa"));
            }
            if node.ipv6 && node.hnps.is_empty() && lma.hnp_pools.is_empty() {
                self.complain(
                    path.key("hnps"),
                    "empty, and there is no pool to take one from",
                );
            }
            self.hnps(node, &path.key("hnps"), &mut homes);
        }
    }

    /// `homes` has the prefixes seen so far by their first address; prefixes either nest or are disjoint,
    /// so only the nearest ones below and above can overlap with a new one.
    fn hnps(&mut self, node: &MobileNode, path: &KeyPath, homes: &mut BTreeMap<Ipv6Addr, Ipv6Net>) {
        let max = self.config.limits.max_homes_per_binding as usize;
        if node.hnps.len() > max {
            self.complain(
                path.clone(),
                format!("more than limits.max_homes_per_binding, {max}"),
            );
        }
        for (index, hnp) in node.hnps.iter().enumerate() {
            let path = path.index(index);
            if let Some(reason) = home_prefix_problem(*hnp) {
                self.complain(path, reason);
                continue;
            }
            let below = homes.range(..=hnp.network()).next_back();
            let above = homes.range(hnp.network()..).next();
            let taken = below
                .into_iter()
                .chain(above)
                .find(|(_, other)| overlaps(**other, *hnp));
            match taken {
                Some((_, other)) => self.complain(path, format!("overlaps with {other}")),
                None => {
                    homes.insert(hnp.network(), *hnp);
                }
            }
        }
    }

    pub(super) fn listed_once(&mut self, path: &KeyPath, prefixes: impl Iterator<Item = Ipv6Net>) {
        let mut seen = BTreeSet::new();
        for (index, prefix) in prefixes.enumerate() {
            let path = path.index(index);
            if prefix.prefix_len() == 128
                && let Some(reason) = unicast_problem(prefix.addr())
            {
                self.complain(path.clone(), reason);
            }
            if prefix.trunc() != prefix {
                let reason = format!("has bits beyond its length; meant is {}", prefix.trunc());
                self.complain(path.clone(), reason);
            }
            if !seen.insert(prefix.trunc()) {
                self.complain(path, "stands here twice");
            }
        }
    }
}
