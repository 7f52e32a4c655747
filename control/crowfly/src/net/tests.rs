//! Frames in, frames out.

mod transport4;

use pmipv6::io::MacAddr;
use proptest::prelude::*;
use smoltcp::wire::{EthernetAddress, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet, NdiscRepr};

use super::*;
use frame::{
    ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV6_LEN, build_ipv6, close, ipv6, open, solicited_node,
};
use ipnet::IpNet;

pub(super) const ACCESS: u16 = 0;
pub(super) const TRANSPORT: u16 = 1;
const NETWORK: u16 = 2;
pub(super) const FIXED_MAC: [u8; 6] = [0, 0, 0x5e, 0, 0x52, 0x13];
const OUR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xaa];
const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xbb];
pub(super) const MN_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const AT_START: Duration = Duration::ZERO;

fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn fixed_lla() -> Ipv6Addr {
    address("fe80::200:5eff:fe00:5213")
}

pub(super) fn net() -> Net {
    let port = |number, prefix: Option<&str>| NetPort {
        number,
        mac: OUR_MAC,
        mtu_bytes: 1500,
        addresses: prefix
            .map(|prefix| prefix.parse().unwrap())
            .into_iter()
            .collect(),
        gateway: None,
        addresses4: Vec::new(),
        gateway4: None,
        access_link_local: None,
        transport: number == TRANSPORT,
        network: number == NETWORK,
        realm: None,
    };
    let access = NetPort {
        access_link_local: Some(fixed_lla()),
        ..port(ACCESS, None)
    };
    let transport = NetPort {
        gateway: Some(address("2001:db8:f::ff")),
        ..port(TRANSPORT, Some("2001:db8:f::1/64"))
    };
    let network = NetPort {
        gateway: Some(address("2001:db8:e::ff")),
        ..port(NETWORK, Some("2001:db8:e::1/64"))
    };
    Net::new(NetConfig {
        ports: vec![access, transport, network],
        neighbours: vec![],
        max_neighbours: 16,
        max_links: 2,
        router_advertisement: RouterAdvertisementConfig {
            mac: FIXED_MAC,
            autonomous: true,
            interval: Duration::from_secs(600),
            router_lifetime: Duration::from_secs(1800),
            current_hop_limit: 64,
            mtu_bytes: 1460,
        },
        unreachability_detection: Duration::from_secs(30),
        dns_servers: vec!["192.0.2.53".parse().unwrap()],
        dhcp_servers: Vec::new(),
        answer_into_tunnels: false,
    })
}

/// A frame as a host on the port would send it.
fn icmpv6(
    port: u16,
    from: [u8; 6],
    source: &str,
    destination: &str,
    repr: &Icmpv6Repr<'_>,
) -> Vec<u8> {
    let (source, destination) = (address(source), address(destination));
    let message = access::emit(repr, source, destination);
    let envelope = Envelope {
        port,
        vlan: None,
        source: from,
        destination: OUR_MAC,
    };
    let packet = build_ipv6(source, destination, IpProtocol::Icmpv6, 255, &message).unwrap();
    close(envelope, ETHERTYPE_IPV6, &packet)
}

fn solicitation(target: &str, lladdr: Option<[u8; 6]>) -> Icmpv6Repr<'static> {
    let lladdr = lladdr.map(|mac| EthernetAddress(mac).into());
    Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: address(target),
        lladdr,
    })
}

fn advertisement(target: &str, mac: [u8; 6]) -> Icmpv6Repr<'static> {
    use smoltcp::wire::NdiscNeighborFlags as Flags;
    Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
        flags: Flags::SOLICITED | Flags::OVERRIDE,
        target_addr: address(target),
        lladdr: Some(EthernetAddress(mac).into()),
    })
}

/// The envelope, source, destination and ICMPv6 message of the only frame, its checksum verified.
fn only_icmpv6(out: &[Action]) -> (Envelope, Ipv6Addr, Ipv6Addr, Vec<u8>) {
    let [Action::Transmit { port, frame }] = out else {
        panic!("one frame expected: {out:?}")
    };
    let (envelope, ethertype, payload) = open(*port, frame).unwrap();
    assert_eq!(ethertype, ETHERTYPE_IPV6);
    let (repr, packet) = ipv6(payload).unwrap();
    let message = packet[IPV6_LEN..].to_vec();
    assert!(Icmpv6Packet::new_unchecked(&message).verify_checksum(&repr.src_addr, &repr.dst_addr));
    (envelope, repr.src_addr, repr.dst_addr, message)
}

