//! Tunnels: one to a peer, or with GRE one for every mobile node or path (RFC 5845 section 3), each with its slot
//! while an entry points to it.

use std::net::IpAddr;

use dataplane::{NextHop, TunnelSlot, TunnelSpec, Update};
use ipnet::IpNet;
use pmipv6::io::{GreKeys, Via};

use super::{NextHops, Program, Refused};
use crate::program::fanout::WorkerPort;
use crate::program::outer::Outer;

/// The tunnel that an entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) peer: IpAddr,
    pub(super) gre: Option<GreKeys>,
}

impl Way {
    /// What tells its tunnel from the others.
    pub(super) fn key(self) -> TunnelKey {
        let gre = match self.gre {
            None => GreName::Off,
            Some(GreKeys {
                receive: Some(key), ..
            }) => GreName::ReceivesWith(key),
            Some(keys) => GreName::SendsWith(keys.send),
        };
        TunnelKey {
            peer: self.peer,
            gre,
        }
    }
}

/// What tells one tunnel from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TunnelKey {
    peer: IpAddr,
    gre: GreName,
}

/// What tells one GRE tunnel to a peer from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum GreName {
    /// No GRE.
    Off,
    /// No two tunnels of ours receive with the same key; the one to send with is the peer's, and may change
    /// while the tunnel stands.
    ReceivesWith(u32),
    /// Without a key to receive with, the one to send with, if any, is all there is.
    SendsWith(Option<u32>),
}

/// Whether the entry sends into its tunnel: only then does it say with which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It does.
    Send,
    /// It only accepts from it.
    Accept,
}

/// The next hop to an outer remote address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    next_hop: Option<NextHop>,
    /// Tunnels that it serves.
    tunnels: u32,
}

impl<W: WorkerPort> Program<W> {
    /// Remembers the keys for the entries that come.
    pub(super) fn set_keys(&mut self, home: IpNet, remote: Option<IpNet>, keys: Option<GreKeys>) {
        match keys {
            Some(keys) => self.keys.insert((home, remote), keys),
            None => self.keys.remove(&(home, remote)),
        };
    }

    /// Homes and paths that keys are remembered of.
    #[cfg(test)]
    pub(in crate::program) fn keys_known(&self) -> usize {
        self.keys.len()
    }

    /// The tunnel of a home to its anchor or to its MAG.
    pub(super) fn way_of_home(&self, home: IpNet, peer: IpAddr) -> Way {
        let gre = self.keys.get(&(home, None)).copied();
        Way { peer, gre }
    }

    /// The tunnel of a path to the other MAG.
    pub(super) fn way_of_path(&self, local: IpNet, remote: IpNet, peer: IpAddr) -> Way {
        let gre = self.keys.get(&(local, Some(remote))).copied();
        Way { peer, gre }
    }

    /// The tunnel through which a home was reached when it was behind `from`: its keys there.
    pub(super) fn way_back(&self, home: IpNet, from: IpAddr) -> Way {
        let points_to = self.homes.get(&home);
        points_to
            .and_then(|home| {
                [home.tunnel, home.before]
                    .into_iter()
                    .flatten()
                    .find(|way| way.peer == from)
            })
            .unwrap_or_else(|| self.way_of_home(home, from))
    }

    /// One more entry points to the tunnel. A change of the key to send with takes the standing tunnel's place
    /// in one step.
    pub(super) fn acquire_tunnel(
        &mut self,
        way: Way,
        entry: Use,
        hops: &mut dyn NextHops,
    ) -> Result<TunnelSlot, Refused> {
        let (full, key) = (Refused::TunnelsFull(self.config.tunnels), way.key());
        let acquired = self.tunnels.acquire(key).ok_or(full)?;
        if acquired.fresh {
            self.track(self.remote_of(way.peer), hops);
        }
        let send = way.gre.and_then(|keys| keys.send);
        let rekeyed = entry == Use::Send && self.sends_with(key) != send;
        if acquired.fresh || rekeyed {
            match send {
                Some(send) => self.send_keys.insert(key, send),
                None => self.send_keys.remove(&key),
            };
            self.send_tunnel(key, acquired.slot);
        }
        Ok(TunnelSlot(acquired.slot))
    }

