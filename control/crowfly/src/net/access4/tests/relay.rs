//! The relay agent between an MN and a server on the transport network (RFC 5844 section 3.4.2).

use std::net::SocketAddrV4;

use smoltcp::wire::IpProtocol;

use super::*;
use crate::net::ipv4::{build_ipv4, build_udp, ipv4, udp};

const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x67];
const SERVER: [u8; 4] = [198, 51, 100, 67];
const GIADDR: [u8; 4] = [198, 51, 100, 11];
const FOREIGN: [u8; 4] = [10, 1, 0, 8];
/// Remote ID, link selection, server identifier override.
const AGENT: [u8; 18] = [2, 4, 10, 1, 0, 7, 5, 4, 10, 1, 0, 0, 11, 4, 10, 1, 0, 1];

/// A MAG that relays for one MN to one server, which is a neighbour.
fn relaying() -> Net {
    let mut config = net().config;
    let ports = config.ports.iter_mut();
    for port in ports.filter(|port| port.transport) {
        port.addresses4 = vec!["198.51.100.11/24".parse().unwrap()];
    }
    config.dhcp_servers = vec![SERVER.into()];
    config
        .neighbours
        .push((TRANSPORT, Ipv4Addr::from(SERVER).into(), SERVER_MAC));
    let mut net = Net::new(config);
    net.serve_ipv4(NOW, mn_link(), relay_service(), LIFETIME_S, &mut Vec::new());
    net
}

fn relay_service() -> Ipv4Service {
    Ipv4Service {
        dhcp: DhcpMode::Relay,
        ..service()
    }
}

/// The message that goes to the server for one of a client, if one goes.
fn relayed(net: &mut Net, frame: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    net.receive(NOW, ACCESS, frame, &mut out);
    let [Action::Transmit { port, frame }] = out.as_slice() else {
        assert!(out.is_empty(), "{out:?}");
        return None;
    };
    let (envelope, ethertype, packet) = open(*port, frame).unwrap();
    assert_eq!((*port, ethertype), (TRANSPORT, ETHERTYPE_IPV4));
    assert_eq!(envelope.destination, SERVER_MAC);
    let (header, octets) = ipv4(packet).unwrap();
    let (source, destination) = (header.src_addr, header.dst_addr);
    assert_eq!((source.octets(), destination.octets()), (GIADDR, SERVER));
    let datagram = udp(source, destination, octets).unwrap();
    assert_eq!((datagram.source_port, datagram.destination_port), (67, 67));
    Some(datagram.payload.to_vec())
}

fn relayed_client(net: &mut Net, client: &Client) -> Option<Vec<u8>> {
    relayed(net, &client.frame())
}

/// Options in the order in which they stand.
fn options_of(message: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut found, mut at) = (Vec::new(), 240);
    while message[at] != 255 {
        let length = usize::from(message[at + 1]);
        found.push((message[at], message[at + 2..at + 2 + length].to_vec()));
        at += 2 + length;
    }
    found
}

/// What a server says, octet by octet (RFC 2131 section 2).
fn answer(kind: u8, given: [u8; 4], options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = vec![2, 1, 6, 0, 0xca, 0xfe, 0, 1, 0, 0, 0, 0];
    message.extend(NOBODY);
    message.extend(given);
    message.extend(NOBODY);
    message.extend(GIADDR);
    message.extend(MN_MAC);
    message.extend([0; 10 + 64 + 128]);
    message.extend([0x63, 0x82, 0x53, 0x63, 53, 1, kind]);
    for (kind, data) in options {
        message.extend([*kind, data.len() as u8]);
        message.extend(*data);
    }
    message.push(255);
    message
}

/// Gives the MAG a datagram of a server; what goes to the MN: IPv4 destination and message.
fn back(net: &mut Net, server: [u8; 4], message: &[u8]) -> Option<(Ipv4Addr, Vec<u8>)> {
    let ends = [server, GIADDR].map(|end| SocketAddrV4::new(end.into(), 67));
    let octets = build_udp(ends[0], ends[1], message).unwrap();
    let packet = build_ipv4(server.into(), GIADDR.into(), IpProtocol::Udp, &octets).unwrap();
    let envelope = Envelope {
        port: TRANSPORT,
        vlan: None,
        source: SERVER_MAC,
        destination: [2, 0, 0, 0, 0, 0xaa],
    };
    let frame = close(envelope, ETHERTYPE_IPV4, &packet);
    let frame = give(net, NOW, TRANSPORT, &frame)?;
    let (envelope, _, packet) = open(ACCESS, &frame).unwrap();
    assert_eq!((envelope.source, envelope.destination), (FIXED_MAC, MN_MAC));
    let (header, octets) = ipv4(packet).unwrap();
    assert_eq!(header.src_addr, Ipv4Addr::from(ROUTER));
    let datagram = udp(header.src_addr, header.dst_addr, octets).unwrap();
    assert_eq!((datagram.source_port, datagram.destination_port), (67, 68));
    Some((header.dst_addr, datagram.payload.to_vec()))
}

