//! A model of one worker's tables: what `dataplane` does with the entries of [`crate::io::Entry`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::io::{Entry, Link, Via};

/// This side's home and the other side's.
pub type PairKey = (IpNet, IpNet);

/// An LMA's entry for a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The MAG that serves the home.
    pub proxy_coa: IpAddr,
    /// Traffic is dropped (RFC 5213 section 5.3.5).
    pub suspended: bool,
}

/// Packets and bytes of a path since it was installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Packets sent and received.
    pub packets: u64,
    /// Bytes sent and received.
    pub bytes: u64,
}

/// One worker's forwarding state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// MAG: homes attached here, with link and anchor.
    pub attached: BTreeMap<IpNet, (Link, IpAddr)>,
    /// LMA: homes bound here.
    pub bound: BTreeMap<IpNet, Bound>,
    /// MAG: receiving halves, with the peer MAG.
    pub receive: BTreeMap<PairKey, IpAddr>,
    /// MAG: sending halves, with the peer MAG.
    pub send: BTreeMap<PairKey, IpAddr>,
    /// MAG: pairs switched locally, (from, to).
    pub local: BTreeMap<PairKey, ()>,
    /// MAG: packets from a peer MAG for an MN that has left, with peer and anchor (HL-34).
    pub hand_back: BTreeMap<PairKey, (IpAddr, IpAddr)>,
    /// LMA: (source, destination) pairs whose packets may come back from a previous MAG (HL-34).
    pub hand_back_accept: BTreeMap<PairKey, IpAddr>,
    /// LMA: prefixes of other LMAs.
    pub anchors: BTreeMap<IpNet, IpAddr>,
    /// How peers are reached, where it is not by IPv6.
    pub reach: BTreeMap<IpAddr, Via>,
    usage: BTreeMap<PairKey, Usage>,
}

/// Why an entry does not fit what is there (architecture rule 3: a packet is moved by a complete entry
/// or by none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// Half a path for a home that is not attached here.
    #[error("a path for a home that is not attached")]
    PathWithoutAttach,
    /// A sending half without a receiving half: answers would be dropped (HL-31).
    #[error("a sending half without a receiving half")]
    SendWithoutReceive,
    /// A receiving half goes before its sending half (HL-33).
    #[error("the receiving half goes before the sending half")]
    ReceiveGoesFirst,
    /// A home goes while paths stand on it.
    #[error("a home is detached while paths stand on it")]
    DetachUnderPath,
    /// A home that is not bound is suspended.
    #[error("a home that is not bound is suspended")]
    SuspendUnbound,
    /// Something is removed that is not there.
    #[error("nothing to remove")]
    NothingToRemove,
}

