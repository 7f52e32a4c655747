//! Outer packets that are too large for the way (RFC 2473 section 7): fragmented here, put together by a
//! peer that does it by the book, and by another worker.

use super::*;

/// Path MTU of the tunnels here, octets.
const PATH: u16 = 700;

fn mag(over_ipv4: bool) -> Node {
    let mut config = config(Role::Mag);
    config.detect.enabled = false;
    let mut node = Node::new(&config);
    let (local, remote, header) = if over_ipv4 {
        (OWN_IPV4, LMA_IPV4, 20)
    } else {
        (OWN, LMA, 40)
    };
    let tunnel = TunnelSpec {
        local: local.parse().expect("an address"),
        remote: remote.parse().expect("an address"),
        mtu_bytes: PATH - header,
        ..tunnel_spec(LMA)
    };
    node.program(&[
        Update::Tunnel {
            slot: TunnelSlot(0),
            tunnel,
        },
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
        home("10.0.0.1/32", attached(0, 0)),
    ]);
    node
}

/// Puts IPv4 or IPv6 fragments together, as RFC 791 and RFC 8200 say; the whole packet.
fn whole(frames: &[Vec<u8>], over_ipv4: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut header = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let ip = &frame[14..];
        assert!(ip.len() <= usize::from(PATH), "{} octets", ip.len());
        etherparse::SlicedPacket::from_ethernet(frame).expect("etherparse agrees");
        let (word, data, id) = if over_ipv4 {
            assert_eq!(usize::from(u16::from_be_bytes([ip[2], ip[3]])), ip.len());
            let word = u16::from_be_bytes([ip[6], ip[7]]);
            assert_eq!(word & 0xc000, 0, "DF is clear");
            (word.rotate_left(3), &ip[20..], ip[4..6].to_vec())
        } else {
            assert_eq!(ip[6], 44);
            let octets = usize::from(u16::from_be_bytes([ip[4], ip[5]]));
            assert_eq!(octets, ip.len() - 40);
            let word = u16::from_be_bytes([ip[42], ip[43]]);
            (word, &ip[48..], ip[44..48].to_vec())
        };
        assert_eq!(usize::from(word & !7), payload.len());
        let last = at + 1 == frames.len();
        assert_eq!(word & 1 == 0, last, "more fragments follow");
        assert!(last || data.len() % 8 == 0);
        if at == 0 {
            header = ip[..ip.len() - data.len()].to_vec();
        }
        let first_id = if over_ipv4 {
            &header[4..6]
        } else {
            &header[44..48]
        };
        assert_eq!(id, first_id);
        payload.extend_from_slice(data);
    }
    payload
}

#[test]
fn the_outer_packet_is_fragmented_and_holds_the_inner_one() {
    for over_ipv4 in [false, true] {
        let mut node = mag(over_ipv4);
        let six = V6::udp(MN1, CN).octets(1280);
        let mut four = V4::new("10.0.0.1", "203.0.113.9", 17, &[0x44; 1460]);
        four.ttl = 63;
        let forwarded = [six.clone().hop_limit(63).bytes(), four.bytes()];
        four.ttl = 64;
        for (packet, wanted) in [six.bytes(), four.bytes()].iter().zip(&forwarded) {
            let fate = node.pass(ACCESS, &from_mn(1, packet));
            let Fate::Fragmented(TRANSPORT, frames) = fate else {
                panic!("{fate:?}");
            };
            assert_eq!(whole(&frames, over_ipv4), *wanted);
        }
        assert_eq!(node.counter("tunnel.fragmented"), 2);
        assert_eq!(node.counter("forwarded.packets"), 2);
        assert_eq!(node.counter("tx.packets"), node.counter("tunnel.fragments"));
    }
}

#[test]
fn a_burst_that_fragments_loses_nothing() {
    let mut node = mag(true);
    let packet = from_mn(1, &V6::udp(MN1, CN).octets(1280).bytes());
    let small = from_mn(1, &V6::udp(MN1, CN).bytes());
    for _ in 0..BURST / 2 {
        node.wires[&ACCESS].arrive(VecBuffer::new(&packet));
        node.wires[&ACCESS].arrive(VecBuffer::new(&small));
    }
    node.step();
    let count = std::iter::from_fn(|| node.wires[&TRANSPORT].sent()).count();
    assert_eq!(count, BURST / 2 * 3);
    assert_eq!(node.handle.stats().dropped_total(), 0);
}

