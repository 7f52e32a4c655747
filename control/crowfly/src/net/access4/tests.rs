//! Frames of an MN in, frames to it out.

mod relay;

use std::collections::BTreeMap;

use proptest::prelude::*;
use smoltcp::wire::{IpAddress, Ipv4Packet, UdpPacket};

use super::super::frame::open;
use super::super::tests::{ACCESS, FIXED_MAC, MN_MAC, TRANSPORT, counter, mn_link, net};
use super::*;

const NOW: Duration = Duration::from_secs(1_000);
const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const HOA: [u8; 4] = [10, 1, 0, 7];
const ROUTER: [u8; 4] = [10, 1, 0, 1];
const NOBODY: [u8; 4] = [0; 4];
const ALL: [u8; 4] = [255; 4];
const LIFETIME_S: u32 = 3_600;

fn service() -> Ipv4Service {
    Ipv4Service {
        address: HOA.into(),
        prefix_len: 16,
        default_router: ROUTER.into(),
        dhcp: DhcpMode::Server,
    }
}

/// A MAG with one MN that has an IPv4 home address.
fn mag() -> Net {
    let mut net = net();
    net.serve_ipv4(NOW, mn_link(), service(), LIFETIME_S, &mut Vec::new());
    net
}

fn frame(source: [u8; 6], vlan: Option<u16>, ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let envelope = Envelope {
        port: ACCESS,
        vlan,
        source,
        destination: [0xff; 6],
    };
    close(envelope, ethertype, packet)
}

fn give(net: &mut Net, now: Duration, port: u16, frame: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    net.receive(now, port, frame, &mut out);
    match out.as_slice() {
        [] => None,
        [
            Action::Transmit {
                port: ACCESS,
                frame,
            },
        ] => Some(frame.clone()),
        other => panic!("at most one frame, on the port it came from: {other:?}"),
    }
}

/// An ARP packet, octet by octet (RFC 826).
fn arp(operation: u8, mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, operation];
    packet.extend(mac);
    packet.extend(sender);
    packet.extend([0; 6]);
    packet.extend(target);
    packet
}

fn ask(net: &mut Net, mac: [u8; 6], sender: [u8; 4], target: [u8; 4]) -> Option<Vec<u8>> {
    let query = frame(mac, None, ETHERTYPE_ARP, &arp(1, mac, sender, target));
    give(net, NOW, ACCESS, &query)
}

#[test]
fn rfc5844_router_and_home_subnet_are_at_the_fixed_mac() {
    let mut net = mag();
    for (sender, target) in [
        (HOA, ROUTER),
        (HOA, [10, 1, 200, 9]),
        (NOBODY, [10, 1, 0, 8]),
    ] {
        let answer = ask(&mut net, MN_MAC, sender, target).expect("an answer");
        let mut expected = arp(2, FIXED_MAC, target, sender);
        expected[18..24].copy_from_slice(&MN_MAC);
        let (envelope, ethertype, packet) = open(ACCESS, &answer).unwrap();
        assert_eq!((envelope.source, envelope.destination), (FIXED_MAC, MN_MAC));
        assert_eq!((ethertype, packet), (ETHERTYPE_ARP, &expected[..]));
    }
    assert_eq!(counter(&net, "net.tx.arp-reply"), 3);
}

/// RFC 5227: a probe for the own address, and its announcement, must stay unanswered.
#[test]
fn rfc5227_own_address_network_broadcast_and_the_rest_of_the_world_are_not_answered() {
    let mut net = mag();
    for (sender, target) in [
        (NOBODY, HOA),
        (HOA, HOA),
        (HOA, [10, 1, 0, 0]),
        (HOA, [10, 1, 255, 255]),
        (HOA, [10, 2, 0, 1]),
        (HOA, NOBODY),
    ] {
        assert_eq!(ask(&mut net, MN_MAC, sender, target), None, "{target:?}");
    }
    let reply = frame(MN_MAC, None, ETHERTYPE_ARP, &arp(2, MN_MAC, HOA, ROUTER));
    assert_eq!(give(&mut net, NOW, ACCESS, &reply), None);
    assert_eq!(counter(&net, "net.rx.ignored"), 7);
}

