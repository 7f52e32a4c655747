//! Architecture rule 1: applied before acknowledged.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::wire::message::RoKind;
use crate::wire::{Message, MobilityOption};

use super::check::ViolationKind;
use super::domain::Domain;
use super::forwarding::Forwarding;
use super::network::NodeIndex;
use super::trace::{describe, options_of, title};

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
    /// Rule 1: applied before acknowledged.
    pub(super) fn check_promise(&mut self, node: NodeIndex, to: IpAddr, message: &Message) {
        if !is_promise(message) {
            return;
        }
        let homes = homes_in(message);
        if let Some((number, entry)) = self.nodes[node].dataplane.awaited(&homes) {
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
        // What stood and was taken away while the answer waited was promised in time all the same.
        let waited = 2 * self.layout.lag_max_us;
        let since = self.now.saturating_sub(waited);
        let removed = self.nodes[node].dataplane.removed_since(since, &homes);
        if !stands && !removed {
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