impl Forwarding {
    /// Applies one entry. The table follows the entry even where it is inconsistent.
    ///
    /// # Errors
    /// [`Inconsistency`] when the entry does not fit what is there.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Inconsistency> {
        match *entry {
            Entry::Attach { home, link, lma } => {
                self.attached.insert(home, (link, lma));
                Ok(())
            }
            Entry::Detach { home } => self.detach(home),
            Entry::Bind { home, proxy_coa } => {
                let suspended = false;
                self.bound.insert(
                    home,
                    Bound {
                        proxy_coa,
                        suspended,
                    },
                );
                Ok(())
            }
            Entry::Suspend { home } => {
                let bound = self.bound.get_mut(&home);
                bound
                    .map(|bound| bound.suspended = true)
                    .ok_or(Inconsistency::SuspendUnbound)
            }
            Entry::Unbind { home } => removed(self.bound.remove(&home)),
            Entry::PeerAnchor { prefix, lma } => {
                self.anchors.insert(prefix, lma);
                Ok(())
            }
            Entry::Reach { peer, via } => {
                self.reach.insert(peer, via);
                Ok(())
            }
            // GRE is below what is modelled.
            // Realms are not modelled.
            Entry::GreKeys { .. } | Entry::Realm { .. } => Ok(()),
            _ => self.apply_path(entry),
        }
    }

    fn apply_path(&mut self, entry: &Entry) -> Result<(), Inconsistency> {
        match *entry {
            Entry::PathReceive {
                local,
                remote,
                peer,
            } => {
                self.receive.insert((local, remote), peer);
                self.usage.entry((local, remote)).or_default();
                self.needs_attach(local)
            }
            Entry::PathReceiveRemove { local, remote } => {
                removed(self.receive.remove(&(local, remote)))?;
                if self.send.contains_key(&(local, remote)) {
                    return Err(Inconsistency::ReceiveGoesFirst);
                }
                self.usage.remove(&(local, remote));
                Ok(())
            }
            Entry::PathSend {
                local,
                remote,
                peer,
            } => {
                self.send.insert((local, remote), peer);
                if !self.receive.contains_key(&(local, remote)) {
                    return Err(Inconsistency::SendWithoutReceive);
                }
                self.needs_attach(local)
            }
            Entry::PathSendRemove { local, remote } => removed(self.send.remove(&(local, remote))),
            Entry::PathLocal { from, to } => {
                self.local.insert((from, to), ());
                self.usage.entry((from, to)).or_default();
                self.needs_attach(from)?;
                self.needs_attach(to)
            }
            Entry::HandBack {
                local,
                remote,
                peer,
                lma,
            } => {
                self.hand_back.insert((local, remote), (peer, lma));
                Ok(())
            }
            Entry::HandBackRemove { local, remote } => {
                removed(self.hand_back.remove(&(local, remote)))
            }
            Entry::HandBackAccept {
                source,
                destination,
                from,
            } => {
                self.hand_back_accept.insert((source, destination), from);
                Ok(())
            }
            Entry::HandBackAcceptRemove {
                source,
                destination,
            } => removed(self.hand_back_accept.remove(&(source, destination))),
            Entry::PathLocalRemove { from, to } => {
                self.usage.remove(&(from, to));
                removed(self.local.remove(&(from, to)))
            }
            _ => Ok(()),
        }
    }

    fn detach(&mut self, home: IpNet) -> Result<(), Inconsistency> {
        removed(self.attached.remove(&home))?;
        let stands = self
            .receive
            .keys()
            .chain(self.send.keys())
            .any(|(local, _)| *local == home);
        let switched = self
            .local
            .keys()
            .any(|(from, to)| *from == home || *to == home);
        if stands || switched {
            return Err(Inconsistency::DetachUnderPath);
        }
        Ok(())
    }

    fn needs_attach(&self, home: IpNet) -> Result<(), Inconsistency> {
        match self.attached.contains_key(&home) {
            true => Ok(()),
            false => Err(Inconsistency::PathWithoutAttach),
        }
    }

    /// Whether the table is as if the entry had just been applied, where it installs something.
    #[must_use]
    pub fn has(&self, entry: &Entry) -> bool {
        match *entry {
            Entry::Attach { home, link, lma } => self.attached.get(&home) == Some(&(link, lma)),
            Entry::Bind { home, proxy_coa } => self
                .bound
                .get(&home)
                .is_some_and(|bound| bound.proxy_coa == proxy_coa && !bound.suspended),
            Entry::PathReceive {
                local,
                remote,
                peer,
            } => self.receive.get(&(local, remote)) == Some(&peer),
            Entry::PathSend {
                local,
                remote,
                peer,
            } => self.send.get(&(local, remote)) == Some(&peer),
            Entry::PathLocal { from, to } => self.local.contains_key(&(from, to)),
            _ => true,
        }
    }

    /// What stands where an entry is about to be applied.
    #[must_use]
    pub fn standing(&self, entry: &Entry) -> Option<Entry> {
        match *entry {
            Entry::Bind { home, .. } | Entry::Suspend { home } | Entry::Unbind { home } => {
                let bound = self.bound.get(&home).filter(|bound| !bound.suspended)?;
                let proxy_coa = bound.proxy_coa;
                Some(Entry::Bind { home, proxy_coa })
            }
            Entry::PathReceive { local, remote, .. }
            | Entry::PathReceiveRemove { local, remote } => {
                let found = self.of_pair((local, remote));
                found
                    .into_iter()
                    .find(|e| matches!(e, Entry::PathReceive { .. }))
            }
            Entry::PathSend { local, remote, .. } | Entry::PathSendRemove { local, remote } => {
                let found = self.of_pair((local, remote));
                found
                    .into_iter()
                    .find(|e| matches!(e, Entry::PathSend { .. }))
            }
            Entry::PathLocalRemove { from, to } => {
                let found = self.of_pair((from, to));
                found
                    .into_iter()
                    .find(|e| matches!(e, Entry::PathLocal { .. }))
            }
            _ => None,
        }
    }

    /// What is installed for a pair.
    #[must_use]
    pub fn of_pair(&self, (local, remote): PairKey) -> Vec<Entry> {
        let key = (local, remote);
        let receive = self.receive.get(&key).map(|peer| Entry::PathReceive {
            local,
            remote,
            peer: *peer,
        });
        let send = self.send.get(&key).map(|peer| Entry::PathSend {
            local,
            remote,
            peer: *peer,
        });
        let switched = self.local.get(&key).map(|()| Entry::PathLocal {
            from: local,
            to: remote,
        });
        [receive, send, switched].into_iter().flatten().collect()
    }

    /// Counts a packet of a path.
    pub fn count(&mut self, key: PairKey, bytes: u64) {
        if let Some(usage) = self.usage.get_mut(&key) {
            usage.packets += 1;
            usage.bytes += bytes;
        }
    }

    /// What a path has carried here, both directions.
    #[must_use]
    pub fn usage(&self, (local, remote): PairKey) -> Usage {
        let mut sum = self
            .usage
            .get(&(local, remote))
            .copied()
            .unwrap_or_default();
        if self.local.contains_key(&(remote, local)) {
            let back = self
                .usage
                .get(&(remote, local))
                .copied()
                .unwrap_or_default();
            sum.packets += back.packets;
            sum.bytes += back.bytes;
        }
        sum
    }

    /// Entries that belong to MNs: 0 when everybody has left.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.attached.len()
            + self.bound.len()
            + self.receive.len()
            + self.send.len()
            + self.local.len()
            + self.hand_back.len()
            + self.hand_back_accept.len()
    }

    /// Entries that are halves of paths.
    #[must_use]
    pub fn path_entries(&self) -> usize {
        self.receive.len() + self.send.len() + self.local.len()
    }
}

