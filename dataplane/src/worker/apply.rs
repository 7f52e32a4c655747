//! Applying an update: one change, whole or not at all.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::state::State;
use crate::stats::Counter;
use crate::table::{HomeKind, LinkCopy, NONE, PairEntry, PairKey, PairKind, Prefix};
use crate::tunnel::Refused;
use crate::update::{
    HomeAction, LinkSlot, NextHop, Numbered, PairAction, PathSlot, Realm, TunnelSlot, TunnelSpec,
    Update,
};

/// What became of an update.
enum Outcome {
    Applied,
    /// There was nothing to clear.
    Nothing,
    /// This table has no room, or no such slot.
    Refused(&'static str),
}

use Outcome::{Applied, Nothing};

impl State {
    /// Applies an update, or counts and tells that it could not be.
    pub(crate) fn apply(&mut self, numbered: &Numbered) {
        let outcome = match numbered.update {
            Update::Tunnel { slot, tunnel } => self.set_tunnel(slot, &tunnel),
            Update::TunnelClear { slot } => self.clear_tunnel(slot),
            Update::Link { slot, link } => self.set_link(slot, link.into()),
            Update::LinkClear { slot } => self.clear_link(slot),
            Update::Home { home, .. } if home.prefix_len() == 0 => Outcome::Refused("home"),
            Update::Home { home, action } => self.set_home(home.into(), None, action),
            Update::HomeClear { home } => self.clear_home(home.into()),
            Update::RealmHome {
                realm,
                address,
                action,
            } => {
                let of_realm = Some((realm, address));
                self.set_home(Prefix::of_realm(realm, address), of_realm, action)
            }
            Update::RealmHomeClear { realm, address } => {
                self.clear_home(Prefix::of_realm(realm, address))
            }
            Update::TunnelRealm { slot, realm } => self.set_tunnel_realm(slot, realm),
            Update::RealmNetwork { realm, next_hop } => self.set_realm_network(realm, next_hop),
            Update::Pair {
                source,
                destination,
                action,
                path,
            } => self.set_pair(source, destination, action, path),
            Update::PairClear {
                source,
                destination,
            } => self.clear_pair(source, destination),
            Update::NetworkNextHop { next_hop } => {
                self.network = next_hop;
                Applied
            }
            Update::Fence => Applied,
        };
        let counter = match outcome {
            Applied => Counter::UpdatesApplied,
            Nothing => Counter::UpdatesNothing,
            Outcome::Refused(table) => {
                self.tell_refused(table, numbered.number);
                Counter::UpdatesRefused
            }
        };
        self.tally.add(counter, 1);
    }

    fn set_tunnel(&mut self, slot: TunnelSlot, tunnel: &TunnelSpec) -> Outcome {
        match self.tunnels.set(slot, tunnel) {
            Ok(()) => Applied,
            Err(Refused::Slot) => Outcome::Refused("tunnel"),
            Err(Refused::Form) => Outcome::Refused("tunnel-form"),
        }
    }

    fn clear_tunnel(&mut self, slot: TunnelSlot) -> Outcome {
        if !self.tunnels.has(slot) {
            return Outcome::Refused("tunnel");
        }
        let Some(users) = self.tunnels.clear(slot) else {
            return Nothing;
        };
        if users > 0 {
            self.tally.add(Counter::TunnelInUse, 1);
        }
        Applied
    }

    fn set_link(&mut self, slot: LinkSlot, copy: LinkCopy) -> Outcome {
        if !self.links.has(slot) {
            return Outcome::Refused("link");
        }
        self.links.set(slot, copy, &mut self.homes);
        Applied
    }

    fn clear_link(&mut self, slot: LinkSlot) -> Outcome {
        if !self.links.has(slot) {
            return Outcome::Refused("link");
        }
        if self.links.set(slot, LinkCopy::default(), &mut self.homes) {
            self.tally.add(Counter::LinkInUse, 1);
        }
        Applied
    }

    fn set_tunnel_realm(&mut self, slot: TunnelSlot, realm: Option<Realm>) -> Outcome {
        if !self.tunnels.has(slot) {
            return Outcome::Refused("tunnel");
        }
        self.tunnels.set_realm(slot, realm);
        Applied
    }

    fn set_realm_network(&mut self, realm: Realm, next_hop: Option<NextHop>) -> Outcome {
        let networks = &mut self.realm_networks;
        let known = networks
            .iter()
            .position(|network| network.is_some_and(|(known, _)| known == realm));
        let place = known.or_else(|| networks.iter().position(Option::is_none));
        let Some(place) = place else {
            return Outcome::Refused("realm-network");
        };
        networks[place] = Some((realm, next_hop));
        Applied
    }