#[test]
fn arp_of_others_is_a_counted_drop() {
    let mut net = mag();
    assert_eq!(ask(&mut net, OTHER_MAC, HOA, ROUTER), None);
    let tagged = frame(MN_MAC, Some(7), ETHERTYPE_ARP, &arp(1, MN_MAC, HOA, ROUTER));
    assert_eq!(give(&mut net, NOW, ACCESS, &tagged), None);
    assert_eq!(counter(&net, "net.drop.arp-unknown-link"), 2);
    assert_eq!(ask(&mut net, MN_MAC, [10, 1, 0, 9], ROUTER), None);
    let other = frame(MN_MAC, None, ETHERTYPE_ARP, &arp(1, OTHER_MAC, HOA, ROUTER));
    assert_eq!(give(&mut net, NOW, ACCESS, &other), None);
    assert_eq!(counter(&net, "net.drop.arp-foreign-sender"), 2);
    let short = frame(
        MN_MAC,
        None,
        ETHERTYPE_ARP,
        &arp(1, MN_MAC, HOA, ROUTER)[..27],
    );
    assert_eq!(give(&mut net, NOW, ACCESS, &short), None);
    assert_eq!(counter(&net, "net.drop.malformed"), 1);
    let transport = frame(MN_MAC, None, ETHERTYPE_ARP, &arp(1, MN_MAC, HOA, ROUTER));
    assert_eq!(give(&mut net, NOW, TRANSPORT, &transport), None);
}

#[test]
fn answers_to_one_mn_are_bounded_in_rate() {
    let mut net = mag();
    let answered = (0..1_000).filter(|_| ask(&mut net, MN_MAC, HOA, ROUTER).is_some());
    assert_eq!(answered.count(), BURST as usize);
    assert_eq!(
        counter(&net, "net.drop.access-rate-limit"),
        1_000 - u64::from(BURST)
    );
}

/// A message of a DHCP client, and the packet that it is in; the fields that tests change.
#[derive(Clone)]
struct Client {
    kind: u8,
    source: [u8; 4],
    destination: [u8; 4],
    ciaddr: [u8; 4],
    giaddr: [u8; 4],
    chaddr: [u8; 6],
    broadcast: bool,
    options: Vec<(u8, Vec<u8>)>,
}

fn client(kind: u8, options: &[(u8, &[u8])]) -> Client {
    Client {
        kind,
        source: NOBODY,
        destination: ALL,
        ciaddr: NOBODY,
        giaddr: NOBODY,
        chaddr: MN_MAC,
        broadcast: false,
        options: options
            .iter()
            .map(|(k, data)| (*k, data.to_vec()))
            .collect(),
    }
}

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;

impl Client {
    /// With the address that it has, to the server (RENEWING).
    fn bound(mut self, address: [u8; 4]) -> Self {
        (self.source, self.ciaddr, self.destination) = (address, address, ROUTER);
        self
    }

    fn message(&self) -> Vec<u8> {
        let mut message = vec![1, 1, 6, 0, 0xca, 0xfe, 0, 1, 0, 0];
        message.extend(if self.broadcast { [0x80, 0] } else { [0, 0] });
        message.extend(self.ciaddr);
        message.extend([0; 8]);
        message.extend(self.giaddr);
        message.extend(self.chaddr);
        message.extend([0; 10 + 64 + 128]);
        message.extend([0x63, 0x82, 0x53, 0x63, 53, 1, self.kind]);
        for (kind, data) in &self.options {
            message.extend([*kind, data.len() as u8]);
            message.extend(data);
        }
        message.push(255);
        message
    }

