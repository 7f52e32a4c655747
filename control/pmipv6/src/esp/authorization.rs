//! The Peer Authorization Database (RFC 4301 section 4.4.3, RFC 5213 section 4.2): which peer may speak
//! from which addresses, in which role, for which homes.

use ipnet::IpNet;

use super::discard::Discard;
use crate::wire::MobilityOption;
use crate::wire::message::{Message, RoKind, RoRequest};
use crate::wire::options;
use crate::wire::ro::Endpoints;

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles {
    /// Mobile Access Gateway.
    pub mag: bool,
    /// Local Mobility Anchor.
    pub lma: bool,
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAuthorization {
    /// Addresses and prefixes that its packets may come from; the first one is its name.
    pub addresses: Vec<IpNet>,
    /// What it is.
    pub roles: Roles,
    /// Homes that it may speak for; empty: every one.
    pub homes: Vec<IpNet>,
}

impl PeerAuthorization {
    /// Whether the peer may say this (L-74).
    ///
    /// # Errors
    ///
    /// It has not the role, or names homes that are not its own.
    pub fn permits(&self, message: &Message) -> Result<(), Discard> {
        if !self.has_role_for(message) {
            return Err(Discard::Role);
        }
        if !self.homes.is_empty() && !self.may_name(message) {
            return Err(Discard::Home);
        }
        Ok(())
    }

    /// Who sends which message: RFC 5213 section 5.3.1 and 6.9.1, draft-loureiro section 4.
    fn has_role_for(&self, message: &Message) -> bool {
        let Roles { mag, lma } = self.roles;
        match message {
            Message::BindingUpdate(_) => mag,
            Message::BindingAck(_) => lma,
            Message::RoRequest(request) => match request.kind {
                RoKind::Trigger | RoKind::Init => lma,
                RoKind::Setup | RoKind::Refresh | RoKind::Request => mag,
                RoKind::Query => mag || lma,
            },
            Message::RoAck(ack) => match ack.kind {
                RoKind::Init | RoKind::Setup => mag,
                RoKind::Trigger | RoKind::Refresh | RoKind::Request => lma,
                RoKind::Query => mag || lma,
            },
            // Either side sends these: an error, a heartbeat, a revocation, a return-routability test,
            // the messages of RFC 6705.
            _ => mag || lma,
        }
    }

    /// A MAG registers homes of its own alone, and who sets a path up speaks for one end of it. Any other message
    /// about a pair names two ends, of which one at least is the sender's.
    fn may_name(&self, message: &Message) -> bool {
        let mine = |home: &IpNet| self.homes.iter().any(|of| of.contains(home));
        let named = homes(message.options());
        match message {
            Message::BindingUpdate(_) => named.iter().all(mine),
            Message::RoRequest(request) if request.lifetime > 0 => match spoken_for(request) {
                Some(end) => end.iter().all(mine),
                None => named.is_empty() || named.iter().any(mine),
            },
            _ => named.is_empty() || named.iter().any(mine),
        }
    }
}

/// The homes of the end that the sender of a request serves: the destination's MAG and LMA send RO Setup and RO
/// Init, the source's send RO Request and RO Trigger (draft sections 4.1, 4.2 and 7). None: either end, or nothing
/// that can be meant.
fn spoken_for(request: &RoRequest) -> Option<Vec<IpNet>> {
    let ends = Endpoints::from_options(&request.options).ok()?;
    match request.kind {
        RoKind::Setup | RoKind::Init => Some(ends.destination.homes),
        RoKind::Trigger | RoKind::Request => Some(ends.source.homes),
        RoKind::Refresh | RoKind::Query => None,
    }
}

/// Homes that a message names; those that ask for allocation name none.
fn homes(options: &[MobilityOption]) -> Vec<IpNet> {
    let v6 = options::home_network_prefixes(options);
    let v6 = v6.filter(|prefix| !options::is_all_zero(prefix));
    let v4 = options::ipv4_home_addresses(options).map(|(address, _)| address);
    let v4 = v4.chain(options::ipv4_home_address_request(options));
    let v4 = v4.filter(|address| !address.is_unspecified());
    v6.map(IpNet::V6)
        .chain(v4.map(|address| IpNet::V4(address.into())))
        .collect()
}
