//! What a MAG remembers: its Binding Update List (RFC 5213 section 6.1) and its localized paths.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};

use crate::io::{GreKeys, Ipv4Service, Link, RealmHome, Token};
use crate::path::{Asked, Ends, EndsExt, HasEnds, PathId, RequestId};

/// Where a Binding Update List entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The first PBU is out; nothing is forwarded yet.
    Registering,
    /// The LMA has accepted; extensions go on beside.
    Registered,
    /// The MN has left; the de-registration is out.
    Deregistering,
}

/// Binding Update List entry.
#[derive(Debug)]
pub(super) struct BindingUpdateListEntry {
    pub(super) link: Link,
    pub(super) att: u8,
    pub(super) lma: IpAddr,
    /// Whether the operator asked for IPv6 service.
    pub(super) wanted_ipv6: bool,
    /// Prefixes that the operator asked for.
    pub(super) wanted_hnps: Vec<Ipv6Net>,
    /// IPv4 home address that the operator asked for.
    pub(super) wanted_ipv4: Option<Ipv4Addr>,
    /// What the LMA assigned: prefixes, then the IPv4 home address as a /32.
    pub(super) homes: Vec<IpNet>,
    /// The IPv4 home address instead, where another MN here has the same one.
    pub(super) realm_home: Option<RealmHome>,
    /// IPv4 on the access link, where the LMA said all that it takes.
    pub(super) ipv4: Option<Ipv4Service>,
    /// Our link-local address on the access link.
    pub(super) link_local: Ipv6Addr,
    pub(super) state: State,
    /// When the binding ends.
    pub(super) until: Duration,
    /// Lifetime last granted, seconds.
    pub(super) lifetime_s: u32,
    /// The PBU that waits for its PBA.
    pub(super) pending: Option<PendingUpdate>,
    /// The command to answer.
    pub(super) token: Option<Token>,
    /// The GRE key that its LMA shall use.
    pub(super) gre_receive: Option<u32>,
    /// GRE keys of its tunnel; none: no GRE.
    pub(super) gre: Option<GreKeys>,
    /// Wall clock when the MN was last seen to come, since 1970.
    pub(super) attached_at: Duration,
    /// The access link to change to when the LMA agrees.
    pub(super) moving: Option<(Link, u8)>,
}

impl BindingUpdateListEntry {
    /// The IPv4 home address that the LMA assigned.
    pub(super) fn ipv4_home(&self) -> Option<Ipv4Addr> {
        let alone = self.homes.iter().find_map(|home| match home {
            IpNet::V4(hoa) => Some(hoa.addr()),
            IpNet::V6(_) => None,
        });
        alone.or(self.realm_home.map(|home| home.address))
    }

    /// Whether the LMA has assigned anything.
    pub(super) fn has_homes(&self) -> bool {
        !self.homes.is_empty() || self.realm_home.is_some()
    }

    /// Every home, as the LMA and operators name it.
    pub(super) fn told_homes(&self) -> Vec<IpNet> {
        let shared = self.realm_home.map(|home| IpAddr::V4(home.address).into());
        self.homes.iter().copied().chain(shared).collect()
    }
}

/// A Proxy Binding Update that waits for its acknowledgement.
#[derive(Debug)]
pub(super) struct PendingUpdate {
    pub(super) sequence: u16,
    pub(super) hi: u8,
    /// Until the next retransmission.
    pub(super) timeout: Duration,
    /// How often the LMA's answer made us send at once again.
    pub(super) corrections: u8,
    /// Wall clock when it was made.
    pub(super) made_at: Duration,
}

/// Where a path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathState {
    /// RO Setup is out.
    SettingUp,
    /// Both halves carry packets.
    Active,
    /// The sending half has ended, the receiving half goes on for a while (HL-33).
    ReceivingOnly,
    /// Given up; the peer is being told.
    Ending,
}

