//! Architecture rule 1: applied before acknowledged.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::io::Entry;
use crate::path::EndsExt;
use crate::wire::message::RoKind;
use crate::wire::ro::Endpoints;
use crate::wire::{Message, MobilityOption};

use super::check::ViolationKind;
use super::domain::Domain;
use super::forwarding::PairKey;
use super::network::{Micros, NodeIndex, SECOND};
use super::node::Dataplane;
use super::trace::{describe, title};

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
    message.options().iter().filter_map(home).collect()
}

/// The pairs of homes, source and destination, that an RO message names (HL-9, HL-10).
#[must_use]
pub fn pairs_in(message: &Message) -> Vec<PairKey> {
    let ends = Endpoints::from_options(message.options());
    ends.map(|ends| ends.pairs()).unwrap_or_default()
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
        if !self.is_first_answer(node, to, message) {
            return;
        }
        // What stood and was replaced while the answer waited was promised in time all the same.
        let waited = 3 * self.layout.lag_max_us + SECOND / 1_000;
        let since = self.ago(node, waited);
        if !promise_stands(&self.nodes[node].dataplane, since, to, message) {
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

fn promise_stands(dataplane: &Dataplane, since: Micros, to: IpAddr, message: &Message) -> bool {
    let ack = match message {
        Message::BindingAck(_) => {
            return homes_in(message).iter().all(|home| {
                let (home, proxy_coa) = (*home, to);
                dataplane.had(since, &Entry::Bind { home, proxy_coa })
            });
        }
        Message::RoAck(ack) => ack,
        _ => return true,
    };
    pairs_in(message)
        .into_iter()
        .all(|pair| pair_stands(dataplane, since, to, ack.kind, pair))
}

fn pair_stands(
    dataplane: &Dataplane,
    since: Micros,
    to: IpAddr,
    kind: RoKind,
    (one, other): PairKey,
) -> bool {
    let ends = [(one, other), (other, one)];
    match kind {
        RoKind::Setup => ends.into_iter().any(|(local, remote)| {
            let peer = to;
            let receive = Entry::PathReceive {
                local,
                remote,
                peer,
            };
            let send = Entry::PathSend {
                local,
                remote,
                peer,
            };
            dataplane.had(since, &receive) && dataplane.had(since, &send)
        }),
        RoKind::Init => {
            let stands = |pair, which: fn(&Entry) -> bool| {
                dataplane.stood(since, pair).any(|entry| which(&entry))
            };
            let receives = |entry: &Entry| matches!(entry, Entry::PathReceive { .. });
            let sends = |entry: &Entry| matches!(entry, Entry::PathSend { .. });
            let switches = |entry: &Entry| matches!(entry, Entry::PathLocal { .. });
            let tunnelled = |pair| stands(pair, receives) && stands(pair, sends);
            ends.into_iter().any(tunnelled) || ends.into_iter().all(|pair| stands(pair, switches))
        }
        _ => true,
    }
}
