//! The IPsec boundary (RFC 4301 section 3.1): every message of the transport network crosses it, in or
//! out, or is discarded for a reason that is counted.

use std::net::IpAddr;
use std::time::Duration;

use super::association::{Entropy, Opened, OutboundAssociation};
use super::config::{Config, ConfigError};
use super::discard::{Discard, Discards};
use super::peers::{Inbound, Peers};
use super::policy::{Action, Direction, SecurityPolicyDatabase};
use super::saved::{RESERVE, Saved, SavedInbound, SavedOutbound};
use super::view::AssociationView;
use super::{LAST_RESERVED_SPI, frame};
use crate::path::sender;
use crate::wire::Message;
use crate::wire::iana::{NEXT_HEADER_MH, PORT_PMIP6_CNTL};

/// Protocol number of UDP.
const UDP: u8 = 17;
/// Octets of a UDP header.
const UDP_LEN: usize = 8;
/// Where a Mobility Header has its type (RFC 6275 section 6.1.1).
const MH_TYPE_AT: usize = 2;
/// Saved associations that are not configured any more and remembered all the same.
const MAX_PAST: usize = 65_536;

/// What becomes of a message that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outward {
    /// As it is.
    Clear,
    /// As this ESP packet instead: next header 50.
    Esp(Vec<u8>),
}

/// The boundary: policies, peers, associations and what was counted at it.
#[derive(Debug)]
pub struct Boundary {
    policy: SecurityPolicyDatabase,
    peers: Peers,
    replay_window: u32,
    epoch: u32,
    /// Sequence numbers of associations that were here before.
    past: Saved,
    discards: Discards,
    opened: u64,
    sealed: u64,
    clear_in: u64,
    clear_out: u64,
    /// Something has come in since the last saving.
    moved: bool,
    /// Some association has few numbers left that it may use.
    short: bool,
}

impl Boundary {
    /// A boundary that goes on after `past`. Nothing is sealed before [`Boundary::saved`] has said that
    /// sequence numbers are reserved. `epoch` is other than in every earlier run, as the start time in
    /// seconds is.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration.
    pub fn new(config: &Config, epoch: u32, past: Saved) -> Result<Self, ConfigError> {
        let mut boundary = Self {
            policy: SecurityPolicyDatabase::default(),
            peers: Peers::default(),
            replay_window: config.replay_window,
            epoch,
            past,
            discards: Discards::default(),
            opened: 0,
            sealed: 0,
            clear_in: 0,
            clear_out: 0,
            moved: true,
            short: true,
        };
        boundary.configure(config)?;
        Ok(boundary)
    }

    /// Takes another configuration over: associations that are in both keep their sequence numbers, and
    /// keys that are in the new one alone serve from now on.
    ///
    /// # Errors
    ///
    /// What is wrong with it; nothing has changed then.
    pub fn configure(&mut self, config: &Config) -> Result<(), ConfigError> {
        let mut peers = Peers::new(config, self.epoch)?;
        peers.check_changes(&self.peers)?;
        self.past = self.to_save();
        self.replay_window = config.replay_window;
        let old = std::mem::take(&mut self.peers);
        peers.inherit(old, &self.past, self.replay_window);
        self.peers = peers;
        self.policy = SecurityPolicyDatabase::new(config.policies.clone());
        self.moved = true;
        self.short = true;
        Ok(())
    }

    /// An ESP packet for this node, from the ESP header on: what is in it.
    ///
    /// # Errors
    ///
    /// Why it is discarded; it is counted.
    pub fn open(&mut self, source: IpAddr, packet: &[u8]) -> Result<Opened, Discard> {
        let result = self.try_open(source, packet);
        match result {
            Ok(_) => self.opened += 1,
            Err(discard) => self.discards.count(discard),
        }
        result
    }

    fn try_open(&mut self, source: IpAddr, packet: &[u8]) -> Result<Opened, Discard> {
        let (spi, _) = frame::header(packet)?;
        if spi <= LAST_RESERVED_SPI {
            return Err(Discard::ReservedSpi);
        }
        let (holder, inbound) = self.peers.by_spi(spi).ok_or(Discard::UnknownSpi)?;
        let opened = count(inbound, |inbound| inbound.association.open(packet));
        self.moved |= opened.is_ok();
        let opened = opened?;
        let mh_type = selector(source, &opened)?;
        // Whoever holds the key, it speaks for its own addresses alone (RFC 4301 section 5.2, step 4).
        if self.peers.find(source) != Some(holder) {
            return Err(Discard::WrongSource);
        }
        match self.policy.decide(Direction::In, source, mh_type) {
            Action::Protect | Action::Bypass => Ok(opened),
            Action::Discard => Err(Discard::Policy),
        }
    }