pub(super) fn counter(net: &Net, name: &str) -> u64 {
    net.counters()
        .iter()
        .find(|(other, _)| *other == name)
        .expect("a counter of that name")
        .1
}

pub(super) fn mn_link() -> Link {
    Link {
        port: ACCESS,
        vlan: None,
        mac: MacAddr(MN_MAC),
    }
}

fn hnp() -> IpNet {
    "2001:db8:100:1::/64".parse().unwrap()
}

#[test]
fn solicitations_for_own_addresses_are_answered_and_for_others_are_not() {
    let (mut net, mut out) = (net(), Vec::new());
    let peer = "2001:db8:f::2";
    let ours = icmpv6(
        TRANSPORT,
        PEER_MAC,
        peer,
        "ff02::1:ff00:1",
        &solicitation("2001:db8:f::1", None),
    );
    net.receive(AT_START, TRANSPORT, &ours, &mut out);
    let (envelope, source, destination, message) = only_icmpv6(&out);
    assert_eq!((envelope.source, envelope.destination), (OUR_MAC, PEER_MAC));
    assert_eq!(
        (source, destination),
        (address("2001:db8:f::1"), address(peer))
    );
    assert_eq!(message[0], 136);
    assert_eq!(message[4] & 0xe0, 0xe0, "router, solicited, override");
    assert_eq!(
        message[24..32],
        [2, 1, 2, 0, 0, 0, 0, 0xaa],
        "target link-layer address"
    );
    out.clear();
    for target in ["2001:db8:f::7", "2001:db8:e::1", "fe80::200:5eff:fe00:5213"] {
        let other = icmpv6(
            TRANSPORT,
            PEER_MAC,
            peer,
            "ff02::1:ff00:7",
            &solicitation(target, None),
        );
        net.receive(AT_START, TRANSPORT, &other, &mut out);
    }
    assert_eq!(out, []);
}

#[test]
fn the_mag_looks_the_same_on_every_access_link() {
    let (mut net, mut out) = (net(), Vec::new());
    let ask = solicitation("fe80::200:5eff:fe00:5213", Some(MN_MAC));
    let frame = icmpv6(ACCESS, MN_MAC, "fe80::1", "ff02::1:ff00:5213", &ask);
    net.receive(AT_START, ACCESS, &frame, &mut out);
    let (envelope, source, destination, message) = only_icmpv6(&out);
    assert_eq!((envelope.source, envelope.destination), (FIXED_MAC, MN_MAC));
    assert_eq!((source, destination), (fixed_lla(), address("fe80::1")));
    assert_eq!(message[26..32], FIXED_MAC);
}

#[test]
fn duplicate_address_detection_of_an_mn_stays_unanswered() {
    let (mut net, mut out) = (net(), Vec::new());
    net.advertise(AT_START, mn_link(), &[hnp()], fixed_lla(), 3600, &mut out);
    out.clear();
    for target in ["fe80::1", "2001:db8:100:1::1"] {
        let destination = solicited_node(address(target)).to_string();
        let frame = icmpv6(
            ACCESS,
            MN_MAC,
            "::",
            &destination,
            &solicitation(target, None),
        );
        net.receive(AT_START, ACCESS, &frame, &mut out);
    }
    assert_eq!(out, []);
}

#[test]
fn neighbour_discovery_from_off_the_link_is_dropped() {
    let (mut net, mut out) = (net(), Vec::new());
    let peer = "2001:db8:f::2";
    let mut frame = icmpv6(
        TRANSPORT,
        PEER_MAC,
        peer,
        "ff02::1:ff00:1",
        &solicitation("2001:db8:f::1", None),
    );
    frame[14 + 7] = 254;
    net.receive(AT_START, TRANSPORT, &frame, &mut out);
    assert_eq!((out.len(), counter(&net, "net.drop.not-from-link")), (0, 1));
}

