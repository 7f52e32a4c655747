//! Pairs: halves of paths, and what is handed back, as updates of the pair table and the path counters.

use std::net::IpAddr;

use dataplane::{PairAction, PathSlot, Update};
use ipnet::IpNet;

use super::{NextHops, Program, Refused, Use, Way};
use crate::program::fanout::WorkerPort;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairKind {
    Send,
    Receive,
    Local,
    HandBack,
    HandBackAccept,
}

impl PairKind {
    /// Whether it is half of a path: what is handed back counts by itself, and for no path.
    fn is_path(self) -> bool {
        match self {
            Self::Send | Self::Receive | Self::Local => true,
            Self::HandBack | Self::HandBackAccept => false,
        }
    }
}

/// What a pair is asked to do, in the protocol's nouns.
#[derive(Debug, Clone, Copy)]
pub(super) enum PairWish {
    Send { peer: IpAddr },
    Receive { peer: IpAddr },
    Local,
    HandBack { peer: IpAddr, lma: IpAddr },
    HandBackAccept { from: IpAddr },
}

impl PairWish {
    fn kind(self) -> PairKind {
        match self {
            Self::Send { .. } => PairKind::Send,
            Self::Receive { .. } => PairKind::Receive,
            Self::Local => PairKind::Local,
            Self::HandBack { .. } => PairKind::HandBack,
            Self::HandBackAccept { .. } => PairKind::HandBackAccept,
        }
    }
}

/// The tunnels that a pair points to.
type PairTunnels = [Option<Way>; 2];

/// Packets and bytes.
type Count = (u64, u64);

/// What a pair points to, and from where its counters count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    kind: PairKind,
    tunnels: PairTunnels,
    path: u32,
    baseline: Count,
    /// What the other direction had carried when it was removed and this one stayed: a path's count
    /// never falls while half of it stands.
    carried: Count,
}

impl<W: WorkerPort> Program<W> {
    /// Packets and bytes on the path between two homes, both directions, since it was installed; none
    /// when there is no such path here. The count never falls while a direction stands.
    pub fn activity(&self, local: IpNet, remote: IpNet) -> Option<(u64, u64)> {
        let forth = self.pairs.get(&(local.trunc(), remote.trunc()));
        let back = self.pairs.get(&(remote.trunc(), local.trunc()));
        let counts = [forth, back]
            .into_iter()
            .flatten()
            .filter(|pair| pair.kind.is_path())
            .map(|pair| self.count(pair));
        counts.reduce(plus)
    }

    /// The tunnel that a path from one home to another sends into.
    pub(super) fn path_way(&self, source: IpNet, destination: IpNet) -> Option<Way> {
        let pair = self.pairs.get(&(source, destination))?;
        pair.tunnels[0].filter(|_| pair.kind == PairKind::Send)
    }

    /// What a direction has carried since it was installed, and what the other one had when it went.
    fn count(&self, pair: &Pair) -> Count {
        let (packets, bytes) = self.path_count(pair.path);
        let since = (
            packets.wrapping_sub(pair.baseline.0),
            bytes.wrapping_sub(pair.baseline.1),
        );
        plus(since, pair.carried)
    }

    /// Sets or replaces a pair, in one step; what it pointed to before goes afterwards.
    pub(super) fn set_pair(
        &mut self,
        source: IpNet,
        destination: IpNet,
        wish: PairWish,
        hops: &mut dyn NextHops,
    ) -> Result<(), Refused> {
        let key = (source.trunc(), destination.trunc());
        let old = self.pairs.get(&key).copied();
        if old.is_none() && self.pairs.len() >= self.config.pairs as usize {
            return Err(Refused::PairsFull(self.config.pairs));
        }
        let (path, baseline, carried) = match old {
            Some(old) if old.kind.is_path() == wish.kind().is_path() => {
                (old.path, old.baseline, old.carried)
            }
            Some(old) => (old.path, self.path_count(old.path), (0, 0)),
            None => self.allocate_path()?,
        };
        let (action, tunnels) = match self.acquire_pair(key, wish, hops) {
            Ok(acquired) => acquired,
            Err(refused) => {
                if old.is_none() {
                    self.paths.release(path, 0);
                }
                return Err(refused);
            }
        };
        if let Some(old) = old.filter(|old| old.kind.is_path() && !wish.kind().is_path()) {
            self.carry_over(key, &old);
        }
        self.fanout.send(Update::Pair {
            source: key.0,
            destination: key.1,
            action,
            path: PathSlot(path),
        });
        let pair = Pair {
            kind: wish.kind(),
            tunnels,
            path,
            baseline,
            carried,
        };
        self.pairs.insert(key, pair);
        if let Some(old) = old {
            self.release_tunnels(old.tunnels, hops);
        }
        Ok(())
    }

