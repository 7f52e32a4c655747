//! Protected signalling: between the box's own IP, which knows packets, and the engine, which knows
//! messages, everything crosses the IPsec boundary of [`pmipv6::esp`].
//!
//! ```text
//!   Net ─ ESP packet ────────▶ open ─────▶ Mobility Header ─▶ decode ─▶ may it say that? ─▶ engine
//!   Net ─ Mobility Header ───▶ policy: may it come in the clear? ──────────────────────────▶ engine
//!   Net ◀─ ESP packet, or Mobility Header ─ policy, seal ◀──────────────────────────────── engine
//! ```

mod nat;
mod store;

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::time::Duration;

use pmipv6::esp::{
    self, Action as PolicyAction, AssociationView, Boundary, Discard, Entropy, NoEntropy, Opened,
    Outward, Roles, Rule,
};
use pmipv6::io::{PeerView, Protection, Via};
use pmipv6::wire::Message;
use pmipv6::wire::iana::NEXT_HEADER_MH;

pub(super) use nat::SUSPECTED as NAT_SUSPECTED;
pub use store::StoreError;

use super::control::Control;
use crate::config::{Config, Security};
use crate::net::signalling_datagram;
use store::Store;

/// Protocol number of UDP.
const UDP: u8 = 17;
/// Between two events about one reason for discarding.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// Between two tries to store what could not be stored.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Alarm: sequence numbers cannot be stored.
const UNSAVED: &str = "esp-state-unsaved";
/// Alarm: sequence numbers are used up, until there are other keys.
pub(super) const EXHAUSTED: &str = "esp-sequence-exhausted";

/// The boundary, and what it needs from the system: a file, and randomness.
#[derive(Debug)]
pub(super) struct Gate {
    boundary: Boundary,
    store: Store,
    random: Random,
    told: Told,
    retry_at: Duration,
    /// LMAs that bare ESP goes to over IPv4.
    bare_anchors: Vec<IpAddr>,
}

/// Randomness of the system.
#[derive(Debug)]
struct Random(File);

impl Entropy for Random {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.read_exact(octets).map_err(|_| NoEntropy)
    }
}

/// When operators were told of each reason for discarding, and what was left out since.
#[derive(Debug, Default)]
struct Told([Option<(Duration, u64)>; Discard::ALL.len()]);

impl Told {
    /// How many there were since the last word, if it is time for another.
    fn due(&mut self, now: Duration, discard: Discard) -> Option<u64> {
        let entry = &mut self.0[discard as usize];
        match entry {
            Some((at, left_out)) if now < *at + TELL_INTERVAL => {
                *left_out += 1;
                None
            }
            _ => {
                let left_out = entry.map_or(0, |(_, left_out)| left_out);
                *entry = Some((now, 0));
                Some(left_out + 1)
            }
        }
    }
}

impl Gate {
    /// The boundary of a configuration; its sequence numbers go on where they were. `wall` is the start
    /// time since 1970. The keys in `config` are wiped.
    pub(super) fn new(config: &mut Config, wall: Duration) -> Result<Self, StoreError> {
        let bare_anchors = nat::bare_anchors(config);
        let security = config.security.as_mut();
        let store = Store::new(security.as_deref().map(|of| of.state_file.as_path()));
        let past = store.load()?;
        let settings = security
            .as_deref()
            .map_or_else(unprotected, Security::boundary);
        // Its low half alone: it differs from start to start for a century.
        let epoch = wall.as_secs() as u32;
        let mut boundary =
            Boundary::new(&settings, epoch, past).expect("the configuration was checked with this");
        if let Some(security) = security {
            security.forget_keys();
        }
        let saved = boundary.to_save();
        store.store(&saved, true)?;
        boundary.saved(&saved);
        let random = File::open("/dev/urandom").map_err(|source| StoreError::Io {
            file: "/dev/urandom".into(),
            source,
        })?;
        Ok(Self {
            boundary,
            store,
            random: Random(random),
            told: Told::default(),
            retry_at: Duration::ZERO,
            bare_anchors,
        })
    }

    /// Every counter by dotted name.
    pub(super) fn counters(&self) -> Vec<(&'static str, u64)> {
        self.boundary.counters()
    }