#[test]
fn a_registered_mn_is_advertised_to_and_answered_and_told_when_it_ends() {
    let (mut net, mut out) = (net(), Vec::new());
    net.advertise(AT_START, mn_link(), &[hnp()], fixed_lla(), 3600, &mut out);
    let (envelope, source, destination, message) = only_icmpv6(&out);
    assert_eq!((envelope.source, envelope.destination), (FIXED_MAC, MN_MAC));
    assert_eq!((source, destination), (fixed_lla(), ALL_NODES));
    assert_eq!((message[0], message[4]), (134, 64));
    assert_eq!(message[6..8], 1800_u16.to_be_bytes());
    assert_eq!(
        message[16..24],
        [1, 1, 0, 0, 0x5e, 0, 0x52, 0x13],
        "source link-layer address"
    );
    assert_eq!(message[24..32], [5, 1, 0, 0, 0, 0, 0x05, 0xb4], "MTU 1460");
    assert_eq!(
        message[32..36],
        [3, 4, 64, 0xc0],
        "prefix information, L and A"
    );
    assert_eq!(message[36..40], 3600_u32.to_be_bytes());
    assert_eq!(message[48..64], address("2001:db8:100:1::").octets());

    let ask = Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit { lladdr: None });
    for (from, source, answers) in [(MN_MAC, "fe80::1", 1), (PEER_MAC, "fe80::2", 0)] {
        out.clear();
        net.receive(
            AT_START,
            ACCESS,
            &icmpv6(ACCESS, from, source, "ff02::2", &ask),
            &mut out,
        );
        assert_eq!(out.len(), answers, "{source}");
    }
    assert_eq!(counter(&net, "net.drop.unknown-link"), 1);

    net.withdraw(mn_link(), &[hnp()], fixed_lla(), &mut out);
    let (_, _, _, message) = only_icmpv6(&out);
    assert_eq!(message[6..8], [0, 0], "no router any more");
    assert_eq!(message[36..44], [0; 8], "valid and preferred lifetime");
    assert_eq!(net.next_deadline(), None);
}

#[test]
fn advertisements_repeat_and_their_links_are_bounded() {
    let quiet = NetConfig {
        unreachability_detection: Duration::ZERO,
        ..net().config
    };
    let (mut net, mut out) = (Net::new(quiet), Vec::new());
    net.advertise(AT_START, mn_link(), &[hnp()], fixed_lla(), 3600, &mut out);
    let mut times = Vec::new();
    for _ in 0..4 {
        let at = net.next_deadline().unwrap();
        times.push(at.as_secs());
        out.clear();
        net.timeout(at, &mut out);
        assert_eq!(out.len(), 1);
    }
    assert_eq!(times, [16, 32, 632, 1232]);
    for n in 0..2 {
        let link = Link {
            vlan: Some(n),
            ..mn_link()
        };
        net.advertise(AT_START, link, &[hnp()], fixed_lla(), 3600, &mut out);
    }
    assert_eq!(counter(&net, "net.drop.access-links-full"), 1);
}

#[test]
fn a_message_waits_for_its_neighbour_and_a_tunnel_learns_it() {
    let (mut net, mut out) = (net(), Vec::new());
    let (ours, peer) = (address("2001:db8:f::1"), address("2001:db8:f::2"));
    assert_eq!(net.track(AT_START, peer.into(), &mut out), None);
    net.send_mobility_header(AT_START, ours, peer, &[59; 16], &mut out);
    let (envelope, source, destination, message) = only_icmpv6(&out);
    assert_eq!(envelope.destination, [0x33, 0x33, 0xff, 0, 0, 2]);
    assert_eq!((source, destination), (ours, address("ff02::1:ff00:2")));
    assert_eq!(message[0], 135);
    assert_eq!(message[24..32], [1, 1, 2, 0, 0, 0, 0, 0xaa]);
    out.clear();
    let answer = advertisement("2001:db8:f::2", PEER_MAC);
    let frame = icmpv6(
        TRANSPORT,
        PEER_MAC,
        "2001:db8:f::2",
        "2001:db8:f::1",
        &answer,
    );
    net.receive(AT_START, TRANSPORT, &frame, &mut out);
    let next_hop = Some(NextHop {
        port: TRANSPORT,
        source_mac: OUR_MAC,
        destination_mac: PEER_MAC,
    });
    assert_eq!(
        out[0],
        Action::NextHop {
            remote: peer.into(),
            next_hop
        }
    );
    let Action::Transmit { frame, .. } = &out[1] else {
        panic!("{out:?}")
    };
    let packet = Ipv6Packet::new_checked(&frame[14..]).unwrap();
    assert_eq!(u8::from(packet.next_header()), MOBILITY_HEADER);
    assert_eq!(packet.payload(), [59; 16]);
}

