//! Peers and their associations, and the ways to find them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest;
use ipnet::IpNet;

use super::association::{InboundAssociation, OutboundAssociation, Parameters};
use super::authorization::PeerAuthorization;
use super::config::{AssociationConfig, Config, ConfigError, Leg, PeerConfig};
use super::saved::Saved;
use super::suite::Suite;
use super::view::{AssociationView, InboundView, OutboundView};
use super::{MAX_GENERATIONS, Spi};

/// What tells whether an association is the same as before, without keeping its key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    suite: Suite,
    extended: bool,
    key: [u8; digest::SHA256_OUTPUT_LEN],
}

impl Fingerprint {
    fn of(parameters: &Parameters<'_>) -> Self {
        let mut key = [0; digest::SHA256_OUTPUT_LEN];
        let hash = digest::digest(&digest::SHA256, parameters.key.octets());
        key.copy_from_slice(hash.as_ref());
        Self {
            suite: parameters.suite,
            extended: parameters.extended_sequence_numbers,
            key,
        }
    }
}

/// It is made of the key, and shown as little.
impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint")
    }
}

#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) association: InboundAssociation,
    pub(super) view: InboundView,
    fingerprint: Fingerprint,
}

#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) association: OutboundAssociation,
    pub(super) sealed: u64,
    fingerprint: Fingerprint,
}

/// One generation of keys.
#[derive(Debug)]
pub(super) struct Generation {
    number: u32,
    suite: Suite,
    extended: bool,
    not_before: Duration,
    pub(super) inbound: Inbound,
    pub(super) outbound: Option<Outbound>,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) authorization: PeerAuthorization,
    /// The newest first.
    pub(super) generations: Vec<Generation>,
}

/// All peers.
#[derive(Debug, Default)]
pub(super) struct Peers {
    pub(super) all: Vec<Peer>,
    by_address: HashMap<IpAddr, usize>,
    /// The longest first.
    by_prefix: Vec<(IpNet, usize)>,
    /// Peer, and place among its generations.
    by_spi: HashMap<Spi, (usize, usize)>,
}

impl Peers {
    /// Makes all of them, or none.
    pub(super) fn new(config: &Config, epoch: u32) -> Result<Self, ConfigError> {
        let mut peers = Self::default();
        let mut keys = HashMap::new();
        for peer in &config.peers {
            peers.add(peer, config.replay_window, epoch, &mut keys)?;
        }
        peers
            .by_prefix
            .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.prefix_len()));
        Ok(peers)
    }

    fn add(
        &mut self,
        config: &PeerConfig,
        replay_window: u32,
        epoch: u32,
        keys: &mut HashMap<[u8; digest::SHA256_OUTPUT_LEN], Spi>,
    ) -> Result<(), ConfigError> {
        let at = self.all.len();
        self.add_addresses(&config.authorization.addresses, at)?;
        let count = config.associations.len();
        if count > MAX_GENERATIONS {
            return Err(ConfigError::TooManyGenerations(count));
        }
        let mut generations = Vec::with_capacity(count);
        for association in &config.associations {
            generations.push(Generation::new(association, replay_window, epoch)?);
        }
        generations.sort_by_key(|generation| std::cmp::Reverse(generation.number));
        let mut outbound = HashSet::new();
        for (place, generation) in generations.iter().enumerate() {
            if place > 0 && generations[place - 1].number == generation.number {
                return Err(ConfigError::GenerationTwice(generation.number));
            }
            let spi = generation.inbound.association.spi();
            if self.by_spi.insert(spi, (at, place)).is_some() {
                return Err(ConfigError::SpiTwice(spi));
            }
            let out = generation.outbound.as_ref();
            if let Some(spi) = out.map(|out| out.association.spi())
                && !outbound.insert(spi)
            {
                return Err(ConfigError::OutboundSpiTwice(spi));
            }
            for (spi, fingerprint) in generation.fingerprints() {
                if let Some(other) = keys.insert(fingerprint.key, spi) {
                    return Err(ConfigError::KeyTwice(other, spi));
                }
            }
        }
        self.all.push(Peer {
            authorization: config.authorization.clone(),
            generations,
        });
        Ok(())
    }

    fn add_addresses(&mut self, addresses: &[IpNet], at: usize) -> Result<(), ConfigError> {
        if addresses.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        for address in addresses {
            let twice = if address.prefix_len() == address.max_prefix_len() {
                self.by_address.insert(address.addr(), at).is_some()
            } else {
                let prefix = address.trunc();
                let twice = self.by_prefix.iter().any(|(other, _)| *other == prefix);
                self.by_prefix.push((prefix, at));
                twice
            };
            if twice {
                return Err(ConfigError::AddressTwice(*address));
            }
        }
        Ok(())
    }

    /// Takes over from `old` what has not changed, with its sequence numbers; the rest goes on from
    /// what was saved.
    pub(super) fn inherit(&mut self, mut old: Self, past: &Saved, replay_window: u32) {
        for peer in &mut self.all {
            let name = peer.name();
            let before = old.all.iter_mut().find(|other| other.name() == name);
            let mut before = before.map(|peer| std::mem::take(&mut peer.generations));
            for generation in &mut peer.generations {
                generation.resume(name, past, replay_window);
                for same in before.iter_mut().flatten() {
                    generation.take(same, replay_window);
                }
            }
        }
    }

    /// Refuses other keys under the SPIs that stand.
    pub(super) fn check_changes(&self, old: &Self) -> Result<(), ConfigError> {
        for peer in &self.all {
            let before = old.all.iter().find(|other| other.name() == peer.name());
            let before = before.map_or(&[][..], |peer| &peer.generations);
            for generation in &peer.generations {
                for of in before {
                    generation.check_change(of)?;
                }
            }
        }
        Ok(())
    }

    /// The peer that an address belongs to.
    pub(super) fn find(&self, address: IpAddr) -> Option<usize> {
        let by_prefix = || {
            let mut prefixes = self.by_prefix.iter();
            prefixes.find(|(prefix, _)| prefix.contains(&address))
        };
        let exact = self.by_address.get(&address);
        exact.copied().or_else(|| by_prefix().map(|(_, at)| *at))
    }

    /// The peer that holds an inbound SPI, and the generation of keys.
    pub(super) fn by_spi(&mut self, spi: Spi) -> Option<(usize, &mut Inbound)> {
        let (at, place) = *self.by_spi.get(&spi)?;
        let generation = self.all.get_mut(at)?.generations.get_mut(place)?;
        Some((at, &mut generation.inbound))
    }
}

