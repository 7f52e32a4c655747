//! What must hold: after every output, every second, when the domain has come to rest, and when
//! everybody has left.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::io::Entry;
use crate::wire::message::RoKind;
use crate::wire::{Message, MobilityOption};

use super::domain::Domain;
use super::forwarding::Forwarding;
use super::layout::{Layout, MobileIndex, Role, Timers};
use super::network::{Micros, NodeIndex, SECOND};
use super::packet::Fate;
use super::trace::{describe, options_of, title};

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
    /// A command was answered wrongly, twice, or never.
    Reply,
    /// A message leaves with a source address that is not the node's.
    SourceAddress,
    /// An engine does not use up its deadline.
    StuckDeadline,
}

/// A command must have been answered after this (an attach gives up after 10 s).
const REPLY_BOUND: Micros = 60 * SECOND;

/// Slack of the lifetimes: the exchange that grants takes so long at most, and messages of it may be
/// late in the network.
const LIFETIME_SLACK: Micros = Timers::EXCHANGE + 2 * SECOND;

/// Until when the state of a home or a pair may stand at a node, as the messages that the node sent and
/// received had it.
#[derive(Debug, Default)]
pub(super) struct Grants {
    homes: BTreeMap<(NodeIndex, IpNet), Micros>,
    pairs: BTreeMap<(NodeIndex, IpNet, IpNet), Micros>,
    /// Off in the scale mode.
    pub(super) off: bool,
}

impl Grants {
    /// A message leaves or reaches a node.
    pub(super) fn seen(
        &mut self,
        node: NodeIndex,
        message: &Message,
        now: Micros,
        layout: &Layout,
    ) {
        if self.off {
            return;
        }
        let seconds = match message {
            Message::BindingUpdate(m) => u64::from(m.lifetime) * 4,
            Message::BindingAck(m) if m.status < 128 => u64::from(m.lifetime) * 4,
            Message::RoRequest(m) => u64::from(m.lifetime),
            Message::RoAck(m) if m.status < 128 => u64::from(m.lifetime),
            _ => return,
        };
        let binding = matches!(message, Message::BindingUpdate(_) | Message::BindingAck(_));
        let homes = homes_in(message);
        let until = now + seconds * SECOND + LIFETIME_SLACK;
        if binding {
            let until = until + u64::from(layout.timers.delete_delay_s) * SECOND;
            for home in homes {
                extend(self.homes.entry((node, home)).or_default(), until);
            }
        } else if let [one, .., other] = homes[..] {
            let key = (node, one.min(other), one.max(other));
            let until = until + Timers::RECEIVING_GRACE;
            extend(self.pairs.entry(key).or_default(), until);
        }
    }

    /// A node lost its state.
    pub(super) fn forget(&mut self, node: NodeIndex) {
        self.homes.retain(|(n, _), _| *n != node);
        self.pairs.retain(|(n, _, _), _| *n != node);
    }

    fn home(&self, node: NodeIndex, home: IpNet) -> Micros {
        self.homes.get(&(node, home)).copied().unwrap_or(0)
    }

    fn pair(&self, node: NodeIndex, one: IpNet, other: IpNet) -> Micros {
        let key = (node, one.min(other), one.max(other));
        self.pairs.get(&key).copied().unwrap_or(0)
    }
}

fn extend(slot: &mut Micros, until: Micros) {
    *slot = until.max(*slot);
}

/// The homes that a message names, in its order.
#[must_use]
pub fn homes_in(message: &Message) -> Vec<IpNet> {
    let home = |option: &MobilityOption| match option {
        MobilityOption::HomeNetworkPrefix(prefix) if prefix.prefix_len() > 0 => {
            Some(IpNet::V6(*prefix))
        }
        MobilityOption::Ipv4HomeAddress { address, .. }
        | MobilityOption::Ipv4HomeAddressReply { address, .. } => {
            Ipv4Net::new(*address, 32).ok().map(IpNet::V4)
        }
        _ => None,
    };
    options_of(message).iter().filter_map(home).collect()
}

/// Whether a message promises a route.
#[must_use]
pub fn is_promise(message: &Message) -> bool {
    match message {
        Message::BindingAck(m) => m.status < 128 && m.lifetime > 0,
        Message::RoAck(m) => {
            m.status < 128
                && m.lifetime > 0
                && matches!(m.kind, RoKind::Setup | RoKind::Init | RoKind::Trigger)
        }
        _ => false,
    }
}

