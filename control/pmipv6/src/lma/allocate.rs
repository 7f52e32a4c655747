//! Home network prefixes and IPv4 home addresses: from the profile, by request, or from the pools.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::LocalMobilityAnchor;
use super::config::Profile;
use super::update::Update;
use crate::wire::iana::{ipv4_status, status};

/// Most places of a pool that one search looks at.
const MAX_SEARCH: u128 = 65_536;

impl LocalMobilityAnchor {
    /// Prefixes for a new session.
    pub(super) fn allocate_hnps(
        &self,
        profile: &Profile,
        update: &Update,
    ) -> Result<Vec<IpNet>, u8> {
        if !update.any_hnp && update.hnps.is_empty() {
            return Ok(Vec::new());
        }
        if !profile.ipv6 {
            // An MN that may have IPv4 gets that alone.
            return match update.ipv4.is_empty() {
                true => Err(status::NOT_AUTHORIZED_FOR_IPV6_MOBILITY_SERVICE),
                false => Ok(Vec::new()),
            };
        }
        if !update.hnps.is_empty() {
            return self.grant_named_hnps(profile, &update.hnps);
        }
        if !profile.hnps.is_empty() {
            let homes: Vec<IpNet> = profile
                .hnps
                .iter()
                .map(|hnp| IpNet::V6(hnp.trunc()))
                .collect();
            let taken = homes.iter().any(|home| self.homes.overlaps(home));
            return if taken {
                Err(status::INSUFFICIENT_RESOURCES)
            } else {
                Ok(homes)
            };
        }
        let home = self
            .free_hnp(update.name())
            .ok_or(status::INSUFFICIENT_RESOURCES)?;
        Ok(vec![home])
    }

    fn grant_named_hnps(&self, profile: &Profile, hnps: &[Ipv6Net]) -> Result<Vec<IpNet>, u8> {
        let entitled = |hnp: &Ipv6Net| {
            let pools = &self.config.hnp_pools;
            let pooled = hnp.prefix_len() == self.config.hnp_length
                && pools.iter().any(|pool| pool.contains(hnp));
            profile.hnps.contains(hnp)
                || profile.hnps.is_empty()
                    && self.config.grant_requested_homes
                    && pooled
                    && !self.reserved.overlaps(&IpNet::V6(*hnp))
        };
        let homes: Vec<IpNet> = hnps.iter().map(|hnp| IpNet::V6(*hnp)).collect();
        if hnps.iter().all(entitled) && !homes.iter().any(|home| self.homes.overlaps(home)) {
            return Ok(homes);
        }
        Err(status::NOT_AUTHORIZED_FOR_HOME_NETWORK_PREFIX)
    }

    fn free_hnp(&self, mn_id: &str) -> Option<IpNet> {
        let length = self.config.hnp_length;
        let pools = self.config.hnp_pools.clone();
        pools.iter().find_map(|pool| {
            let bits = u32::from(length.checked_sub(pool.prefix_len())?);
            let places = 1u128.checked_shl(bits).unwrap_or(u128::MAX);
            let base = u128::from(pool.network());
            let shift = 128 - u32::from(length);
            self.free_in(mn_id, places, |place| {
                let address = base | place.checked_shl(shift).unwrap_or(0);
                Ipv6Net::new(Ipv6Addr::from(address), length)
                    .ok()
                    .map(IpNet::V6)
            })
        })
    }

    /// The IPv4 Home Address Reply's status and address (RFC 5844 section 3.1.2.4); none: not asked for.
    pub(super) fn allocate_ipv4(
        &self,
        profile: &Profile,
        update: &Update,
    ) -> Option<Result<Ipv4Addr, u8>> {
        let asked = *update.ipv4.first()?;
        if !profile.ipv4 {
            return Some(Err(ipv4_status::ADMINISTRATIVELY_PROHIBITED));
        }
        let free = |lma: &Self, address: Ipv4Addr| !lma.homes.overlaps(&IpNet::V4(address.into()));
        if let Some(own) = profile.ipv4_hoa {
            let acceptable = (asked == own || asked.is_unspecified()) && free(self, own);
            return Some(
                acceptable
                    .then_some(own)
                    .ok_or(ipv4_status::INCORRECT_IPV4_HOME_ADDRESS),
            );
        }
        if asked.is_unspecified() {
            return Some(
                self.free_ipv4(update.name())
                    .ok_or(ipv4_status::DYNAMIC_ASSIGNMENT_NOT_AVAILABLE),
            );
        }
        let pools = &self.config.ipv4_pools;
        let pooled = pools
            .iter()
            .any(|pool| pool.contains(&asked) && self.router_of(pool) != asked);
        let reserved = self.reserved.get(&IpNet::V4(asked.into())).is_some();
        let granted = self.config.grant_requested_homes && pooled && !reserved && free(self, asked);
        Some(
            granted
                .then_some(asked)
                .ok_or(ipv4_status::INCORRECT_IPV4_HOME_ADDRESS),
        )
    }

    fn free_ipv4(&self, mn_id: &str) -> Option<Ipv4Addr> {
        let pools = self.config.ipv4_pools.clone();
        pools.iter().find_map(|pool| {
            let bits = u32::from(32 - pool.prefix_len());
            let places = 1u128 << bits;
            let base = u32::from(pool.network());
            let unusable = [pool.network(), pool.broadcast(), self.router_of(pool)];
            let home = self.free_in(mn_id, places, |place| {
                let address = Ipv4Addr::from(base | u32::try_from(place).ok()?);
                (!unusable.contains(&address)).then(|| IpNet::V4(address.into()))
            })?;
            match home {
                IpNet::V4(hoa) => Some(hoa.addr()),
                IpNet::V6(_) => None,
            }
        })
    }

    /// The first free place of a pool from the MN's own on, around its end. An MN finds its own again when
    /// it comes back, also to an LMA that has lost its bindings while other MNs still use theirs.
    fn free_in(
        &self,
        mn_id: &str,
        places: u128,
        home_at: impl Fn(u128) -> Option<IpNet>,
    ) -> Option<IpNet> {
        let own = u128::from(fnv1a(mn_id.as_bytes())) % places;
        (0..places.min(MAX_SEARCH)).find_map(|step| {
            let home = home_at((own + step) % places)?;
            let free = !self.reserved.overlaps(&home) && !self.homes.overlaps(&home);
            free.then_some(home)
        })
    }

    /// IPv4 Default-Router Address of a home address (RFC 5844 section 3.3.3).
    pub(super) fn default_router(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        self.pool_of(address).map(|pool| self.router_of(pool))
    }

    /// Prefix length of the home subnet; an address outside every pool is alone.
    pub(super) fn subnet_length(&self, address: Ipv4Addr) -> u8 {
        self.pool_of(address).map_or(32, |pool| pool.prefix_len())
    }

    fn router_of(&self, pool: &Ipv4Net) -> Ipv4Addr {
        let named = self.config.ipv4_default_routers.get(pool).copied();
        named.unwrap_or_else(|| pool.hosts().next().unwrap_or(pool.network()))
    }

    fn pool_of(&self, address: Ipv4Addr) -> Option<&Ipv4Net> {
        self.config
            .ipv4_pools
            .iter()
            .find(|pool| pool.contains(&address))
    }
}

/// FNV-1a (draft-eastlake-fnv), 64 bits: the same in every version and on every node.
fn fnv1a(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