    fn packet(&self) -> Vec<u8> {
        let message = self.message();
        let length = 20 + 8 + message.len();
        let mut packet = vec![
            0x45,
            0,
            (length >> 8) as u8,
            length as u8,
            0,
            0,
            0,
            0,
            64,
            17,
            0,
            0,
        ];
        packet.extend(self.source);
        packet.extend(self.destination);
        packet.extend([0, 68, 0, 67]);
        packet.extend(((length - 20) as u16).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(message);
        let (from, to) = (self.source.into(), self.destination.into());
        let mut ip = Ipv4Packet::new_unchecked(&mut packet[..]);
        ip.fill_checksum();
        UdpPacket::new_unchecked(ip.payload_mut())
            .fill_checksum(&IpAddress::Ipv4(from), &IpAddress::Ipv4(to));
        packet
    }

    fn frame(&self) -> Vec<u8> {
        frame(MN_MAC, None, ETHERTYPE_IPV4, &self.packet())
    }
}

/// What a server said.
#[derive(Debug)]
struct Said {
    kind: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ciaddr: [u8; 4],
    yiaddr: [u8; 4],
    options: BTreeMap<u8, Vec<u8>>,
}

fn say_at(net: &mut Net, now: Duration, client: &Client) -> Option<Said> {
    let frame = give(net, now, ACCESS, &client.frame())?;
    let (envelope, ethertype, packet) = open(ACCESS, &frame).unwrap();
    assert_eq!((envelope.source, envelope.destination), (FIXED_MAC, MN_MAC));
    assert_eq!(ethertype, ETHERTYPE_IPV4);
    let ip = Ipv4Packet::new_checked(packet).unwrap();
    assert!(ip.verify_checksum());
    let (source, destination) = (ip.src_addr(), ip.dst_addr());
    let udp = UdpPacket::new_checked(ip.payload()).unwrap();
    assert!(udp.checksum() != 0);
    assert!(udp.verify_checksum(&IpAddress::Ipv4(source), &IpAddress::Ipv4(destination)));
    assert_eq!((udp.src_port(), udp.dst_port()), (67, 68));
    let message = udp.payload();
    assert!(message.len() >= 300, "RFC 1542 section 2.1");
    assert_eq!(message[..8], [2, 1, 6, 0, 0xca, 0xfe, 0, 1]);
    assert_eq!(message[28..34], MN_MAC);
    assert_eq!(message[236..240], [0x63, 0x82, 0x53, 0x63]);
    let (mut options, mut at) = (BTreeMap::new(), 240);
    while message[at] != 255 {
        let (kind, length) = (message[at], usize::from(message[at + 1]));
        let twice = options.insert(kind, message[at + 2..at + 2 + length].to_vec());
        assert!(twice.is_none(), "option {kind} stands once");
        at += 2 + length;
    }
    Some(Said {
        kind: options[&53][0],
        source,
        destination,
        ciaddr: message[12..16].try_into().unwrap(),
        yiaddr: message[16..20].try_into().unwrap(),
        options,
    })
}

fn say(net: &mut Net, client: &Client) -> Option<Said> {
    say_at(net, NOW, client)
}

fn kind(net: &mut Net, client: &Client) -> Option<u8> {
    say(net, client).map(|said| said.kind)
}

#[test]
fn rfc5844_discover_and_request_give_the_home_address() {
    let mut net = mag();
    let offer = say(&mut net, &client(DISCOVER, &[(50, &[10, 1, 0, 99])])).unwrap();
    assert_eq!(
        (offer.kind, offer.yiaddr),
        (OFFER, HOA),
        "whatever it asked for"
    );
    assert_eq!(offer.source, Ipv4Addr::from(ROUTER));
    assert_eq!(offer.destination, Ipv4Addr::from(HOA));
    let request = client(REQUEST, &[(50, &HOA), (54, &ROUTER), (61, b"\xffid")]);
    let ack = say(&mut net, &request).unwrap();
    assert_eq!((ack.kind, ack.yiaddr, ack.ciaddr), (ACK, HOA, NOBODY));
    let expected = [
        (1, vec![255, 255, 0, 0]),
        (3, ROUTER.to_vec()),
        (6, vec![192, 0, 2, 53]),
        (26, 1460_u16.to_be_bytes().to_vec()),
        (51, 3_600_u32.to_be_bytes().to_vec()),
        (53, vec![ACK]),
        (54, ROUTER.to_vec()),
        (58, 1_800_u32.to_be_bytes().to_vec()),
        (59, 3_150_u32.to_be_bytes().to_vec()),
        (61, b"\xffid".to_vec()),
    ];
    assert_eq!(ack.options, expected.into());
    assert_eq!(counter(&net, "net.tx.dhcp-offer"), 1);
    assert_eq!(counter(&net, "net.tx.dhcp-ack"), 1);
}

#[test]
fn rfc2131_a_client_that_cannot_take_unicast_gets_a_broadcast() {
    let mut discover = client(DISCOVER, &[]);
    discover.broadcast = true;
    let offer = say(&mut mag(), &discover).unwrap();
    assert_eq!(offer.destination, Ipv4Addr::BROADCAST);
}

#[test]
fn no_lease_outlives_the_binding() {
    let mut net = mag();
    let later = NOW + Duration::from_secs(3_000);
    let lease = |said: Said| said.options[&51].clone();
    let renew = client(REQUEST, &[]).bound(HOA);
    let ack = say_at(&mut net, later, &renew).unwrap();
    assert_eq!(lease(ack), 600_u32.to_be_bytes());
    net.serve_ipv4(later, mn_link(), service(), LIFETIME_S, &mut Vec::new());
    let ack = say_at(&mut net, later, &renew).unwrap();
    assert_eq!(
        lease(ack),
        3_600_u32.to_be_bytes(),
        "the binding was extended"
    );
    let after = later + Duration::from_secs(3_600);
    assert!(say_at(&mut net, after, &renew).is_none());
    assert_eq!(counter(&net, "net.drop.dhcp-unknown-link"), 1);
    net.end_ipv4(mn_link(), [10, 1, 0, 8].into());
    assert_eq!(
        counter(&net, "net.access-links-ipv4"),
        1,
        "that was another address"
    );
    net.end_ipv4(mn_link(), HOA.into());
    assert_eq!(counter(&net, "net.access-links-ipv4"), 0);
}

/// RFC 5844 section 3.4.1: a DISCOVER may be there before the binding is.
#[test]
fn rfc5844_an_early_discover_is_answered_when_the_binding_is_there() {
    let serve = |net: &mut Net, after_s| {
        let (now, mut out) = (NOW + Duration::from_secs(after_s), Vec::new());
        net.serve_ipv4(now, mn_link(), service(), LIFETIME_S, &mut out);
        out.len()
    };
    let early = || {
        let mut net = net();
        for kind in [DISCOVER, DISCOVER] {
            assert!(say(&mut net, &client(kind, &[])).is_none());
        }
        assert_eq!(counter(&net, "net.drop.dhcp-unknown-link"), 2);
        net
    };
    let mut soon = early();
    assert_eq!(
        (serve(&mut soon, 1), serve(&mut soon, 1)),
        (1, 0),
        "one answer, once"
    );
    assert_eq!(counter(&soon, "net.tx.dhcp-offer"), 1);
    assert_eq!(serve(&mut early(), EARLY_S), 0, "the client has given up");
    let mut flooded = early();
    for last in 0..MAX_EARLY as u8 {
        let mac = [2, 0, 0, 0, 1, last];
        let mut stranger = client(DISCOVER, &[]);
        stranger.chaddr = mac;
        let frame = frame(mac, None, ETHERTYPE_IPV4, &stranger.packet());
        assert_eq!(give(&mut flooded, NOW, ACCESS, &frame), None);
    }
    assert_eq!(flooded.ipv4_links.early.len(), MAX_EARLY);
    assert_eq!(serve(&mut flooded, 1), 0);
}

/// RFC 2131 section 4.3.2: by unicast (RENEWING), by broadcast (REBINDING), and after a restart
/// (INIT-REBOOT). The MAG has not seen the lease, as after a handover.
#[test]
fn a_lease_of_another_mag_is_confirmed() {
    let renew = client(REQUEST, &[]).bound(HOA);
    let mut rebind = renew.clone();
    rebind.destination = ALL;
    for request in [&renew, &rebind] {
        let ack = say(&mut mag(), request).unwrap();
        assert_eq!((ack.kind, ack.yiaddr, ack.ciaddr), (ACK, HOA, HOA));
        assert_eq!(ack.destination, Ipv4Addr::from(HOA));
    }
    assert_eq!(kind(&mut mag(), &client(REQUEST, &[(50, &HOA)])), Some(ACK));
}

#[test]
fn a_wrong_address_is_refused() {
    let wrong = [10, 1, 0, 8];
    let selecting = client(REQUEST, &[(50, &wrong), (54, &ROUTER)]);
    let rebooting = client(REQUEST, &[(50, &[192, 0, 2, 1])]);
    let mut rebinding = client(REQUEST, &[]).bound(wrong);
    rebinding.destination = ALL;
    for request in [selecting, rebooting, rebinding] {
        let nak = say(&mut mag(), &request).unwrap();
        assert_eq!((nak.kind, nak.yiaddr), (NAK, NOBODY));
        assert_eq!(nak.destination, Ipv4Addr::BROADCAST);
        assert_eq!(nak.options.keys().copied().collect::<Vec<_>>(), [53, 54]);
    }
}

#[test]
fn another_server_is_the_clients_choice() {
    let mut net = mag();
    let chosen = client(REQUEST, &[(50, &HOA), (54, &[192, 0, 2, 9])]);
    let mut renewing = client(REQUEST, &[]).bound(HOA);
    renewing.destination = [192, 0, 2, 9];
    for request in [chosen, renewing] {
        assert_eq!(kind(&mut net, &request), None);
    }
    assert_eq!(counter(&net, "net.drop.dhcp-other-server"), 2);
}

#[test]
fn a_client_that_is_not_the_mn_of_the_link_is_a_counted_drop() {
    let mut net = mag();
    let mut foreign = client(DISCOVER, &[]);
    foreign.chaddr = OTHER_MAC;
    assert_eq!(kind(&mut net, &foreign), None);
    let mut spoofed = client(REQUEST, &[]).bound(HOA);
    spoofed.source = [10, 1, 0, 9];
    assert_eq!(kind(&mut net, &spoofed), None);
    assert_eq!(
        kind(&mut net, &client(INFORM, &[]).bound([10, 1, 0, 9])),
        None
    );
    assert_eq!(counter(&net, "net.drop.dhcp-foreign-client"), 3);
    let other = frame(OTHER_MAC, None, ETHERTYPE_IPV4, &foreign.packet());
    assert_eq!(give(&mut net, NOW, ACCESS, &other), None);
    let tagged = frame(
        MN_MAC,
        Some(9),
        ETHERTYPE_IPV4,
        &client(DISCOVER, &[]).packet(),
    );
    assert_eq!(give(&mut net, NOW, ACCESS, &tagged), None);
    assert_eq!(counter(&net, "net.drop.dhcp-unknown-link"), 2);
}

/// RFC 2131 section 4.2: whose the lease is, is told by the identifier. An MN that starts anew with
/// another one (a boot loader, then a system) gets its address all the same.
#[test]
fn a_lease_is_renewed_and_released_by_its_client_only() {
    let mut net = mag();
    let with = |kind, id: &'static [u8]| client(kind, &[(61, id)]).bound(HOA);
    let select = |id| client(REQUEST, &[(50, &HOA), (54, &ROUTER), (61, id)]);
    assert_eq!(kind(&mut net, &select(b"\0one")), Some(ACK));
    assert_eq!(kind(&mut net, &with(REQUEST, b"\0two")), Some(NAK));
    assert_eq!(kind(&mut net, &client(REQUEST, &[]).bound(HOA)), Some(NAK));
    let release = |id| client(RELEASE, &[(54, &ROUTER), (61, id)]).bound(HOA);
    assert_eq!(kind(&mut net, &release(b"\0two")), None);
    assert_eq!(counter(&net, "net.drop.dhcp-foreign-client"), 1);
    assert_eq!(kind(&mut net, &with(REQUEST, b"\0one")), Some(ACK));
    assert_eq!(kind(&mut net, &release(b"\0one")), None);
    assert_eq!(counter(&net, "net.rx.dhcp-release"), 1);
    assert_eq!(kind(&mut net, &with(REQUEST, b"\0two")), Some(ACK));
    assert_eq!(kind(&mut net, &select(b"\0three")), Some(ACK));
}

#[test]
fn rfc2131_a_declined_address_is_not_offered_for_a_while() {
    let mut net = mag();
    let decline = client(DECLINE, &[(50, &HOA), (54, &ROUTER)]);
    let discover = client(DISCOVER, &[]);
    assert_eq!(
        kind(
            &mut net,
            &client(DECLINE, &[(50, &[10, 1, 0, 8]), (54, &ROUTER)])
        ),
        None
    );
    assert_eq!(kind(&mut net, &discover), Some(OFFER));
    assert_eq!(kind(&mut net, &decline), None);
    assert_eq!(kind(&mut net, &discover), None);
    assert_eq!(kind(&mut net, &client(REQUEST, &[(50, &HOA)])), None);
    assert_eq!(counter(&net, "net.drop.dhcp-declined"), 2);
    let said = say_at(&mut net, NOW + Duration::from_secs(10), &discover);
    assert_eq!(said.map(|said| said.kind), Some(OFFER));
    assert_eq!(counter(&net, "net.rx.dhcp-decline"), 1);
}

#[test]
fn rfc2131_an_inform_gets_the_network_and_no_lease() {
    let ack = say(&mut mag(), &client(INFORM, &[]).bound(HOA)).unwrap();
    assert_eq!((ack.kind, ack.yiaddr, ack.ciaddr), (ACK, NOBODY, HOA));
    let kinds: Vec<u8> = ack.options.keys().copied().collect();
    assert_eq!(kinds, [1, 3, 6, 26, 53, 54]);
}

#[test]
fn what_no_client_can_send_is_a_counted_drop() {
    let mut net = mag();
    let mut relayed = client(DISCOVER, &[]);
    relayed.giaddr = [192, 0, 2, 1];
    let half = client(REQUEST, &[(50, &HOA[..3]), (54, &ROUTER)]);
    let neither = client(REQUEST, &[]);
    let both = client(REQUEST, &[(50, &HOA)]).bound(HOA);
    let (server, nothing) = (client(OFFER, &[]), client(99, &[]));
    let mut bad = vec![];
    for message in [relayed, half, neither, both, server, nothing] {
        bad.push(message.packet());
    }
    let good = client(DISCOVER, &[]).packet();
    for (at, value) in [
        (10, good[10] ^ 1),
        (26, good[26] ^ 1),
        (28, 2),
        (29, 6),
        (30, 8),
        (264, 0),
    ] {
        let mut changed = good.clone();
        changed[at] = value;
        bad.push(changed);
    }
    bad.push(good[..200].to_vec());
    for packet in &bad {
        let frame = frame(MN_MAC, None, ETHERTYPE_IPV4, packet);
        assert_eq!(give(&mut net, NOW, ACCESS, &frame), None, "{packet:02x?}");
    }
    assert_eq!(counter(&net, "net.drop.dhcp-malformed"), bad.len() as u64);
}

#[test]
fn rfc5844_without_the_s_flag_and_without_servers_we_are_neither_server_nor_relay() {
    let mut net = net();
    let relay = Ipv4Service {
        dhcp: DhcpMode::Relay,
        ..service()
    };
    net.serve_ipv4(NOW, mn_link(), relay, LIFETIME_S, &mut Vec::new());
    assert_eq!(kind(&mut net, &client(DISCOVER, &[])), None);
    assert_eq!(counter(&net, "net.drop.dhcp-no-relay"), 1);
    assert!(ask(&mut net, MN_MAC, HOA, ROUTER).is_some());
}

#[test]
fn links_are_bounded() {
    let mut net = mag();
    for last in 10..13 {
        let link = Link {
            mac: MacAddr([2, 0, 0, 0, 0, last]),
            ..mn_link()
        };
        net.serve_ipv4(NOW, link, service(), LIFETIME_S, &mut Vec::new());
    }
    assert_eq!(counter(&net, "net.access-links-ipv4"), 2);
    assert_eq!(counter(&net, "net.drop.access-links-full"), 2);
}

proptest! {
    #[test]
    fn arbitrary_messages_are_answered_or_counted(
        kind: u8,
        ciaddr in prop::sample::select(vec![NOBODY, HOA, [10, 1, 0, 8], ALL]),
        destination in prop::sample::select(vec![ALL, ROUTER, HOA]),
        options in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)), 0..12),
        cut in 0..400_usize,
    ) {
        let mut net = mag();
        let message = Client { ciaddr, source: ciaddr, destination, options, ..client(kind, &[]) };
        let before: u64 = net.counters().iter().map(|(_, value)| value).sum();
        let packet = message.packet();
        for packet in [&packet[..], &packet[..packet.len().min(cut)]] {
            give(&mut net, NOW, ACCESS, &frame(MN_MAC, None, ETHERTYPE_IPV4, packet));
        }
        let after: u64 = net.counters().iter().map(|(_, value)| value).sum();
        prop_assert!(after >= before + 2);
    }
}
