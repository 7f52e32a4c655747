//! How peers are reached: by IPv6, by IPv4, or by IPv4 with a NAT on the way.
//!
//! Read first: RFC 5844 section 4 (IPv4 transport), RFC 5555 sections 3 and 4.1 to 4.3 (the NAT), RFC 6279
//! section 3.3 (a node is named by its IPv6 address, whatever carries its packets).
//!
//! ```text
//!   A ── PBU or RO Setup, option 32 = A's address, UDP 5436 ──▶ B
//!   A ◀── PBA or RO Setup Ack, option 31 ───────────────────── B    the outer source is option 32: no NAT, all ones
//!                                                                   it is not: a NAT, the refresh time
//!   A ── again, UDP 4191 ─────────────────────────────────────▶ B   B sees the address and port of the NAT
//!   A ◀── tunnels and signalling, UDP 4191 ───────────────────▶ B   A says it again within the refresh time
//! ```
//!
//! HL-8, HL-28: the draft has no more to say than that IPv4 transport and NATs are possible. The node behind
//! a NAT is the one that speaks first (the LMA sees to it), and the one that keeps the NAT open; a NAT in front
//! of the node that is spoken to cannot be crossed before that node has spoken itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::io::Via;
use crate::wire::message::RoKind;
use crate::wire::options::{
    alternate_care_of_address, ipv4_care_of_address, mag_ipv6_address, nat_detection,
};
use crate::wire::{Message, MobilityOption};

/// UDP port of signalling over IPv4 (RFC 5844 section 4.1).
pub(crate) const SIGNALLING_PORT: u16 = 5436;
/// UDP port of signalling and data where there is a NAT (RFC 5555 section 4.1).
pub(crate) const NAT_PORT: u16 = 4191;
/// Refresh time that says: no NAT (RFC 5555 section 3.2.2).
const NO_NAT: u32 = u32::MAX;
/// Most peers whose IPv4 addresses are remembered.
const MAX_PEERS: usize = 65_536;

/// IPv4 transport of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ipv4Transport {
    /// Peers that are reached by IPv4; where several rows name a peer, the one with the longest prefix.
    pub peers: Vec<Ipv4Peer>,
    /// NATKATIMEOUT (RFC 5555 section 6), seconds: told to those behind a NAT, and used where the peer
    /// tells none.
    pub nat_keepalive_s: u32,
    /// MAG: ForceIPv4UDPEncapsulationSupport (RFC 5844 section 4.2.1): tunnels go in UDP port 5437.
    pub force_udp_encapsulation: bool,
    /// LMA: AcceptForcedIPv4UDPEncapsulationRequest (RFC 5844 section 4.1.3.1); if not, status 129.
    pub accept_forced_udp_encapsulation: bool,
    /// This node is behind a NAT: it begins in UDP port 4191, as RFC 5555 section 4.1 does, and goes on in port
    /// 5436 where a peer sees no NAT. Protected signalling needs it: bare ESP has no port that a NAT could tell.
    pub behind_nat: bool,
}

impl Default for Ipv4Transport {
    fn default() -> Self {
        Self {
            peers: Vec::new(),
            nat_keepalive_s: 110,
            force_udp_encapsulation: false,
            accept_forced_udp_encapsulation: false,
            behind_nat: false,
        }
    }
}

/// Peers that are reached by IPv4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ipv4Peer {
    /// Their names: LMAAs, Proxy-CoAs.
    pub peer: Ipv6Net,
    /// Their IPv4 addresses. One peer with one address is known from the start; which of several peers has
    /// which of several addresses is learnt from options 3, 32 and 51.
    pub address: Ipv4Net,
    /// Our address on this leg (L-64).
    pub local: Ipv4Addr,
    /// Addresses that NATs may give them; none: a NAT on the way makes them strangers (L-74).
    #[serde(default)]
    pub nat: Vec<Ipv4Net>,
}

impl Ipv4Peer {
    /// The one address, if it is one peer with one address and no NAT before it.
    fn fixed(&self) -> Option<Ipv4Addr> {
        let one = self.peer.prefix_len() == 128 && self.address.prefix_len() == 32;
        (one && self.nat.is_empty()).then(|| self.address.addr())
    }

