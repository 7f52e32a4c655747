//! `binding.*`, `path.*`, `peer.*`: what the engine knows.

use std::collections::BTreeMap;

use ipnet::IpNet;
use pmipv6::io::PathView;

use super::{Answered, json};
use crate::runtime::control::Control;
use crate::runtime::protection::summary;
use crate::runtime::wiring;
use crate::socket::{Page, Pair, RpcError, answer};
use crate::trace::View;

impl Control {
    pub(super) fn binding_page(&self, page: Page) -> answer::BindingPage {
        let all = self.engine.bindings(self.clock.now());
        answer::BindingPage {
            total: all.len(),
            offset: page.offset,
            bindings: page.of(&all).to_vec(),
        }
    }

    pub(super) fn binding(&self, mn_id: &str) -> Answered {
        let mut all = self.engine.bindings(self.clock.now()).into_iter();
        match all.find(|binding| binding.mn_id == mn_id) {
            Some(binding) => json(binding),
            None => Err(RpcError::not_found(&format!(
                "binding of mobile node {mn_id}"
            ))),
        }
    }

    pub(super) fn path_page(&self, page: Page) -> answer::PathPage {
        let all = self.engine.paths(self.clock.now());
        answer::PathPage {
            total: all.len(),
            offset: page.offset,
            paths: page
                .of(&all)
                .iter()
                .map(|path| self.path_entry(path))
                .collect(),
        }
    }

    /// Paths by `state.NAME` and `method.NAME`, and their total.
    pub(in crate::runtime) fn path_counts(&self) -> BTreeMap<String, u64> {
        let all = self.engine.paths(self.clock.now());
        let mut counts = BTreeMap::from([("total".to_owned(), all.len() as u64)]);
        for path in &all {
            for name in [
                format!("state.{}", path.state),
                format!("method.{}", path.method),
            ] {
                *counts.entry(name).or_default() += 1;
            }
        }
        counts
    }

    /// A path by its ends, in either order; an end may be an address in the home.
    pub(super) fn path(&self, pair: Pair) -> Answered {
        let Pair {
            source,
            destination,
        } = pair;
        let is = |path: &&PathView, a: &IpNet, b: &IpNet| {
            path.source.contains(a) && path.destination.contains(b)
        };
        let all = self.engine.paths(self.clock.now());
        let forth = all.iter().find(|path| is(path, &source, &destination));
        match forth.or_else(|| all.iter().find(|path| is(path, &destination, &source))) {
            Some(path) => json(self.path_entry(path)),
            None => Err(RpcError::not_found(&format!(
                "path from {source} to {destination}"
            ))),
        }
    }

    /// The recent signalling of a pair, as far as it went through this node.
    pub(super) fn trace_of(&self, pair: Pair) -> View {
        let Pair {
            source,
            destination,
        } = pair;
        View {
            node_id: self.config.node_id.clone(),
            role: self.config.role.to_string(),
            address: Some(wiring::own_address(&self.config).into()),
            source,
            destination,
            legs: self.trace.of_pair(&source, &destination),
        }
    }

    fn path_entry(&self, path: &PathView) -> answer::PathEntry {
        let carried = self.program.activity(path.source, path.destination);
        answer::PathEntry {
            path: path.clone(),
            packets: carried.map(|(packets, _)| packets),
            bytes: carried.map(|(_, bytes)| bytes),
        }
    }

    pub(super) fn peer_page(&self, page: Page) -> answer::PeerPage {
        let now = self.clock.now();
        let all = self.gate.with_silent(self.engine.peers(now));
        let entry = |peer: &pmipv6::io::PeerView| {
            let associations = self.gate.associations(peer.address, now.wall);
            answer::PeerEntry {
                peer: peer.clone(),
                heartbeat: peer
                    .heartbeats
                    .as_ref()
                    .map_or("off", |beats| &beats.state)
                    .to_owned(),
                path_mtu_bytes: self.program.path_mtu_of_peer(peer.address),
                security_association: summary(&associations),
                associations,
            }
        };
        answer::PeerPage {
            total: all.len(),
            offset: page.offset,
            peers: page.of(&all).iter().map(entry).collect(),
        }
    }
}