#[test]
fn rfc5844_a_discover_asks_the_server_for_the_bindings_address() {
    let mut net = relaying();
    for asked in [vec![], vec![(50, &FOREIGN[..])]] {
        let message = relayed_client(&mut net, &client(DISCOVER, &asked)).unwrap();
        assert_eq!((message[0], message[3]), (1, 1), "one hop more");
        assert_eq!(message[24..28], GIADDR);
        assert_eq!(message[28..34], MN_MAC);
        let expected = [
            (53, vec![DISCOVER]),
            (50, HOA.to_vec()),
            (82, AGENT.to_vec()),
        ];
        assert_eq!(options_of(&message), expected);
    }
    assert_eq!(counter(&net, "net.tx.dhcp-relayed"), 2);
    assert_eq!(counter(&net, "net.rx.dhcp-discover"), 2);
}

#[test]
fn rfc5844_other_messages_keep_their_options() {
    let mut net = relaying();
    let select: [(u8, &[u8]); 3] = [(50, &HOA), (54, &ROUTER), (61, b"\xffid")];
    for client in [
        client(REQUEST, &select),
        client(REQUEST, &[]).bound(HOA),
        client(RELEASE, &[(54, &ROUTER)]).bound(HOA),
        client(DECLINE, &[(50, &HOA)]),
        client(INFORM, &[]).bound(HOA),
    ] {
        let message = relayed_client(&mut net, &client).unwrap();
        assert_eq!(message[12..16], client.ciaddr);
        let mut expected = vec![(53, vec![client.kind])];
        expected.extend(client.options.clone());
        expected.push((82, AGENT.to_vec()));
        assert_eq!(options_of(&message), expected);
    }
}

#[test]
fn rfc5844_the_answer_goes_to_the_mn_without_option_82() {
    let mut net = relaying();
    let said: [(u8, &[u8]); 3] = [(51, &[0, 0, 0, 60]), (54, &ROUTER), (82, &AGENT)];
    for (kind, given, expected) in [(OFFER, HOA, HOA), (ACK, HOA, HOA), (NAK, NOBODY, ALL)] {
        let (to, message) = back(&mut net, SERVER, &answer(kind, given, &said)).unwrap();
        assert_eq!(to, Ipv4Addr::from(expected));
        assert_eq!(message[16..20], given);
        let kinds: Vec<u8> = options_of(&message).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [53, 51, 54], "the lease is the server's");
    }
    let mut informed = answer(ACK, NOBODY, &said);
    informed[12..16].copy_from_slice(&HOA);
    assert!(back(&mut net, SERVER, &informed).is_some());
    let mut to_all = answer(OFFER, HOA, &said);
    to_all[10] = 0x80;
    let (to, _) = back(&mut net, SERVER, &to_all).unwrap();
    assert_eq!(to, Ipv4Addr::BROADCAST);
    for (name, count) in [("offer", 2), ("ack", 2), ("nak", 1)] {
        assert_eq!(counter(&net, &format!("net.tx.dhcp-{name}")), count);
    }
}

/// RFC 5844 section 3.4.2: an OFFER of another address MUST be dropped.
#[test]
fn rfc5844_an_address_that_is_not_the_bindings_is_a_counted_drop() {
    let mut net = relaying();
    let mut of_another_mn = answer(OFFER, HOA, &[]);
    of_another_mn[28..34].copy_from_slice(&OTHER_MAC);
    let mut agent = AGENT;
    agent[2..6].copy_from_slice(&FOREIGN);
    let bad = [
        answer(OFFER, FOREIGN, &[]),
        answer(ACK, FOREIGN, &[(82, &AGENT)]),
        answer(NAK, NOBODY, &[(82, &agent)]),
        answer(ACK, NOBODY, &[]),
        of_another_mn,
    ];
    for message in &bad {
        assert_eq!(back(&mut net, SERVER, message), None);
    }
    let expected = bad.len() as u64;
    assert_eq!(counter(&net, "net.drop.dhcp-foreign-offer"), expected);
    let offer = answer(OFFER, HOA, &[]);
    assert!(back(&mut net, SERVER, &offer).is_some());
    net.end_ipv4(mn_link(), HOA.into());
    assert_eq!(back(&mut net, SERVER, &offer), None, "the binding is gone");
    net.serve_ipv4(NOW, mn_link(), service(), LIFETIME_S, &mut Vec::new());
    assert_eq!(back(&mut net, SERVER, &offer), None, "we are the server");
    assert_eq!(counter(&net, "net.drop.dhcp-foreign-offer"), expected + 2);
}