    fn may_come_from(&self, address: Ipv4Addr) -> bool {
        self.address.contains(&address) || self.nat.iter().any(|nat| nat.contains(&address))
    }
}

/// What is known of a peer that is reached by IPv4.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// How our own messages and tunnels reach it.
    via: Via,
    /// How its last message came: answers go that way.
    came: Via,
    /// It says that there is a NAT before us, which is to be kept open at this interval, seconds.
    behind_nat: Option<u32>,
    /// It is seen at another address than its own: there is a NAT before it.
    hidden: bool,
    /// Whether the dataplane was told: what is only spoken to has no tunnel.
    programmed: bool,
    /// Timestamp of the newest PBU that said how it is reached: an older one changes nothing.
    newest: Option<u64>,
}

/// How each peer is reached.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    config: Ipv4Transport,
    known: BTreeMap<IpAddr, Known>,
    /// Names by IPv4 address, for messages that say no name.
    names: BTreeMap<Ipv4Addr, IpAddr>,
    /// IPv4 care-of addresses of MAGs, ours and other LMAs' (HL-8).
    care_of: BTreeMap<IpAddr, Ipv4Addr>,
    /// How the last message came whose sender has no name here.
    stranger: Option<(IpAddr, Via)>,
    /// Peers whose way is known and not programmed yet.
    unprogrammed: Vec<IpAddr>,
}

impl Reach {
    pub(crate) fn new(config: &Ipv4Transport) -> Self {
        let mut reach = Self {
            config: config.clone(),
            ..Self::default()
        };
        for row in &config.peers {
            if let Some(address) = row.fixed() {
                let peer = IpAddr::V6(row.peer.addr());
                reach.set(peer, reach.first_way(row.local, address), None);
                if let Some(known) = reach.known.get_mut(&peer) {
                    known.programmed = true;
                }
                reach.unprogrammed.push(peer);
            }
        }
        reach
    }

    /// How a peer is spoken to before it has said what it sees of us.
    const fn first_way(&self, local: Ipv4Addr, remote: Ipv4Addr) -> Via {
        if self.config.behind_nat {
            Via::Nat {
                local,
                remote: SocketAddrV4::new(remote, NAT_PORT),
            }
        } else {
            signalling(local, remote)
        }
    }

    /// What is known from the start, once.
    pub(crate) fn take_unprogrammed(&mut self) -> Vec<(IpAddr, Via)> {
        let peers = std::mem::take(&mut self.unprogrammed);
        peers
            .into_iter()
            .map(|peer| (peer, self.via(peer)))
            .collect()
    }

    /// How our own messages and tunnels reach a peer.
    pub(crate) fn via(&self, peer: IpAddr) -> Via {
        self.known.get(&peer).map_or(Via::Ipv6, |known| known.via)
    }

    /// How an answer reaches a peer: the way it last spoke. Before a NAT there is no other yet.
    pub(crate) fn way_back(&self, peer: IpAddr) -> Via {
        match (self.known.get(&peer), self.stranger) {
            (Some(known), _) => known.came,
            (None, Some((stranger, via))) if stranger == peer => via,
            _ => Via::Ipv6,
        }
    }

    /// Our own IPv4 address towards a peer, where it is reached by IPv4.
    pub(crate) fn local(&self, peer: IpAddr) -> Option<Ipv4Addr> {
        match self.via(peer) {
            Via::Ipv6 => None,
            Via::Ipv4 { local, .. } | Via::Nat { local, .. } => Some(local),
        }
    }

