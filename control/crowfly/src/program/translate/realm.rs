//! Homes of realms: each with a GRE tunnel of its own, out of which its packets are of the realm (RFC 5845 section
//! 3).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use dataplane::{HomeAction, NextHop, TunnelSlot, Update};
use pmipv6::io::{KeyPair, Realm, RealmHome, RealmState};

use super::{Home, NextHops, Program, Refused, Use, Way};
use crate::program::fanout::WorkerPort;

const _: () = assert!(
    Realm::MAX == dataplane::Realm::MAX,
    "every realm is one of the workers too"
);

/// What each of them points to; by address first, so that it is found whatever the realm.
pub(super) type RealmHomes = BTreeMap<(Ipv4Addr, Realm), Home>;

/// A realm as the workers name it.
pub(crate) fn of_workers(realm: Realm) -> dataplane::Realm {
    dataplane::Realm::new(realm.number()).expect("the same bounds")
}

/// A realm as the engines name it.
pub(crate) fn of_engines(realm: dataplane::Realm) -> Realm {
    Realm::new(realm.number()).expect("the same bounds")
}

impl<W: WorkerPort> Program<W> {
    /// LMA: the next hop towards the network of a realm, or of none.
    pub fn set_network_next_hop(
        &mut self,
        realm: Option<dataplane::Realm>,
        next_hop: Option<NextHop>,
    ) {
        self.fanout.send(match realm {
            Some(realm) => Update::RealmNetwork { realm, next_hop },
            None => Update::NetworkNextHop { next_hop },
        });
        self.fanout.flush();
    }

    /// Whether an address is an IPv4 home of any realm: what is said of it without a realm may be of another MN.
    pub fn is_in_a_realm(&self, address: Ipv4Addr) -> bool {
        self.homes_in_realms(address.into()).next().is_some()
    }

    /// The homes of all realms that have an address.
    pub(super) fn homes_in_realms(&self, address: IpAddr) -> impl Iterator<Item = &Home> {
        let (first, last) = (Realm::new(1), Realm::new(Realm::MAX));
        let address = match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        let range = address.zip(first).zip(last);
        range.into_iter().flat_map(|((address, first), last)| {
            let homes = self.realm_homes.range((address, first)..=(address, last));
            homes.map(|(_, home)| home)
        })
    }

    /// Carries out what becomes of a home of a realm.
    pub(super) fn set_realm_state(
        &mut self,
        home: RealmHome,
        state: RealmState,
        hops: &mut dyn NextHops,
    ) -> Result<(), Refused> {
        match state {
            RealmState::Attached { link, lma, keys } => {
                self.room_for_realm_home(home)?;
                let link_slot = self.acquire_link(link)?;
                let (tunnel, way) = match self.acquire_realm_tunnel(home, lma, keys, hops) {
                    Ok(acquired) => acquired,
                    Err(refused) => {
                        self.release_link(link);
                        return Err(refused);
                    }
                };
                let action = HomeAction::Attached {
                    link: link_slot,
                    lma: tunnel,
                };
                let points_to = Home {
                    link: Some(link),
                    tunnel: Some(way),
                    ..Home::PLAIN
                };
                self.set_realm_home(home, action, points_to, hops);
            }
            RealmState::Bound { proxy_coa, keys } => {
                self.room_for_realm_home(home)?;
                let (tunnel, way) = self.acquire_realm_tunnel(home, proxy_coa, keys, hops)?;
                let points_to = Home {
                    tunnel: Some(way),
                    ..Home::PLAIN
                };
                self.set_realm_home(home, HomeAction::Anchored { mag: tunnel }, points_to, hops);
            }
            RealmState::Suspended => {
                self.room_for_realm_home(home)?;
                self.set_realm_home(home, HomeAction::Suspended, Home::PLAIN, hops);
            }
            RealmState::Gone => self.clear_realm_home(home, hops),
        }
        Ok(())
    }

    fn room_for_realm_home(&self, home: RealmHome) -> Result<(), Refused> {
        let known = self.realm_homes.contains_key(&key(home));
        if known || self.homes_known() < self.config.homes as usize {
            return Ok(());
        }
        Err(Refused::HomesFull(self.config.homes))
    }

    /// The tunnel of a home, whose packets are of its realm from now on. The MN's prefixes may be behind it too.
    fn acquire_realm_tunnel(
        &mut self,
        home: RealmHome,
        peer: IpAddr,
        keys: KeyPair,
        hops: &mut dyn NextHops,
    ) -> Result<(TunnelSlot, Way), Refused> {
        let gre = Some(keys.into());
        let way = Way { peer, gre };
        let slot = self.acquire_tunnel(way, Use::Send, hops)?;
        let realm = Some(of_workers(home.realm));
        self.fanout.send(Update::TunnelRealm { slot, realm });
        Ok((slot, way))
    }

    /// Replaces the home in one step; what it pointed to before goes afterwards.
    fn set_realm_home(
        &mut self,
        home: RealmHome,
        action: HomeAction,
        new: Home,
        hops: &mut dyn NextHops,
    ) {
        self.fanout.send(Update::RealmHome {
            realm: of_workers(home.realm),
            address: home.address,
            action,
        });
        if let Some(old) = self.realm_homes.insert(key(home), new) {
            self.release_realm_home(old, new.tunnel, hops);
        }
    }

    fn clear_realm_home(&mut self, home: RealmHome, hops: &mut dyn NextHops) {
        if let Some(old) = self.realm_homes.remove(&key(home)) {
            self.fanout.send(Update::RealmHomeClear {
                realm: of_workers(home.realm),
                address: home.address,
            });
            self.release_realm_home(old, None, hops);
        }
    }

    /// Lets go of what a home pointed to; a tunnel that it has left is of no realm.
    fn release_realm_home(&mut self, old: Home, now: Option<Way>, hops: &mut dyn NextHops) {
        let left = old.tunnel.map(Way::key);
        let left = left.filter(|key| now.map(Way::key) != Some(*key));
        if let Some(slot) = left.and_then(|key| self.tunnels.get(&key)) {
            self.fanout.send(Update::TunnelRealm {
                slot: TunnelSlot(slot),
                realm: None,
            });
        }
        self.release_home(old, hops);
    }
}

fn key(home: RealmHome) -> (Ipv4Addr, Realm) {
    (home.address, home.realm)
}
