//! Every form of tunnel with every inner family: wrapped octet for octet as written here by hand, and taken
//! out again by another worker (RFC 2473, RFC 4213, RFC 2003, RFC 2784, RFC 5844 section 4, RFC 5845).

use super::*;
use crate::update::GreKeys;

const LMA_KEY: u32 = 0x0102_0304;
const MAG_KEY: u32 = 0xfffe_fdfc;
/// Port that a NAT gave the MAG.
const NAT_PORT: u16 = 40_000;

/// One form, as the MAG sees it; the LMA sees it mirrored.
#[derive(Debug, Clone, Copy)]
struct Form {
    name: &'static str,
    ipv4: bool,
    /// Port of both ends, and the MAG's as the LMA sees it.
    udp: Option<(u16, u16)>,
    gre: Option<GreKeys>,
}

const KEYS: GreKeys = GreKeys {
    send: Some(LMA_KEY),
    receive: Some(MAG_KEY),
};
const NO_KEYS: GreKeys = GreKeys {
    send: None,
    receive: None,
};

const fn form(
    name: &'static str,
    ipv4: bool,
    udp: Option<(u16, u16)>,
    gre: Option<GreKeys>,
) -> Form {
    Form {
        name,
        ipv4,
        udp,
        gre,
    }
}

const FORMS: [Form; 9] = [
    form("IPv6", false, None, None),
    form("IPv4", true, None, None),
    form("IPv4-UDP 5437", true, Some((5437, 5437)), None),
    form("IPv4-UDP 4191", true, Some((4191, NAT_PORT)), None),
    form("GRE over IPv6", false, None, Some(KEYS)),
    form("GRE over IPv6, no key", false, None, Some(NO_KEYS)),
    form("GRE over IPv4", true, None, Some(KEYS)),
    form("UDP, TLV, GRE", true, Some((5437, 5437)), Some(KEYS)),
    form(
        "UDP, TLV, GRE, NAT",
        true,
        Some((4191, NAT_PORT)),
        Some(KEYS),
    ),
];

impl Form {
    /// The MAG's tunnel.
    fn spec(self) -> TunnelSpec {
        let of = |pair: [&str; 2]| pair[usize::from(self.ipv4)].parse().expect("an address");
        TunnelSpec {
            local: of([OWN, OWN_IPV4]),
            remote: of([LMA, LMA_IPV4]),
            encapsulation: match self.udp {
                Some((port, _)) => Encapsulation::Udp {
                    local_port: port,
                    remote_port: port,
                },
                None => Encapsulation::Ip,
            },
            gre: self.gre,
            ..tunnel_spec(LMA)
        }
    }

    /// The LMA's.
    fn mirrored(self) -> TunnelSpec {
        let spec = self.spec();
        TunnelSpec {
            local: spec.remote,
            remote: spec.local,
            encapsulation: match self.udp {
                Some((local_port, remote_port)) => Encapsulation::Udp {
                    local_port,
                    remote_port,
                },
                None => Encapsulation::Ip,
            },
            gre: self.gre.map(|keys| GreKeys {
                send: keys.receive,
                receive: keys.send,
            }),
            ..spec
        }
    }

    /// A frame of the MAG's as the LMA gets it: a NAT on the way changes the source port.
    fn up(self, frame: &[u8]) -> Vec<u8> {
        let mut frame = relayed(TRANSPORT, frame);
        if let Some((_, seen)) = self.udp {
            frame[34..36].copy_from_slice(&seen.to_be_bytes());
        }
        frame
    }

    /// A frame of the LMA's as the MAG gets it.
    fn down(self, frame: &[u8]) -> Vec<u8> {
        let mut frame = relayed(TRANSPORT, frame);
        if let Some((port, seen)) = self.udp {
            assert_eq!(frame[36..38], seen.to_be_bytes());
            frame[36..38].copy_from_slice(&port.to_be_bytes());
        }
        frame
    }