    /// Who sent a message: its name, or its IPv4 address where that is not a peer's or the peer may not have
    /// it (L-74).
    pub(crate) fn identify(&mut self, source: IpAddr, via: Via, message: &Message) -> IpAddr {
        let (name, remote) = match via {
            Via::Ipv6 => {
                if let Some(known) = self.known.get_mut(&source) {
                    known.came = via;
                }
                return source;
            }
            Via::Ipv4 { remote, .. } => {
                let by_address = || self.names.get(remote.ip()).copied();
                (sender(message).or_else(by_address), *remote.ip())
            }
            Via::Nat { remote, .. } => (Some(source), *remote.ip()),
        };
        let declared = declared(message);
        let may = |name: &IpAddr| {
            self.row(*name).is_some_and(|row| {
                let true_to_row = |address: Ipv4Addr| row.address.contains(&address);
                row.may_come_from(remote) && declared.is_none_or(true_to_row)
            })
        };
        match name.filter(may) {
            Some(name) => {
                match self.known.get_mut(&name) {
                    Some(known) => known.came = via,
                    // After a restart of ours its first message may be a heartbeat.
                    None => {
                        self.set(name, via, None);
                    }
                }
                name
            }
            None => self.unread(IpAddr::V4(remote), via),
        }
    }

    /// A message whose sender has no name here.
    pub(crate) fn unread(&mut self, source: IpAddr, via: Via) -> IpAddr {
        self.stranger = Some((source, via));
        source
    }

    /// What a PBU or RO Setup that is acted on says about how its sender is reached (RFC 5555 section 4.2):
    /// the way it is reached from now on, if that is another one. `timestamp` orders PBUs: NATs rebind, and
    /// packets overtake each other.
    pub(crate) fn learn(
        &mut self,
        peer: IpAddr,
        came: Via,
        care_of: Option<Ipv4Addr>,
        timestamp: Option<u64>,
        udp_data: bool,
    ) -> Option<Via> {
        let (local, remote) = match came {
            Via::Ipv6 => return None,
            Via::Ipv4 { local, remote, .. } | Via::Nat { local, remote } => (local, remote),
        };
        let known = self.known.get(&peer).copied();
        if timestamp.is_some() && known.is_some_and(|known| timestamp < known.newest) {
            return None;
        }
        let care_of = care_of.unwrap_or(*remote.ip());
        self.told(peer, care_of);
        let hidden = care_of != *remote.ip();
        // It speaks as to somebody behind a NAT, and is not behind one itself: it knows of ours, and we may have
        // forgotten since.
        let ours = match came {
            Via::Nat { .. } if !hidden => self.nat_before_us(local),
            _ => None,
        };
        let behind_nat = known.and_then(|known| known.behind_nat).or(ours);
        let via = if hidden || behind_nat.is_some() {
            Via::Nat { local, remote }
        } else {
            let port = match came {
                Via::Ipv4 { .. } => remote.port(),
                _ => SIGNALLING_PORT,
            };
            Via::Ipv4 {
                local,
                remote: SocketAddrV4::new(care_of, port),
                udp_data,
            }
        };
        let newest = timestamp.or(known.and_then(|known| known.newest));
        let changed = self.set(peer, via, newest);
        let known = self.known.get_mut(&peer)?;
        known.came = came;
        known.hidden = hidden;
        known.behind_nat = behind_nat;
        let untold = !std::mem::replace(&mut known.programmed, true);
        (changed || untold).then_some(via)
    }

    /// An LMA names a MAG and its IPv4 care-of address. What the configuration fixes stands, and so does a
    /// way through a NAT that the MAG has shown itself.
    pub(crate) fn introduce(&mut self, mag: IpAddr, care_of: Option<Ipv4Addr>) -> Option<Via> {
        let row = self.row(mag)?;
        let (local, fixed) = (row.local, row.fixed().is_some());
        let care_of = care_of.filter(|address| row.address.contains(address))?;
        let before = self.care_of.get(&mag).copied();
        let programmed = self.known.get(&mag).is_some_and(|known| known.programmed);
        let stands = match self.via(mag) {
            _ if !programmed => false,
            Via::Ipv6 => false,
            Via::Ipv4 { remote, .. } => fixed || *remote.ip() == care_of,
            Via::Nat { .. } => fixed || before == Some(care_of),
        };
        if stands {
            return None;
        }
        self.told(mag, care_of);
        let via = self.first_way(local, care_of);
        self.set(mag, via, None);
        let known = self.known.get_mut(&mag)?;
        known.programmed = true;
        Some(via)
    }

