//! Whatever arrives, the worker lives and every packet has one fate that is counted.

use proptest::prelude::*;

use super::*;

fn node(role: Role) -> Node {
    let mut config = config(role);
    // One port with everything, so that every origin is reached by every frame.
    config.ports[0].roles = RoleSet::ACCESS.and(RoleSet::TRANSPORT);
    config.ports[2].roles = RoleSet::NETWORK.and(RoleSet::TRANSPORT);
    let mut node = Node::new(&config);
    let next_hop = Some(hop(NETWORK));
    let homes = match role {
        Role::Lma => [
            home(MN1_HOME, anchored(0)),
            home(MN2_HOME, anchored(2)),
            home("10.0.0.1/32", anchored(3)),
        ],
        Role::Mag | Role::Cn => [
            home(MN1_HOME, attached(0, 0)),
            home(MN2_HOME, attached(1, 2)),
            home("10.0.0.1/32", attached(0, 3)),
        ],
    };
    let crossing = match role {
        Role::Lma => PairAction::HandBackAccept {
            tunnel: TunnelSlot(1),
        },
        Role::Mag | Role::Cn => PairAction::HandBack {
            arrived: TunnelSlot(1),
            tunnel: TunnelSlot(0),
        },
    };
    let keys = crate::update::GreKeys {
        send: Some(1),
        receive: Some(GRE_KEY),
    };
    let in_ipv4 = |encapsulation, gre| TunnelSpec {
        local: OWN_IPV4.parse().expect("an address"),
        remote: LMA_IPV4.parse().expect("an address"),
        encapsulation,
        gre,
        mtu_bytes: 56,
        ..tunnel_spec(LMA)
    };
    let udp = Encapsulation::Udp {
        local_port: 5437,
        remote_port: 5437,
    };
    let set = |slot, tunnel| Update::Tunnel {
        slot: TunnelSlot(slot),
        tunnel,
    };
    node.program(&[
        tunnel(0, LMA),
        tunnel(1, PEER),
        set(2, in_ipv4(Encapsulation::Ip, None)),
        set(3, in_ipv4(udp, Some(keys))),
    ]);
    node.program(&[link(0, None, 1), link(1, Some(7), 2)]);
    node.program(&homes);
    node.program(&[
        pair(MN1_HOME, MN2_HOME, PairAction::Local, 0),
        pair(MN2_HOME, MN1_HOME, send(1), 1),
        pair("2001:db8:cccc::/64", MN1_HOME, crossing, 2),
        Update::NetworkNextHop { next_hop },
    ]);
    node
}

const GRE_KEY: u32 = 7;

fn to_us(protocol: u8, payload: &[u8]) -> Vec<u8> {
    V4::new(LMA_IPV4, OWN_IPV4, protocol, payload).bytes()
}

/// Mostly right frames: cut, lengthened, and with octets changed.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let addresses = prop::sample::select(vec![
        MN1, MN2, CN, OWN, LMA, PEER, "ff02::1", "fe80::1", "::",
    ]);
    let numbers = prop::sample::select(vec![4_u8, 41, 47, 60, 44, 17, 58, 135, 50, 0, 59]);
    let inner = (
        addresses.clone(),
        addresses.clone(),
        numbers.clone(),
        0..5_u8,
    );
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (
        inner,
        (addresses.clone(), addresses, numbers),
        0..12_u8,
        0..4_u8,
        changes,
        any::<prop::sample::Index>(),
        0..8_u8,
    )
        .prop_map(|(inner, outer, shape, tag, changes, cut, cuts)| {
            let (source, destination, next_header, hop_limit) = inner;
            let inner = V6::new(source, destination, next_header, &[0x29; 24]).hop_limit(hop_limit);
            let (source, destination, next_header) = outer;
            let packet = match shape {
                0 => inner.bytes(),
                1 => inner.inside(source, destination).bytes(),
                2 => V6::new(source, destination, next_header, &inner.bytes()).bytes(),
                3 => v4("10.0.0.1", "10.0.0.2", 3, 44, hop_limit > 2),
                4 => v4("10.0.0.1", "10.0.0.2", 3, 144, hop_limit > 2),
                5 => to_us(next_header, &inner.bytes()),
                6 => to_us(17, &udp(5437, 5437, &inner.bytes())),
                7 => to_us(17, &udp(4191, 4191, &tlv(next_header, &inner.bytes()))),
                8 | 9 => {
                    // Parts of one IPv6 packet, or of one IPv4 packet, that may fit each other.
                    let more = u8::from(hop_limit > 0);
                    let part = [41, 0, 0, (hop_limit * 8) | more, 0, 0, 0, tag];
                    let part = [&part[..], &[0x60; 8]].concat();
                    V6::new(LMA, OWN, 44, &part).bytes()
                }
                10 => to_us(47, &gre(Some(GRE_KEY), &inner.bytes())),
                _ => {
                    let inner = v4("10.0.0.1", "10.0.0.2", 3, 44, true);
                    let gre = tlv(47, &gre(Some(GRE_KEY), &inner));
                    to_us(17, &udp(5437, 5437, &gre))
                }
            };
            let mut frame = from_mn(1, &packet);
            if tag == 0 {
                frame = tagged(7, &from_mn(2, &packet));
            }
            for (at, to) in changes {
                let at = at.index(frame.len());
                frame[at] = to;
            }
            if cuts == 0 {
                frame.truncate(cut.index(frame.len()));
            }
            frame
        })
}

fn survives(role: Role, port: u16, frames: &[Vec<u8>]) {
    let mut node = node(role);
    for frame in frames {
        let mut frame = frame.clone();
        if let Some(last) = frame.get_mut(5)
            && *last == our_mac(ACCESS)[5]
        {
            *last = our_mac(port)[5];
        }
        node.wires[&port].arrive(VecBuffer::new(&frame));
    }
    for _ in 0..=frames.len() / BURST {
        node.step();
    }
    let counters = node.counters();
    let of = |name: &str| counters[name];
    let punted = of("punt.neighbour")
        + of("punt.signalling")
        + of("punt.local")
        + of("punt.dhcp")
        + of("punt.tunnel-error");
    let dropped = node.handle.stats().dropped_total();
    // Fragments that wait, and all but one of those that became a packet.
    let kept = of("reassembly.fragments") - of("drop.reassembly") - of("reassembly.packets");
    assert_eq!(of("rx.packets"), frames.len() as u64);
    assert_eq!(
        of("rx.packets"),
        of("forwarded.packets") + punted + dropped + kept,
        "{counters:?}"
    );
    assert_eq!(
        of("forwarded.packets") + of("tunnel.fragments"),
        of("tx.packets") + of("tunnel.fragmented")
    );
}

proptest! {
    #[test]
    fn every_packet_has_one_counted_fate(
        frames in prop::collection::vec(frame(), 1..40),
        port in 0..3_u16,
    ) {
        for role in [Role::Mag, Role::Lma, Role::Cn] {
            survives(role, port, &frames);
        }
    }

    #[test]
    fn arbitrary_octets_are_survived(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..40),
        port in 0..3_u16,
    ) {
        for role in [Role::Mag, Role::Lma, Role::Cn] {
            survives(role, port, &frames);
        }
    }
}
