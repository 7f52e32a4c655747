use super::*;

const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 2);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xeeee, 0, 0, 0, 0, 1);
const MN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
const CN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);
const OWN_IPV4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const PEER_IPV4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const MN_IPV4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let next_header = IpProtocol::from(next_header);
    build_ipv6(source, destination, next_header, 64, payload).expect("it fits")
}

fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8, df: bool, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; IPV4_LEN];
    packet[0] = 0x45;
    packet.extend_from_slice(rest);
    let octets = packet.len() as u16;
    let mut ip = Ipv4Packet::new_unchecked(&mut packet[..]);
    ip.set_total_len(octets);
    ip.set_hop_limit(64);
    ip.set_dont_frag(df);
    ip.set_next_header(IpProtocol::from(protocol));
    ip.set_src_addr(source);
    ip.set_dst_addr(destination);
    ip.fill_checksum();
    packet
}

/// An ICMPv6 error from a router in the transport network about a packet of ours.
fn icmpv6(kind: u8, code: u8, word: u32, quoted: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend(word.to_be_bytes());
    message.extend_from_slice(&quoted[..quoted.len().min(1232)]);
    Icmpv6Packet::new_unchecked(&mut message[..]).fill_checksum(&ROUTER, &OWN);
    ipv6(ROUTER, OWN, 58, &message)
}

fn icmpv4(kind: u8, code: u8, mtu: u16, quoted: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0, 0, 0];
    message.extend(mtu.to_be_bytes());
    message.extend_from_slice(quoted);
    Icmpv4Packet::new_unchecked(&mut message[..]).fill_checksum();
    ipv4(Ipv4Addr::new(203, 0, 113, 1), OWN_IPV4, 1, false, &message)
}

/// User packets of so many octets.
fn user(octets: usize) -> Vec<u8> {
    ipv6(MN, CN, 17, &vec![0x5a; octets - IPV6_LEN])
}

fn user_ipv4(octets: usize, df: bool) -> Vec<u8> {
    let rest = vec![0x5a; octets - IPV4_LEN];
    ipv4(MN_IPV4, Ipv4Addr::new(192, 0, 2, 1), 17, df, &rest)
}

/// Checks an ICMPv6 answer; its type, code, word, and how much of the user packet it quotes.
fn read_ipv6(answer: &Answer, user: &[u8]) -> (u8, u8, u32, usize) {
    let packet = Ipv6Packet::new_checked(&answer.packet[..]).expect("a packet");
    assert_eq!((packet.src_addr(), packet.dst_addr()), (OWN, MN));
    assert!(answer.packet.len() <= 1280);
    let message = packet.payload();
    let icmp = Icmpv6Packet::new_checked(message).expect("a message");
    assert!(icmp.verify_checksum(&OWN, &MN));
    let quoted = &message[ICMP_LEN..];
    assert_eq!(*quoted, user[..quoted.len()]);
    let word = u32::from_be_bytes([message[4], message[5], message[6], message[7]]);
    (message[0], message[1], word, quoted.len())
}

fn read_ipv4(answer: &Answer, user: &[u8]) -> (u8, u8, u16, usize) {
    let packet = Ipv4Packet::new_checked(&answer.packet[..]).expect("a packet");
    assert!(packet.verify_checksum());
    assert_eq!(
        (packet.src_addr(), packet.dst_addr()),
        (DUMMY_ADDRESS, MN_IPV4)
    );
    assert!(answer.packet.len() <= MAX_ICMPV4_BYTES);
    let message = packet.payload();
    let icmp = Icmpv4Packet::new_checked(message).expect("a message");
    assert!(icmp.verify_checksum());
    let quoted = &message[ICMP_LEN..];
    assert_eq!(*quoted, user[..quoted.len()]);
    let mtu = u16::from_be_bytes([message[6], message[7]]);
    (message[0], message[1], mtu, quoted.len())
}

/// Every way that a packet may be wrapped, and the octets that that costs.
fn wrapped(inner: &[u8]) -> Vec<(Vec<u8>, usize)> {
    let (next, kind) = if inner[0] >> 4 == 4 {
        (4, [0x08, 0x00])
    } else {
        (41, [0x86, 0xdd])
    };
    let limited = [&[next, 0, 4, 1, 4, 1, 1, 0], inner].concat();
    let gre = [&[0x20, 0], &kind[..], &[0, 0, 0, 9], inner].concat();
    let tlv = [&[0, 47, 0, 0], &gre[..]].concat();
    let udp = |port: u16, rest: &[u8]| {
        let words = [port, port, 8 + rest.len() as u16, 0];
        let header: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
        ipv4(OWN_IPV4, PEER_IPV4, 17, false, &[&header, rest].concat())
    };
    vec![
        (ipv6(OWN, PEER, next, inner), 40),
        (ipv6(OWN, PEER, 60, &limited), 48),
        (ipv6(OWN, PEER, 47, &gre), 48),
        (ipv4(OWN_IPV4, PEER_IPV4, next, false, inner), 20),
        (ipv4(OWN_IPV4, PEER_IPV4, 47, false, &gre), 28),
        (udp(5437, inner), 28),
        (udp(4191, &tlv), 40),
    ]
}

fn answered(error: &[u8]) -> Option<Answer> {
    answer(error, OWN)
}