#[test]
fn remotes_behind_a_gateway_share_its_next_hop() {
    let (mut net, mut out) = (net(), Vec::new());
    let remotes = ["2001:db8:9::1", "2001:db8:9::2"].map(|remote| IpAddr::V6(address(remote)));
    for remote in remotes {
        net.track(AT_START, remote, &mut out);
    }
    assert_eq!(out.len(), 1, "one solicitation");
    out.clear();
    let answer = advertisement("2001:db8:f::ff", PEER_MAC);
    let frame = icmpv6(
        TRANSPORT,
        PEER_MAC,
        "2001:db8:f::ff",
        "2001:db8:f::1",
        &answer,
    );
    net.receive(AT_START, TRANSPORT, &frame, &mut out);
    assert_eq!(out.len(), 2);
    assert!(
        net.track(AT_START, remotes[0], &mut out).is_some(),
        "known at once now"
    );
    net.untrack(AT_START, remotes[0], &mut out);
    net.untrack(AT_START, remotes[1], &mut out);
    out.clear();
    net.timeout(Duration::from_secs(30), &mut out);
    assert_eq!(out, [], "nobody keeps the gateway resolved");
}

#[test]
fn the_network_gateway_is_resolved_from_the_start() {
    let (mut net, mut out) = (net(), Vec::new());
    net.start(AT_START, &mut out);
    assert_eq!(only_icmpv6(&out).2, address("ff02::1:ff00:ff"));
    out.clear();
    let answer = advertisement("2001:db8:e::ff", PEER_MAC);
    let frame = icmpv6(
        NETWORK,
        PEER_MAC,
        "2001:db8:e::ff",
        "2001:db8:e::1",
        &answer,
    );
    net.receive(AT_START, NETWORK, &frame, &mut out);
    let next_hop = Some(NextHop {
        port: NETWORK,
        source_mac: OUR_MAC,
        destination_mac: PEER_MAC,
    });
    let realm = None;
    assert_eq!(out, [Action::NetworkNextHop { realm, next_hop }]);
}

/// The network of a realm is IPv4: its gateway is found by ARP on its own port, beside the other one.
#[test]
fn rfc5845_the_gateway_of_a_realms_network_is_found_by_arp() {
    const BLUE: u16 = 3;
    let mut config = net().config;
    let realm = Realm::new(1);
    let blue = NetPort {
        number: BLUE,
        addresses: Vec::new(),
        gateway: None,
        addresses4: vec!["192.0.2.1/24".parse().unwrap()],
        gateway4: Some("192.0.2.2".parse().unwrap()),
        realm,
        ..config.ports[usize::from(NETWORK)].clone()
    };
    config.ports.push(blue);
    let (mut net, mut out) = (Net::new(config), Vec::new());
    net.start(AT_START, &mut out);
    let ports = out.iter().map(|action| match action {
        Action::Transmit { port, .. } => *port,
        other => panic!("{other:?}"),
    });
    assert_eq!(ports.collect::<Vec<_>>(), [NETWORK, BLUE]);
    let mut reply = vec![0, 1, 8, 0, 6, 4, 0, 2];
    reply.extend(PEER_MAC.iter().chain(&[192, 0, 2, 2]));
    reply.extend(OUR_MAC.iter().chain(&[192, 0, 2, 1]));
    let frame = [&OUR_MAC[..], &PEER_MAC, &[8, 6], &reply].concat();
    out.clear();
    net.receive(AT_START, BLUE, &frame, &mut out);
    let next_hop = Some(NextHop {
        port: BLUE,
        source_mac: OUR_MAC,
        destination_mac: PEER_MAC,
    });
    assert_eq!(out, [Action::NetworkNextHop { realm, next_hop }]);
}

