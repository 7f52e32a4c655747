//! What RO Init and RO Setup ask for, and whether it may be done: the statuses of HL-6.

use std::net::IpAddr;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::State;
use crate::path::{Ends, EndsExt};
use crate::wire::MobilityOption;
use crate::wire::iana::ro_status;
use crate::wire::message::RoRequest;
use crate::wire::options::{mag_ipv6_address, timestamp};

/// What RO Init and RO Setup say, once they are complete.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) ends: Ends,
    /// MAG-ADDR.
    pub(super) mag: IpAddr,
    pub(super) timestamp: Option<u64>,
    pub(super) lifetime_s: u16,
    pub(super) handover: bool,
}

/// The options of an acknowledgement: whatever homes the request named, readable or not.
pub(super) fn echo(request: &RoRequest) -> Vec<MobilityOption> {
    let options = request.options.iter();
    options
        .filter(|option| {
            matches!(
                option,
                MobilityOption::MnId { .. }
                    | MobilityOption::HomeNetworkPrefix(_)
                    | MobilityOption::Ipv4HomeAddress { .. }
            )
        })
        .cloned()
        .collect()
}

impl MobileAccessGateway {
    pub(super) fn read_order(&self, request: &RoRequest) -> Result<Order, u8> {
        if request.proxy_mode {
            return Err(ro_status::MODE_NOT_SUPPORTED);
        }
        let ends = Ends::parse(&request.options);
        let mag = mag_ipv6_address(&request.options);
        let (Some(ends), Some(mag)) = (ends, mag) else {
            return Err(ro_status::MISSING_OR_MALFORMED_OPTION);
        };
        Ok(Order {
            ends,
            mag: IpAddr::V6(mag),
            timestamp: timestamp(&request.options),
            lifetime_s: request.lifetime,
            handover: request.handover,
        })
    }

    pub(super) fn check_init(&self, lma: IpAddr, order: &Order) -> Result<(), u8> {
        self.check_policy(&order.ends)?;
        self.check_attached(&order.ends.destination.homes, Some(lma))?;
        if order.mag == self.config.address {
            self.check_attached(&order.ends.source.homes, None)?;
        } else if !self.config.peers.is_mag(order.mag) {
            return Err(ro_status::PEER_NOT_AUTHORIZED);
        } else if self.config.localized_routing.denies_peer(order.mag) {
            return Err(ro_status::NOT_ALLOWED);
        }
        if !self
            .node
            .peers
            .knows_localized_routing(self.node.mono(), order.mag)
        {
            return Err(ro_status::PEER_MAG_REFUSED_OR_SILENT);
        }
        self.check_order(order)?;
        self.check_room(order)
    }

    pub(super) fn check_policy(&self, ends: &Ends) -> Result<(), u8> {
        let homes = ends.source.homes.iter().chain(&ends.destination.homes);
        match self.config.localized_routing.allows(homes) {
            true => Ok(()),
            false => Err(ro_status::NOT_ALLOWED),
        }
    }

    /// Whether these are homes of one MN that is registered here, at `lma` where that matters.
    fn check_attached(&self, homes: &[IpNet], lma: Option<IpAddr>) -> Result<(), u8> {
        let mut owners = homes.iter().map(|home| self.homes.get(home));
        let owner = owners.next().flatten().ok_or(ro_status::MN_NOT_ATTACHED)?;
        if owners.any(|other| other != Some(owner)) {
            return Err(ro_status::MN_NOT_ATTACHED);
        }
        match self.bindings.get(owner) {
            Some(entry) if entry.state == State::Registered => match lma {
                Some(lma) if entry.lma != lma => Err(ro_status::PEER_NOT_AUTHORIZED),
                _ => Ok(()),
            },
            _ => Err(ro_status::MN_NOT_ATTACHED),
        }
    }

    /// HL-17: what is not newer than what was last acted on is stale.
    pub(super) fn check_order(&self, order: &Order) -> Result<(), u8> {
        let Some(timestamp) = order.timestamp else {
            return Ok(());
        };
        let path = self
            .paths
            .find(&order.ends)
            .and_then(|id| self.paths.get(id));
        let last = path.and_then(|path| path.timestamp);
        let newer = last.is_none_or(|last| timestamp > last);
        if newer && self.order.is_newer(&order.ends, timestamp) {
            return Ok(());
        }
        Err(ro_status::STALE)
    }

    fn check_room(&self, order: &Order) -> Result<(), u8> {
        let policy = &self.config.localized_routing;
        if self.paths.find(&order.ends).is_some() {
            return Ok(());
        }
        let of_mn = |homes: &[IpNet]| self.paths.of_homes(homes).len();
        let full = self.paths.len() >= policy.max_paths
            || of_mn(&order.ends.source.homes) >= policy.max_paths_per_mn
            || of_mn(&order.ends.destination.homes) >= policy.max_paths_per_mn;
        if full {
            return Err(ro_status::INSUFFICIENT_RESOURCES);
        }
        Ok(())
    }

    pub(super) fn check_setup(&self, mag: IpAddr, order: &Order) -> Result<(), u8> {
        // MAG-ADDR is the sender's own (HL-8: but for IPv4 transport).
        if order.mag == self.config.address || (mag.is_ipv6() && order.mag != mag) {
            return Err(ro_status::PEER_NOT_AUTHORIZED);
        }
        self.check_policy(&order.ends)?;
        if self.config.localized_routing.denies_peer(order.mag) {
            return Err(ro_status::NOT_ALLOWED);
        }
        self.check_attached(&order.ends.source.homes, None)?;
        self.check_order(order)?;
        self.check_room(order)
    }

    /// HL-5: no longer than what is left of the binding.
    pub(super) fn cap(&self, lifetime_s: u16, homes: &[IpNet]) -> u16 {
        let mn_id = homes.first().and_then(|home| self.homes.get(home));
        let entry = mn_id.and_then(|mn_id| self.bindings.get(mn_id));
        let left = entry.map_or(0, |entry| {
            entry.until.saturating_sub(self.node.mono()).as_secs()
        });
        lifetime_s.min(u16::try_from(left.max(1)).unwrap_or(u16::MAX))
    }
}