    fn set_home(
        &mut self,
        home: Prefix,
        of_realm: Option<(Realm, Ipv4Addr)>,
        action: HomeAction,
    ) -> Outcome {
        let (kind, tunnel, link) = match action {
            HomeAction::Attached { link, lma } => (HomeKind::Attached, Some(lma), Some(link)),
            HomeAction::Anchored { mag } => (HomeKind::Anchored, Some(mag), None),
            HomeAction::Suspended => (HomeKind::Suspended, None, None),
            HomeAction::PeerAnchored => (HomeKind::PeerAnchored, None, None),
        };
        if tunnel.is_some_and(|tunnel| !self.tunnels.has(tunnel)) {
            return Outcome::Refused("tunnel");
        }
        let tunnel = tunnel.map_or(NONE, |tunnel| tunnel.0);
        if link.is_some_and(|link| !self.links.has(link)) {
            return Outcome::Refused("link");
        }
        let Ok(index) = self.homes.claim(home) else {
            return Outcome::Refused("home");
        };
        self.detach(index);
        if let Some(entry) = self.homes.entry_mut(index) {
            entry.kind = kind;
            entry.tunnel = tunnel;
            entry.realm = of_realm.map(|(realm, _)| realm);
            entry.address = of_realm.map_or(0, |(_, address)| address.into());
        }
        self.tunnels.refer(tunnel);
        if let Some(link) = link {
            self.links.join(link, index, &mut self.homes);
        }
        if self.homes.learn_uplink(index).is_err() {
            self.detach(index);
            self.homes.release_unused(home);
            return Outcome::Refused("realm-home");
        }
        Applied
    }

    /// Takes a home from its tunnel and link.
    fn detach(&mut self, index: u32) {
        self.homes.forget_uplink(index);
        self.links.leave(index, &mut self.homes);
        if let Some(entry) = self.homes.entry_mut(index) {
            entry.kind = HomeKind::Absent;
            let tunnel = std::mem::replace(&mut entry.tunnel, NONE);
            self.tunnels.unrefer(tunnel);
        }
    }

    fn clear_home(&mut self, prefix: Prefix) -> Outcome {
        let Some(index) = self.homes.index_of(prefix) else {
            return Nothing;
        };
        let was = self.homes.entry(index).map(|entry| entry.kind);
        self.detach(index);
        self.homes.release_unused(prefix);
        match was {
            Some(HomeKind::Absent) | None => Nothing,
            Some(_) => Applied,
        }
    }

    fn set_pair(
        &mut self,
        source: IpNet,
        destination: IpNet,
        action: PairAction,
        path: PathSlot,
    ) -> Outcome {
        let (kind, tunnel, arrived) = of_pair(action);
        let mut tunnels = [tunnel, arrived].into_iter().flatten();
        if tunnels.any(|tunnel| !self.tunnels.has(tunnel)) {
            return Outcome::Refused("tunnel");
        }
        let [tunnel, arrived] = [tunnel, arrived].map(|slot| slot.map_or(NONE, |slot| slot.0));
        if !self.stats.has_path(path) {
            return Outcome::Refused("path");
        }
        if source.prefix_len() == 0 || destination.prefix_len() == 0 {
            return Outcome::Refused("pair");
        }
        let key = PairKey {
            source: source.into(),
            destination: destination.into(),
        };
        let entry = PairEntry {
            kind,
            tunnel,
            arrived,
            path: path.0,
        };
        // Before the pair is there, so that a pair is never there without its source's count.
        if sends(kind) && self.count_pair(key.source).is_err() {
            return Outcome::Refused("home");
        }
        let replaced = self.pairs.get(key).copied();
        if self.pairs.set(key, entry).is_err() {
            if sends(kind) {
                self.uncount_pair(key.source);
            }
            return Outcome::Refused("pair");
        }
        self.tunnels.refer(tunnel);
        self.tunnels.refer(arrived);
        if let Some(replaced) = replaced {
            self.let_go(key, replaced);
        }
        Applied
    }

    fn clear_pair(&mut self, source: IpNet, destination: IpNet) -> Outcome {
        let key = PairKey {
            source: source.into(),
            destination: destination.into(),
        };
        match self.pairs.remove(key) {
            Some(entry) => {
                self.let_go(key, entry);
                Applied
            }
            None => Nothing,
        }
    }

    /// Undoes what a pair that is no more pointed to.
    fn let_go(&mut self, key: PairKey, entry: PairEntry) {
        self.tunnels.unrefer(entry.tunnel);
        self.tunnels.unrefer(entry.arrived);
        if sends(entry.kind) {
            self.uncount_pair(key.source);
        }
    }

    fn count_pair(&mut self, source: Prefix) -> Result<(), crate::table::Full> {
        let index = self.homes.claim(source)?;
        if let Some(entry) = self.homes.entry_mut(index) {
            entry.pairs += 1;
        }
        Ok(())
    }

    fn uncount_pair(&mut self, source: Prefix) {
        if let Some(index) = self.homes.index_of(source)
            && let Some(entry) = self.homes.entry_mut(index)
        {
            entry.pairs = entry.pairs.saturating_sub(1);
        }
        self.homes.release_unused(source);
    }
}

/// Kind, tunnel and arrival tunnel of a pair.
fn of_pair(action: PairAction) -> (PairKind, Option<TunnelSlot>, Option<TunnelSlot>) {
    match action {
        PairAction::Send { tunnel } => (PairKind::Send, Some(tunnel), None),
        PairAction::Receive { tunnel } => (PairKind::Receive, Some(tunnel), None),
        PairAction::Local => (PairKind::Local, None, None),
        PairAction::HandBack { arrived, tunnel } => {
            (PairKind::HandBack, Some(tunnel), Some(arrived))
        }
        PairAction::HandBackAccept { tunnel } => (PairKind::HandBackAccept, Some(tunnel), None),
    }
}

/// Whether packets of such a pair start here.
fn sends(kind: PairKind) -> bool {
    match kind {
        PairKind::Send | PairKind::Local => true,
        PairKind::Receive | PairKind::HandBack | PairKind::HandBackAccept => false,
    }
}