/// A localized path as one of its MAGs sees it.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) ends: Ends,
    /// Whether the source MN is the one that is attached here.
    pub(super) local_is_source: bool,
    /// The other MAG; our own address where both MNs are here (HL-26).
    pub(super) peer: IpAddr,
    /// The LMA that sent RO Init; none at the MAG that got RO Setup.
    pub(super) controller: Option<IpAddr>,
    pub(super) state: PathState,
    /// The controller's timestamp (HL-17).
    pub(super) timestamp: Option<u64>,
    /// RO_Lifetime, seconds.
    pub(super) lifetime_s: u16,
    /// When the sending half ends; none: never.
    pub(super) until: Option<Duration>,
    /// The RO Init that waits for its acknowledgement.
    pub(super) asked: Option<Asked>,
    /// The request whose success waits for its updates.
    pub(super) promised: Option<Asked>,
    /// Our RO Setup that waits for its acknowledgement.
    pub(super) setup: Option<RequestId>,
    /// Our last RO Refreshes, one an LMA; some may be acknowledged.
    pub(super) refreshes: Vec<RequestId>,
    /// The least that was granted for them so far, seconds.
    pub(super) granted: Option<u16>,
    pub(super) sending: bool,
    pub(super) receiving: bool,
    /// When our LMA is to be asked for more: it does not hear of the RO Setups that the peer sends.
    pub(super) refresh_at: Option<Duration>,
    /// How often the peer was told that the path has ended.
    pub(super) goodbyes: u8,
    /// GRE keys of the path; none: no GRE.
    pub(super) gre: Option<GreKeys>,
    /// As they were last told to the workers.
    pub(super) gre_told: Option<GreKeys>,
    /// Packets per (local, remote) when the path was last refreshed.
    pub(super) counted: BTreeMap<(IpNet, IpNet), u64>,
    /// When the set-up began.
    pub(super) since: Duration,
}

impl Path {
    /// Every (local home, remote home).
    pub(super) fn halves(&self) -> Vec<(IpNet, IpNet)> {
        if self.local_is_source {
            self.ends.pairs()
        } else {
            self.ends.swapped().pairs()
        }
    }

    /// Whether no LMA has answered yet.
    pub(super) fn is_refreshing(&self) -> bool {
        self.granted.is_none() && !self.refreshes.is_empty()
    }

    /// With its last half the keys of a path are forgotten, and those of the next are said anew.
    pub(super) fn untell_keys(&mut self) {
        if !self.sending && !self.receiving {
            self.gre_told = None;
        }
    }

    pub(super) fn local_homes(&self) -> &[IpNet] {
        if self.local_is_source {
            &self.ends.source.homes
        } else {
            &self.ends.destination.homes
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A PBU was not answered.
    Retransmit(String),
    /// A binding is to be extended.
    Renew(String),
    /// A binding has ended.
    Expire(String),
    /// An attach command has waited long enough.
    GiveUp(String),
    /// Is the path in use?
    Probe(PathId),
    /// The sending half of a path has ended.
    SendEnd(PathId),
    /// The receiving half of a path has ended.
    ReceiveEnd(PathId),
    /// Packets for an MN that has left are not handed back any more.
    HandBackEnd(IpNet),
    /// The NAT before a peer is to be kept open.
    KeepAlive(IpAddr),
}

/// The path that an RO Setup says again to keep a NAT open, as it was decided then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeptAlive {
    pub(super) peer: IpAddr,
    pub(super) path: PathId,
    pub(super) timestamp: Option<u64>,
}

/// What an RO request of ours is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// RO Setup for a path.
    Setup(PathId),
    /// RO Setup with lifetime 0.
    Goodbye(PathId),
    /// RO Setup that keeps the NAT on the way to a peer open.
    KeepAlive(KeptAlive),
    /// RO Refresh of a path.
    Refresh(PathId),
    /// RO Refresh with lifetime 0.
    Withdraw,
    /// RO Request for a pair (L-71).
    Request,
}