#[test]
fn the_box_answers_echo_requests_for_itself_only() {
    let (mut net, mut out) = (net(), Vec::new());
    let ping = Icmpv6Repr::EchoRequest {
        ident: 7,
        seq_no: 9,
        data: b"abc",
    };
    let peer = "2001:db8:f::2";
    let other = icmpv6(TRANSPORT, PEER_MAC, peer, "2001:db8:f::7", &ping);
    net.receive(AT_START, TRANSPORT, &other, &mut out);
    assert_eq!(out, []);
    let frame = icmpv6(TRANSPORT, PEER_MAC, peer, "2001:db8:f::1", &ping);
    net.receive(AT_START, TRANSPORT, &frame, &mut out);
    let (envelope, source, _, message) = only_icmpv6(&out);
    assert_eq!(
        (envelope.destination, source),
        (PEER_MAC, address("2001:db8:f::1"))
    );
    assert_eq!(
        (message[0], &message[4..]),
        (129, &b"\x00\x07\x00\x09abc"[..])
    );
}

#[test]
fn a_mobility_header_for_us_is_handed_on_and_one_from_a_group_is_not() {
    let (mut net, mut out) = (net(), Vec::new());
    let envelope = Envelope {
        port: TRANSPORT,
        vlan: None,
        source: PEER_MAC,
        destination: OUR_MAC,
    };
    for source in ["2001:db8:f::2", "ff02::1", "::"] {
        let (source, ours) = (address(source), address("2001:db8:f::1"));
        let packet = build_ipv6(
            source,
            ours,
            IpProtocol::from(MOBILITY_HEADER),
            64,
            &[59; 8],
        )
        .unwrap();
        let mut frame = close(envelope, ETHERTYPE_IPV6, &packet);
        frame.extend_from_slice(&[0; 6]); // Ethernet padding is none of the message
        net.receive(AT_START, TRANSPORT, &frame, &mut out);
    }
    let (source, destination) = (address("2001:db8:f::2"), address("2001:db8:f::1"));
    assert_eq!(
        out,
        [Action::MobilityHeader {
            source: source.into(),
            destination: destination.into(),
            via: pmipv6::io::Via::Ipv6,
            octets: vec![59; 8]
        }]
    );
    assert_eq!(counter(&net, "net.drop.source-not-unicast"), 2);
}

#[test]
fn a_parameter_problem_points_into_the_packet() {
    let (mut net, mut out) = (net(), Vec::new());
    let (peer, ours) = (address("2001:db8:f::2"), address("2001:db8:f::1"));
    let envelope = Envelope {
        port: TRANSPORT,
        vlan: None,
        source: PEER_MAC,
        destination: OUR_MAC,
    };
    let packet = build_ipv6(peer, ours, IpProtocol::from(MOBILITY_HEADER), 64, &[41; 8]).unwrap();
    net.receive(
        AT_START,
        TRANSPORT,
        &close(envelope, ETHERTYPE_IPV6, &packet),
        &mut out,
    );
    out.clear();
    net.parameter_problem(AT_START, peer, 1, &mut out);
    let (envelope, source, destination, message) = only_icmpv6(&out);
    assert_eq!(
        (envelope.destination, source, destination),
        (PEER_MAC, ours, peer)
    );
    assert_eq!(message[..2], [4, 0]);
    assert_eq!(message[4..8], 41_u32.to_be_bytes());
    assert_eq!(message[8..], packet);
    out.clear();
    net.parameter_problem(AT_START, peer, 1, &mut out);
    assert_eq!(out, [], "one error a packet");
}

#[test]
fn an_mn_is_told_that_its_packet_is_too_big_but_an_error_gets_no_error() {
    let (mut net, mut out) = (net(), Vec::new());
    let too_big = dataplane::IcmpError::TooBig { mtu_bytes: 1460 };
    let ping = Icmpv6Repr::EchoRequest {
        ident: 7,
        seq_no: 9,
        data: &[0; 1440],
    };
    let frame = icmpv6(
        ACCESS,
        MN_MAC,
        "2001:db8:100:1::1",
        "2001:db8:100:2::1",
        &ping,
    );
    net.user_error(AT_START, ACCESS, &frame, too_big, &mut out);
    let (envelope, source, destination, message) = only_icmpv6(&out);
    assert_eq!((envelope.source, envelope.destination), (FIXED_MAC, MN_MAC));
    assert_eq!(
        (source, destination),
        (address("2001:db8:f::1"), address("2001:db8:100:1::1"))
    );
    assert_eq!(message[..2], [2, 0]);
    assert_eq!(message[4..8], 1460_u32.to_be_bytes());
    out.clear();
    let mut error = frame.clone();
    error[14 + IPV6_LEN] = 1;
    net.user_error(AT_START, ACCESS, &error, too_big, &mut out);
    assert_eq!(
        (out.len(), counter(&net, "net.drop.icmp-error-forbidden")),
        (0, 1)
    );
}

