//! Outer packets that are too large for the way (RFC 2473 section 7): fragmented here, put together by a
//! peer that does it by the book.

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