fn removed<T>(what: Option<T>) -> Result<(), Inconsistency> {
    match what {
        Some(_) => Ok(()),
        None => Err(Inconsistency::NothingToRemove),
    }
}

/// The homes that an entry is about.
#[must_use]
pub fn homes_of(entry: &Entry) -> (IpNet, Option<IpNet>) {
    match *entry {
        Entry::Attach { home, .. }
        | Entry::Detach { home }
        | Entry::Bind { home, .. }
        | Entry::Suspend { home }
        | Entry::Unbind { home } => (home, None),
        Entry::HandBackAccept {
            source,
            destination,
            ..
        }
        | Entry::HandBackAcceptRemove {
            source,
            destination,
        } => (source, Some(destination)),
        Entry::PathReceive { local, remote, .. }
        | Entry::HandBack { local, remote, .. }
        | Entry::HandBackRemove { local, remote }
        | Entry::PathReceiveRemove { local, remote }
        | Entry::PathSend { local, remote, .. }
        | Entry::PathSendRemove { local, remote } => (local, Some(remote)),
        Entry::PathLocal { from, to } | Entry::PathLocalRemove { from, to } => (from, Some(to)),
        Entry::PeerAnchor { prefix, .. } => (prefix, None),
        Entry::GreKeys { home, remote, .. } => (home, remote),
        Entry::Reach { peer, .. } => (peer.into(), None),
        Entry::Realm { home, .. } => (IpAddr::V4(home.address).into(), None),
    }
}