#[test]
fn unreachable_peers_are_told_to_the_source_whatever_the_tunnel() {
    for (user, is_ipv4) in [(user(100), false), (user_ipv4(100, true), true)] {
        for (outer, _) in wrapped(&user) {
            let over_ipv4 = outer[0] >> 4 == 4;
            let errors = if over_ipv4 {
                [icmpv4(3, 1, 0, &outer), icmpv4(11, 0, 0, &outer)]
            } else {
                [icmpv6(1, 0, 0, &outer), icmpv6(3, 0, 0, &outer)]
            };
            for error in errors {
                let answer = answered(&error).expect("an answer");
                let peer: IpAddr = if over_ipv4 {
                    PEER_IPV4.into()
                } else {
                    PEER.into()
                };
                assert_eq!(answer.remote, peer);
                if is_ipv4 {
                    assert_eq!(read_ipv4(&answer, &user), (3, 1, 0, 100));
                } else {
                    assert_eq!(read_ipv6(&answer, &user), (1, 3, 0, 100));
                }
            }
        }
    }
}

/// The MTU that is told is the path's less what the tunnel adds; for an IPv6 packet never below 1280.
#[test]
fn a_smaller_path_is_told_less_the_headers_of_the_tunnel() {
    for (user, is_ipv4) in [(user(1400), false), (user_ipv4(1400, true), true)] {
        for (outer, headers) in wrapped(&user) {
            for (path, least) in [(1380, 0), (600, 1280)] {
                let error = if outer[0] >> 4 == 4 {
                    icmpv4(3, 4, path as u16, &outer)
                } else {
                    icmpv6(2, 0, path, &outer)
                };
                let answer = answered(&error).expect("an answer");
                let left = path - headers as u32;
                if is_ipv4 {
                    let told = read_ipv4(&answer, &user);
                    assert_eq!(told, (3, 4, left as u16, 548));
                } else {
                    let (kind, code, mtu, _) = read_ipv6(&answer, &user);
                    assert_eq!((kind, code, mtu), (2, 0, left.max(least)));
                }
            }
        }
    }
}

/// What the tunnel has to fragment is not too big for its source.
#[test]
fn what_may_be_fragmented_is_not_the_sources_business() {
    for user in [user(1280), user_ipv4(1400, false)] {
        for (outer, _) in wrapped(&user) {
            let error = if outer[0] >> 4 == 4 {
                icmpv4(3, 4, 600, &outer)
            } else {
                icmpv6(2, 0, 600, &outer)
            };
            assert_eq!(answered(&error), None);
        }
    }
}

/// RFC 2473 section 8.1: of parameter problems, the encapsulation limit's only.
#[test]
fn only_the_encapsulation_limit_is_a_problem_to_tell() {
    let user = user(100);
    let (limited, _) = wrapped(&user).remove(1);
    let (plain, _) = wrapped(&user).remove(0);
    let answer = answered(&icmpv6(4, 0, 44, &limited)).expect("an answer");
    assert_eq!(read_ipv6(&answer, &user), (1, 3, 0, 100));
    for error in [
        icmpv6(4, 0, 6, &limited),
        icmpv6(4, 1, 44, &limited),
        icmpv6(4, 0, 44, &plain),
        icmpv4(12, 0, 0, &wrapped(&user)[3].0),
    ] {
        assert_eq!(answered(&error), None);
    }
}

#[test]
fn errors_that_are_not_right_or_not_enough_are_not_answered() {
    let user = user(100);
    for (outer, headers) in wrapped(&user) {
        let over_ipv4 = outer[0] >> 4 == 4;
        let unreachable = |quoted: &[u8]| {
            if over_ipv4 {
                icmpv4(3, 1, 0, quoted)
            } else {
                icmpv6(1, 0, 0, quoted)
            }
        };
        // The inner header is the least.
        for octets in 0..headers + IPV6_LEN {
            assert_eq!(answered(&unreachable(&outer[..octets])), None, "{octets}");
        }
        assert!(answered(&unreachable(&outer[..headers + IPV6_LEN])).is_some());
        let mut wrong = unreachable(&outer);
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        assert_eq!(answered(&wrong), None, "its checksum is wrong");
    }
}

/// RFC 4443 section 2.4 (e), RFC 1812 section 4.3.2.7: no error about an error, nor to nobody.
#[test]
fn errors_about_errors_are_not_answered() {
    let icmp_error = ipv6(MN, CN, 58, &[1, 0, 0, 0, 0, 0, 0, 0]);
    let from_nobody = ipv6(Ipv6Addr::UNSPECIFIED, CN, 17, &[0; 8]);
    let cut_off = ipv6(MN, CN, 58, &[]);
    for user in [icmp_error, from_nobody, cut_off] {
        let (outer, _) = wrapped(&user).remove(0);
        assert_eq!(answered(&icmpv6(1, 0, 0, &outer)), None);
    }
    let ping = ipv6(MN, CN, 58, &[128, 0, 0, 0, 0, 0, 0, 0]);
    let (outer, _) = wrapped(&ping).remove(0);
    assert!(answered(&icmpv6(1, 0, 0, &outer)).is_some());
    let to = Ipv4Addr::new(192, 0, 2, 1);
    let icmp_error = ipv4(MN_IPV4, to, 1, true, &[3, 1, 0, 0, 0, 0, 0, 0]);
    let mut later = user_ipv4(100, true);
    later[7] = 1;
    for user in [icmp_error, later] {
        let (outer, _) = wrapped(&user).remove(3);
        assert_eq!(answered(&icmpv4(3, 1, 0, &outer)), None);
    }
}