impl Peer {
    /// First address: what it is called in saved state.
    pub(super) fn name(&self) -> IpNet {
        self.authorization
            .addresses
            .first()
            .copied()
            .unwrap_or_default()
    }

    /// The newest generation that may send now.
    pub(super) fn active(&mut self, wall: Duration) -> Option<&mut Outbound> {
        let at = self.active_at(wall)?;
        self.generations[at].outbound.as_mut()
    }

    fn active_at(&self, wall: Duration) -> Option<usize> {
        self.generations
            .iter()
            .position(|of| of.outbound.is_some() && of.not_before <= wall)
    }

    pub(super) fn views(&self, wall: Duration) -> Vec<AssociationView> {
        let active = self.active_at(wall);
        let generations = self.generations.iter().enumerate();
        generations
            .map(|(at, generation)| generation.view(active == Some(at)))
            .collect()
    }
}

impl Generation {
    fn new(
        config: &AssociationConfig,
        replay_window: u32,
        epoch: u32,
    ) -> Result<Self, ConfigError> {
        let inbound = of(config, &config.inbound);
        let outbound = config.outbound.as_ref().map(|leg| of(config, leg));
        Ok(Self {
            number: config.generation,
            suite: config.suite,
            extended: config.extended_sequence_numbers,
            not_before: config.not_before,
            inbound: Inbound {
                association: InboundAssociation::new(inbound, replay_window)?,
                view: InboundView {
                    spi: inbound.spi,
                    ..InboundView::default()
                },
                fingerprint: Fingerprint::of(&inbound),
            },
            outbound: match outbound {
                None => None,
                Some(outbound) => Some(Outbound {
                    association: OutboundAssociation::new(outbound, epoch)?,
                    sealed: 0,
                    fingerprint: Fingerprint::of(&outbound),
                }),
            },
        })
    }

    fn fingerprints(&self) -> Vec<(Spi, Fingerprint)> {
        let inbound = (self.inbound.association.spi(), self.inbound.fingerprint);
        let outbound = self.outbound.as_ref();
        let outbound = outbound.map(|out| (out.association.spi(), out.fingerprint));
        [Some(inbound), outbound].into_iter().flatten().collect()
    }

    /// Goes on after what was saved.
    pub(super) fn resume(&mut self, peer: IpNet, past: &Saved, replay_window: u32) {
        let inbound = &mut self.inbound.association;
        if let Some(saved) = past.inbound.get(&inbound.spi()) {
            inbound.resume(replay_window, saved.top);
        }
        if let Some(outbound) = &mut self.outbound
            && let Some(reserved) = past.reserved(peer, outbound.association.spi())
        {
            outbound.association.resume(reserved);
        }
    }

    /// Takes over what is the same in `old`.
    fn take(&mut self, old: &mut Self, replay_window: u32) {
        let (new, was) = (&mut self.inbound, &mut old.inbound);
        if new.association.spi() == was.association.spi() {
            std::mem::swap(new, was);
            new.association.set_replay_window(replay_window);
        }
        if let (Some(new), Some(was)) = (&mut self.outbound, &mut old.outbound)
            && new.association.spi() == was.association.spi()
        {
            std::mem::swap(new, was);
        }
    }

    fn check_change(&self, old: &Self) -> Result<(), ConfigError> {
        let (new, was) = (&self.inbound, &old.inbound);
        let spi = new.association.spi();
        if spi == was.association.spi() && new.fingerprint != was.fingerprint {
            return Err(ConfigError::Changed(spi));
        }
        if let (Some(new), Some(was)) = (&self.outbound, &old.outbound) {
            let spi = new.association.spi();
            if spi == was.association.spi() && new.fingerprint != was.fingerprint {
                return Err(ConfigError::Changed(spi));
            }
        }
        Ok(())
    }

    fn view(&self, active: bool) -> AssociationView {
        let outbound = self.outbound.as_ref().map(|out| OutboundView {
            spi: out.association.spi(),
            sequence: out.association.last(),
            sealed: out.sealed,
        });
        AssociationView {
            generation: self.number,
            suite: self.suite.name().to_owned(),
            extended_sequence_numbers: self.extended,
            active,
            inbound: InboundView {
                sequence: self.inbound.association.top(),
                ..self.inbound.view.clone()
            },
            outbound,
        }
    }
}

/// What makes the association of one direction.
fn of<'a>(config: &AssociationConfig, leg: &'a Leg) -> Parameters<'a> {
    Parameters {
        spi: leg.spi,
        suite: config.suite,
        key: &leg.key,
        extended_sequence_numbers: config.extended_sequence_numbers,
    }
}
