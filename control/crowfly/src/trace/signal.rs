//! What a chart says of a message.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use pmipv6::wire::iana::ipv4_status;
use pmipv6::wire::message::{BindingAck, BindingUpdate, RoKind};
use pmipv6::wire::ro::Endpoints;
use pmipv6::wire::{Message, MobilityOption, options};
use serde::{Deserialize, Serialize};

/// Seconds in a unit of a binding's lifetime (RFC 6275 section 6.1.7).
const BINDING_LIFETIME_UNIT_S: u32 = 4;
/// First status of a PBA that refuses (RFC 6275 section 6.1.8).
const REFUSED: u8 = 128;

/// A message as an arrow of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signal {
    /// Who sent it.
    pub from: IpAddr,
    /// Whom to.
    pub to: IpAddr,
    /// Its name, as in the figures of the draft: `RO Init`, `PBA` ...
    pub message: Cow<'static, str>,
    /// Sequence number.
    pub sequence: u16,
    /// Status of an acknowledgement; 128 and above refuse.
    pub status: Option<u8>,
    /// Lifetime, seconds.
    pub lifetime_s: Option<u32>,
    /// H flag of an RO request: after a handover.
    pub handover: bool,
    /// MN-ID, where the message names one MN.
    pub mn_id: Option<String>,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// Two ends: homes of the source and of the destination.
    Pair(Vec<IpNet>, Vec<IpNet>),
    /// One MN, and the homes that the message gives it.
    Mn(String, Vec<IpNet>),
}

/// What a chart says of a message, and what the message is about; none for signalling that is about no
/// pair and no MN.
pub(super) fn of(from: IpAddr, to: IpAddr, message: &Message) -> Option<(Signal, About)> {
    let plain = |message, sequence| Signal {
        from,
        to,
        message: Cow::Borrowed(message),
        sequence,
        status: None,
        lifetime_s: None,
        handover: false,
        mn_id: None,
    };
    match message {
        Message::RoRequest(request) => {
            let mut signal = plain(request_name(request.kind), request.sequence);
            signal.lifetime_s = Some(request.lifetime.into());
            signal.handover = request.handover;
            Some((signal, pair(&request.options)?))
        }
        Message::RoAck(ack) => {
            let mut signal = plain(ack_name(ack.kind), ack.sequence);
            signal.lifetime_s = Some(ack.lifetime.into());
            signal.status = Some(ack.status);
            Some((signal, pair(&ack.options)?))
        }
        Message::BindingUpdate(update) if update.flags & BindingUpdate::P != 0 => {
            let mut signal = plain("PBU", update.sequence);
            signal.lifetime_s = Some(u32::from(update.lifetime) * BINDING_LIFETIME_UNIT_S);
            about_mn(signal, &update.options)
        }
        Message::BindingAck(ack) if ack.flags & BindingAck::P != 0 => {
            let mut signal = plain("PBA", ack.sequence);
            signal.lifetime_s = Some(u32::from(ack.lifetime) * BINDING_LIFETIME_UNIT_S);
            signal.status = Some(ack.status);
            let (signal, mut about) = about_mn(signal, &ack.options)?;
            // A refusal repeats what was asked for, which may be another's.
            if let (About::Mn(_, homes), true) = (&mut about, ack.status >= REFUSED) {
                homes.clear();
            }
            Some((signal, about))
        }
        Message::BindingRevocation(revocation) => {
            let ack = revocation.revocation_type == 2;
            let name = if ack { "BRA" } else { "BRI" };
            let mut signal = plain(name, revocation.sequence);
            signal.status = ack.then_some(revocation.trigger_or_status);
            about_mn(signal, &revocation.options)
        }
        _ => None,
    }
}

fn pair(options: &[MobilityOption]) -> Option<About> {
    let ends = Endpoints::from_options(options).ok()?;
    Some(About::Pair(ends.source.homes, ends.destination.homes))
}

fn about_mn(mut signal: Signal, list: &[MobilityOption]) -> Option<(Signal, About)> {
    let mn_id = options::nai(list)?.to_owned();
    signal.mn_id = Some(mn_id.clone());
    let hnps = options::home_network_prefixes(list).map(IpNet::V6);
    let hoas = list.iter().filter_map(|option| match option {
        MobilityOption::Ipv4HomeAddressReply {
            status: ipv4_status::SUCCESS,
            address,
            ..
        } => Some(IpNet::V4(Ipv4Net::from(*address))),
        _ => None,
    });
    let homes = hnps.chain(hoas);
    // All zero asks for a home, and is none.
    let homes = homes.filter(|home| !home.addr().is_unspecified());
    Some((signal, About::Mn(mn_id, homes.collect())))
}

fn request_name(kind: RoKind) -> &'static str {
    match kind {
        RoKind::Trigger => "RO Trigger",
        RoKind::Init => "RO Init",
        RoKind::Setup => "RO Setup",
        RoKind::Refresh => "RO Refresh",
        RoKind::Request => "RO Request",
        RoKind::Query => "RO Query",
    }
}

fn ack_name(kind: RoKind) -> &'static str {
    match kind {
        RoKind::Trigger => "RO Trigger Ack",
        RoKind::Init => "RO Init Ack",
        RoKind::Setup => "RO Setup Ack",
        RoKind::Refresh => "RO Refresh Ack",
        RoKind::Request => "RO Request Ack",
        RoKind::Query => "RO Query Ack",
    }
}