    /// Associations with a peer, the newest first.
    pub(super) fn associations(&self, peer: IpAddr, wall: Duration) -> Vec<AssociationView> {
        self.boundary.associations(peer, wall)
    }

    /// What to tell an operator where a NAT seems to be on the way to an LMA, and ESP cannot pass it.
    pub(super) fn nat_suspicion(&self, wall: Duration) -> Option<String> {
        let mut anchors = self.bare_anchors.iter();
        anchors.find_map(|anchor| nat::suspicion(*anchor, &self.associations(*anchor, wall)))
    }

    /// The engine's peers, and after them those that have keys and have not been heard of.
    pub(super) fn with_silent(&self, mut heard: Vec<PeerView>) -> Vec<PeerView> {
        for (address, roles) in self.boundary.peers() {
            if heard.iter().all(|peer| peer.address != address) {
                heard.push(PeerView {
                    address,
                    role: role_name(roles).to_owned(),
                    state: "unknown".to_owned(),
                    localized_routing: true,
                    heartbeats: None,
                });
            }
        }
        heard
    }

    /// Takes new keys, peers and policies over; why it cannot.
    pub(super) fn configure(&mut self, security: &Security) -> Result<(), String> {
        let settings = security.boundary();
        let clear = esp::SecurityPolicyDatabase::new(settings.policies.clone()).lets_clear_in();
        if clear && !self.boundary.lets_clear_in() {
            let reason = "security.policies: letting messages in unprotected needs a restart";
            return Err(reason.to_owned());
        }
        let configured = self.boundary.configure(&settings);
        configured.map_err(|error| format!("security: {error}"))
    }

    /// Stores what must be stored before more is sent, and once in a while what has come in.
    fn keep(&mut self, now: Duration, once_in_a_while: bool) -> Result<(), StoreError> {
        if self.boundary.must_save() && now >= self.retry_at {
            self.retry_at = now + RETRY_INTERVAL;
            let saved = self.boundary.to_save();
            self.store.store(&saved, true)?;
            self.boundary.saved(&saved);
            self.retry_at = Duration::ZERO;
        } else if once_in_a_while && self.boundary.has_moved() {
            let saved = self.boundary.to_note();
            self.store.store(&saved, false)?;
        }
        Ok(())
    }

    /// Stores the last numbers of all.
    pub(super) fn close(&self) {
        let saved = self.boundary.to_save_at_the_end();
        if let Err(error) = self.store.store(&saved, true) {
            tracing::error!(%error, "sequence numbers");
        }
    }
}

impl Control {
    /// A Mobility Header came in the clear.
    pub(super) fn receive_clear(&mut self, addresses: (IpAddr, IpAddr), via: Via, octets: &[u8]) {
        match self.gate.boundary.take_clear(addresses.0, octets) {
            Ok(()) => self.receive_message(addresses, via, Protection::None, octets),
            Err(discard) => self.discarded(addresses.0, discard),
        }
    }