#[test]
fn an_address_that_moved_to_another_link_is_served_there() {
    let mut net = relaying();
    let link = Link {
        vlan: Some(7),
        ..mn_link()
    };
    net.serve_ipv4(NOW, link, relay_service(), LIFETIME_S, &mut Vec::new());
    net.end_ipv4(mn_link(), HOA.into());
    let mut out = Vec::new();
    let reply = Reply::parse(&answer(OFFER, HOA, &[])).unwrap();
    let found = net.ipv4_links.relay_back(NOW, &reply).map(|(link, _)| link);
    assert_eq!(found, Some(link));
    let other = Ipv4Service {
        address: FOREIGN.into(),
        ..relay_service()
    };
    net.serve_ipv4(NOW, link, other, LIFETIME_S, &mut out);
    assert_eq!(net.ipv4_links.relay_back(NOW, &reply), None);
    assert_eq!(net.ipv4_links.by_address.len(), 1);
}

#[test]
fn servers_that_are_not_configured_or_malformed_are_counted() {
    let mut net = relaying();
    let offer = answer(OFFER, HOA, &[]);
    assert_eq!(back(&mut net, [198, 51, 100, 68], &offer), None);
    let mut elsewhere = offer.clone();
    elsewhere[27] = 12;
    assert_eq!(back(&mut net, SERVER, &elsewhere), None);
    assert_eq!(counter(&net, "net.drop.dhcp-foreign-server"), 2);
    let mut request = offer.clone();
    request[0] = 1;
    let nobodys = answer(NAK, NOBODY, &[]);
    let cut = answer(NAK, NOBODY, &[(82, &[2, 9, 10])]);
    let bad = [&request, &nobodys, &cut, &answer(DISCOVER, HOA, &[])];
    for message in bad {
        assert_eq!(back(&mut net, SERVER, message), None);
    }
    assert_eq!(back(&mut net, SERVER, &offer[..100]), None);
    assert_eq!(counter(&net, "net.drop.dhcp-malformed"), 5);
}

#[test]
fn what_a_client_may_not_say_to_a_server_is_a_counted_drop() {
    let mut net = relaying();
    let mut spoofed = client(REQUEST, &[]).bound(HOA);
    spoofed.source = FOREIGN;
    for foreign in [
        spoofed,
        client(RELEASE, &[(54, &ROUTER)]).bound(FOREIGN),
        client(DECLINE, &[(50, &FOREIGN)]),
        client(REQUEST, &[(50, &FOREIGN)]),
    ] {
        assert_eq!(relayed_client(&mut net, &foreign), None);
    }
    assert_eq!(counter(&net, "net.drop.dhcp-foreign-client"), 4);
    for malformed in [client(DISCOVER, &[(82, &AGENT)]), client(OFFER, &[])] {
        assert_eq!(relayed_client(&mut net, &malformed), None);
    }
    assert_eq!(counter(&net, "net.drop.dhcp-malformed"), 2);
    for (hops, passes) in [(15, true), (16, false), (255, false)] {
        let mut packet = client(DISCOVER, &[]).packet();
        packet[28 + 3] = hops;
        // No UDP checksum: there need not be one (RFC 768).
        packet[26..28].fill(0);
        let frame = frame(MN_MAC, None, ETHERTYPE_IPV4, &packet);
        let message = relayed(&mut net, &frame);
        assert_eq!(message.map(|message| message[3]), passes.then_some(16));
    }
    assert_eq!(counter(&net, "net.drop.dhcp-hops"), 2);
    assert_eq!(counter(&net, "net.tx.dhcp-relayed"), 1);
}

proptest! {
    #[test]
    fn arbitrary_messages_to_the_relay_agent_never_reach_another_mn(
        kind: u8,
        given in prop::sample::select(vec![NOBODY, HOA, FOREIGN, ALL]),
        options in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)), 0..12),
        cut in 0..400_usize,
    ) {
        let mut net = relaying();
        let options: Vec<(u8, &[u8])> = options.iter().map(|(k, d)| (*k, d.as_slice())).collect();
        let message = answer(kind, given, &options);
        for octets in [&message[..], &message[..message.len().min(cut)]] {
            if let Some((to, message)) = back(&mut net, SERVER, octets) {
                prop_assert!(to == Ipv4Addr::from(HOA) || to == Ipv4Addr::BROADCAST);
                prop_assert!(message[16..20] == HOA || message[16..20] == NOBODY);
            }
        }
    }
}