    /// References to the tunnels that a pair points to: all of them, or none when one is refused.
    fn acquire_pair(
        &mut self,
        (source, destination): (IpNet, IpNet),
        wish: PairWish,
        hops: &mut dyn NextHops,
    ) -> Result<(PairAction, PairTunnels), Refused> {
        let one = |way| [Some(way), None];
        Ok(match wish {
            PairWish::Send { peer } => {
                let way = self.way_of_path(source, destination, peer);
                let tunnel = self.acquire_tunnel(way, Use::Send, hops)?;
                (PairAction::Send { tunnel }, one(way))
            }
            PairWish::Receive { peer } => {
                let way = self.way_of_path(destination, source, peer);
                let tunnel = self.acquire_tunnel(way, Use::Accept, hops)?;
                (PairAction::Receive { tunnel }, one(way))
            }
            PairWish::Local => (PairAction::Local, [None, None]),
            PairWish::HandBack { peer, lma } => {
                let from = self.way_of_path(destination, source, peer);
                let to = self.way_of_home(destination, lma);
                let arrived = self.acquire_tunnel(from, Use::Accept, hops)?;
                let tunnel = match self.acquire_tunnel(to, Use::Send, hops) {
                    Ok(tunnel) => tunnel,
                    Err(refused) => {
                        self.release_tunnel(from, hops);
                        return Err(refused);
                    }
                };
                let action = PairAction::HandBack { arrived, tunnel };
                (action, [Some(from), Some(to)])
            }
            PairWish::HandBackAccept { from } => {
                let way = self.way_back(destination, from);
                let tunnel = self.acquire_tunnel(way, Use::Accept, hops)?;
                (PairAction::HandBackAccept { tunnel }, one(way))
            }
        })
    }

    fn release_tunnels(&mut self, tunnels: PairTunnels, hops: &mut dyn NextHops) {
        for way in tunnels.into_iter().flatten() {
            self.release_tunnel(way, hops);
        }
    }

    /// Clears the pair if it is still of that kind: a removal that comes after the pair was replaced by
    /// another kind is about the entry that is gone.
    pub(super) fn clear_pair(
        &mut self,
        source: IpNet,
        destination: IpNet,
        kind: PairKind,
        hops: &mut dyn NextHops,
    ) {
        let key = (source.trunc(), destination.trunc());
        let there = self.pairs.get(&key).copied();
        if let Some(old) = there.filter(|pair| pair.kind == kind) {
            self.pairs.remove(&key);
            if old.kind.is_path() {
                self.carry_over(key, &old);
            }
            let number = self.fanout.send(Update::PairClear {
                source: key.0,
                destination: key.1,
            });
            self.paths.release(old.path, number);
            self.release_tunnels(old.tunnels, hops);
        }
        self.forget_keys(key.0, key.1);
        self.forget_keys(key.1, key.0);
    }

    /// Forgets the keys of a path of which neither half stands: the engine says those of another one anew.
    fn forget_keys(&mut self, local: IpNet, remote: IpNet) {
        let kind = |source, destination| self.pairs.get(&(source, destination)).map(|p| p.kind);
        let stands = kind(local, remote) == Some(PairKind::Send)
            || matches!(
                kind(remote, local),
                Some(PairKind::Receive | PairKind::HandBack)
            );
        if !stands {
            self.set_keys(local, Some(remote), None);
        }
    }

    /// Half of a path ends: the other half, if it stands, keeps what this one has carried.
    fn carry_over(&mut self, key: (IpNet, IpNet), ended: &Pair) {
        let count = self.count(ended);
        let other = self.pairs.get_mut(&(key.1, key.0));
        if let Some(other) = other.filter(|other| other.kind.is_path()) {
            other.carried = plus(other.carried, count);
        }
    }

    /// A path's slot, what its counters are at, and nothing carried.
    fn allocate_path(&mut self) -> Result<(u32, Count, Count), Refused> {
        let full = Refused::PathsFull(self.config.paths);
        let slot = self.paths.allocate(self.fanout.applied()).ok_or(full)?;
        Ok((slot, self.path_count(slot), (0, 0)))
    }

    /// What workers have counted on a path's slot since they started.
    fn path_count(&self, slot: u32) -> Count {
        self.fanout.path_counters(PathSlot(slot))
    }
}

fn plus(a: Count, b: Count) -> Count {
    (a.0 + b.0, a.1 + b.1)
}