impl Domain<'_> {
    /// Keeps no account of lifetimes: for domains so large that it would be felt.
    pub fn without_lifetime_checks(&mut self) {
        self.grants.off = true;
    }

    /// An entry leads to a node of the domain, or nowhere.
    pub(super) fn check_entry(&mut self, node: NodeIndex, entry: &Entry) {
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

    /// Rule 1: applied before acknowledged.
    pub(super) fn check_promise(&mut self, node: NodeIndex, to: IpAddr, message: &Message) {
        if !is_promise(message) {
            return;
        }
        let homes = homes_in(message);
        if let Some((number, entry)) = self.nodes[node].dataplane.pending_about(&homes) {
            let text = format!(
                "{} sends {} before update {number} is applied: {entry:?}",
                self.nodes[node].name,
                title(message)
            );
            return self.violate(ViolationKind::Promise, text);
        }
        if !self.is_first_answer(node, to, message) {
            return;
        }
        let stands = self.nodes[node]
            .dataplane
            .workers
            .iter()
            .all(|worker| promise_stands(&worker.table, to, message, &homes));
        if !stands {
            let text = format!(
                "{} sends what does not stand: {}",
                self.nodes[node].name,
                describe(message, &BTreeMap::new())
            );
            self.violate(ViolationKind::Promise, text);
        }
    }

    /// An answer that is given again from the cache (HL-4) says what was the case then.
    fn is_first_answer(&mut self, node: NodeIndex, to: IpAddr, message: &Message) -> bool {
        let sequence = match message {
            Message::RoAck(m) => m.sequence,
            Message::BindingAck(m) => m.sequence,
            _ => return true,
        };
        if self.grants.off {
            return false;
        }
        let Some(peer) = self.addresses.get(&to).copied() else {
            return true;
        };
        let key = (
            node,
            self.nodes[node].incarnation,
            peer,
            title(message),
            sequence,
        );
        self.answered.insert(key)
    }

    /// No state outlives its lifetime.
    pub(super) fn check_lifetimes(&mut self) {
        if self.grants.off {
            return;
        }
        let mut late = None;
        for (index, node) in self.nodes.iter().enumerate() {
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
                self.now - c.at > REPLY_BOUND && self.nodes[c.node].incarnation == c.incarnation
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

    /// The domain has come to rest: entries are where the MNs are, and everybody agrees.
    pub fn check_at_rest(&mut self) {
        let found = self
            .stale_entry()
            .map(|text| (ViolationKind::StaleEntry, text))
            .or_else(|| self.controllers_disagree())
            .or_else(|| self.still_losing());
        if let Some((kind, text)) = found {
            self.violate(kind, text);
        }
    }

    fn owner_place(&self, home: IpNet) -> Option<(MobileIndex, IpAddr)> {
        let owner = (0..self.mobiles.len()).find(|m| self.mobiles[*m].homes.contains(&home))?;
        let place = self.mobiles[owner].place?;
        Some((owner, self.nodes[place].address))
    }

    fn stale_entry(&self) -> Option<String> {
        self.nodes.iter().find_map(|node| {
            if node.dataplane.backlog() > 0 {
                return Some(format!("{} has a backlog of updates", node.name));
            }
            let table = &node.dataplane.workers[0].table;
            let stale = self.stale_in(table, node.address)?;
            Some(format!("{}: {stale}", node.name))
        })
    }

    fn stale_in(&self, table: &Forwarding, here: IpAddr) -> Option<String> {
        let at = |home: IpNet| self.owner_place(home).map(|(_, place)| place);
        let half = |name: &str, ((local, remote), peer): (&(IpNet, IpNet), &IpAddr)| {
            (at(*local) != Some(here) || at(*remote) != Some(*peer))
                .then(|| format!("{name} {local} {remote} by {peer}"))
        };
        let attached = table.attached.keys().find(|home| at(**home) != Some(here));
        let bound = table
            .bound
            .iter()
            .find(|(home, bound)| at(**home) != Some(bound.proxy_coa));
        let local = table
            .local
            .keys()
            .find(|(from, to)| at(*from) != Some(here) || at(*to) != Some(here));
        attached
            .map(|home| format!("attached {home}"))
            .or_else(|| bound.map(|(home, bound)| format!("bound {home} to {}", bound.proxy_coa)))
            .or_else(|| table.send.iter().find_map(|entry| half("sends", entry)))
            .or_else(|| {
                table
                    .receive
                    .iter()
                    .find_map(|entry| half("receives", entry))
            })
            .or_else(|| local.map(|(from, to)| format!("switches {from} to {to}")))
    }

    /// Unordered pairs that LMAs know as more than talk, with every controller that is named.
    fn controllers(&self) -> BTreeMap<(IpNet, IpNet), BTreeSet<IpAddr>> {
        let now = self.io_now();
        let mut controllers: BTreeMap<_, BTreeSet<IpAddr>> = BTreeMap::new();
        for (_, node) in self.nodes_of(Role::Lma) {
            let views = node.engine.as_ref().map(|engine| engine.paths(now));
            for view in views
                .into_iter()
                .flatten()
                .filter(|view| view.state != "none")
            {
                let key = (
                    view.source.min(view.destination),
                    view.source.max(view.destination),
                );
                controllers.entry(key).or_default().extend(view.controller);
            }
        }
        controllers
    }

    fn controllers_disagree(&self) -> Option<(ViolationKind, String)> {
        let controllers = self.controllers();
        if let Some((pair, who)) = controllers.iter().find(|(_, who)| who.len() > 1) {
            return Some((ViolationKind::Controllers, format!("{pair:?}: {who:?}")));
        }
        self.nodes_of(Role::Mag).find_map(|(_, node)| {
            let table = &node.dataplane.workers[0].table;
            let orphan = table
                .send
                .keys()
                .chain(table.local.keys())
                .find(|(a, b)| !controllers.contains_key(&((*a).min(*b), (*a).max(*b))))?;
            let text = format!("{} has a path {orphan:?} that no LMA knows", node.name);
            Some((ViolationKind::OrphanPath, text))
        })
    }

    fn still_losing(&self) -> Option<(ViolationKind, String)> {
        self.talks
            .values()
            .filter(|talk| talk.open)
            .filter(|talk| self.mobiles[talk.source].settled_at.is_some())
            .filter(|talk| self.mobiles[talk.destination].settled_at.is_some())
            .find_map(|talk| {
                let (a, b) = (talk.source + 1, talk.destination + 1);
                let kind = match talk.last? {
                    Fate::Lost(_) => ViolationKind::StillLosing,
                    Fate::Delivered { localized: false } => ViolationKind::NotLocalized,
                    _ => return None,
                };
                Some((kind, format!("MN{a}->MN{b}: {:?}", talk.last)))
            })
    }

    /// Everybody has left and every lifetime is over: nothing may be left.
    pub fn check_empty(&mut self) {
        let now = self.io_now();
        let residue = self.nodes.iter().find_map(|node| {
            let engine = node.engine.as_ref()?;
            let (bindings, paths) = (engine.bindings(now), engine.paths(now));
            let entries: usize = node
                .dataplane
                .workers
                .iter()
                .map(|worker| worker.table.entries())
                .sum();
            let left = bindings.len() + paths.len() + entries + node.dataplane.backlog();
            (left > 0).then(|| {
                format!(
                    "{}: bindings {bindings:?}, paths {paths:?}, {entries} entries",
                    node.name
                )
            })
        });
        if let Some(text) = residue {
            self.violate(ViolationKind::Residue, text);
        }
        if let Some((token, command)) = self.commands.iter().next() {
            let text = format!("{} never answered {token}", self.nodes[command.node].name);
            self.violate(ViolationKind::Reply, text);
        }
    }
}

fn promise_stands(table: &Forwarding, to: IpAddr, message: &Message, homes: &[IpNet]) -> bool {
    let ack = match message {
        Message::BindingAck(_) => {
            return homes.iter().all(|home| {
                let bound = table.bound.get(home);
                bound.is_some_and(|bound| bound.proxy_coa == to && !bound.suspended)
            });
        }
        Message::RoAck(ack) => ack,
        _ => return true,
    };
    let [one, .., other] = *homes else {
        return true;
    };
    let ends = [(one, other), (other, one)];
    match ack.kind {
        RoKind::Setup => ends
            .iter()
            .any(|key| table.receive.get(key) == Some(&to) && table.send.get(key) == Some(&to)),
        RoKind::Init => {
            ends.iter()
                .any(|key| table.receive.contains_key(key) && table.send.contains_key(key))
                || ends.iter().all(|key| table.local.contains_key(key))
        }
        _ => true,
    }
}
