//! What ESP costs: signalling messages a second, sealed at one node and opened at the other, by suite,
//! beside the same messages encoded and decoded alone.
//!
//!     cargo run --release -p pmipv6 --example esp [MESSAGES]

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use pmipv6::esp::{
    AssociationConfig, Boundary, Config, Entropy, KeyMaterial, Leg, NoEntropy, Outward,
    PeerAuthorization, PeerConfig, Roles, Saved, Suite,
};
use pmipv6::wire::message::{Message, RoKind, RoRequest};
use pmipv6::wire::{self, Checksum, MobilityOption, Numbering};

const MESSAGES: u64 = 200_000;
const ROUNDS: usize = 5;
const MOBILITY_HEADER: u8 = 135;
const LMA: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1);
const MAG: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x11);

/// Octets that nobody could guess are not what is measured.
struct Counting(u128);

impl Entropy for Counting {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoEntropy> {
        self.0 += 1;
        octets.copy_from_slice(&self.0.to_be_bytes()[..octets.len()]);
        Ok(())
    }
}

fn main() {
    let messages = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let messages = messages.unwrap_or(MESSAGES);
    let numbering = Numbering {
        mh_base: 240,
        rfc5096: false,
    };
    let checksum = Checksum::PseudoHeader {
        source: LMA,
        destination: MAG,
    };
    let message = init();
    let plain = median(messages, |_| {
        let octets = wire::encode(&numbering, checksum, &message).expect("it fits");
        wire::decode(&numbering, checksum, &octets).expect("it is right");
    });
    let octets = wire::encode(&numbering, checksum, &message).expect("it fits");
    println!(
        "RO Init, {} octets; median of {ROUNDS} rounds of {messages}",
        octets.len()
    );
    row("plain", plain);
    for suite in Suite::ALL {
        let (mut lma, mut mag) = pair(suite);
        let mut entropy = Counting(0);
        let took = median(messages, |_| {
            let octets = wire::encode(&numbering, checksum, &message).expect("it fits");
            if lma.must_save() {
                let saved = lma.to_save();
                lma.saved(&saved);
            }
            let to = IpAddr::V6(MAG);
            let sent = lma.send(Duration::ZERO, to, MOBILITY_HEADER, &octets, &mut entropy);
            let Ok(Outward::Esp(packet)) = sent else {
                panic!("not sealed: {sent:?}");
            };
            let opened = mag.open(IpAddr::V6(LMA), &packet).expect("it opens");
            wire::decode(&numbering, checksum, &opened.payload).expect("it is right");
        });
        row(suite.name(), took);
    }
}

fn row(name: &str, took: f64) {
    println!(
        "{name:30} {:10.0} messages/s {:8.0} ns a message",
        1e9 / took,
        took
    );
}

/// Nanoseconds a message.
fn median(messages: u64, mut once: impl FnMut(u64)) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            (0..messages).for_each(&mut once);
            began.elapsed().as_nanos() as f64 / messages as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn init() -> Message {
    let hnp = |last: u16| {
        let prefix = Ipv6Addr::new(0x2001, 0xdb8, 0x100, last, 0, 0, 0, 0);
        let net = format!("{prefix}/64").parse().expect("a prefix");
        MobilityOption::HomeNetworkPrefix(net)
    };
    Message::RoRequest(RoRequest {
        kind: RoKind::Init,
        sequence: 7,
        handover: false,
        proxy_mode: false,
        lifetime: 300,
        options: vec![hnp(1), hnp(2), MobilityOption::MagIpv6Address(MAG)],
    })
}

fn pair(suite: Suite) -> (Boundary, Boundary) {
    let leg = |spi: u32| Leg {
        spi,
        key: KeyMaterial::new(&vec![spi as u8; suite.key_len()]),
    };
    let side = |peer: Ipv6Addr, inbound, outbound| {
        let roles = Roles {
            mag: peer == MAG,
            lma: peer == LMA,
        };
        let config = Config {
            peers: vec![PeerConfig {
                authorization: PeerAuthorization {
                    addresses: vec![IpAddr::V6(peer).into()],
                    roles,
                    homes: Vec::new(),
                },
                associations: vec![AssociationConfig {
                    generation: 1,
                    suite,
                    extended_sequence_numbers: true,
                    not_before: Duration::ZERO,
                    inbound: leg(inbound),
                    outbound: Some(leg(outbound)),
                }],
            }],
            ..Config::default()
        };
        let mut boundary = Boundary::new(&config, 1, Saved::default()).expect("it is right");
        let saved = boundary.to_save();
        boundary.saved(&saved);
        boundary
    };
    (side(MAG, 0x101, 0x102), side(LMA, 0x102, 0x101))
}
