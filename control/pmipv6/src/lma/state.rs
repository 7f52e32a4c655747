//! What an LMA remembers: its Binding Cache (RFC 5213 section 5.1) and the paths of its MNs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

use crate::io::{GreKeys, RealmHome};
use crate::path::{Asked, Ends, HasEnds, PathId, RequestId};

/// Number of a Binding Cache entry: a mobility session of an MN.
pub(super) type BindingId = u64;

/// Binding Cache entry.
#[derive(Debug)]
pub(super) struct BindingCacheEntry {
    pub(super) mn_id: String,
    /// Prefixes, then the IPv4 home address as a /32 if it is of no realm.
    pub(super) homes: Vec<IpNet>,
    /// The IPv4 home address if it is of a realm.
    pub(super) realm_home: Option<RealmHome>,
    pub(super) proxy_coa: IpAddr,
    pub(super) att: u8,
    pub(super) ll_id: Option<Vec<u8>>,
    /// Link-local address of the MAG on the MN's link; unspecified where MAGs have a fixed one.
    pub(super) link_local: Ipv6Addr,
    pub(super) until: Duration,
    /// Timestamp last accepted.
    pub(super) timestamp: Option<u64>,
    /// Sequence number last accepted.
    pub(super) sequence: u16,
    /// GRE keys of its tunnel; none: no GRE.
    pub(super) gre: Option<GreKeys>,
    /// When the last PBU was accepted.
    pub(super) updated: Duration,
    /// An operator wants it gone; its MAG is being told.
    pub(super) revoked: bool,
    pub(super) state: State,
}

impl BindingCacheEntry {
    /// The IPv4 home address.
    pub(super) fn ipv4_home(&self) -> Option<Ipv4Addr> {
        let of_none = self.homes.iter().find_map(|home| match home {
            IpNet::V4(hoa) => Some(hoa.addr()),
            IpNet::V6(_) => None,
        });
        of_none.or(self.realm_home.map(|home| home.address))
    }

    /// Every home, as peers and operators are told of it: without its realm.
    pub(super) fn told_homes(&self) -> Vec<IpNet> {
        let of_realm = self.realm_home.map(|home| IpAddr::V4(home.address).into());
        self.homes.iter().copied().chain(of_realm).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Traffic is forwarded.
    Registered,
    /// De-registered; kept for MinDelayBeforeBCEDelete, traffic is dropped.
    WaitingDeletion,
}

/// Who else has a part in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Both MNs are ours.
    Single,
    /// The source MN is that LMA's; we control (L-4).
    Controller {
        /// The LMA that sent RO Trigger.
        peer: IpAddr,
    },
    /// The destination MN is that LMA's, and it controls.
    Delegated {
        /// The LMA that RO Trigger went to.
        controller: IpAddr,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathState {
    /// RO Init or RO Trigger is out.
    SettingUp,
    /// Acknowledged.
    Active,
    /// Not acknowledged, but the MAGs may hold it: it is kept for handovers until it must have ended.
    Unconfirmed,
}

/// A localized path as one of its LMAs sees it.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) ends: Ends,
    pub(super) role: Role,
    /// The prefix of the peer LMA's that the destination was found in, where we looked it up (L-15).
    pub(super) found_in: Option<IpNet>,
    /// The source MN's MAG, as far as another LMA told us.
    pub(super) remote_mag: Option<IpAddr>,
    /// Time of the peer LMA's last decision (HL-17).
    pub(super) remote_timestamp: Option<u64>,
    /// Time of our last decision that the peer LMA was told of.
    pub(super) own_timestamp: Option<u64>,
    pub(super) state: PathState,
    pub(super) lifetime_s: u16,
    /// When the path ends; none: never, or not known yet.
    pub(super) until: Option<Duration>,
    /// Our last RO Trigger said that there is a NAT before the MAG that it named (HL-28).
    pub(super) said_nat: bool,
    /// The first MAG did not reach the other, and now the other is to reach it.
    pub(super) turned: bool,
    /// Our RO Init or RO Trigger that waits for its acknowledgement.
    pub(super) request: Option<RequestId>,
    /// The RO Trigger that waits for ours.
    pub(super) asked: Option<Asked>,
    /// When the set-up began.
    pub(super) since: Duration,
    /// When it was last acknowledged.
    pub(super) up_since: Option<Duration>,
    /// How often in a row we were told that our decision was stale.
    pub(super) corrections: u8,
    /// When source and destination end were last known to hold it.
    pub(super) heard: [Duration; 2],
    /// The first and the last packet of the pair that came by all the same.
    pub(super) strays: Option<(Duration, Duration)>,
}

impl HasEnds for Path {
    fn ends(&self) -> &Ends {
        &self.ends
    }
    fn ends_mut(&mut self) -> &mut Ends {
        &mut self.ends
    }
}

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A binding has ended.
    Expire(BindingId),
    /// MinDelayBeforeBCEDelete is over.
    Delete(BindingId),
    /// The previous MAG has had its time to de-register (MaxDelayBeforeNewBCEAssign).
    AssignNew(BindingId),
    /// A BRI was not answered.
    Revoke(u16),
    /// A path has ended.
    PathEnd(PathId),
    /// Packets for an MN that has moved are not accepted from its previous MAG any more.
    HandBackEnd(IpNet),
}

/// What an RO request of ours is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// RO Init for a path.
    Init(PathId),
    /// RO Trigger for a path.
    Trigger(PathId),
    /// RO Init or RO Trigger with lifetime 0 for a path that is still remembered.
    Withdraw(PathId),
    /// RO Trigger that asks whether a path stands at the peer LMA.
    Confirm(PathId),
    /// RO Init or RO Trigger with lifetime 0 for one that is not.
    Teardown,
}