    /// One entry less points to the tunnel.
    pub(super) fn release_tunnel(&mut self, way: Way, hops: &mut dyn NextHops) {
        let key = way.key();
        if let Some(slot) = self.tunnels.release(&key) {
            self.fanout.send(Update::TunnelClear {
                slot: TunnelSlot(slot),
            });
            self.send_keys.remove(&key);
            self.untrack(self.remote_of(way.peer), hops);
        }
    }

    /// The next hop of every tunnel to an outer remote address is known, has changed, or is lost.
    pub fn set_next_hop(&mut self, remote: IpAddr, next_hop: Option<NextHop>) {
        let Some(hop) = self.next_hops.get_mut(&remote) else {
            return;
        };
        if std::mem::replace(&mut hop.next_hop, next_hop) == next_hop {
            return;
        }
        self.send_tunnels_to(remote);
    }

    /// Says every tunnel to an outer remote address anew.
    pub(super) fn send_tunnels_to(&mut self, remote: IpAddr) {
        for (key, slot) in self.tunnels_of(|key| self.remote_of(key.peer) == remote) {
            self.send_tunnel(key, slot);
        }
        self.fanout.flush();
    }

    /// A peer is reached another way: each of its tunnels changes in one step and keeps its slot.
    pub(super) fn set_reach(&mut self, peer: IpAddr, via: Via, hops: &mut dyn NextHops) {
        let before = self.remote_of(peer);
        match via {
            Via::Ipv6 => self.reach.remove(&peer),
            Via::Ipv4 { .. } | Via::Nat { .. } => self.reach.insert(peer, via),
        };
        let after = self.remote_of(peer);
        for (key, slot) in self.tunnels_of(|key| key.peer == peer) {
            self.track(after, hops);
            self.send_tunnel(key, slot);
            self.untrack(before, hops);
        }
    }

    fn tunnels_of(&self, wanted: impl Fn(&TunnelKey) -> bool) -> Vec<(TunnelKey, u32)> {
        let tunnels = self.tunnels.iter().filter(|(key, _)| wanted(key));
        tunnels.map(|(key, slot)| (*key, slot)).collect()
    }

    fn sends_with(&self, key: TunnelKey) -> Option<u32> {
        self.send_keys.get(&key).copied()
    }

    fn outer_of(&self, peer: IpAddr) -> Outer {
        let via = self.reach.get(&peer).copied().unwrap_or_default();
        Outer::new(self.config.local, peer, via)
    }

    /// One more tunnel to an outer remote address.
    fn track(&mut self, remote: IpAddr, hops: &mut dyn NextHops) {
        if let Some(hop) = self.next_hops.get_mut(&remote) {
            hop.tunnels += 1;
            return;
        }
        let next_hop = hops.track(remote);
        let hop = Hop {
            next_hop,
            tunnels: 1,
        };
        self.next_hops.insert(remote, hop);
    }

    /// One less.
    fn untrack(&mut self, remote: IpAddr, hops: &mut dyn NextHops) {
        let Some(hop) = self.next_hops.get_mut(&remote) else {
            return;
        };
        hop.tunnels -= 1;
        if hop.tunnels == 0 {
            self.next_hops.remove(&remote);
            self.path_mtus.remove(&remote);
            hops.untrack(remote);
        }
    }

    fn send_tunnel(&mut self, key: TunnelKey, slot: u32) {
        let send = self.sends_with(key);
        let gre = match key.gre {
            GreName::Off => None,
            GreName::ReceivesWith(receive) => Some(dataplane::GreKeys {
                send,
                receive: Some(receive),
            }),
            GreName::SendsWith(send) => Some(dataplane::GreKeys {
                send,
                receive: None,
            }),
        };
        let encapsulation_limit = self.config.encapsulation_limit;
        let outer = self
            .outer_of(key.peer)
            .with_gre(gre)
            .with_limit(encapsulation_limit.is_some());
        let next_hop = self.next_hops.get(&outer.remote);
        let tunnel = TunnelSpec {
            local: outer.local,
            remote: outer.remote,
            encapsulation: outer.encapsulation,
            gre,
            encapsulation_limit,
            hop_limit: self.config.hop_limit,
            mtu_bytes: self
                .path_mtu_to(outer.remote)
                .saturating_sub(outer.overhead_bytes),
            next_hop: next_hop.and_then(|hop| hop.next_hop),
        };
        let slot = TunnelSlot(slot);
        self.fanout.send(Update::Tunnel { slot, tunnel });
    }
}