    /// What the answer to a PBU or RO Setup says about the way (option 31): what to do next.
    pub(crate) fn on_answer(&mut self, peer: IpAddr, options: &[MobilityOption]) -> Detected {
        let Some((force_udp, refresh_time_s)) = nat_detection(options) else {
            return Detected::Nothing;
        };
        let (nat, keepalive_s) = match refresh_time_s {
            NO_NAT => (false, 0),
            // "Ignore": the own constant (RFC 5555 section 3.2.2).
            0 => (true, self.config.nat_keepalive_s),
            seconds => (true, seconds),
        };
        let Some(known) = self.known.get_mut(&peer) else {
            return Detected::Nothing;
        };
        known.behind_nat = nat.then_some(keepalive_s);
        let via = match (known.via, nat) {
            (Via::Ipv6, _) => return Detected::Nothing,
            // The NAT on the way is before the peer.
            (Via::Nat { .. }, false) if known.hidden => return Detected::Nothing,
            (Via::Nat { .. }, true) => return Detected::Nat { keepalive_s },
            (Via::Ipv4 { local, remote, .. }, true) => Via::Nat {
                local,
                remote: SocketAddrV4::new(*remote.ip(), NAT_PORT),
            },
            (Via::Ipv4 { local, remote, .. } | Via::Nat { local, remote }, false) => Via::Ipv4 {
                local,
                remote: SocketAddrV4::new(*remote.ip(), SIGNALLING_PORT),
                udp_data: force_udp,
            },
        };
        if known.via == via {
            return Detected::Nothing;
        }
        self.set(peer, via, None);
        match nat {
            true => Detected::SayAgain(via),
            false => Detected::NoNat(via),
        }
    }

    /// Option 31 of the answer to a PBU or RO Setup that was learnt from: always, where it came over UDP
    /// (RFC 5555 section 4.2).
    pub(crate) fn nat_detection(&self, peer: IpAddr) -> Option<MobilityOption> {
        let (force_udp, refresh_time_s) = match self.via(peer) {
            Via::Ipv6 => return None,
            Via::Ipv4 { udp_data, .. } => (udp_data, NO_NAT),
            Via::Nat { .. } if self.nat_before(peer).is_some() => {
                (false, self.config.nat_keepalive_s)
            }
            // The NAT on the way is before us.
            Via::Nat { .. } => (false, NO_NAT),
        };
        Some(MobilityOption::NatDetection {
            force_udp,
            refresh_time_s,
        })
    }

    /// The NAT before a peer, by its address outside, where there is one.
    pub(crate) fn nat_before(&self, peer: IpAddr) -> Option<Ipv4Addr> {
        let known = self.known.get(&peer).filter(|known| known.hidden)?;
        address_of(known.via)
    }

    /// How often the NAT before this address of ours is to be kept open on the way to some peer, seconds; none: there
    /// is none.
    fn nat_before_us(&self, address: Ipv4Addr) -> Option<u32> {
        let from_there = |known: &&Known| match known.via {
            Via::Ipv6 => false,
            Via::Ipv4 { local, .. } | Via::Nat { local, .. } => local == address,
        };
        let mut known = self.known.values().filter(from_there);
        known.find_map(|known| known.behind_nat)
    }

    /// How often the NAT before us, on the way to a peer, is to be kept open, seconds; none: there is none.
    pub(crate) fn keepalive_s(&self, peer: IpAddr) -> Option<u32> {
        self.known.get(&peer)?.behind_nat
    }

    /// A MAG's IPv4 care-of address, by its own word or its LMA's.
    pub(crate) fn told(&mut self, mag: IpAddr, care_of: Ipv4Addr) {
        if self.care_of.len() < MAX_PEERS || self.care_of.contains_key(&mag) {
            self.care_of.insert(mag, care_of);
        }
    }

    /// Option 32 beside a MAG-ADDR (HL-8): behind it, where the MAG has an IPv4 address.
    pub(crate) fn beside(&self, mag: IpAddr, options: Vec<MobilityOption>) -> Vec<MobilityOption> {
        with_care_of(options, self.care_of.get(&mag).copied())
    }