#[test]
fn too_many_fragments_and_no_buffers_are_counted_drops() {
    let mut node = mag(false);
    let tunnel = TunnelSpec {
        mtu_bytes: 100,
        ..tunnel_spec(LMA)
    };
    let packet = from_mn(1, &V6::udp(MN1, CN).octets(1280).bytes());
    let mut buffer = VecBuffer::new(&packet);
    buffer.has_more = false;
    let fate = node.pass_buffer(ACCESS, buffer);
    assert_eq!(fate, Fate::Dropped(DropReason::NoBuffer));
    node.program(&[Update::Tunnel {
        slot: TunnelSlot(0),
        tunnel,
    }]);
    let fate = node.pass(ACCESS, &packet);
    assert_eq!(fate, Fate::Dropped(DropReason::NeedsOuterFragment));
}

/// The other end of [`mag`]'s tunnels.
fn lma() -> Node {
    let mut config = config(Role::Lma);
    config.detect.enabled = false;
    config.own[0].address = LMA.parse().expect("an address");
    config.own[1].address = LMA_IPV4.parse().expect("an address");
    config.reassembly.packets = 4;
    let mut node = Node::new(&config);
    let over_ipv4 = TunnelSpec {
        local: LMA_IPV4.parse().expect("an address"),
        remote: OWN_IPV4.parse().expect("an address"),
        ..tunnel_spec(LMA)
    };
    let over_ipv6 = TunnelSpec {
        local: LMA.parse().expect("an address"),
        remote: OWN.parse().expect("an address"),
        ..tunnel_spec(LMA)
    };
    let set = |slot, tunnel| Update::Tunnel {
        slot: TunnelSlot(slot),
        tunnel,
    };
    node.program(&[
        set(0, over_ipv6),
        set(1, over_ipv4),
        home(MN1_HOME, anchored(0)),
        home("10.0.0.1/32", anchored(1)),
        Update::NetworkNextHop {
            next_hop: Some(hop(NETWORK)),
        },
    ]);
    node
}

/// Fragments of a tunnel packet with an inner packet of 1280 octets, as the LMA gets them.
fn fragments(over_ipv4: bool) -> Vec<Vec<u8>> {
    let fate = mag(over_ipv4).pass(ACCESS, &from_mn(1, &inner(over_ipv4, 0)));
    let Fate::Fragmented(TRANSPORT, frames) = fate else {
        panic!("{fate:?}");
    };
    frames
        .iter()
        .map(|frame| relayed(TRANSPORT, frame))
        .collect()
}

fn inner(ipv4: bool, hops: u8) -> Vec<u8> {
    if ipv4 {
        v4("10.0.0.1", "203.0.113.9", 64 - hops, 1280, false)
    } else {
        let packet = V6::udp(MN1, CN).octets(1280);
        packet.hop_limit(64 - hops).bytes()
    }
}

/// What became of frames that arrive in one burst.
fn burst(node: &mut Node, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    for frame in frames {
        node.wires[&TRANSPORT].arrive(VecBuffer::new(frame));
    }
    node.step();
    std::iter::from_fn(|| node.wires[&NETWORK].sent())
        .map(|sent| sent.data().to_vec())
        .collect()
}

#[test]
fn fragments_of_a_tunnel_packet_are_forwarded_as_the_packet_in_it() {
    for over_ipv4 in [false, true] {
        let frames = fragments(over_ipv4);
        let wanted = to_router(NETWORK, &inner(over_ipv4, 2));
        let mut backwards = frames.clone();
        backwards.reverse();
        let mut padded = frames.clone();
        padded[1].extend([0; 9]);
        for frames in [&frames, &backwards, &padded] {
            let mut node = lma();
            assert_eq!(burst(&mut node, frames), std::slice::from_ref(&wanted));
            assert_eq!(node.counter("rx.packets"), frames.len() as u64);
            assert_eq!(node.counter("reassembly.fragments"), frames.len() as u64);
            assert_eq!(node.counter("reassembly.packets"), 1);
            assert_eq!(node.handle.stats().dropped_total(), 0);
        }
    }
}

