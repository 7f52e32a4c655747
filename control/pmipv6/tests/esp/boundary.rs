//! The boundary: policies, peers, generations of keys, restarts.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use pmipv6::esp::{
    Action, AssociationConfig, Boundary, Config, ConfigError, Direction, Discard, Leg, Outward,
    PeerAuthorization, PeerConfig, Roles, Rule, Saved, Suite,
};
use pmipv6::wire::message::{BindingUpdate, Message, RoAck, RoKind, RoRequest};
use pmipv6::wire::{MobilityOption, iana};

use crate::common::{entropy, key, message};

const LMA: &str = "2001:db8:f::1";
const MAG: &str = "2001:db8:f::11";
const STRANGER: &str = "2001:db8:f::66";
const MH: u8 = iana::NEXT_HEADER_MH;
const WALL: Duration = Duration::from_secs(1_800_000_000);
const ROLES_MAG: Roles = Roles {
    mag: true,
    lma: false,
};
const ROLES_LMA: Roles = Roles {
    mag: false,
    lma: true,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Generation `number` of the keys between LMA and MAG, seen from one of them.
fn generation(number: u32, at_mag: bool) -> AssociationConfig {
    let suite = Suite::Aes128Gcm16;
    let leg = |to_mag: bool| Leg {
        spi: 0x1000 * number + u32::from(to_mag),
        key: key(suite, (number * 2 + u32::from(to_mag)) as u8),
    };
    AssociationConfig {
        generation: number,
        suite,
        extended_sequence_numbers: true,
        not_before: Duration::ZERO,
        inbound: leg(at_mag),
        outbound: Some(leg(!at_mag)),
    }
}

fn peer(address: &str, roles: Roles, associations: Vec<AssociationConfig>) -> PeerConfig {
    PeerConfig {
        authorization: PeerAuthorization {
            addresses: vec![IpNet::from(ip(address))],
            roles,
            homes: Vec::new(),
        },
        associations,
    }
}

fn config(peers: Vec<PeerConfig>) -> Config {
    Config {
        peers,
        ..Config::default()
    }
}

fn boundary(config: &Config) -> Boundary {
    let mut boundary = Boundary::new(config, 1, Saved::default()).unwrap();
    store(&mut boundary);
    boundary
}

/// What the daemon does: stores what is to be saved, and says so.
fn store(boundary: &mut Boundary) -> Saved {
    let saved = boundary.to_save();
    let text = serde_json::to_string(&saved).unwrap();
    let saved = serde_json::from_str(&text).unwrap();
    boundary.saved(&saved);
    saved
}

/// A MAG and its LMA with one generation of keys.
fn domain() -> (Boundary, Boundary) {
    let mag = boundary(&config(vec![peer(
        LMA,
        ROLES_LMA,
        vec![generation(1, true)],
    )]));
    let lma = boundary(&config(vec![peer(
        MAG,
        ROLES_MAG,
        vec![generation(1, false)],
    )]));
    (mag, lma)
}

fn seal(from: &mut Boundary, to: &str, mh_type: u8) -> Result<Vec<u8>, Discard> {
    seal_at(WALL, from, to, mh_type)
}

fn seal_at(wall: Duration, from: &mut Boundary, to: &str, mh_type: u8) -> Result<Vec<u8>, Discard> {
    let sent = from.send(wall, ip(to), MH, &message(mh_type), &mut entropy())?;
    match sent {
        Outward::Esp(packet) => Ok(packet),
        Outward::Clear => panic!("in the clear"),
    }
}

#[track_caller]
fn counted(boundary: &Boundary, name: &str, value: u64) {
    let counters = boundary.counters();
    let found = counters.iter().find(|(counter, _)| *counter == name);
    assert_eq!(found, Some(&(name, value)));
}

#[test]
fn l_68_a_message_crosses_from_mag_to_lma_and_back() {
    let (mut mag, mut lma) = domain();
    let packet = seal(&mut mag, LMA, 5).unwrap();
    let opened = lma.open(ip(MAG), &packet).unwrap();
    assert_eq!((opened.next_header, opened.payload), (MH, message(5)));
    let packet = seal(&mut lma, MAG, 6).unwrap();
    assert_eq!(mag.open(ip(LMA), &packet).unwrap().payload, message(6));
    counted(&lma, "esp.rx.opened", 1);
    counted(&lma, "esp.tx.sealed", 1);
    let view = &lma.associations(ip(MAG), WALL)[0];
    assert!(view.active);
    assert_eq!((view.inbound.opened, view.inbound.sequence), (1, 1));
    assert_eq!(view.outbound.as_ref().unwrap().sealed, 1);
}

#[test]
fn l_67_a_clear_message_is_discarded_and_counted() {
    let (_, mut lma) = domain();
    let clear = lma.take_clear(ip(MAG), &message(242));
    assert_eq!(clear, Err(Discard::Unprotected));
    assert_eq!(lma.take_clear(ip(MAG), &[]), Err(Discard::Unprotected));
    counted(&lma, "esp.drop.unprotected", 2);
}

#[test]
fn l_74_replays_and_strangers_are_discarded_and_counted() {
    let (mut mag, mut lma) = domain();
    let packet = seal(&mut mag, LMA, 5).unwrap();
    assert_eq!(lma.open(ip(STRANGER), &packet), Err(Discard::WrongSource));
    let packet = seal(&mut mag, LMA, 5).unwrap();
    assert!(lma.open(ip(MAG), &packet).is_ok());
    assert_eq!(lma.open(ip(MAG), &packet), Err(Discard::Replayed));
    let mut unknown = packet.clone();
    unknown[..4].copy_from_slice(&0x9999_u32.to_be_bytes());
    assert_eq!(lma.open(ip(MAG), &unknown), Err(Discard::UnknownSpi));
    for spi in [0_u32, 1, 255] {
        unknown[..4].copy_from_slice(&spi.to_be_bytes());
        assert_eq!(lma.open(ip(MAG), &unknown), Err(Discard::ReservedSpi));
    }
    // One's own packet sent back is for another SPI.
    let own = seal(&mut lma, MAG, 6).unwrap();
    assert_eq!(lma.open(ip(MAG), &own), Err(Discard::UnknownSpi));
    for (name, value) in [
        ("esp.drop.wrong-source", 1),
        ("esp.drop.replayed", 1),
        ("esp.drop.unknown-spi", 2),
        ("esp.drop.reserved-spi", 3),
    ] {
        counted(&lma, name, value);
    }
    assert_eq!(lma.associations(ip(MAG), WALL)[0].inbound.replayed, 1);
}

#[test]
fn l_11_without_an_association_nothing_is_sent() {
    let (mut mag, _) = domain();
    let sealed = seal(&mut mag, "2001:db8:f::12", 244);
    assert_eq!(sealed, Err(Discard::NoAssociation));
    counted(&mag, "esp.drop.no-association", 1);
}

#[test]
fn what_is_no_signalling_does_not_cross() {
    let (mut mag, mut lma) = domain();
    let mut cross = |next_header, payload: &[u8]| {
        let association = &config(vec![peer(LMA, ROLES_LMA, vec![generation(1, true)])]).peers[0];
        let leg = association.associations[0].outbound.as_ref().unwrap();
        let parameters = pmipv6::esp::Parameters {
            spi: leg.spi,
            suite: association.associations[0].suite,
            key: &leg.key,
            extended_sequence_numbers: true,
        };
        let mut out = pmipv6::esp::OutboundAssociation::new(parameters, 1).unwrap();
        out.resume(
            mag.associations(ip(LMA), WALL)[0]
                .outbound
                .as_ref()
                .unwrap()
                .sequence,
        );
        seal(&mut mag, LMA, 5).unwrap();
        out.reserve(u64::MAX);
        let packet = out.seal(next_header, payload, &mut entropy()).unwrap();
        lma.open(ip(MAG), &packet).map(drop)
    };
    assert_eq!(cross(MH, &message(5)), Ok(()));
    assert_eq!(cross(58, &message(5)), Err(Discard::Selectors), "ICMPv6");
    assert_eq!(cross(41, &message(5)), Err(Discard::Selectors), "a tunnel");
    assert_eq!(cross(MH, &[59, 0]), Err(Discard::Selectors), "no MH type");
    assert_eq!(cross(59, &[]), Err(Discard::Dummy));
    let udp = [&[0x15, 0x3c, 0x15, 0x3c, 0, 24, 0, 0], &message(5)[..]].concat();
    assert_eq!(cross(17, &udp), Err(Discard::Selectors), "UDP over IPv6");
}

#[test]
fn over_ipv4_signalling_is_udp_port_5436() {
    let (mag_at, lma_at) = ("192.0.2.11", "192.0.2.1");
    let mut mag = boundary(&config(vec![peer(
        lma_at,
        ROLES_LMA,
        vec![generation(1, true)],
    )]));
    let mut lma = boundary(&config(vec![peer(
        mag_at,
        ROLES_MAG,
        vec![generation(1, false)],
    )]));
    let mut cross = |ports: [u16; 2]| {
        let mut datagram = Vec::new();
        datagram.extend(ports[0].to_be_bytes());
        datagram.extend(ports[1].to_be_bytes());
        datagram.extend([0, 24, 0, 0]);
        datagram.extend(message(5));
        let sent = mag.send(WALL, ip(lma_at), 17, &datagram, &mut entropy())?;
        let Outward::Esp(packet) = sent else {
            panic!("in the clear");
        };
        let opened = lma.open(ip(mag_at), &packet)?;
        assert_eq!((opened.next_header, opened.payload), (17, datagram));
        Ok(())
    };
    assert_eq!(cross([5436, 5436]), Ok(()));
    assert_eq!(
        cross([5436, 49_152]),
        Ok(()),
        "an answer to a PBU from any port"
    );
    assert_eq!(cross([5437, 5437]), Err(Discard::Selectors));
}

#[test]
fn policy_chooses_by_peer_direction_and_mh_type() {
    let rule = |direction, mh_types: &[u8], action| Rule {
        peers: vec![IpNet::from(ip(MAG))],
        direction,
        mh_types: mh_types.to_vec(),
        action,
    };
    let mut settings = config(vec![peer(MAG, ROLES_MAG, vec![generation(1, false)])]);
    settings.policies = vec![
        rule(None, &[13], Action::Bypass),
        rule(Some(Direction::In), &[244], Action::Discard),
    ];
    let mut lma = boundary(&settings);
    assert!(lma.lets_clear_in());
    assert_eq!(lma.take_clear(ip(MAG), &message(13)), Ok(()));
    assert_eq!(
        lma.take_clear(ip(STRANGER), &message(13)),
        Err(Discard::Unprotected)
    );
    assert_eq!(lma.take_clear(ip(MAG), &message(244)), Err(Discard::Policy));
    let sent = lma.send(WALL, ip(MAG), MH, &message(13), &mut entropy());
    assert_eq!(sent, Ok(Outward::Clear));
    assert!(seal(&mut lma, MAG, 6).is_ok());
    // Protected or not, what policy discards is discarded.
    let (mut mag, _) = domain();
    let packet = seal(&mut mag, LMA, 244).unwrap();
    assert_eq!(lma.open(ip(MAG), &packet), Err(Discard::Policy));
}

/// Carries a message each way; the generation that each side sends with.
fn both_ways(mag: &mut Boundary, lma: &mut Boundary, wall: Duration) -> (u32, u32) {
    let packet = seal_at(wall, mag, LMA, 5).unwrap();
    lma.open(ip(MAG), &packet).expect("LMA opens");
    let up = u32::from_be_bytes(packet[..4].try_into().unwrap()) / 0x1000;
    let packet = seal_at(wall, lma, MAG, 6).unwrap();
    mag.open(ip(LMA), &packet).expect("MAG opens");
    let down = u32::from_be_bytes(packet[..4].try_into().unwrap()) / 0x1000;
    (up, down)
}

fn with_generations(at_mag: bool, generations: Vec<AssociationConfig>) -> Config {
    let (address, roles) = if at_mag {
        (LMA, ROLES_LMA)
    } else {
        (MAG, ROLES_MAG)
    };
    config(vec![peer(address, roles, generations)])
}

#[test]
fn keys_change_by_the_clock_without_a_lost_message() {
    let (mut mag, mut lma) = domain();
    let change = WALL + Duration::from_secs(10);
    let next = |at_mag| AssociationConfig {
        not_before: change,
        ..generation(2, at_mag)
    };
    assert_eq!(both_ways(&mut mag, &mut lma, WALL), (1, 1));
    // One after the other learns the new keys, messages on the way between.
    let late = seal(&mut mag, LMA, 5).unwrap();
    mag.configure(&with_generations(
        true,
        vec![generation(1, true), next(true)],
    ))
    .unwrap();
    store(&mut mag);
    assert_eq!(both_ways(&mut mag, &mut lma, WALL), (1, 1));
    lma.configure(&with_generations(
        false,
        vec![next(false), generation(1, false)],
    ))
    .unwrap();
    store(&mut lma);
    assert!(lma.open(ip(MAG), &late).is_ok());
    assert_eq!(both_ways(&mut mag, &mut lma, WALL), (1, 1));
    // The clocks of the two differ: one changes first.
    let late = seal(&mut mag, LMA, 5).unwrap();
    let packet = seal_at(change, &mut mag, LMA, 5).unwrap();
    assert!(lma.open(ip(MAG), &packet).is_ok() && lma.open(ip(MAG), &late).is_ok());
    assert_eq!(both_ways(&mut mag, &mut lma, change), (2, 2));
    // The old keys go.
    for (boundary, at_mag) in [(&mut mag, true), (&mut lma, false)] {
        boundary
            .configure(&with_generations(at_mag, vec![next(at_mag)]))
            .unwrap();
        store(boundary);
    }
    assert_eq!(both_ways(&mut mag, &mut lma, change), (2, 2));
    counted(&lma, "esp.drop.replayed", 0);
    counted(&lma, "esp.drop.unknown-spi", 0);
}

#[test]
fn keys_change_by_hand_without_a_lost_message() {
    let (mut mag, mut lma) = domain();
    let receive_only = |at_mag| AssociationConfig {
        outbound: None,
        ..generation(2, at_mag)
    };
    let steps: [(bool, AssociationConfig); 4] = [
        (true, receive_only(true)),
        (false, receive_only(false)),
        (true, generation(2, true)),
        (false, generation(2, false)),
    ];
    let expected = [(1, 1), (1, 1), (2, 1), (2, 2)];
    for ((at_mag, next), expected) in steps.into_iter().zip(expected) {
        let settings = with_generations(at_mag, vec![generation(1, at_mag), next]);
        let node = if at_mag { &mut mag } else { &mut lma };
        node.configure(&settings).unwrap();
        store(node);
        assert_eq!(both_ways(&mut mag, &mut lma, WALL), expected);
    }
}

#[test]
fn l_74_a_key_that_has_gone_opens_nothing() {
    let (mut mag, mut lma) = domain();
    let old = seal(&mut mag, LMA, 5).unwrap();
    lma.configure(&with_generations(false, vec![generation(2, false)]))
        .unwrap();
    assert_eq!(lma.open(ip(MAG), &old), Err(Discard::UnknownSpi));
}

#[test]
fn a_reload_keeps_sequence_numbers_and_windows() {
    let (mut mag, mut lma) = domain();
    let first = seal(&mut mag, LMA, 5).unwrap();
    assert!(lma.open(ip(MAG), &first).is_ok());
    lma.configure(&with_generations(false, vec![generation(1, false)]))
        .unwrap();
    mag.configure(&with_generations(true, vec![generation(1, true)]))
        .unwrap();
    store(&mut mag);
    store(&mut lma);
    assert_eq!(lma.open(ip(MAG), &first), Err(Discard::Replayed));
    assert_eq!(both_ways(&mut mag, &mut lma, WALL), (1, 1));
    assert_eq!(lma.associations(ip(MAG), WALL)[0].inbound.sequence, 2);
    // A wider window does not bring back what the narrow one has seen.
    let mut wider = with_generations(false, vec![generation(1, false)]);
    wider.replay_window = 256;
    lma.configure(&wider).unwrap();
    assert_eq!(lma.open(ip(MAG), &first), Err(Discard::Replayed));
}

#[test]
fn another_key_under_the_same_spi_is_refused_and_changes_nothing() {
    let (mut mag, mut lma) = domain();
    let mut other = generation(1, false);
    other.inbound.key = key(other.suite, 77);
    let refused = lma.configure(&with_generations(false, vec![other]));
    assert_eq!(refused, Err(ConfigError::Changed(0x1000)));
    assert_eq!(both_ways(&mut mag, &mut lma, WALL), (1, 1));
}

#[test]
fn l_74_after_a_restart_replays_are_known_and_the_peer_follows() {
    let (mut mag, mut lma) = domain();
    let packets: Vec<_> = (0..5).map(|_| seal(&mut mag, LMA, 5).unwrap()).collect();
    for packet in &packets {
        assert!(lma.open(ip(MAG), packet).is_ok());
    }
    let (saved_mag, saved_lma) = (store(&mut mag), store(&mut lma));
    let settings = with_generations(false, vec![generation(1, false)]);
    let mut lma = Boundary::new(&settings, 2, saved_lma).unwrap();
    let settings = with_generations(true, vec![generation(1, true)]);
    let mut mag = Boundary::new(&settings, 2, saved_mag).unwrap();
    assert_eq!(
        seal(&mut mag, LMA, 5),
        Err(Discard::NotReserved),
        "not before it is stored"
    );
    store(&mut mag);
    store(&mut lma);
    for packet in &packets {
        assert_eq!(lma.open(ip(MAG), packet), Err(Discard::Replayed));
    }
    assert_eq!(both_ways(&mut mag, &mut lma, WALL), (1, 1));
}

#[test]
fn an_association_that_comes_back_goes_on_where_it_was() {
    let (mut mag, mut lma) = domain();
    let old = seal(&mut mag, LMA, 5).unwrap();
    assert!(lma.open(ip(MAG), &old).is_ok());
    for number in [2, 1] {
        lma.configure(&with_generations(false, vec![generation(number, false)]))
            .unwrap();
        mag.configure(&with_generations(true, vec![generation(number, true)]))
            .unwrap();
        store(&mut mag);
        store(&mut lma);
    }
    assert_eq!(lma.open(ip(MAG), &old), Err(Discard::Replayed));
    let again = seal(&mut mag, LMA, 5).unwrap();
    assert_ne!(old[4..8], again[4..8], "no number twice");
    assert!(lma.open(ip(MAG), &again).is_ok());
}

#[test]
fn numbers_are_saved_before_they_run_short() {
    let (mut mag, _) = domain();
    let mut saves = 0;
    for _ in 0..50_000 {
        seal(&mut mag, LMA, 5).unwrap();
        if mag.must_save() {
            store(&mut mag);
            saves += 1;
        }
    }
    assert!((3..=10).contains(&saves), "{saves} in 50,000 messages");
}

#[test]
fn wrong_configurations_are_refused() {
    let one = |change: &dyn Fn(&mut Config)| {
        let mut settings = config(vec![peer(MAG, ROLES_MAG, vec![generation(1, false)])]);
        change(&mut settings);
        Boundary::new(&settings, 1, Saved::default()).map(drop)
    };
    assert_eq!(one(&|_| {}), Ok(()));
    assert_eq!(
        one(&|c| c
            .peers
            .push(peer(MAG, ROLES_MAG, vec![generation(2, false)]))),
        Err(ConfigError::AddressTwice(IpNet::from(ip(MAG))))
    );
    assert_eq!(
        one(&|c| c
            .peers
            .push(peer(LMA, ROLES_LMA, vec![generation(1, false)]))),
        Err(ConfigError::SpiTwice(0x1000))
    );
    assert_eq!(
        one(&|c| {
            let key = c.peers[0].associations[0].inbound.key.clone();
            c.peers[0].associations[0].outbound.as_mut().unwrap().key = key;
        }),
        Err(ConfigError::KeyTwice(0x1000, 0x1001))
    );
    assert_eq!(
        one(&|c| {
            let associations = &mut c.peers[0].associations;
            associations.push(AssociationConfig {
                generation: 1,
                ..generation(2, false)
            });
        }),
        Err(ConfigError::GenerationTwice(1))
    );
    assert_eq!(
        one(&|c| c.peers[0].associations = (1..4).map(|n| generation(n, false)).collect()),
        Err(ConfigError::TooManyGenerations(3))
    );
    assert_eq!(
        one(&|c| c.peers[0].authorization.addresses.clear()),
        Err(ConfigError::NoAddress)
    );
}

fn hnp(text: &str) -> MobilityOption {
    MobilityOption::HomeNetworkPrefix(text.parse().unwrap())
}

fn update(options: Vec<MobilityOption>) -> Message {
    Message::BindingUpdate(BindingUpdate {
        sequence: 1,
        flags: BindingUpdate::A | BindingUpdate::P,
        lifetime: 1,
        options,
    })
}

fn request(kind: RoKind, options: Vec<MobilityOption>) -> Message {
    Message::RoRequest(RoRequest {
        kind,
        sequence: 1,
        handover: false,
        proxy_mode: false,
        lifetime: 300,
        options,
    })
}

#[test]
fn l_74_over_ipv4_a_message_is_of_the_peer_whose_key_it_came_with() {
    let at = "192.0.2.11";
    let mut mag = peer(MAG, ROLES_MAG, vec![generation(1, false)]);
    mag.authorization.addresses.push(IpNet::from(ip(at)));
    let other = peer("2001:db8:f::12", ROLES_MAG, vec![generation(2, false)]);
    let mut boundary = boundary(&config(vec![mag, other]));
    let mut says = |name: &str, message: fn(Vec<MobilityOption>) -> Message, option: fn(_) -> _| {
        boundary.authorise(ip(at), &message(vec![option(name.parse().unwrap())]))
    };
    let setup = |options| request(RoKind::Setup, options);
    for (name, expected) in [
        (MAG, Ok(())),
        ("2001:db8:f::12", Err(Discard::WrongSource)),
        (STRANGER, Err(Discard::WrongSource)),
    ] {
        let pbu = says(name, update, MobilityOption::AlternateCareOfAddress);
        let setup = says(name, setup, MobilityOption::MagIpv6Address);
        assert_eq!((pbu, setup), (expected, expected), "{name}");
    }
}

#[test]
fn l_74_a_peer_says_what_its_role_and_homes_allow() {
    let mut mag = peer(MAG, ROLES_MAG, vec![generation(1, false)]);
    mag.authorization.homes = vec!["2001:db8:100::/48".parse().unwrap()];
    let lma = peer("2001:db8:f::2", ROLES_LMA, vec![generation(2, false)]);
    let mut boundary = boundary(&config(vec![mag, lma]));
    let mut says = |source: &str, message: &Message| boundary.authorise(ip(source), message);
    let (own, foreign) = (hnp("2001:db8:100:1::/64"), hnp("2001:db8:200:1::/64"));

    assert_eq!(says(MAG, &update(vec![own.clone()])), Ok(()));
    assert_eq!(says(MAG, &update(vec![hnp("::/0")])), Ok(()), "allocation");
    assert_eq!(
        says(MAG, &update(vec![own.clone(), foreign.clone()])),
        Err(Discard::Home)
    );
    // The sender of RO Setup serves the destination: a path to a third MN's home is not its to set up.
    let (to_own, from_own) = (
        vec![foreign.clone(), own.clone()],
        vec![own, foreign.clone()],
    );
    assert_eq!(says(MAG, &request(RoKind::Setup, to_own.clone())), Ok(()));
    assert_eq!(
        says(MAG, &request(RoKind::Setup, from_own.clone())),
        Err(Discard::Home)
    );
    assert_eq!(
        says(MAG, &request(RoKind::Request, from_own.clone())),
        Ok(())
    );
    assert_eq!(
        says(MAG, &request(RoKind::Request, to_own)),
        Err(Discard::Home)
    );
    let ends_it = |mut message| {
        if let Message::RoRequest(request) = &mut message {
            request.lifetime = 0;
        }
        message
    };
    assert_eq!(
        says(MAG, &ends_it(request(RoKind::Setup, from_own.clone()))),
        Ok(()),
        "either end may end a path"
    );
    assert_eq!(
        says(MAG, &request(RoKind::Refresh, from_own)),
        Ok(()),
        "one end is its own"
    );
    let foreign = vec![foreign.clone(), foreign];
    assert_eq!(
        says(MAG, &request(RoKind::Setup, foreign.clone())),
        Err(Discard::Home)
    );
    assert_eq!(
        says(MAG, &request(RoKind::Init, Vec::new())),
        Err(Discard::Role)
    );
    let ack = |kind| {
        Message::RoAck(RoAck {
            kind,
            sequence: 1,
            unsolicited: false,
            status: 0,
            lifetime: 300,
            options: Vec::new(),
        })
    };
    assert_eq!(says(MAG, &ack(RoKind::Init)), Ok(()));
    assert_eq!(says(MAG, &ack(RoKind::Refresh)), Err(Discard::Role));

    let other = "2001:db8:f::2";
    assert_eq!(
        says(other, &request(RoKind::Init, foreign.clone())),
        Ok(()),
        "no homes: all"
    );
    assert_eq!(
        says(other, &request(RoKind::Setup, foreign)),
        Err(Discard::Role)
    );
    assert_eq!(says(other, &update(Vec::new())), Err(Discard::Role));
    assert_eq!(
        says(STRANGER, &ack(RoKind::Init)),
        Err(Discard::WrongSource)
    );
    counted(&boundary, "esp.drop.role", 4);
    counted(&boundary, "esp.drop.home", 4);
}

#[test]
fn a_peer_may_have_a_prefix_and_the_longest_one_is_its() {
    let mut wide = peer(MAG, ROLES_MAG, vec![generation(1, false)]);
    wide.authorization.addresses = vec!["2001:db8:f::/48".parse().unwrap()];
    let mut narrow = peer(MAG, ROLES_LMA, vec![generation(2, false)]);
    narrow.authorization.addresses = vec!["2001:db8:f:1::/64".parse().unwrap()];
    let exact = peer("2001:db8:f:1::5", ROLES_LMA, vec![generation(3, false)]);
    let boundary = boundary(&config(vec![wide, narrow, exact]));
    let generation = |address: &str| {
        let views = boundary.associations(ip(address), WALL);
        views.first().map(|view| view.generation)
    };
    assert_eq!(generation("2001:db8:f:2::5"), Some(1));
    assert_eq!(generation("2001:db8:f:1::6"), Some(2));
    assert_eq!(generation("2001:db8:f:1::5"), Some(3));
    assert_eq!(generation("2001:db9::1"), None);
}

#[test]
fn nothing_at_the_boundary_shows_a_key() {
    let mut association = generation(1, false);
    association.inbound.key = pmipv6::esp::KeyMaterial::new(&[0xa7; 20]);
    let settings = config(vec![peer(MAG, ROLES_MAG, vec![association])]);
    let boundary = boundary(&settings);
    let views = serde_json::to_string(&boundary.associations(ip(MAG), WALL)).unwrap();
    let shown = format!("{settings:?} {boundary:?} {views} {:?}", boundary.to_save());
    assert!(
        !shown.to_lowercase().contains("a7a7") && !shown.contains("167, 167"),
        "{shown}"
    );
}