#[test]
fn an_lma_answers_a_tunnelled_packet_into_the_tunnel() {
    let mut net = net();
    net.config.answer_into_tunnels = true;
    let mut out = Vec::new();
    let (mag, ours) = (address("2001:db8:f::2"), address("2001:db8:f::1"));
    let mn = address("2001:db8:100:1::1");
    let inner = build_ipv6(mn, address("2001:db8:5::5"), IpProtocol::Udp, 1, &[0; 64]).unwrap();
    let outer = build_ipv6(mag, ours, IpProtocol::from(41), 64, &inner).unwrap();
    let envelope = Envelope {
        port: TRANSPORT,
        vlan: None,
        source: PEER_MAC,
        destination: OUR_MAC,
    };
    let frame = close(envelope, ETHERTYPE_IPV6, &outer);
    net.user_error(
        AT_START,
        TRANSPORT,
        &frame,
        dataplane::IcmpError::HopLimit,
        &mut out,
    );
    let [Action::Transmit { frame, .. }] = &out[..] else {
        panic!("{out:?}")
    };
    let (outer, packet) = ipv6(&frame[14..]).unwrap();
    assert_eq!((outer.src_addr, outer.dst_addr), (ours, mag));
    let (error, message) = ipv6(&packet[IPV6_LEN..]).unwrap();
    assert_eq!((error.src_addr, error.dst_addr), (ours, mn));
    assert_eq!(message[IPV6_LEN..][..2], [3, 0]);
    assert_eq!(message[IPV6_LEN + 8..], inner);
}

proptest! {
    /// No frame is fatal, and what is sent in answer is well-formed.
    #[test]
    fn any_frame_is_survived(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        cut in 0..120usize,
        flips in proptest::collection::vec((14..110usize, any::<u8>()), 0..4),
        port in 0..4u16,
    ) {
        let (mut net, mut out) = (net(), Vec::new());
        net.advertise(AT_START, mn_link(), &[hnp()], fixed_lla(), 3600, &mut out);
        net.receive(AT_START, port, &noise, &mut out);
        let ask = solicitation("2001:db8:f::1", Some(PEER_MAC));
        let mut frame = icmpv6(TRANSPORT, MN_MAC, "2001:db8:f::2", "ff02::1:ff00:1", &ask);
        for (at, value) in flips {
            if let Some(octet) = frame.get_mut(at) {
                *octet = value;
            }
        }
        frame.truncate(frame.len().saturating_sub(cut.saturating_sub(60)));
        net.receive(AT_START, port, &frame, &mut out);
        let unreachable = dataplane::IcmpError::Unreachable;
        net.user_error(AT_START, port, &frame, unreachable, &mut out);
        net.user_error(AT_START, port, &noise, unreachable, &mut out);
        for action in &out {
            if let Action::Transmit { port, frame } = action {
                let (_, _, payload) = open(*port, frame).unwrap();
                prop_assert!(ipv6(payload).is_some());
            }
        }
    }
}

#[test]
fn rfc5213_6_9_4_an_mn_that_does_not_answer_is_reported_and_one_that_does_is_not() {
    let mut net = net();
    let link = Link {
        port: ACCESS,
        vlan: None,
        mac: MacAddr(MN_MAC),
    };
    let mut out = Vec::new();
    let hnp: IpNet = "2001:db8:100::/64".parse().unwrap();
    net.advertise(AT_START, link, &[hnp], fixed_lla(), 3600, &mut out);
    let solicit = Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit { lladdr: None });
    let frame = icmpv6(ACCESS, MN_MAC, "fe80::1", "ff02::2", &solicit);
    net.receive(AT_START, ACCESS, &frame, &mut out);
    let mut asked = 0;
    for at in 1..40 {
        out.clear();
        net.timeout(Duration::from_secs(at), &mut out);
        let solicited = |action: &&Action| match action {
            Action::Transmit { frame, .. } => frame[54] == 135 && frame[..6] == MN_MAC,
            _ => false,
        };
        asked += out.iter().filter(solicited).count();
        if out.contains(&Action::Unreachable { link }) {
            assert_eq!((at, asked), (33, 3));
            return;
        }
    }
    panic!("nothing was reported, {asked} solicitations");
}