/// A Proxy Binding Update, too, may come in fragments.
#[test]
fn fragments_of_signalling_become_controls() {
    let mut node = lma();
    let part = |from: u8, more: u8| {
        let mut payload = vec![135, 0, 0, from | more, 0, 0, 0, 1];
        payload.extend([0x5a; 8]);
        from_router(TRANSPORT, &V6::new(OWN, LMA, 44, &payload).bytes())
    };
    assert!(burst(&mut node, &[part(0, 1), part(8, 0)]).is_empty());
    let punt = node.handle.poll_punt().expect("the packet");
    assert_eq!(punt.reason, PuntReason::Signalling);
    let whole = V6::new(OWN, LMA, 135, &[0x5a; 16]);
    assert_eq!(punt.mbuf.data(), from_router(TRANSPORT, &whole.bytes()));
}

/// RFC 6946: a whole packet behind a Fragment header needs no other.
#[test]
fn an_atomic_fragment_is_a_packet() {
    let mut payload = vec![41, 0, 0, 0, 0, 0, 0, 1];
    payload.extend(V6::udp(MN1, CN).bytes());
    let outer = V6::new(OWN, LMA, 44, &payload);
    let frame = from_router(TRANSPORT, &outer.bytes());
    let wanted = V6::udp(MN1, CN).hop_limit(63).bytes();
    assert_eq!(burst(&mut lma(), &[frame]), [to_router(NETWORK, &wanted)]);
}

/// A header checksum by etherparse.
fn checksummed(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = etherparse::checksum::Sum16BitWords::new()
        .add_slice(&packet[..20])
        .ones_complement();
    packet[10..12].copy_from_slice(&sum.to_ne_bytes());
}

fn ipv6_part(from: u16, more: bool, octets: usize) -> Vec<u8> {
    let mut payload = vec![41, 0];
    payload.extend((from | u16::from(more)).to_be_bytes());
    payload.extend([0, 0, 0, 1]);
    payload.resize(8 + octets, 0);
    V6::new(OWN, LMA, 44, &payload).bytes()
}

fn ipv4_part(word: u16, octets: usize) -> Vec<u8> {
    let mut packet = V4::new(OWN_IPV4, LMA_IPV4, 41, &vec![0; octets]).bytes();
    packet[6..8].copy_from_slice(&word.to_be_bytes());
    checksummed(&mut packet);
    packet
}

