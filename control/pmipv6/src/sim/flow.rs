//! User packets on their way through the domain.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::io::{Input, Link};

use super::check::ViolationKind;
use super::domain::Domain;
use super::event::{Event, OnTheWay};
use super::layout::{MobileIndex, Role};
use super::nat::peer_at;
use super::network::{Micros, NodeIndex};
use super::packet::{self, Arrival, Fate, Loss, MAX_HOPS, Packet, Verdict};

/// Packets follow each other this closely just after something happened ...
const CLOSE_INTERVAL: Micros = 15_000;
/// ... for this long.
const CLOSE_PERIOD: Micros = 150_000;

impl Domain<'_> {
    /// The source of a conversation sends its next packet.
    pub(super) fn talk(&mut self, pair: (MobileIndex, MobileIndex), epoch: u32) {
        let Some(talk) = self.talks.get(&pair) else {
            return;
        };
        if !talk.open || talk.epoch != epoch {
            return;
        }
        let close = self.now.saturating_sub(self.stirred_at) < CLOSE_PERIOD;
        let interval = match close {
            true => talk.interval_us.min(CLOSE_INTERVAL),
            false => talk.interval_us,
        };
        self.after(interval, Event::Talk { pair, epoch });
        self.send_packet(pair.0, pair.1);
    }

    /// One packet between two MNs, where the sender is on a link and knows an address of the other's.
    pub fn send_packet(&mut self, source: MobileIndex, destination: MobileIndex) {
        let (Some(mag), Some((from, to))) = (
            self.mobiles[source].place,
            self.common_homes(source, destination),
        ) else {
            return;
        };
        let packet = Packet::new(source, destination, from, to);
        let arrival = Arrival::Access(self.layout.link(source));
        self.event(Event::Packet(Box::new(OnTheWay {
            packet,
            at: mag,
            arrival,
        })));
    }

    /// Homes of one family; with IPv4, half of the pairs use that. MNs with several prefixes use them all.
    #[must_use]
    pub fn common_homes(&self, one: MobileIndex, other: MobileIndex) -> Option<(IpNet, IpNet)> {
        let (ours, theirs) = (&self.mobiles[one].homes, &self.mobiles[other].homes);
        let common = |v4: bool| {
            let of = |homes: &[IpNet]| {
                let of_family = || homes.iter().filter(|h| matches!(h, IpNet::V4(_)) == v4);
                match of_family().count() {
                    0 => None,
                    1 => of_family().next().copied(),
                    count => of_family().nth((one + other) / 2 % count).copied(),
                }
            };
            of(ours).zip(of(theirs))
        };
        let v4_first = self.layout.ipv4 && (one + other) % 2 == 1;
        common(v4_first).or_else(|| common(!v4_first))
    }

    /// A packet is at a node.
    pub(super) fn packet(&mut self, mut way: Box<OnTheWay>) {
        let at = way.at;
        if !self.nodes[at].is_up() {
            return self.finish(&way.packet, at, Fate::Lost(Loss::NodeDown));
        }
        let arrival = self.named(&way.packet, at, way.arrival);
        if !way.packet.visit(at, arrival) {
            return self.finish(&way.packet, at, Fate::Looped);
        }
        let (from, to) = (way.packet.from, way.packet.to);
        let node = &mut self.nodes[at];
        let table = node.dataplane.worker_for(from, to);
        let verdict = match node.role {
            Role::Mag => packet::at_mag(table, arrival, from, to),
            Role::Lma => packet::at_lma(table, arrival, from, to),
        };
        let forwarded = matches!(verdict, Verdict::Anchor(_) | Verdict::Route);
        let noticed = match node.role {
            Role::Lma => {
                forwarded && matches!(arrival, Arrival::Tunnel(_)) && packet::is_mobile(table, to)
            }
            Role::Mag => {
                forwarded && matches!(arrival, Arrival::Access(_)) && self.layout.mag_detection
            }
        };
        if noticed {
            self.pair_talks(at, from, to);
        }
        way.packet.anchored |= self.nodes[at].role == Role::Lma;
        match verdict {
            Verdict::Path(peer) | Verdict::Anchor(peer) => self.tunnel(way, peer),
            Verdict::Route => self.route(way),
            Verdict::Deliver(link, _) => self.deliver(&way.packet, at, link),
            Verdict::Drop(loss) => self.finish(&way.packet, at, Fate::Lost(loss)),
        }
    }

    fn pair_talks(&mut self, node: NodeIndex, from: IpNet, to: IpNet) {
        let now = self.now;
        let Some(packets) = self.nodes[node].dataplane.report(now, (from, to)) else {
            return;
        };
        let incarnation = self.nodes[node].incarnation;
        let delay = self.rng_dataplane.range(0, self.layout.lag_max_us / 4);
        let input = Box::new(Input::PairTalks {
            realm: None,
            source: host_in(from),
            destination: host_in(to),
            packets,
        });
        self.after(
            delay,
            Event::Input {
                node,
                incarnation,
                input,
            },
        );
    }

    fn tunnel(&mut self, way: Box<OnTheWay>, peer: IpAddr) {
        if self.layout.ipv4_transport {
            return self.tunnel4(way, peer);
        }
        let outer = self.nodes[way.at].address;
        match self.addresses.get(&peer).copied() {
            Some(to) => self.carry(way, to, Arrival::Tunnel(outer)),
            None => self.finish(&way.packet, way.at, Fate::Lost(Loss::NoRoute)),
        }
    }

    fn tunnel4(&mut self, way: Box<OnTheWay>, peer: IpAddr) {
        let table = self.nodes[way.at]
            .dataplane
            .worker_for(way.packet.from, way.packet.to);
        let via = table.reach.get(&peer).copied().unwrap_or_default();
        match self.way_of_packet(way.at, via) {
            Some((to, outer)) => self.carry(way, to, Arrival::Tunnel4(outer)),
            None => self.finish(&way.packet, way.at, Fate::Lost(Loss::NoRoute)),
        }
    }

    /// The peer that a tunnel over IPv4 comes from, as this node knows it.
    fn named(&mut self, packet: &Packet, at: NodeIndex, arrival: Arrival) -> Arrival {
        let Arrival::Tunnel4(outer) = arrival else {
            return arrival;
        };
        let table = self.nodes[at].dataplane.worker_for(packet.from, packet.to);
        peer_at(&table.reach, outer).map_or(arrival, Arrival::Tunnel)
    }

    fn route(&mut self, way: Box<OnTheWay>) {
        match self.anchor_of_home(way.packet.to) {
            Some(lma) if lma == way.at => {
                self.finish(&way.packet, way.at, Fate::Lost(Loss::NotBound));
            }
            Some(lma) => self.carry(way, lma, Arrival::Network),
            None => self.finish(&way.packet, way.at, Fate::Lost(Loss::NoRoute)),
        }
    }

    fn carry(&mut self, mut way: Box<OnTheWay>, to: NodeIndex, arrival: Arrival) {
        match self.network.send_packet(self.now, way.at, to) {
            Some(arrives) => {
                (way.at, way.arrival) = (to, arrival);
                self.at(arrives, Event::Packet(way));
            }
            None => self.finish(&way.packet, way.at, Fate::Lost(Loss::Partitioned)),
        }
    }

    fn deliver(&mut self, packet: &Packet, at: NodeIndex, link: Link) {
        let here = self
            .layout
            .mobile_on(link)
            .filter(|mobile| self.mobiles[*mobile].place == Some(at));
        let fate = match here {
            None => Fate::Lost(Loss::LeftLink),
            Some(mobile) if mobile == packet.destination => Fate::Delivered {
                localized: !packet.anchored,
            },
            Some(mobile) if self.is_reassigned(packet, mobile) => Fate::Lost(Loss::HomeReassigned),
            Some(_) => Fate::WrongNode,
        };
        self.finish(packet, at, fate);
    }

    /// The destination has left and its home is another MN's now; or an LMA that lost its bindings gave it
    /// away.
    fn is_reassigned(&self, packet: &Packet, here: MobileIndex) -> bool {
        let gone = self.mobiles[packet.destination].settled_at.is_none();
        let here = &self.mobiles[here];
        // Its MAG knows of the home before the answer to its attachment tells us.
        let owns = here.homes.contains(&packet.to) || here.settled_at.is_none();
        (gone && owns) || self.anchor_crashed
    }

    pub(super) fn finish(&mut self, packet: &Packet, at: NodeIndex, fate: Fate) {
        let pair = (packet.source, packet.destination);
        match fate {
            Fate::WrongNode => self.violate(
                ViolationKind::WrongNode,
                format!("{packet} reached another MN at {}", self.nodes[at].name),
            ),
            Fate::Looped => self.violate(
                ViolationKind::Loop,
                format!(
                    "{packet} came by {} again or passed {MAX_HOPS} nodes",
                    self.nodes[at].name
                ),
            ),
            _ => {}
        }
        let settled = self.settled_since(pair);
        let now = self.now;
        let Some(talk) = self.talks.get_mut(&pair) else {
            return;
        };
        if talk.last != Some(fate) {
            let name = &self.nodes[at].name;
            self.trace
                .line(now, |_| format!("   {packet}: {fate:?} at {name}"));
        }
        talk.last = Some(fate);
        talk.tally.count(fate);
        if matches!(fate, Fate::Delivered { .. }) || settled.is_none() {
            talk.losing_since = None;
            return;
        }
        let losing = *talk.losing_since.get_or_insert(now);
        let since = losing.max(settled.unwrap_or(now));
        if now - since > self.blackhole_bound_us {
            let text = format!(
                "{packet}: every packet lost since t={}.{:03}s, {fate:?} at {}",
                since / 1_000_000,
                since / 1_000 % 1_000,
                self.nodes[at].name
            );
            self.violate(ViolationKind::Blackhole, text);
        }
    }

    /// Since when both MNs are registered where they are and the domain is whole.
    fn settled_since(&self, (one, other): (MobileIndex, MobileIndex)) -> Option<Micros> {
        let one = self.mobiles[one].settled_at?;
        let other = self.mobiles[other].settled_at?;
        let trouble = self.network.any_partition() || self.any_liar() || self.any_delayed();
        let whole = !trouble && self.nodes_down + self.nodes_frozen == 0;
        whole.then(|| one.max(other).max(self.calm_since))
    }
}

/// The first address of a home that a host may have.
#[must_use]
pub fn host_in(home: IpNet) -> IpAddr {
    match home {
        IpNet::V4(v4) => IpAddr::V4(v4.addr()),
        IpNet::V6(v6) => IpAddr::V6((u128::from(v6.network()) | 1).into()),
    }
}