    /// The row of a peer: the one with the longest prefix.
    fn row(&self, peer: IpAddr) -> Option<&Ipv4Peer> {
        let IpAddr::V6(peer) = peer else {
            return None;
        };
        let rows = self.config.peers.iter();
        rows.filter(|row| row.peer.contains(&peer))
            .max_by_key(|row| row.peer.prefix_len())
    }

    /// Sets the way to a peer; whether it is another one now.
    fn set(&mut self, peer: IpAddr, via: Via, newest: Option<u64>) -> bool {
        let before = self.known.get(&peer).copied();
        if before.is_none() && self.known.len() >= MAX_PEERS {
            return false;
        }
        if let Some(Via::Ipv4 { remote, .. }) = before.map(|known| known.via)
            && self.names.get(remote.ip()) == Some(&peer)
            && address_of(via) != Some(*remote.ip())
        {
            self.names.remove(remote.ip());
        }
        // Behind a NAT, an address is many peers': they say their names.
        if let Via::Ipv4 { remote, .. } = via {
            self.names.insert(*remote.ip(), peer);
        }
        let known = Known {
            via,
            came: before.map_or(via, |known| known.came),
            behind_nat: before.and_then(|known| known.behind_nat),
            hidden: before.is_some_and(|known| known.hidden),
            programmed: before.is_some_and(|known| known.programmed),
            newest: newest.or(before.and_then(|known| known.newest)),
        };
        self.known.insert(peer, known);
        before.is_none_or(|before| before.via != via)
    }
}

/// What the answer to a PBU or RO Setup has brought to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detected {
    /// Nothing new.
    Nothing,
    /// There is no NAT (any more): program this way.
    NoNat(Via),
    /// There is a NAT: program this way and say it again, so that the peer sees its address and port.
    SayAgain(Via),
    /// The NAT is still there: keep it alive at this interval.
    Nat {
        /// Seconds.
        keepalive_s: u32,
    },
}

/// Puts option 32 behind MAG-ADDR.
pub(crate) fn with_care_of(
    mut options: Vec<MobilityOption>,
    care_of: Option<Ipv4Addr>,
) -> Vec<MobilityOption> {
    let mag = options
        .iter()
        .position(|option| matches!(option, MobilityOption::MagIpv6Address(_)));
    if let (Some(at), Some(address)) = (mag, care_of) {
        options.insert(at + 1, MobilityOption::Ipv4CareOfAddress(address));
    }
    options
}

/// Whether an RO Trigger says that there is a NAT before the MAG that it names (option 31, HL-28).
pub(crate) fn says_nat(options: &[MobilityOption]) -> bool {
    nat_detection(options).is_some_and(|(_, refresh_time_s)| refresh_time_s != NO_NAT)
}

fn address_of(via: Via) -> Option<Ipv4Addr> {
    match via {
        Via::Ipv6 => None,
        Via::Ipv4 { remote, .. } | Via::Nat { remote, .. } => Some(*remote.ip()),
    }
}

const fn signalling(local: Ipv4Addr, remote: Ipv4Addr) -> Via {
    Via::Ipv4 {
        local,
        remote: SocketAddrV4::new(remote, SIGNALLING_PORT),
        udp_data: false,
    }
}

/// The name that a message itself gives its sender: a PBU and an RO Setup do (HL-8).
pub(crate) fn sender(message: &Message) -> Option<IpAddr> {
    let name = match message {
        Message::BindingUpdate(update) => alternate_care_of_address(&update.options),
        Message::RoRequest(request) if request.kind == RoKind::Setup => {
            mag_ipv6_address(&request.options)
        }
        _ => None,
    };
    name.map(IpAddr::V6)
}

