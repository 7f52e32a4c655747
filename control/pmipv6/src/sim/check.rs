//! What must hold all the time: the invariants, and those that are looked at every second.

use crate::io::Entry;
use crate::wire::Message;
use crate::wire::message::RoKind;

use super::domain::Domain;
use super::forwarding::{Forwarding, PairKey};
use super::network::{Micros, NodeIndex, SECOND};
use super::promise::pairs_in;

/// Something that must never happen has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Micros,
    /// What.
    pub kind: ViolationKind,
    /// In words.
    pub text: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (s, us) = (self.at / SECOND, self.at % SECOND);
        write!(f, "t={s}.{us:06}s {:?}: {}", self.kind, self.text)
    }
}

/// The invariants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViolationKind {
    /// A packet reached an MN that it is not for.
    WrongNode,
    /// A packet came by a node again.
    Loop,
    /// Packets between two settled MNs were lost for longer than the timers allow.
    Blackhole,
    /// After coming to rest, a table entry points at another node than the MN's.
    StaleEntry,
    /// After coming to rest, the LMAs disagree who controls a pair.
    Controllers,
    /// After coming to rest, MAGs have a path that no LMA knows.
    OrphanPath,
    /// After coming to rest, packets of a conversation are still lost.
    StillLosing,
    /// After coming to rest, packets of a conversation still go by an anchor.
    NotLocalized,
    /// State outlives its lifetime.
    Outlives,
    /// State is left when everybody has gone.
    Residue,
    /// A message that promises a route left before the route stood (architecture rule 1).
    Promise,
    /// Update numbers do not rise by one.
    UpdateNumber,
    /// An entry does not fit what is there (architecture rule 3).
    InconsistentEntry,
    /// An entry names a node that is not of the domain (L-74).
    Unauthorised,
    /// The IPsec boundary lets in what it must not, keeps out what it must not, or a sequence number serves
    /// twice.
    Protection,
    /// A command was answered wrongly, twice, or never.
    Reply,
    /// A message leaves with a source address that is not the node's.
    SourceAddress,
    /// An engine does not use up its deadline.
    StuckDeadline,
}

/// A command must have been answered after this (an attach gives up after 10 s).
const REPLY_BOUND: Micros = 60 * SECOND;
/// The halves of a path go one after the other: the sending half, word of that, the receiving half, the
/// home.
const WORKER_TURNS: Micros = 4;

impl Domain<'_> {
    /// Keeps no account of lifetimes: for domains so large that it would be felt.
    pub fn without_lifetime_checks(&mut self) {
        self.grants.off = true;
    }

    /// An entry leads to a node of the domain, or nowhere.
    pub(super) fn check_entry(&mut self, node: NodeIndex, entry: &Entry) {
        self.grants.programmed(node, entry, self.now);
        self.check_way(node, entry);
        let leads_to = match entry {
            Entry::Attach { lma: to, .. }
            | Entry::PeerAnchor { lma: to, .. }
            | Entry::Bind { proxy_coa: to, .. }
            | Entry::PathReceive { peer: to, .. }
            | Entry::PathSend { peer: to, .. } => *to,
            _ => return,
        };
        if !self.addresses.contains_key(&leads_to) {
            let text = format!("{}: {entry:?}", self.nodes[node].name);
            self.violate(ViolationKind::Unauthorised, text);
        }
    }
    /// Nobody refreshes a path that is over: who stood still for longer than it lasted ends it.
    pub(super) fn check_refresh(&mut self, node: NodeIndex, message: &Message) {
        let refresh = match message {
            Message::RoRequest(request) => request.kind == RoKind::Refresh && request.lifetime > 0,
            _ => false,
        };
        if !refresh || self.grants.off {
            return;
        }
        let is_over = |(one, other): &PairKey| self.now > self.grants.pair(node, *one, *other);
        if let Some((one, other)) = pairs_in(message).iter().find(|pair| is_over(pair)) {
            let name = &self.nodes[node].name;
            let text = format!("{name} refreshes the path {one} {other}, which is over");
            self.violate(ViolationKind::Outlives, text);
        }
    }

    /// No state outlives its lifetime.
    pub(super) fn check_lifetimes(&mut self) {
        if self.grants.off {
            return;
        }
        let mut late = None;
        // Who stands still can end nothing; who has just gone on ends it as quickly as its workers can.
        let allowed = SECOND + WORKER_TURNS * self.layout.lag_max_us;
        let excused = |index| self.is_frozen(index) || self.has_just_woken(index, allowed);
        for (index, node) in self.nodes.iter().enumerate() {
            if excused(index) {
                continue;
            }
            let table = &node.dataplane.workers[0].table;
            late = late
                .or_else(|| self.late_home(index, table))
                .or_else(|| self.late_pair(index, table));
        }
        if let Some(text) = late {
            self.violate(ViolationKind::Outlives, text);
        }
        let overdue = self
            .commands
            .iter()
            .find(|(_, c)| {
                self.now - c.at > REPLY_BOUND
                    && self.nodes[c.node].incarnation == c.incarnation
                    && !self.is_frozen(c.node)
            })
            .map(|(token, c)| format!("{} never answered {token}", self.nodes[c.node].name));
        if let Some(text) = overdue {
            self.violate(ViolationKind::Reply, text);
        }
    }

    fn late_home(&self, node: NodeIndex, table: &Forwarding) -> Option<String> {
        table
            .attached
            .keys()
            .chain(table.bound.keys())
            .find(|home| self.now > self.grants.home(node, **home))
            .map(|home| format!("{}: the entry of {home}", self.nodes[node].name))
    }

    fn late_pair(&self, node: NodeIndex, table: &Forwarding) -> Option<String> {
        table
            .receive
            .keys()
            .chain(table.send.keys())
            .chain(table.local.keys())
            .find(|(one, other)| self.now > self.grants.pair(node, *one, *other))
            .map(|(one, other)| format!("{}: the path entry {one} {other}", self.nodes[node].name))
    }
}
