//! Home network prefixes and IPv4 home addresses: from the profile, by request, or from the pools.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use super::LocalMobilityAnchor;
use super::config::Profile;
use super::realm::Space;
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
            let home_at = |place: u128| {
                let address = base | place.checked_shl(shift).unwrap_or(0);
                let hnp = Ipv6Net::new(Ipv6Addr::from(address), length).ok()?;
                Some(IpNet::V6(hnp))
            };
            first_free(mn_id, places, home_at, |home| {
                !self.reserved.overlaps(home) && !self.homes.overlaps(home)
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
        let Some(space) = self.space_of(profile) else {
            return Some(Err(ipv4_status::ADMINISTRATIVELY_PROHIBITED));
        };
        let free = |address: Ipv4Addr| self.is_free_ipv4(space.realm, address);
        if let Some(own) = profile.ipv4_hoa {
            let acceptable = (asked == own || asked.is_unspecified()) && free(own);
            return Some(
                acceptable
                    .then_some(own)
                    .ok_or(ipv4_status::INCORRECT_IPV4_HOME_ADDRESS),
            );
        }
        if asked.is_unspecified() {
            return Some(
                self.free_ipv4(&space, update.name())
                    .ok_or(ipv4_status::DYNAMIC_ASSIGNMENT_NOT_AVAILABLE),
            );
        }
        let pooled = space
            .pools
            .iter()
            .any(|pool| pool.contains(&asked) && space.router_of(pool) != asked);
        let reserved = self.is_reserved_ipv4(space.realm, asked);
        let granted = self.config.grant_requested_homes && pooled && !reserved && free(asked);
        Some(
            granted
                .then_some(asked)
                .ok_or(ipv4_status::INCORRECT_IPV4_HOME_ADDRESS),
        )
    }

    fn free_ipv4(&self, space: &Space<'_>, mn_id: &str) -> Option<Ipv4Addr> {
        let free = |address: &Ipv4Addr| {
            !self.is_reserved_ipv4(space.realm, *address)
                && self.is_free_ipv4(space.realm, *address)
        };
        space.pools.iter().find_map(|pool| {
            let bits = u32::from(32 - pool.prefix_len());
            let places = 1u128 << bits;
            let base = u32::from(pool.network());
            let unusable = [pool.network(), pool.broadcast(), space.router_of(pool)];
            let address_at = |place| {
                let address = Ipv4Addr::from(base | u32::try_from(place).ok()?);
                (!unusable.contains(&address)).then_some(address)
            };
            first_free(mn_id, places, address_at, free)
        })
    }
}

/// The first free place of a pool from the MN's own on, around its end. An MN finds its own again when it comes
/// back, also to an LMA that has lost its bindings while other MNs still use theirs.
fn first_free<H>(
    mn_id: &str,
    places: u128,
    home_at: impl Fn(u128) -> Option<H>,
    is_free: impl Fn(&H) -> bool,
) -> Option<H> {
    let own = u128::from(fnv1a(mn_id.as_bytes())) % places;
    let mut homes = (0..places.min(MAX_SEARCH)).filter_map(|step| home_at((own + step) % places));
    homes.find(is_free)
}

/// FNV-1a (draft-eastlake-fnv), 64 bits: the same in every version and on every node.
fn fnv1a(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
