//! Until when state may stand, by the lifetimes in the messages that a node sent and received.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::io::Entry;
use crate::wire::Message;

use super::layout::{Layout, Timers};
use super::network::{Micros, NodeIndex, SECOND};
use super::promise::{homes_in, pairs_in};

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
        let until = now + seconds * SECOND + LIFETIME_SLACK;
        if binding {
            let until = until + u64::from(layout.timers.delete_delay_s) * SECOND;
            for home in homes_in(message) {
                extend(self.homes.entry((node, home)).or_default(), until);
            }
            return;
        }
        let until = until + Timers::RECEIVING_GRACE;
        for (one, other) in pairs_in(message) {
            let key = (node, one.min(other), one.max(other));
            extend(self.pairs.entry(key).or_default(), until);
        }
    }

    /// A node programs an entry: the message that grants it follows when the entry is applied.
    pub(super) fn programmed(&mut self, node: NodeIndex, entry: &Entry, now: Micros) {
        if let Entry::Attach { home, .. } | Entry::Bind { home, .. } = entry {
            let slot = self.homes.entry((node, *home)).or_default();
            extend(slot, now + LIFETIME_SLACK);
        }
    }

    /// A node lost its state.
    pub(super) fn forget(&mut self, node: NodeIndex) {
        self.homes.retain(|(n, _), _| *n != node);
        self.pairs.retain(|(n, _, _), _| *n != node);
    }

    pub(super) fn home(&self, node: NodeIndex, home: IpNet) -> Micros {
        self.homes.get(&(node, home)).copied().unwrap_or(0)
    }

    pub(super) fn pair(&self, node: NodeIndex, one: IpNet, other: IpNet) -> Micros {
        let key = (node, one.min(other), one.max(other));
        self.pairs.get(&key).copied().unwrap_or(0)
    }
}

fn extend(slot: &mut Micros, until: Micros) {
    *slot = until.max(*slot);
}