    /// A Mobility Header for this node that came in the clear.
    ///
    /// # Errors
    ///
    /// Policy wants it protected, or not at all; it is counted.
    pub fn take_clear(&mut self, source: IpAddr, mobility_header: &[u8]) -> Result<(), Discard> {
        // One that is too short for a type goes by what holds for type 0, to be refused by its decoder.
        let mh_type = mobility_header.get(MH_TYPE_AT).copied().unwrap_or(0);
        let decided = self.policy.decide(Direction::In, source, mh_type);
        let discard = match decided {
            Action::Bypass => {
                self.clear_in += 1;
                return Ok(());
            }
            Action::Protect => Discard::Unprotected,
            Action::Discard => Discard::Policy,
        };
        self.discards.count(discard);
        Err(discard)
    }

    /// Whether the peer that sent a protected message may say that. Over IPv4 a message says itself whose it is
    /// (HL-8): it is of the peer whose key it came with, or of nobody.
    ///
    /// # Errors
    ///
    /// It may not; it is counted.
    pub fn authorise(&mut self, source: IpAddr, message: &Message) -> Result<(), Discard> {
        let peer = self.peers.find(source).map(|at| &self.peers.all[at]);
        let name = sender(message).filter(|_| source.is_ipv4());
        let its_own = name.is_none_or(|name| self.peers.find(name) == self.peers.find(source));
        let permitted = match peer {
            Some(peer) if its_own => peer.authorization.permits(message),
            _ => Err(Discard::WrongSource),
        };
        permitted.inspect_err(|discard| self.discards.count(*discard))
    }

