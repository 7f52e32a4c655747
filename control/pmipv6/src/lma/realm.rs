//! Realms: IPv4 home addresses that MNs of other realms may have too, told apart by GRE keys (RFC 5845 section 3).
//!
//! An MN of a realm is in it with its IPv4 home address alone: prefixes are nobody else's anyway. Localized routing
//! knows nothing of realms. Its messages name an IPv4 home address by the option of RFC 5555 (draft-loureiro
//! section 6.1), which has no place for one, so such homes are in none of its tables.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::LocalMobilityAnchor;
use super::config::{Config, Profile};
use super::state::{BindingCacheEntry, BindingId};
use crate::io::{Entry, GreKeys, Realm, RealmHome, RealmState, UpdateNumber};

/// What an operator and a MAG read of a pair that may not have a path.
pub(super) const NO_PATHS: &str = "IPv4 home of a realm: RO messages name no realm";

/// What IPv4 home addresses are given out of: a realm, or what is of none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space<'a> {
    pub(super) realm: Option<Realm>,
    pub(super) pools: &'a [Ipv4Net],
    routers: &'a BTreeMap<Ipv4Net, Ipv4Addr>,
}

impl Space<'_> {
    /// The default router of a pool (RFC 5844 section 3.3.3).
    pub(super) fn router_of(&self, pool: &Ipv4Net) -> Ipv4Addr {
        let named = self.routers.get(pool).copied();
        named.unwrap_or_else(|| pool.hosts().next().unwrap_or(pool.network()))
    }

    pub(super) fn pool_of(&self, address: Ipv4Addr) -> Option<&Ipv4Net> {
        self.pools.iter().find(|pool| pool.contains(&address))
    }
}

/// Addresses of realms that profiles keep for their MNs.
pub(super) fn reserved(config: &Config) -> BTreeSet<RealmHome> {
    let of = |profile: &Profile| {
        let realm = number(config, profile.realm.as_deref()?)?;
        let address = profile.ipv4_hoa?;
        Some(RealmHome { realm, address })
    };
    config.profiles.values().filter_map(of).collect()
}

fn number(config: &Config, name: &str) -> Option<Realm> {
    let place = config.realms.iter().position(|realm| realm.name == name)?;
    Realm::new(u16::try_from(place + 1).ok()?)
}

impl LocalMobilityAnchor {
    /// Where an MN's IPv4 home address is from; none where its profile names a realm that there is not.
    pub(super) fn space_of(&self, profile: &Profile) -> Option<Space<'_>> {
        let Some(name) = profile.realm.as_deref() else {
            return Some(Space {
                realm: None,
                pools: &self.config.ipv4_pools,
                routers: &self.config.ipv4_default_routers,
            });
        };
        let realm = self.config.realms.iter().find(|realm| realm.name == name)?;
        Some(Space {
            realm: Some(number(&self.config, name)?),
            pools: &realm.ipv4_pools,
            routers: &realm.ipv4_default_routers,
        })
    }

    /// The realm that an MN is of by its NAI.
    pub(super) fn realm_of_nai(&self, mn_id: &str) -> Option<String> {
        let (_, of) = mn_id.rsplit_once('@')?;
        let mut realms = self.config.realms.iter();
        let names = |nai_realm: &String| nai_realm.eq_ignore_ascii_case(of);
        let realm = realms.find(|realm| realm.nai_realms.iter().any(names))?;
        Some(realm.name.clone())
    }

    /// Whether nobody has an address, of a realm or of none.
    pub(super) fn is_free_ipv4(&self, realm: Option<Realm>, address: Ipv4Addr) -> bool {
        match realm {
            None => !self.homes.overlaps(&IpAddr::V4(address).into()),
            Some(realm) => !self.realm_homes.contains_key(&RealmHome { realm, address }),
        }
    }

    /// Whether a profile keeps an address for its MN.
    pub(super) fn is_reserved_ipv4(&self, realm: Option<Realm>, address: Ipv4Addr) -> bool {
        match realm {
            None => self.reserved.overlaps(&IpAddr::V4(address).into()),
            Some(realm) => self.realm_reserved.contains(&RealmHome { realm, address }),
        }
    }

    /// The session that has a home, which is of the MN's realm if it is an IPv4 one.
    pub(super) fn session_at(&self, mn_id: &str, home: &IpNet) -> Option<BindingId> {
        match (home, self.profile_of(mn_id).realm) {
            (IpNet::V4(hoa), Some(name)) => {
                let realm = number(&self.config, &name)?;
                let address = hoa.addr();
                self.realm_homes.get(&RealmHome { realm, address }).copied()
            }
            _ => self.homes.get(home).copied(),
        }
    }

    /// Binds a session's home of a realm, keys and all, if it has one.
    pub(super) fn bind_in_realm(&mut self, id: BindingId) -> Option<UpdateNumber> {
        let entry = self.bindings.get(&id)?;
        let (home, proxy_coa) = (entry.realm_home?, entry.proxy_coa);
        let keys = entry.gre.and_then(GreKeys::pair)?;
        let state = RealmState::Bound { proxy_coa, keys };
        Some(self.node.program(Entry::Realm { home, state }))
    }

    /// The name of a session's realm.
    pub(super) fn realm_name(&self, entry: &BindingCacheEntry) -> Option<String> {
        let realm = entry.realm_home?.realm;
        let place = usize::from(realm.number()) - 1;
        let realm = self.config.realms.get(place)?;
        Some(realm.name.clone())
    }

    /// Whether an address is an IPv4 home of some realm.
    pub(super) fn is_in_a_realm(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else {
            return false;
        };
        let numbers = 1..=self.config.realms.len();
        let mut realms = numbers.filter_map(|number| Realm::new(u16::try_from(number).ok()?));
        realms.any(|realm| !self.is_free_ipv4(Some(realm), address))
    }

    /// Packets of an MN of a realm went through us to a mobile address.
    pub(super) fn on_realm_talks(&mut self, source: IpAddr, destination: IpAddr) {
        let (home, there) = (IpNet::from(source), IpNet::from(destination));
        self.node.count("pmipv6.lr.realm");
        let now = self.node.mono();
        if !self.hold_off.holds(now, home, there) {
            self.hold_off.refuse(now, home, there, NO_PATHS.to_owned());
        }
    }
}
