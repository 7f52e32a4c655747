//! Counters by dotted name, and the names of messages in them.

use std::collections::BTreeMap;

use crate::wire::Message;
use crate::wire::message::{RoKind, TestKind};

#[derive(Debug, Default)]
pub(crate) struct Counters(BTreeMap<&'static str, u64>);

impl Counters {
    /// Starts with these at zero, so that a reader sees a name before it first counts.
    pub(crate) fn new(names: &[&'static str]) -> Self {
        Self(names.iter().map(|name| (*name, 0)).collect())
    }

    pub(crate) fn add(&mut self, name: &'static str) {
        *self.0.entry(name).or_insert(0) += 1;
    }

    pub(crate) fn list(&self) -> Vec<(&'static str, u64)> {
        self.0.iter().map(|(name, count)| (*name, *count)).collect()
    }
}

macro_rules! names {
    ($direction:literal, $message:expr) => {
        match $message {
            Message::BindingRefreshRequest(_) => concat!("pmipv6.", $direction, ".brr"),
            Message::TestInit(m) if m.kind == TestKind::Home => {
                concat!("pmipv6.", $direction, ".hoti")
            }
            Message::TestInit(_) => concat!("pmipv6.", $direction, ".coti"),
            Message::Test(m) if m.kind == TestKind::Home => concat!("pmipv6.", $direction, ".hot"),
            Message::Test(_) => concat!("pmipv6.", $direction, ".cot"),
            Message::BindingUpdate(_) => concat!("pmipv6.", $direction, ".pbu"),
            Message::BindingAck(_) => concat!("pmipv6.", $direction, ".pba"),
            Message::BindingError(_) => concat!("pmipv6.", $direction, ".binding-error"),
            Message::Heartbeat(_) => concat!("pmipv6.", $direction, ".heartbeat"),
            Message::BindingRevocation(_) => concat!("pmipv6.", $direction, ".binding-revocation"),
            Message::LocalizedRoutingInitiation(_) => concat!("pmipv6.", $direction, ".lri"),
            Message::LocalizedRoutingAck(_) => concat!("pmipv6.", $direction, ".lra"),
            Message::RoRequest(m) => match m.kind {
                RoKind::Trigger => concat!("pmipv6.", $direction, ".ro-trigger"),
                RoKind::Init => concat!("pmipv6.", $direction, ".ro-init"),
                RoKind::Setup => concat!("pmipv6.", $direction, ".ro-setup"),
                RoKind::Refresh => concat!("pmipv6.", $direction, ".ro-refresh"),
                RoKind::Request => concat!("pmipv6.", $direction, ".ro-request"),
                RoKind::Query => concat!("pmipv6.", $direction, ".ro-query"),
            },
            Message::RoAck(m) => match m.kind {
                RoKind::Trigger => concat!("pmipv6.", $direction, ".ro-trigger-ack"),
                RoKind::Init => concat!("pmipv6.", $direction, ".ro-init-ack"),
                RoKind::Setup => concat!("pmipv6.", $direction, ".ro-setup-ack"),
                RoKind::Refresh => concat!("pmipv6.", $direction, ".ro-refresh-ack"),
                RoKind::Request => concat!("pmipv6.", $direction, ".ro-request-ack"),
                RoKind::Query => concat!("pmipv6.", $direction, ".ro-query-ack"),
            },
        }
    };
}

pub(crate) fn rx_name(message: &Message) -> &'static str {
    names!("rx", message)
}

pub(crate) fn tx_name(message: &Message) -> &'static str {
    names!("tx", message)
}

pub(crate) fn retransmit_name(message: &Message) -> &'static str {
    names!("retransmit", message)
}
