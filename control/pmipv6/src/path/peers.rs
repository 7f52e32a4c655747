//! What a node knows of its peers: whether they answer, and whether they know localized routing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::io::{Event, PeerView};

/// Most peers remembered; those beyond are served all the same.
const MAX_PEERS: usize = 65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Lma,
    Mag,
}

#[derive(Debug)]
struct Peer {
    role: Role,
    up: bool,
    /// HL-15: answered an RO message with Binding Error 2.
    incapable_until: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct PeerTable {
    peers: BTreeMap<IpAddr, Peer>,
}

impl PeerTable {
    /// A message came from an authorised peer.
    pub(crate) fn heard(&mut self, address: IpAddr, role: Role) -> Option<Event> {
        let known = self.set(address, role, true)?;
        (!known).then_some(Event::PeerUp { peer: address })
    }

    /// A peer did not answer, however often it was asked.
    pub(crate) fn silent(&mut self, address: IpAddr, role: Role, asked: &str) -> Option<Event> {
        let was_up = self.peers.get(&address).is_none_or(|peer| peer.up);
        self.set(address, role, false)?;
        was_up.then(|| Event::PeerDown {
            peer: address,
            reason: format!("no answer to {asked}"),
        })
    }

    /// Sets the state; returns whether it was so before, or none if the table is full.
    fn set(&mut self, address: IpAddr, role: Role, up: bool) -> Option<bool> {
        if let Some(peer) = self.peers.get_mut(&address) {
            peer.role = role;
            return Some(std::mem::replace(&mut peer.up, up) == up);
        }
        if self.peers.len() >= MAX_PEERS {
            return None;
        }
        let peer = Peer {
            role,
            up,
            incapable_until: None,
        };
        self.peers.insert(address, peer);
        Some(false)
    }

    /// HL-15.
    pub(crate) fn incapable(&mut self, address: IpAddr, until: Duration) {
        if let Some(peer) = self.peers.get_mut(&address) {
            peer.incapable_until = Some(until);
        }
    }

    pub(crate) fn knows_localized_routing(&self, now: Duration, address: IpAddr) -> bool {
        self.peers
            .get(&address)
            .and_then(|peer| peer.incapable_until)
            .is_none_or(|until| until <= now)
    }

    pub(crate) fn list(&self, now: Duration) -> Vec<PeerView> {
        self.peers
            .iter()
            .map(|(address, peer)| PeerView {
                address: *address,
                role: match peer.role {
                    Role::Lma => "lma".to_owned(),
                    Role::Mag => "mag".to_owned(),
                },
                state: if peer.up { "up" } else { "down" }.to_owned(),
                localized_routing: peer.incapable_until.is_none_or(|until| until <= now),
                heartbeats: None,
            })
            .collect()
    }
}