#[test]
fn fragments_that_are_not_right_are_dropped_by_reason() {
    use DropReason::{FragmentHeader, OuterFragment, Truncated};
    let part_header = [41, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let behind = [&[44, 0, 1, 4, 0, 0, 0, 0], &part_header[..]].concat();
    // A fragment within an atomic one.
    let nested = [&[44, 0, 0, 0, 0, 0, 0, 1], &part_header[..]].concat();
    for (packet, reason) in [
        (ipv6_part(0, true, 0), FragmentHeader),
        (ipv6_part(8, false, 0), FragmentHeader),
        (ipv6_part(0, true, 7), FragmentHeader),
        (ipv6_part(0xfff8, false, 8), FragmentHeader),
        (ipv4_part(0x2000, 0), FragmentHeader),
        (ipv4_part(0x2000, 7), FragmentHeader),
        (ipv4_part(0x1fff, 8), FragmentHeader),
        (V6::new(OWN, LMA, 44, &[41, 0, 0]).bytes(), Truncated),
        (V6::new(OWN, LMA, 44, &nested).bytes(), OuterFragment),
        (V6::new(OWN, LMA, 60, &behind).bytes(), OuterFragment),
    ] {
        let fate = lma().pass(TRANSPORT, &from_router(TRANSPORT, &packet));
        assert_eq!(fate, Fate::Dropped(reason), "{packet:?}");
    }
    for packet in [ipv6_part(0, true, 8), ipv4_part(0x2000, 8)] {
        let fate = lma().pass(ACCESS, &from_mn(1, &packet));
        assert_eq!(fate, Fate::Dropped(OuterFragment));
    }
}

/// Overlaps, what never comes, and a flood: given up, counted, and nothing stays.
#[test]
fn fragments_that_do_not_make_a_packet_are_given_up() {
    for over_ipv4 in [false, true] {
        let frames = fragments(over_ipv4);
        let mut node = lma();
        let twice = [frames[0].clone(), frames[0].clone()];
        assert!(burst(&mut node, &twice).is_empty());
        assert_eq!(node.counter("drop.reassembly"), 2);

        // One fragment each of many packets, by their identification.
        let at = if over_ipv4 { 14 + 5 } else { 14 + 47 };
        let flood: Vec<_> = (1..=20)
            .map(|n| {
                let mut frame = frames[0].clone();
                frame[at] ^= n;
                if over_ipv4 {
                    checksummed(&mut frame[14..]);
                }
                frame
            })
            .collect();
        assert!(burst(&mut node, &flood).is_empty());
        assert_eq!(node.counter("drop.reassembly"), 2 + 16, "four are kept");
        // A second later they have gone, and a packet that is whole finds room.
        for _ in 0..memory::CYCLES_PER_S {
            <Memory as crate::worker::Platform>::cycles();
        }
        node.step();
        assert_eq!(node.counter("drop.reassembly"), 2 + 20);
        assert_eq!(burst(&mut node, &frames).len(), 1);
    }
}

/// MTU of the access link and of the network here, octets.
const NARROW: u16 = 700;

/// A MAG whose access link takes less than its tunnels, and an LMA whose network does.
fn narrow(role: Role, vlan: Option<u16>) -> Node {
    let mut config = config(role);
    config.detect.enabled = false;
    config.ports[usize::from(NETWORK)].mtu_bytes = NARROW;
    let mut node = Node::new(&config);
    let spec = LinkSpec {
        port: ACCESS,
        vlan,
        source_mac: our_mac(ACCESS),
        mn_mac: mn_mac(1),
        mtu_bytes: NARROW,
        router: None,
    };
    let action = match role {
        Role::Lma => anchored(0),
        Role::Mag | Role::Cn => attached(0, 0),
    };
    node.program(&[
        tunnel(0, LMA),
        Update::Link {
            slot: LinkSlot(0),
            link: spec,
        },
        home("10.0.0.1/32", action),
        Update::NetworkNextHop {
            next_hop: Some(hop(NETWORK)),
        },
    ]);
    node
}

/// A user packet in a tunnel packet from the LMA, or from the MAG.
fn tunnelled(packet: &[u8]) -> Vec<u8> {
    from_router(TRANSPORT, &V6::new(LMA, OWN, 4, packet).bytes())
}

/// RFC 791 section 2.3: a gateway fragments what its next link does not take and what may be.
#[test]
fn a_users_ipv4_packet_without_df_goes_onto_a_narrow_link_in_fragments() {
    let payload: Vec<u8> = (0..1440).map(|at: u32| (at / 3) as u8).collect();
    let sent = |source, destination, ttl| {
        let mut packet = V4::new(source, destination, 17, &payload);
        (packet.ttl, packet.identification) = (ttl, 0x1234);
        packet.bytes()
    };
    let down = |ttl| sent("203.0.113.9", "10.0.0.1", ttl);
    let up = |ttl| sent("10.0.0.1", "203.0.113.9", ttl);
    for (role, packet, forwarded, out) in [
        (Role::Mag, down(64), down(63), ACCESS),
        (Role::Lma, up(64), up(63), NETWORK),
    ] {
        let mut node = narrow(role, None);
        let fate = node.pass(TRANSPORT, &tunnelled(&packet));
        let Fate::Fragmented(port, frames) = fate else {
            panic!("{fate:?}");
        };
        assert_eq!((port, frames.len()), (out, 3));
        assert_eq!(whole(&frames, true), forwarded[20..]);
        for frame in &frames {
            assert_eq!(frame[26..34], forwarded[12..20], "the same ends");
            assert_eq!(frame[18..20], forwarded[4..6], "the same identification");
            assert_eq!((frame[22], frame[23]), (63, forwarded[9]));
        }
        assert_eq!(
            (
                node.counter("link.fragmented"),
                node.counter("link.fragments")
            ),
            (1, 3)
        );
        assert_eq!(
            (
                node.counter("forwarded.packets"),
                node.counter("tx.packets")
            ),
            (1, 3)
        );
        assert_eq!(node.counter("tunnel.fragmented"), 0);
    }
}

/// A part of a packet is cut into parts of that packet; options and the link's tag stay.
#[test]
fn a_fragment_with_options_goes_onto_a_tagged_link_in_fragments() {
    // 1,400 octets at offset 1,600, more behind them; Record Route is for the first, Router Alert for all.
    let payload: Vec<u8> = (0..1400).map(|at: u32| (at / 3) as u8).collect();
    let mut packet = V4::new("203.0.113.9", "10.0.0.1", 17, &payload).bytes();
    packet.splice(20..20, [7, 3, 4, 1, 148, 4, 0, 0]);
    packet[0] = 0x47;
    packet[2..4].copy_from_slice(&1428_u16.to_be_bytes());
    packet[6..8].copy_from_slice(&(0x2000_u16 | 200).to_be_bytes());
    let sum_of = |header: &mut [u8]| {
        header[10..12].fill(0);
        let sum = etherparse::checksum::Sum16BitWords::new().add_slice(header);
        sum.ones_complement().to_ne_bytes()
    };
    let sum = sum_of(&mut packet[..28]);
    packet[10..12].copy_from_slice(&sum);
    let fate = narrow(Role::Mag, Some(7)).pass(TRANSPORT, &tunnelled(&packet));
    let Fate::Fragmented(ACCESS, frames) = fate else {
        panic!("{fate:?}");
    };
    let mut payload = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        assert_eq!(frame[12..18], [0x81, 0, 0, 7, 8, 0]);
        let mut ip = frame[18..].to_vec();
        assert!(ip.len() <= usize::from(NARROW));
        assert_eq!(usize::from(u16::from_be_bytes([ip[2], ip[3]])), ip.len());
        let word = u16::from_be_bytes([ip[6], ip[7]]);
        assert_eq!(word & 0xe000, 0x2000, "the last of these is not the last");
        assert_eq!(usize::from(word & 0x1fff), 200 + payload.len() / 8);
        let first = if at == 0 { [7, 3, 4] } else { [1, 1, 1] };
        assert_eq!(
            (&ip[20..23], &ip[23..28]),
            (&first[..], &[1, 148, 4, 0, 0][..])
        );
        let said = [ip[10], ip[11]];
        assert_eq!(sum_of(&mut ip[..28]), said);
        payload.extend_from_slice(&ip[28..]);
    }
    assert_eq!((frames.len(), payload), (3, packet[28..].to_vec()));
}

