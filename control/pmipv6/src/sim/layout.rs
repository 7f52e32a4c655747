//! The domain's plan: how many nodes, their names and addresses, who anchors whom, the timers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::io::{Engine, Link, MacAddr};

use super::gate::GateFault;
use super::nat;
use super::network::{Micros, NodeIndex, SECOND};

/// Which mobile node, from 0.
pub type MobileIndex = usize;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Local Mobility Anchor.
    Lma,
    /// Mobility Access Gateway.
    Mag,
}

/// The timers that the engines are to be built with and that the simulator's bounds are derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Lifetime of a binding.
    pub binding_lifetime_s: u32,
    /// `RO_Lifetime`.
    pub ro_lifetime_s: u16,
    /// `MinDelayBeforeBCEDelete` (RFC 5213 section 9.1).
    pub delete_delay_s: u32,
    /// First hold-off of a pair after a failure (HL-14).
    pub hold_off_s: u32,
    /// Greatest hold-off of a pair.
    pub hold_off_max_s: u32,
}

impl Timers {
    /// Short enough that a run of some minutes of virtual time sees everything expire.
    pub const SHORT: Self = Self {
        binding_lifetime_s: 60,
        ro_lifetime_s: 24,
        delete_delay_s: 10,
        hold_off_s: 4,
        hold_off_max_s: 16,
    };

    /// The receiving half of a path outlives the lifetime granted by this much (HL-33).
    pub const RECEIVING_GRACE: Micros = 10 * SECOND;

    /// The six RO exchanges give up after at most this long (HL-13: Trigger 2 s, three tries).
    pub const EXCHANGE: Micros = 14 * SECOND;

    /// After this, no path entry may stand that was not granted again.
    #[must_use]
    pub fn path_bound(&self) -> Micros {
        Micros::from(self.ro_lifetime_s) * SECOND + Self::RECEIVING_GRACE
    }

    /// After this, no binding may stand that was not granted again.
    #[must_use]
    pub fn binding_bound(&self) -> Micros {
        Micros::from(self.binding_lifetime_s + self.delete_delay_s) * SECOND
    }
}

/// The plan of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// How many LMAs.
    pub lmas: usize,
    /// How many MAGs.
    pub mags: usize,
    /// How many MNs.
    pub mobiles: usize,
    /// Workers a node has.
    pub workers: usize,
    /// An update takes up to this long to become effective in a worker.
    pub lag_max_us: Micros,
    /// Whether MNs ask for IPv4 home addresses too.
    pub ipv4: bool,
    /// Every other MN has two HNPs, of its profile at the LMA.
    pub several_hnps: bool,
    /// Wall clocks of nodes differ by up to this; MAGs then number their PBUs (RFC 5213 section 5.5).
    pub skew_max_us: Micros,
    /// Signalling is inside ESP, and an attacker sits on the wire.
    pub protected: bool,
    /// What the nodes' protection lacks; none: nothing.
    pub gate_fault: Option<GateFault>,
    /// Nodes reach each other by IPv4.
    pub ipv4_transport: bool,
    /// Nodes that have a NAT before them.
    pub behind_nat: Vec<NodeIndex>,
    /// MAGs look for pairs that talk and ask for their paths (L-71).
    pub mag_detection: bool,
    /// A MAG has one LMA for all its MNs, and MNs keep to the MAGs of their LMA: otherwise every MAG
    /// knows the LMA of every MN.
    pub anchored_by_mag: bool,
    /// Timers of the engines.
    pub timers: Timers,
}

/// First port of every MAG, where its MNs are.
pub const ACCESS_PORT: u16 = 0;

impl Layout {
    /// A domain of this size with short timers and two workers a node.
    #[must_use]
    pub fn new(lmas: usize, mags: usize, mobiles: usize) -> Self {
        Self {
            lmas,
            mags,
            mobiles,
            workers: 2,
            lag_max_us: 2_000,
            ipv4: false,
            several_hnps: false,
            skew_max_us: 0,
            protected: false,
            gate_fault: None,
            ipv4_transport: false,
            behind_nat: Vec::new(),
            mag_detection: false,
            anchored_by_mag: false,
            timers: Timers::SHORT,
        }
    }

    /// The node of an LMA, counted from 0.
    #[must_use]
    pub fn lma(&self, index: usize) -> NodeIndex {
        index
    }

    /// The node of a MAG, counted from 0.
    #[must_use]
    pub fn mag(&self, index: usize) -> NodeIndex {
        self.lmas + index
    }

    /// Role of a node and its place among its kind.
    #[must_use]
    pub fn role(&self, node: NodeIndex) -> (Role, usize) {
        match node.checked_sub(self.lmas) {
            None => (Role::Lma, node),
            Some(index) => (Role::Mag, index),
        }
    }

    /// `LMA1`, `MAG2` ...
    #[must_use]
    pub fn name(&self, node: NodeIndex) -> String {
        match self.role(node) {
            (Role::Lma, index) => format!("LMA{}", index + 1),
            (Role::Mag, index) => format!("MAG{}", index + 1),
        }
    }