    /// What follows the outer IP header at the LMA: protocol, and octets.
    fn payload(self, inner: &[u8]) -> (u8, Vec<u8>) {
        let protocol = if inner[0] >> 4 == 4 { 4 } else { 41 };
        let (protocol, mut bytes) = match self.gre {
            Some(keys) => (47, gre(keys.send, inner)),
            None => (protocol, inner.to_vec()),
        };
        let Some((port, seen)) = self.udp else {
            return (protocol, bytes);
        };
        if self.gre.is_some() {
            bytes = tlv(47, &bytes);
        }
        (17, udp(seen, port, &bytes))
    }

    /// The outer packet as the MAG makes it; flow label or identification, which are the worker's, from
    /// what it made.
    fn wrapped(self, inner: &[u8], made: &[u8]) -> Vec<u8> {
        let (protocol, mut payload) = self.payload(inner);
        if let Some((port, _)) = self.udp {
            payload[..2].copy_from_slice(&port.to_be_bytes());
        }
        let ecn = if inner[0] >> 4 == 4 {
            inner[1] & 3
        } else {
            inner[1] >> 4 & 3
        };
        if self.ipv4 {
            let mut outer = V4::new(OWN_IPV4, LMA_IPV4, protocol, &payload);
            outer.identification = u16::from_be_bytes([made[18], made[19]]);
            outer.df = inner[0] >> 4 == 4 && inner[6] & 0x40 != 0;
            outer.ecn = ecn;
            outer.bytes()
        } else {
            let label = outer_label(made);
            assert_ne!(label, 0, "RFC 6438");
            let outer = V6::new(OWN, LMA, protocol, &payload).ecn(ecn);
            outer.flow_label(label).bytes()
        }
    }
}

const MN1_IPV4: &str = "10.0.0.1";
const CN_IPV4: &str = "203.0.113.9";

fn set(slot: u32, tunnel: TunnelSpec) -> Update {
    Update::Tunnel {
        slot: TunnelSlot(slot),
        tunnel,
    }
}

fn mag_of(form: Form) -> Node {
    let mut config = config(Role::Mag);
    config.detect.enabled = false;
    let mut node = Node::new(&config);
    node.program(&[
        set(0, form.spec()),
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
        home("10.0.0.1/32", attached(0, 0)),
    ]);
    node
}

fn lma_of(form: Form) -> Node {
    let mut config = config(Role::Lma);
    config.detect.enabled = false;
    config.own[0].address = LMA.parse().expect("an address");
    config.own[1].address = LMA_IPV4.parse().expect("an address");
    let mut node = Node::new(&config);
    node.program(&[
        set(0, form.mirrored()),
        home(MN1_HOME, anchored(0)),
        home("10.0.0.1/32", anchored(0)),
        Update::NetworkNextHop {
            next_hop: Some(hop(NETWORK)),
        },
    ]);
    node
}