    /// A message that is to leave: `payload` begins with the header that `next_header` names, a Mobility
    /// Header (135) or UDP (17). `wall` is the wall clock since 1970.
    ///
    /// # Errors
    ///
    /// Why it is not sent; it is counted.
    pub fn send(
        &mut self,
        wall: Duration,
        destination: IpAddr,
        next_header: u8,
        payload: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Outward, Discard> {
        let result = self.try_send(wall, destination, next_header, payload, entropy);
        match &result {
            Ok(Outward::Esp(_)) => self.sealed += 1,
            Ok(Outward::Clear) => self.clear_out += 1,
            Err(discard) => self.discards.count(*discard),
        }
        result
    }

    fn try_send(
        &mut self,
        wall: Duration,
        destination: IpAddr,
        next_header: u8,
        payload: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Outward, Discard> {
        let mh_type = mh_type(next_header, payload).ok_or(Discard::Selectors)?;
        match self.policy.decide(Direction::Out, destination, mh_type) {
            Action::Bypass => return Ok(Outward::Clear),
            Action::Discard => return Err(Discard::Policy),
            Action::Protect => {}
        }
        let at = self.peers.find(destination).ok_or(Discard::NoAssociation)?;
        let outbound = self.peers.all[at].active(wall);
        let outbound = outbound.ok_or(Discard::NoAssociation)?;
        let packet = outbound.association.seal(next_header, payload, entropy)?;
        outbound.sealed += 1;
        let left = outbound.association.reserved() - outbound.association.last();
        self.short |= left < RESERVE / 2;
        Ok(Outward::Esp(packet))
    }

    /// Whether sequence numbers run short and have to be saved before more is sent.
    #[must_use]
    pub const fn must_save(&self) -> bool {
        self.short
    }

    /// Whether anything has come in since it was last stored, so that [`Boundary::to_note`] is worth while.
    #[must_use]
    pub const fn has_moved(&self) -> bool {
        self.moved
    }

    /// What to save, with sequence numbers for some time.
    #[must_use]
    pub fn to_save(&self) -> Saved {
        self.saving(|out| out.last().saturating_add(RESERVE))
    }

    /// What to save when nothing will be sent any more.
    #[must_use]
    pub fn to_save_at_the_end(&self) -> Saved {
        self.saving(|out| out.last())
    }

    /// What has come in, with the numbers that are reserved already: worth storing from time to time, and
    /// not as precious as [`Boundary::to_save`].
    pub fn to_note(&mut self) -> Saved {
        self.moved = false;
        self.saving(|out| out.reserved().max(out.last()))
    }

    /// What [`Boundary::to_save`] gave is safely stored.
    pub fn saved(&mut self, saved: &Saved) {
        for peer in &mut self.peers.all {
            let name = peer.name();
            let outbound = peer.generations.iter_mut();
            for out in outbound.filter_map(|generation| generation.outbound.as_mut()) {
                if let Some(reserved) = saved.reserved(name, out.association.spi()) {
                    out.association.reserve(reserved);
                }
            }
        }
        self.moved = false;
        self.short = false;
    }

    fn saving(&self, reserve: impl Fn(&OutboundAssociation) -> u64) -> Saved {
        let mut saved = Saved::default();
        for peer in &self.peers.all {
            for generation in &peer.generations {
                let inbound = &generation.inbound.association;
                let top = inbound.top();
                saved.inbound.insert(inbound.spi(), SavedInbound { top });
                if let Some(out) = &generation.outbound {
                    saved.outbound.push(SavedOutbound {
                        peer: peer.name(),
                        spi: out.association.spi(),
                        reserved: reserve(&out.association),
                    });
                }
            }
        }
        self.remember_past(&mut saved);
        saved
    }

    /// An association that comes back later must not begin again either.
    fn remember_past(&self, saved: &mut Saved) {
        for (spi, past) in self.past.inbound.iter().take(MAX_PAST) {
            saved.inbound.entry(*spi).or_insert(*past);
        }
        for past in self.past.outbound.iter().take(MAX_PAST) {
            if saved.reserved(past.peer, past.spi).is_none() {
                saved.outbound.push(past.clone());
            }
        }
    }

    /// Whether policy takes anything in the clear at all.
    #[must_use]
    pub fn lets_clear_in(&self) -> bool {
        self.policy.lets_clear_in()
    }

    /// Every counter by dotted name.
    #[must_use]
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let generations = self.peers.all.iter().map(|peer| peer.generations.len());
        let own = [
            ("esp.associations", generations.sum::<usize>() as u64),
            ("esp.rx.opened", self.opened),
            ("esp.rx.clear", self.clear_in),
            ("esp.tx.sealed", self.sealed),
            ("esp.tx.clear", self.clear_out),
        ];
        own.into_iter().chain(self.discards.list()).collect()
    }

    /// Associations with the peer of this address, the newest first.
    #[must_use]
    pub fn associations(&self, address: IpAddr, wall: Duration) -> Vec<AssociationView> {
        let peer = self.peers.find(address);
        peer.map_or_else(Vec::new, |at| self.peers.all[at].views(wall))
    }

    /// First address and roles of every peer, in the order of the configuration.
    pub fn peers(&self) -> impl Iterator<Item = (IpAddr, super::Roles)> + '_ {
        let peers = self.peers.all.iter();
        peers.map(|peer| (peer.name().addr(), peer.authorization.roles))
    }
}

/// Opens, and counts at the association what came of it.
fn count(
    inbound: &mut Inbound,
    open: impl FnOnce(&mut Inbound) -> Result<Opened, Discard>,
) -> Result<Opened, Discard> {
    let result = open(inbound);
    let view = &mut inbound.view;
    *match &result {
        Ok(_) => &mut view.opened,
        Err(Discard::Replayed) => &mut view.replayed,
        Err(Discard::BadIcv) => &mut view.bad_icv,
        Err(_) => &mut view.refused,
    } += 1;
    result
}

/// MH type of what an association carries, where it is what it may carry: a Mobility Header over IPv6,
/// UDP port 5436 over IPv4 (RFC 5844 section 4.3.1).
fn selector(source: IpAddr, opened: &Opened) -> Result<u8, Discard> {
    let expected = if source.is_ipv6() {
        NEXT_HEADER_MH
    } else {
        UDP
    };
    if opened.next_header != expected {
        return Err(Discard::Selectors);
    }
    mh_type(opened.next_header, &opened.payload).ok_or(Discard::Selectors)
}

fn mh_type(next_header: u8, payload: &[u8]) -> Option<u8> {
    let mobility_header = match next_header {
        NEXT_HEADER_MH => payload,
        UDP => {
            let (header, inside) = payload.split_first_chunk::<UDP_LEN>()?;
            let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
            // A PBA goes back to where the PBU came from, which may be any port.
            let control = port(0) == PORT_PMIP6_CNTL || port(2) == PORT_PMIP6_CNTL;
            control.then_some(inside)?
        }
        _ => return None,
    };
    mobility_header.get(MH_TYPE_AT).copied()
}