    /// Address of a node, of either role.
    #[must_use]
    pub fn address(&self, node: NodeIndex) -> IpAddr {
        let (group, index) = match self.role(node) {
            (Role::Lma, index) => (1, index),
            (Role::Mag, index) => (2, index),
        };
        IpAddr::V6(Ipv6Addr::new(
            0x2001,
            0xdb8,
            0,
            group,
            0,
            0,
            0,
            index as u16 + 1,
        ))
    }

    /// Address of a node on the IPv4 network.
    #[must_use]
    pub fn ipv4_address(&self, node: NodeIndex) -> Ipv4Addr {
        nat::addresses_of(node).0
    }

    /// Address of the NAT before a node.
    #[must_use]
    pub fn nat_address(&self, node: NodeIndex) -> Ipv4Addr {
        nat::addresses_of(node).1
    }

    /// The node that has an address on the IPv4 network.
    pub(super) fn node_at(&self, address: Ipv4Addr) -> Option<NodeIndex> {
        (0..self.lmas + self.mags).find(|node| self.ipv4_address(*node) == address)
    }

    /// The prefix that an LMA anchors; its HNPs are /64 of it.
    #[must_use]
    pub fn anchored(&self, lma: usize) -> Ipv6Net {
        let network = Ipv6Addr::new(0x2001, 0xdb8, 0xa000 + ((lma as u16) << 8), 0, 0, 0, 0, 0);
        Ipv6Net::new(network, 40).unwrap_or_default()
    }

    /// The LMA of an MN, counted from 0.
    #[must_use]
    pub fn anchor_of(&self, mobile: MobileIndex) -> usize {
        mobile % self.lmas
    }

    /// The HNPs of an MN's profile; none: its LMA chooses one.
    #[must_use]
    pub fn hnps_of(&self, mobile: MobileIndex) -> Vec<Ipv6Net> {
        if !self.several_hnps || !mobile.is_multiple_of(2) {
            return Vec::new();
        }
        let network = u128::from(self.anchored(self.anchor_of(mobile)).network());
        let hnp = |which: u128| {
            // The pool's upper half, which no number of MNs reaches.
            let place = (0xff << 16) + 2 * mobile as u128 + which;
            Ipv6Net::new((network | (place << 64)).into(), 64).unwrap_or_default()
        };
        vec![hnp(0), hnp(1)]
    }

    /// The IPv4 addresses that an LMA anchors; its IPv4 home addresses are of it.
    #[must_use]
    pub fn anchored_ipv4(&self, lma: usize) -> Ipv4Net {
        let network = Ipv4Addr::new(10, lma as u8, 0, 0);
        Ipv4Net::new(network, 16).unwrap_or_default()
    }

    /// Everything that an LMA anchors.
    #[must_use]
    pub fn anchored_prefixes(&self, lma: usize) -> [IpNet; 2] {
        [self.anchored(lma).into(), self.anchored_ipv4(lma).into()]
    }

    /// The LMA, counted from 0, of the MNs at a MAG that names no other.
    #[must_use]
    pub fn default_anchor(&self, mag: usize) -> usize {
        match self.anchored_by_mag {
            true => mag % self.lmas,
            false => 0,
        }
    }

    /// NAI of an MN.
    #[must_use]
    pub fn mn_id(&self, mobile: MobileIndex) -> String {
        format!("mn{}@example.net", mobile + 1)
    }

    /// The MN of an NAI.
    #[must_use]
    pub fn mobile_named(&self, mn_id: &str) -> Option<MobileIndex> {
        let number = mn_id.strip_prefix("mn")?.strip_suffix("@example.net")?;
        let index = number.parse::<usize>().ok()?.checked_sub(1)?;
        (index < self.mobiles).then_some(index)
    }

    /// The MN's access link, the same at every MAG.
    #[must_use]
    pub fn link(&self, mobile: MobileIndex) -> Link {
        let [_, b, c, d] = (mobile as u32).to_be_bytes();
        Link {
            port: ACCESS_PORT,
            vlan: None,
            mac: MacAddr([2, 0, 0, b, c, d]),
        }
    }

    /// The MN on a link.
    #[must_use]
    pub fn mobile_on(&self, link: Link) -> Option<MobileIndex> {
        let [_, _, _, b, c, d] = link.mac.0;
        let index = u32::from_be_bytes([0, b, c, d]) as usize;
        (index < self.mobiles).then_some(index)
    }
}

/// Builds the engine of a node, of a seed of its own: called at the start and after every crash.
pub type Build<'a> = dyn Fn(&Layout, NodeIndex, u64) -> Box<dyn Engine> + 'a;

/// Virtual time as the engines see it.
#[must_use]
pub(super) fn mono(at: Micros) -> Duration {
    Duration::from_micros(at)
}

/// The first microsecond at or after a deadline of an engine.
#[must_use]
pub(super) fn micros(deadline: Duration) -> Micros {
    Micros::try_from(deadline.as_nanos().div_ceil(1_000)).unwrap_or(Micros::MAX)
}