/// The IPv4 address that the sender of a PBU or RO Setup takes for its own.
fn declared(message: &Message) -> Option<Ipv4Addr> {
    match message {
        Message::BindingUpdate(update) => ipv4_care_of_address(&update.options),
        Message::RoRequest(request) if request.kind == RoKind::Setup => {
            ipv4_care_of_address(&request.options)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
    const CARE_OF: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);

    fn mag() -> IpAddr {
        "2001:db8:a::1".parse().unwrap()
    }

    fn reach() -> Reach {
        Reach::new(&Ipv4Transport {
            peers: vec![Ipv4Peer {
                peer: "2001:db8:a::/48".parse().unwrap(),
                address: "10.0.0.0/8".parse().unwrap(),
                local: OWN,
                nat: vec![OUTSIDE.into()],
            }],
            ..Ipv4Transport::default()
        })
    }

    fn from_port(port: u16) -> Via {
        Via::Nat {
            local: OWN,
            remote: SocketAddrV4::new(OUTSIDE, port),
        }
    }

    #[test]
    fn an_older_pbu_does_not_bring_an_old_port_back() {
        let mut reach = reach();
        let new = from_port(2);
        assert_eq!(
            reach.learn(mag(), new, Some(CARE_OF), Some(20), false),
            Some(new)
        );
        // A PBU of another MN, sent before the NAT rebound and overtaken since.
        assert_eq!(
            reach.learn(mag(), from_port(1), Some(CARE_OF), Some(10), false),
            None
        );
        assert_eq!(reach.via(mag()), new);
        assert_eq!(
            reach.learn(mag(), from_port(3), Some(CARE_OF), Some(30), false),
            Some(from_port(3))
        );
    }

    #[test]
    fn who_has_only_spoken_is_answered_and_gets_its_tunnel_with_the_pbu() {
        let mut reach = reach();
        let heartbeat = Message::Heartbeat(crate::wire::message::Heartbeat {
            unsolicited: false,
            response: false,
            sequence: 1,
            options: Vec::new(),
        });
        assert_eq!(reach.identify(mag(), from_port(1), &heartbeat), mag());
        assert_eq!(reach.via(mag()), from_port(1));
        assert_eq!(reach.way_back(mag()), from_port(1));
        let learnt = reach.learn(mag(), from_port(1), Some(CARE_OF), Some(1), false);
        assert_eq!(learnt, Some(from_port(1)), "the dataplane has to be told");
        let again = reach.learn(mag(), from_port(1), Some(CARE_OF), Some(2), false);
        assert_eq!(again, None);
    }

    #[test]
    fn the_row_with_the_longest_prefix_counts() {
        let mut transport = reach().config;
        let special = Ipv4Peer {
            peer: "2001:db8:a::1/128".parse().unwrap(),
            address: Ipv4Net::from(CARE_OF),
            local: Ipv4Addr::new(203, 0, 113, 1),
            nat: Vec::new(),
        };
        transport.peers.push(special.clone());
        let mut reach = Reach::new(&transport);
        assert_eq!(reach.local(mag()), Some(special.local));
        assert_eq!(
            reach.take_unprogrammed(),
            [(mag(), signalling(special.local, CARE_OF))]
        );
        assert!(reach.take_unprogrammed().is_empty(), "once");
        // What is fixed is not changed by an LMA's word.
        let other = Ipv4Addr::new(10, 0, 0, 9);
        assert_eq!(reach.introduce(mag(), Some(other)), None);
    }

    #[test]
    fn a_node_behind_a_nat_does_not_take_the_peers_plain_address_for_its_end() {
        let mut reach = reach();
        reach.introduce(mag(), Some(CARE_OF));
        let nat = [MobilityOption::NatDetection {
            force_udp: false,
            refresh_time_s: 30,
        }];
        let again = reach.on_answer(mag(), &nat);
        let through = Via::Nat {
            local: OWN,
            remote: SocketAddrV4::new(CARE_OF, NAT_PORT),
        };
        assert_eq!(again, Detected::SayAgain(through));
        assert_eq!(
            reach.on_answer(mag(), &nat),
            Detected::Nat { keepalive_s: 30 }
        );
        // The peer's own RO Setup comes from where it says: it is we who are behind the NAT.
        assert_eq!(
            reach.learn(mag(), through, Some(CARE_OF), None, false),
            None
        );
        assert_eq!(reach.via(mag()), through);
    }

    #[test]
    fn l_66_of_two_peers_the_one_behind_the_nat_is_told_of_it() {
        let mut reach = reach();
        // The MAG is seen at another address than its own.
        reach.learn(mag(), from_port(1), Some(CARE_OF), None, false);
        assert_eq!(reach.nat_before(mag()), Some(OUTSIDE));
        let told = |reach: &Reach| {
            let option = reach.nat_detection(mag());
            nat_detection(&option.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(told(&reach), Some((false, 110)));
        // To our own RO Setup it answers that it sees no NAT before us: there is one still, before it.
        let no_nat = [MobilityOption::NatDetection {
            force_udp: false,
            refresh_time_s: NO_NAT,
        }];
        assert_eq!(reach.on_answer(mag(), &no_nat), Detected::Nothing);
        assert_eq!(reach.via(mag()), from_port(1));
        assert_eq!(reach.keepalive_s(mag()), None, "not ours to keep open");
        // It has come out from behind it.
        let plain = from_port(NAT_PORT);
        reach.learn(mag(), plain, Some(OUTSIDE), None, false);
        assert_eq!(reach.nat_before(mag()), None);
        assert_eq!(told(&reach), Some((false, NO_NAT)));
    }

    #[test]
    fn l_65_ls_11_who_is_behind_a_nat_begins_by_port_4191_and_goes_on_where_there_is_none() {
        let anchor = Ipv4Addr::new(198, 51, 100, 9);
        let mut reach = Reach::new(&Ipv4Transport {
            peers: vec![Ipv4Peer {
                peer: "2001:db8:f::1/128".parse().unwrap(),
                address: anchor.into(),
                local: CARE_OF,
                nat: Vec::new(),
            }],
            behind_nat: true,
            ..Ipv4Transport::default()
        });
        let lma: IpAddr = "2001:db8:f::1".parse().unwrap();
        let remote = SocketAddrV4::new(anchor, NAT_PORT);
        let by_nat = Via::Nat {
            local: CARE_OF,
            remote,
        };
        assert_eq!(reach.take_unprogrammed(), [(lma, by_nat)]);
        let says = |refresh_time_s| {
            [MobilityOption::NatDetection {
                force_udp: false,
                refresh_time_s,
            }]
        };
        let kept = Detected::Nat { keepalive_s: 20 };
        assert_eq!(reach.on_answer(lma, &says(20)), kept);
        let plain = signalling(CARE_OF, anchor);
        assert_eq!(reach.on_answer(lma, &says(NO_NAT)), Detected::NoNat(plain));
        assert_eq!(reach.via(lma), plain);
    }

    const LOCAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 4);

    fn row(peer: &str, address: Ipv4Addr) -> Ipv4Peer {
        Ipv4Peer {
            peer: format!("{peer}/128").parse().expect("a prefix"),
            address: address.into(),
            local: LOCAL,
            nat: Vec::new(),
        }
    }

    /// L-65: a MAG that has started anew learns from its LMA's answer that it is behind a NAT, and hears a MAG that
    /// still knows the way in.
    #[test]
    fn who_speaks_past_our_nat_is_answered_past_it() {
        let (lma, mag) = (
            Ipv4Addr::new(198, 51, 100, 1),
            Ipv4Addr::new(198, 51, 100, 6),
        );
        let names: [IpAddr; 2] =
            ["2001:db8::1", "2001:db8::6"].map(|name| name.parse().expect("an address"));
        let config = Ipv4Transport {
            peers: vec![row("2001:db8::1", lma), row("2001:db8::6", mag)],
            ..Ipv4Transport::default()
        };
        let past = Via::Nat {
            local: LOCAL,
            remote: SocketAddrV4::new(mag, NAT_PORT),
        };
        for nat in [false, true] {
            let mut reach = Reach::new(&config);
            if nat {
                let says = MobilityOption::NatDetection {
                    force_udp: false,
                    refresh_time_s: 110,
                };
                reach.on_answer(names[0], &[says]);
            }
            reach.learn(names[1], past, Some(mag), None, false);
            let expected = if nat { past } else { signalling(LOCAL, mag) };
            assert_eq!(reach.via(names[1]), expected);
            assert_eq!(reach.keepalive_s(names[1]), nat.then_some(110));
        }
    }
}