/// An inner packet at hop limit or TTL 64 less `hops`.
fn inner(ipv4: bool, up: bool, ecn: u8, df: bool, hops: u8) -> Vec<u8> {
    let turn = |pair: [&'static str; 2]| if up { pair } else { [pair[1], pair[0]] };
    if ipv4 {
        let [source, destination] = turn([MN1_IPV4, CN_IPV4]);
        let mut packet = V4::new(source, destination, 17, &udp(9, 7, b"datagram"));
        (packet.ecn, packet.df, packet.ttl) = (ecn, df, 64 - hops);
        packet.bytes()
    } else {
        let [source, destination] = turn([MN1, CN]);
        let packet = V6::udp(source, destination).ecn(ecn);
        packet.hop_limit(64 - hops).bytes()
    }
}

fn sent(fate: Fate, port: u16, form: Form) -> Vec<u8> {
    match fate {
        Fate::Sent(at, frame) if at == port => frame,
        other => panic!("{}: {other:?}", form.name),
    }
}

#[test]
fn l_65_every_form_carries_both_families_both_ways() {
    for form in FORMS {
        let (mut mag, mut lma) = (mag_of(form), lma_of(form));
        for (ipv4, ecn, df) in [(false, 2, false), (true, 1, true), (true, 0, false)] {
            let packet = |up, hops| inner(ipv4, up, ecn, df, hops);
            let up = mag.pass(ACCESS, &from_mn(1, &packet(true, 0)));
            let up = sent(up, TRANSPORT, form);
            let wanted = form.wrapped(&packet(true, 1), &up);
            assert_eq!(up, to_router(TRANSPORT, &wanted), "{}", form.name);
            etherparse::SlicedPacket::from_ethernet(&up).expect("etherparse agrees");
            let out = lma.pass(TRANSPORT, &form.up(&up));
            let wanted = to_router(NETWORK, &packet(true, 2));
            assert_eq!(sent(out, NETWORK, form), wanted, "{}", form.name);

            let down = lma.pass(NETWORK, &from_router(NETWORK, &packet(false, 0)));
            let down = sent(down, TRANSPORT, form);
            let out = mag.pass(TRANSPORT, &form.down(&down));
            let wanted = to_mn(1, &packet(false, 2));
            assert_eq!(sent(out, ACCESS, form), wanted, "{}", form.name);
        }
        assert_eq!(mag.counter("tunnel.encapsulated"), 3);
        assert_eq!(mag.counter("tunnel.decapsulated"), 3);
    }
}

#[test]
fn identifications_of_outer_ipv4_differ() {
    let mut mag = mag_of(FORMS[1]);
    let mut identification = || {
        let frame = mag.pass(ACCESS, &from_mn(1, &inner(false, true, 0, false, 0)));
        let frame = sent(frame, TRANSPORT, FORMS[1]);
        u16::from_be_bytes([frame[18], frame[19]])
    };
    assert_ne!(identification(), identification());
}

/// What one form makes is for a tunnel of that form only: every other drops it and counts why.
#[test]
fn a_tunnel_takes_only_what_comes_in_its_own_form() {
    for (made, form) in FORMS.into_iter().enumerate() {
        let up = mag_of(form).pass(ACCESS, &from_mn(1, &inner(false, true, 0, false, 0)));
        let up = form.up(&sent(up, TRANSPORT, form));
        for (taken, other) in FORMS.into_iter().enumerate() {
            let fate = lma_of(other).pass(TRANSPORT, &up);
            if made == taken {
                sent(fate, NETWORK, form);
            } else {
                let refused = Fate::Dropped(DropReason::TunnelSourceNotAllowed);
                assert_eq!(fate, refused, "{} into {}", form.name, other.name);
            }
        }
    }
}

/// Cut anywhere behind the outer IP header, whose length is right: always dropped, by a name.
#[test]
fn tunnel_packets_of_every_form_cut_anywhere_are_dropped() {
    for form in FORMS {
        let mut lma = lma_of(form);
        for ipv4 in [false, true] {
            let (protocol, payload) = form.payload(&inner(ipv4, true, 0, false, 0));
            for octets in 0..payload.len() {
                let cut = &payload[..octets];
                let outer = if form.ipv4 {
                    V4::new(OWN_IPV4, LMA_IPV4, protocol, cut).bytes()
                } else {
                    V6::new(OWN, LMA, protocol, cut).bytes()
                };
                let fate = lma.pass(TRANSPORT, &from_router(TRANSPORT, &outer));
                // A datagram so short that its ports are not there is to nobody.
                let no_ports = form.udp.is_some() && octets < 4;
                let counted = matches!(
                    fate,
                    Fate::Dropped(DropReason::Truncated | DropReason::UdpHeader)
                );
                assert!(
                    counted || no_ports && fate == Fate::Punted(PuntReason::Local),
                    "{} at {octets}: {fate:?}",
                    form.name
                );
            }
        }
    }
}

/// The outer headers of one packet with octets changed: offset in the IP packet, and what is there then.
fn changed(form: Form, changes: &[(usize, u8)], reason: DropReason) {
    let up = mag_of(form).pass(ACCESS, &from_mn(1, &inner(false, true, 0, false, 0)));
    let mut frame = form.up(&sent(up, TRANSPORT, form));
    for (at, to) in changes {
        frame[14 + at] = *to;
    }
    let fate = lma_of(form).pass(TRANSPORT, &frame);
    assert_eq!(fate, Fate::Dropped(reason), "{} {changes:?}", form.name);
}

#[test]
fn outer_headers_that_are_not_right_are_dropped_by_reason() {
    use DropReason::{BadChecksum, GreHeader, TlvHeader, TunnelSourceNotAllowed, UdpHeader};
    let [_, ipv4, udp, nat, gre6, _, gre4, all, _] = FORMS;
    for form in [ipv4, udp, nat, gre4, all] {
        changed(form, &[(8, 1)], BadChecksum);
        changed(form, &[(19, 11)], BadChecksum);
    }
    // GRE: a routing header, a reserved bit, a version, another protocol; then another key.
    for (form, at) in [(gre6, 40), (gre4, 20), (all, 32)] {
        changed(form, &[(at, 0x60)], GreHeader);
        changed(form, &[(at, 0x24)], GreHeader);
        changed(form, &[(at + 1, 1)], GreHeader);
        changed(form, &[(at + 2, 0x88)], GreHeader);
        changed(form, &[(at + 7, 5)], TunnelSourceNotAllowed);
        // A checksum that is none: 0x0102.
        changed(form, &[(at, 0xa0)], BadChecksum);
    }
    changed(udp, &[(25, 9)], UdpHeader);
    changed(udp, &[(28, 0x50)], UdpHeader);
    // The peer's port.
    changed(nat, &[(21, 1)], TunnelSourceNotAllowed);
    changed(udp, &[(26, 1)], BadChecksum);
    changed(all, &[(28, 0x10)], UdpHeader);
    changed(all, &[(29, 6)], TlvHeader);
    changed(all, &[(31, 1)], TlvHeader);
}

/// A checksum of UDP that is there must be right, and then the packet is taken; so with GRE's checksum and
/// its sequence number (RFC 2890).
#[test]
fn checksums_and_sequence_numbers_of_others_are_understood() {
    let packet = inner(false, true, 0, false, 0);
    let wanted = to_router(NETWORK, &inner(false, true, 0, false, 1));
    let [source, destination] =
        [OWN_IPV4, LMA_IPV4].map(|text| text.parse::<std::net::Ipv4Addr>().expect("an address"));
    let checked = etherparse::UdpHeader::with_ipv4_checksum(
        5437,
        5437,
        &etherparse::Ipv4Header::new(
            8 + packet.len() as u16,
            64,
            etherparse::IpNumber::UDP,
            source.octets(),
            destination.octets(),
        )
        .expect("a length"),
        &packet,
    )
    .expect("a length");
    let mut datagram = checked.to_bytes().to_vec();
    datagram.extend(&packet);
    let outer = V4::new(OWN_IPV4, LMA_IPV4, 17, &datagram);
    let mut lma = lma_of(FORMS[2]);
    let fate = lma.pass(TRANSPORT, &from_router(TRANSPORT, &outer.bytes()));
    assert_eq!(fate, Fate::Sent(NETWORK, wanted.clone()));

    // C, K and S: checksum, reserved, key, sequence number.
    let mut header = vec![0xb0, 0, 0x86, 0xdd, 0, 0, 0, 0];
    header.extend(LMA_KEY.to_be_bytes());
    header.extend([0, 0, 0, 7]);
    header.extend(&packet);
    let sum = !etherparse::checksum::Sum16BitWords::new()
        .add_slice(&header)
        .ones_complement()
        .swap_bytes();
    header[4..6].copy_from_slice(&(!sum).to_be_bytes());
    let outer = V6::new(OWN, LMA, 47, &header);
    let mut lma = lma_of(FORMS[4]);
    let fate = lma.pass(TRANSPORT, &from_router(TRANSPORT, &outer.bytes()));
    assert_eq!(fate, Fate::Sent(NETWORK, wanted));
}

/// L-65: the NAT gives the peer another port. The slot is set again, and from then on packets go there and
/// come from there only.
#[test]
fn l_65_a_nat_rebinding_moves_the_tunnel_in_one_step() {
    let nat = FORMS[3];
    let mut lma = lma_of(nat);
    let seen_from = |port| TunnelSpec {
        encapsulation: Encapsulation::Udp {
            local_port: 4191,
            remote_port: port,
        },
        ..nat.mirrored()
    };
    let from = |port| {
        let datagram = udp(port, 4191, &inner(false, true, 0, false, 0));
        let outer = V4::new(OWN_IPV4, LMA_IPV4, 17, &datagram);
        from_router(TRANSPORT, &outer.bytes())
    };
    let goes_to = |lma: &mut Node| {
        let down = from_router(NETWORK, &inner(false, false, 0, false, 0));
        let frame = sent(lma.pass(NETWORK, &down), TRANSPORT, nat);
        [34, 36].map(|at| u16::from_be_bytes([frame[at], frame[at + 1]]))
    };
    let refused = Fate::Dropped(DropReason::TunnelSourceNotAllowed);
    for (port, old) in [(NAT_PORT, 1), (40_001, NAT_PORT), (NAT_PORT, 40_001)] {
        lma.program(&[set(0, seen_from(port))]);
        sent(lma.pass(TRANSPORT, &from(port)), NETWORK, nat);
        assert_eq!(lma.pass(TRANSPORT, &from(old)), refused);
        assert_eq!(goes_to(&mut lma), [4191, port]);
    }
}

/// RFC 6040 at the exit of every form, both families inside.
#[test]
fn congestion_is_told_through_every_form() {
    for form in FORMS {
        let mut lma = lma_of(form);
        for ipv4 in [false, true] {
            for (ecn, outer_ecn, wanted) in [
                (0, 3, None),
                (0, 1, Some(0)),
                (2, 3, Some(3)),
                (2, 1, Some(1)),
                (1, 3, Some(3)),
                (1, 2, Some(1)),
                (3, 0, Some(3)),
            ] {
                let (protocol, payload) = form.payload(&inner(ipv4, true, ecn, false, 0));
                let outer = if form.ipv4 {
                    let mut outer = V4::new(OWN_IPV4, LMA_IPV4, protocol, &payload);
                    outer.ecn = outer_ecn;
                    outer.bytes()
                } else {
                    let outer = V6::new(OWN, LMA, protocol, &payload).ecn(outer_ecn);
                    outer.bytes()
                };
                let fate = lma.pass(TRANSPORT, &from_router(TRANSPORT, &outer));
                let wanted = match wanted {
                    Some(ecn) => {
                        let packet = inner(ipv4, true, ecn, false, 1);
                        Fate::Sent(NETWORK, to_router(NETWORK, &packet))
                    }
                    None => Fate::Dropped(DropReason::Ecn),
                };
                assert_eq!(fate, wanted, "{} {ecn} in {outer_ecn}", form.name);
            }
        }
    }
}

#[test]
fn every_form_refuses_what_has_no_hop_left_and_its_own_ends() {
    for form in FORMS {
        let mut mag = mag_of(form);
        let icmp = PuntReason::IcmpError(crate::event::IcmpError::HopLimit);
        for ipv4 in [false, true] {
            let fate = mag.pass(ACCESS, &from_mn(1, &inner(ipv4, true, 0, false, 63)));
            assert_eq!(fate, Fate::Refused(DropReason::HopLimit, icmp));
        }
        let ends = if form.ipv4 {
            mag.program(&[home("198.51.100.1/32", attached(0, 0))]);
            V4::new(OWN_IPV4, LMA_IPV4, 17, &udp(9, 7, b"loop")).bytes()
        } else {
            mag.program(&[home("2001:db8:ffff::/64", attached(0, 0))]);
            V6::udp(OWN, LMA).bytes()
        };
        let fate = mag.pass(ACCESS, &from_mn(1, &ends));
        assert_eq!(fate, Fate::Dropped(DropReason::TunnelLoop), "{}", form.name);
    }
}

#[test]
fn forms_that_do_not_exist_are_refused() {
    let udp_over = |ipv4, local_port| Form {
        ipv4,
        udp: Some((local_port, 5437)),
        ..FORMS[0]
    };
    let mixed = TunnelSpec {
        remote: LMA_IPV4.parse().expect("an address"),
        ..tunnel_spec(LMA)
    };
    let spec = |form: Form| form.spec();
    for tunnel in [
        spec(udp_over(false, 5437)),
        spec(udp_over(true, 5436)),
        mixed,
    ] {
        let mut node = Node::new(&config(Role::Mag));
        node.program(&[set(0, tunnel)]);
        let told = Event::TableFull {
            table: "tunnel-form",
            number: 1,
        };
        assert_eq!(node.events(), [told]);
    }
}

/// RFC 2473 section 4.1.1: the limit is put in front of everything, or comes from the packet's own limit,
/// one less; at zero the packet goes no further, and its source is told where the limit stands.
#[test]
fn the_encapsulation_limit_is_sent_counted_down_and_obeyed() {
    let options = |limit| [17, 0, 4, 1, limit, 1, 1, 0];
    let limited = |limit| {
        let mut payload = options(limit).to_vec();
        payload.extend(udp(9, 7, b"datagram"));
        V6::new(MN1, CN, 60, &payload)
    };
    let plain = V6::udp(MN1, CN);
    for gre in [None, Some(KEYS)] {
        for (configured, packet, wanted) in [
            (Some(4), &plain, Some(4)),
            (Some(0), &plain, Some(0)),
            (None, &plain, None),
            (Some(4), &limited(9), Some(8)),
            (None, &limited(1), Some(0)),
        ] {
            let mut mag = mag_of(FORMS[0]);
            let form = Form { gre, ..FORMS[0] };
            let spec = TunnelSpec {
                encapsulation_limit: configured,
                ..form.spec()
            };
            mag.program(&[set(0, spec)]);
            let frame = mag.pass(ACCESS, &from_mn(1, &packet.bytes()));
            let frame = sent(frame, TRANSPORT, form);
            let inner = packet.clone().hop_limit(63).bytes();
            let (next_header, mut payload) = form.payload(&inner);
            let mut outer = V6::new(OWN, LMA, next_header, &[]);
            if let Some(limit) = wanted {
                let mut options = options(limit);
                options[0] = next_header;
                payload.splice(0..0, options);
                outer.next_header = 60;
            }
            outer.payload = payload;
            let wanted = outer.flow_label(outer_label(&frame)).bytes();
            assert_eq!(frame, to_router(TRANSPORT, &wanted));
            // The exit skips it.
            let out = lma_of(form).pass(TRANSPORT, &form.up(&frame));
            let wanted = packet.clone().hop_limit(62).bytes();
            assert_eq!(out, Fate::Sent(NETWORK, to_router(NETWORK, &wanted)));
        }
    }
    for form in FORMS {
        let mut mag = mag_of(form);
        let icmp = crate::event::IcmpError::EncapsulationLimit { pointer: 44 };
        let fate = mag.pass(ACCESS, &from_mn(1, &limited(0).bytes()));
        let refused = Fate::Refused(DropReason::EncapsulationLimit, PuntReason::IcmpError(icmp));
        assert_eq!(fate, refused, "{}", form.name);
    }
}

/// The eight octets that a packet's own limit adds are the tunnel's, not the path's.
#[test]
fn a_limit_that_is_added_makes_the_tunnel_smaller() {
    let mut payload = vec![17, 0, 4, 1, 3, 1, 1, 0];
    payload.extend(udp(9, 7, b"datagram"));
    let packet = V6::new(MN1, CN, 60, &payload);
    let mut mag = mag_of(FORMS[0]);
    let fate = mag.pass(ACCESS, &from_mn(1, &packet.clone().octets(1452).bytes()));
    assert!(matches!(fate, Fate::Sent(TRANSPORT, frame) if frame.len() == 1514));
    let fate = mag.pass(ACCESS, &from_mn(1, &packet.octets(1453).bytes()));
    let icmp = crate::event::IcmpError::TooBig { mtu_bytes: 1452 };
    let refused = Fate::Refused(DropReason::TooBig, PuntReason::IcmpError(icmp));
    assert_eq!(fate, refused);
}