#[test]
fn a_users_packet_that_cannot_go_in_fragments_is_a_counted_drop() {
    let needs = Fate::Dropped(DropReason::NeedsFragment);
    // Beyond the largest packet that there is.
    let mut packet = v4("203.0.113.9", "10.0.0.1", 64, 1420, false);
    packet[6..8].copy_from_slice(&0x1fff_u16.to_be_bytes());
    checksummed(&mut packet);
    let mut node = narrow(Role::Mag, None);
    assert_eq!(node.pass(TRANSPORT, &tunnelled(&packet)), needs);
    let packet = v4("203.0.113.9", "10.0.0.1", 64, 1420, false);
    let mut buffer = VecBuffer::new(&tunnelled(&packet));
    buffer.has_more = false;
    let fate = node.pass_buffer(TRANSPORT, buffer);
    assert_eq!(fate, Fate::Dropped(DropReason::NoBuffer));
    let packet = v4("203.0.113.9", "10.0.0.1", 64, 8 * 680 + 20 + 1, false);
    assert_eq!(node.pass(TRANSPORT, &tunnelled(&packet)), needs);
    let packet = v4("203.0.113.9", "10.0.0.1", 64, 8 * 680 + 20, false);
    let fate = node.pass(TRANSPORT, &tunnelled(&packet));
    assert!(matches!(fate, Fate::Fragmented(ACCESS, _)), "{fate:?}");
}
