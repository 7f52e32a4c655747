//! A run in the words of RFC 5213 and of the draft.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use crate::wire::message::{BindingAck, BindingUpdate, RoKind};
use crate::wire::{Message, MobilityOption};

use super::network::Micros;

/// The lines of a run; nothing is written while it is off.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Option<Vec<String>>,
    sent: Vec<Sent>,
    names: BTreeMap<IpAddr, String>,
}

/// A message that a node sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Micros,
    /// Name of the sender.
    pub from: String,
    /// Name of the receiver.
    pub to: String,
    /// What.
    pub message: Message,
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} -> {} {}", self.from, self.to, title(&self.message))
    }
}

/// A trace stops growing here.
pub(super) const MAX_LINES: usize = 100_000;

impl Trace {
    /// A trace that keeps its lines when `on`.
    #[must_use]
    pub fn new(on: bool, names: BTreeMap<IpAddr, String>) -> Self {
        Self {
            lines: on.then(Vec::new),
            sent: Vec::new(),
            names,
        }
    }

    /// Adds a line; `text` is not called while the trace is off.
    pub fn line(&mut self, at: Micros, text: impl FnOnce(&BTreeMap<IpAddr, String>) -> String) {
        if let Some(lines) = self.lines.as_mut().filter(|l| l.len() < MAX_LINES) {
            let (s, us) = (at / 1_000_000, at % 1_000_000);
            lines.push(format!("t={s}.{us:06}s {}", text(&self.names)));
        }
    }

    /// Keeps a message that a node sends.
    pub(super) fn sent(&mut self, at: Micros, from: &str, to: IpAddr, message: &Message) {
        if self.lines.is_some() && self.sent.len() < MAX_LINES {
            self.sent.push(Sent {
                at,
                from: from.to_owned(),
                to: name_of(&self.names, to),
                message: message.clone(),
            });
        }
    }

    /// The messages that were sent, also those that the network lost.
    #[must_use]
    pub fn messages(&self) -> &[Sent] {
        &self.sent
    }

    /// What was written.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// Takes what was written.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// A node's name, or its address where it is a stranger.
#[must_use]
pub(super) fn name_of(names: &BTreeMap<IpAddr, String>, address: IpAddr) -> String {
    names
        .get(&address)
        .cloned()
        .unwrap_or_else(|| address.to_string())
}

/// The draft's name of a message.
#[must_use]
pub fn title(message: &Message) -> &'static str {
    match message {
        Message::BindingRefreshRequest(_) => "Binding Refresh Request",
        Message::TestInit(_) => "Test Init",
        Message::Test(_) => "Test",
        Message::BindingUpdate(m) if m.flags & BindingUpdate::P != 0 => "PBU",
        Message::BindingUpdate(_) => "Binding Update",
        Message::BindingAck(m) if m.flags & BindingAck::P != 0 => "PBA",
        Message::BindingAck(_) => "Binding Ack",
        Message::BindingError(_) => "Binding Error",
        Message::Heartbeat(m) if m.response => "Heartbeat Response",
        Message::Heartbeat(_) => "Heartbeat",
        Message::BindingRevocation(m) if m.revocation_type == 2 => "BRA",
        Message::BindingRevocation(_) => "BRI",
        Message::LocalizedRoutingInitiation(_) => "LRI",
        Message::LocalizedRoutingAck(_) => "LRA",
        Message::RoRequest(m) => ro_title(m.kind, false),
        Message::RoAck(m) => ro_title(m.kind, true),
    }
}

fn ro_title(kind: RoKind, ack: bool) -> &'static str {
    match (kind, ack) {
        (RoKind::Trigger, false) => "RO Trigger",
        (RoKind::Trigger, true) => "RO Trigger Ack",
        (RoKind::Init, false) => "RO Init",
        (RoKind::Init, true) => "RO Init Ack",
        (RoKind::Setup, false) => "RO Setup",
        (RoKind::Setup, true) => "RO Setup Ack",
        (RoKind::Refresh, false) => "RO Refresh",
        (RoKind::Refresh, true) => "RO Refresh Ack",
        (RoKind::Request, false) => "RO Request",
        (RoKind::Request, true) => "RO Request Ack",
        (RoKind::Query, false) => "RO Query",
        (RoKind::Query, true) => "RO Query Ack",
    }
}

/// A message in one line: name, fixed part, options.
#[must_use]
pub fn describe(message: &Message, names: &BTreeMap<IpAddr, String>) -> String {
    let mut text = String::from(title(message));
    let _ = match message {
        Message::BindingUpdate(m) => {
            write!(
                text,
                " seq {} lifetime {} s",
                m.sequence,
                u32::from(m.lifetime) * 4
            )
        }
        Message::BindingAck(m) => write!(
            text,
            " status {} seq {} lifetime {} s",
            m.status,
            m.sequence,
            u32::from(m.lifetime) * 4
        ),
        Message::RoRequest(m) => write!(
            text,
            " seq {} lifetime {} s{}",
            m.sequence,
            m.lifetime,
            if m.handover { " H" } else { "" }
        ),
        Message::RoAck(m) => write!(
            text,
            " status {} seq {} lifetime {} s",
            m.status, m.sequence, m.lifetime
        ),
        Message::BindingError(m) => write!(text, " status {}", m.status),
        Message::Heartbeat(m) => write!(text, " seq {}", m.sequence),
        _ => Ok(()),
    };
    let options: Vec<String> = message
        .options()
        .iter()
        .filter_map(|option| describe_option(option, names))
        .collect();
    if !options.is_empty() {
        let _ = write!(text, " ({})", options.join(", "));
    }
    text
}

fn describe_option(option: &MobilityOption, names: &BTreeMap<IpAddr, String>) -> Option<String> {
    Some(match option {
        MobilityOption::MnId { identifier, .. } => {
            format!("MN-ID {}", String::from_utf8_lossy(identifier))
        }
        MobilityOption::HomeNetworkPrefix(prefix) => format!("HNP {prefix}"),
        MobilityOption::HandoffIndicator(hi) => format!("HI {hi}"),
        MobilityOption::Timestamp(at) => {
            let us = (u128::from(at & 0xffff) * 1_000_000) >> 16;
            format!("TS {}.{us:06}", at >> 16)
        }
        MobilityOption::Ipv4HomeAddress { address, .. } => format!("IPv4 HoA {address}"),
        MobilityOption::Ipv4HomeAddressRequest { address, .. } => format!("IPv4 HoA? {address}"),
        MobilityOption::Ipv4HomeAddressReply {
            address, status, ..
        } => {
            format!("IPv4 HoA! {address} status {status}")
        }
        MobilityOption::MagIpv6Address(address) => {
            format!("MAG-ADDR {}", name_of(names, IpAddr::V6(*address)))
        }
        MobilityOption::RestartCounter(counter) => format!("restart {counter}"),
        _ => return None,
    })
}