    /// An ESP packet came, from its ESP header on.
    pub(super) fn receive_esp(&mut self, addresses: (IpAddr, IpAddr), via: Via, packet: &[u8]) {
        let payload = match self.gate.boundary.open(addresses.0, packet) {
            Ok(Opened { payload, .. }) => payload,
            Err(discard) => return self.discarded(addresses.0, discard),
        };
        match addresses {
            // There is nothing but UDP in it, from a port of the peer's.
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let opened = self.net.open_udp(source, destination, &payload);
                if let Some((via, octets)) = opened {
                    self.receive_message(addresses, via, Protection::Esp, octets);
                }
            }
            // There is nothing but a Mobility Header in it.
            _ => self.receive_message(addresses, via, Protection::Esp, &payload),
        }
    }

    /// Whether the peer that sent a protected message may say that (L-74).
    pub(super) fn may_say(&mut self, source: IpAddr, message: &Message) -> bool {
        let permitted = self.gate.boundary.authorise(source, message);
        if let Err(discard) = permitted {
            self.discarded(source, discard);
        }
        permitted.is_ok()
    }

    /// A Mobility Header is to leave, protected or not as policy says.
    pub(super) fn send_message(&mut self, addresses: (IpAddr, IpAddr), via: Via, octets: &[u8]) {
        let now = self.clock.now();
        let Gate {
            boundary, random, ..
        } = &mut self.gate;
        let (to, sent) = match via {
            // IPv4 addresses are the selectors, as they are on the way in (RFC 5844 section 4.3.1).
            Via::Ipv4 { local, remote, .. } => {
                let to = IpAddr::V4(*remote.ip());
                let datagram = signalling_datagram(local, remote, octets).unwrap_or_default();
                let sent = boundary.send(now.wall, to, UDP, &datagram, random);
                (to, sent)
            }
            // With a NAT too the IPv6 addresses are: no NAT changes them.
            Via::Ipv6 | Via::Nat { .. } => {
                let to = addresses.1;
                let sent = boundary.send(now.wall, to, NEXT_HEADER_MH, octets, random);
                (to, sent)
            }
        };
        let (net, actions) = (&mut self.net, &mut self.actions);
        match (sent, via, addresses) {
            (Ok(Outward::Esp(packet)), _, _) => {
                net.send_esp(now.mono, via, addresses, &packet, actions);
            }
            (Ok(Outward::Clear), Via::Ipv6, (IpAddr::V6(from), IpAddr::V6(to))) => {
                net.send_mobility_header(now.mono, from, to, octets, actions);
            }
            (Ok(Outward::Clear), _, _) => {
                net.send_over_ipv4(now.mono, via, addresses, octets, actions);
            }
            (Err(discard), _, _) => self.discarded(to, discard),
        }
        if self.gate.boundary.must_save() {
            self.keep_sequence_numbers(false);
        }
    }

    /// Stores sequence numbers, where there is something to store.
    pub(super) fn keep_sequence_numbers(&mut self, once_in_a_while: bool) {
        match self.gate.keep(self.clock.mono(), once_in_a_while) {
            Ok(()) if self.gate.retry_at == Duration::ZERO => self.alarms.clear(UNSAVED),
            Ok(()) => {}
            Err(error) => self.raise(UNSAVED, error.to_string()),
        }
    }

    /// Tells operators that something was discarded, not more often than they can read.
    fn discarded(&mut self, peer: IpAddr, discard: Discard) {
        tracing::debug!(%peer, %discard, "discarded");
        if discard == Discard::SequenceExhausted {
            self.raise(EXHAUSTED, format!("{peer}: {discard}"));
        }
        let Some(times) = self.gate.told.due(self.clock.mono(), discard) else {
            return;
        };
        let event = serde_json::json!({
            "event": "discarded",
            "peer": peer,
            "counter": discard.counter(),
            "text": discard.to_string(),
            "times": times,
        });
        tracing::warn!(%event, "event");
        self.server.notify(&event);
    }
}

/// One line about associations.
pub(super) fn summary(associations: &[AssociationView]) -> String {
    let one = |of: &AssociationView| {
        let outbound = of.outbound.as_ref();
        let outbound = outbound.map_or("-".to_owned(), |out| format!("{:#010x}", out.spi));
        let active = if of.active { " (sending)" } else { "" };
        format!(
            "{}{active} {} in {:#010x} out {outbound}",
            of.generation, of.suite, of.inbound.spi
        )
    };
    match associations {
        [] => "none".to_owned(),
        some => some.iter().map(one).collect::<Vec<_>>().join("; "),
    }
}

/// Everything as it is on the wire: `"protection": "none"`.
fn unprotected() -> esp::Config {
    esp::Config {
        policies: vec![Rule {
            peers: Vec::new(),
            direction: None,
            mh_types: Vec::new(),
            action: PolicyAction::Bypass,
        }],
        ..esp::Config::default()
    }
}

fn role_name(roles: Roles) -> &'static str {
    match roles {
        Roles { lma: true, .. } => "lma",
        _ => "mag",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_told_once_a_second_and_how_often() {
        let mut told = Told::default();
        let at = Duration::from_millis;
        assert_eq!(told.due(at(0), Discard::Replayed), Some(1));
        assert_eq!(told.due(at(10), Discard::Replayed), None);
        assert_eq!(told.due(at(20), Discard::BadIcv), Some(1), "another reason");
        assert_eq!(told.due(at(999), Discard::Replayed), None);
        assert_eq!(told.due(at(1000), Discard::Replayed), Some(3));
        assert_eq!(told.due(at(1500), Discard::Replayed), None);
    }
}
