//! Finding the LMA of a pair's far end (draft section 3; L-15).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use pmipv6::lma::{LocalMobilityAnchor, PeerLma, PeerLmaResolver, StaticPeerLmas};
use pmipv6::wire::Message;
use pmipv6::wire::message::RoKind;
use pmipv6::wire::ro::Endpoints;

use crate::harness::*;

const LOOK_UPS: &str = "pmipv6.peer-lma.lookup";

/// A table that counts who asks it.
#[derive(Debug)]
struct Counting {
    table: StaticPeerLmas,
    asked: Arc<AtomicU64>,
}

impl PeerLmaResolver for Counting {
    fn resolve(&self, home: IpNet) -> Option<PeerLma> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.table.resolve(home)
    }
}

/// How often the resolver of each LMA was asked.
fn count_look_ups(domain: &mut Domain) -> [Arc<AtomicU64>; 2] {
    ["lma1", "lma2"].map(|name| {
        let asked = Arc::new(AtomicU64::new(0));
        let config = lma_config(name);
        let resolver = Counting {
            table: StaticPeerLmas::new(&config.peer_lmas),
            asked: asked.clone(),
        };
        let lma = LocalMobilityAnchor::with_resolver(config, 7, Box::new(resolver));
        domain.add(name, Box::new(lma));
        asked
    })
}

#[test]
fn l_15_the_peer_lma_is_looked_up_once_over_ten_handovers() {
    let mut domain = domain();
    let asked = count_look_ups(&mut domain);
    let source = host(&home(&domain.attach("mag1", "mn1@lma1", 1)));
    let destination = host(&home(&domain.attach("mag2", "mn2@lma2", 1)));
    domain.talk("lma1", source, destination);
    for round in 0..5 {
        let moves = [
            [("mag1", "mag3", "mn1@lma1"), ("mag2", "mag4", "mn2@lma2")],
            [("mag3", "mag1", "mn1@lma1"), ("mag4", "mag2", "mn2@lma2")],
        ];
        for (from, to, mn_id) in moves[round % 2] {
            domain.attach(to, mn_id, 3);
            domain.detach_quietly(from, mn_id);
        }
        domain.talk("lma1", source, destination);
        domain.talk("lma2", destination, source);
    }
    for (name, asked) in ["lma1", "lma2"].into_iter().zip(asked) {
        assert_eq!(domain.counter(name, "pmipv6.lr.followed-mn"), 5, "{name}");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{name}");
        assert_eq!(domain.counter(name, LOOK_UPS), 1, "{name}");
        assert_eq!(domain.states(name), ["active"], "{name}");
    }
}

#[test]
fn l_15_each_pair_has_a_look_up_of_its_own() {
    let mut domain = domain();
    let source = host(&home(&domain.attach("mag1", "mn1@lma1", 1)));
    let others = ["mn2@lma2", "mn4@lma2"].map(|mn_id| {
        let binding = domain.attach("mag2", mn_id, 1);
        host(&home(&binding))
    });
    for (pairs, other) in others.into_iter().enumerate() {
        domain.talk("lma1", source, other);
        assert_eq!(domain.counter("lma1", LOOK_UPS), pairs as u64 + 1);
    }
    assert_eq!(domain.states("lma1"), ["active", "active"]);
}

#[test]
fn l_15_l_74_what_the_peer_adds_to_the_pair_is_looked_up_too() {
    let mut domain = domain();
    let source = home(&domain.attach("mag1", "mn1@lma1", 1));
    let destination = home(&domain.attach("mag2", "mn2@lma2", 1));
    // The answer of the peer draws a home into the pair that is not its own.
    let foreign = net("2001:db8:1:77::/64");
    domain.lose = lose(1, |sent| is_ack(sent, RoKind::Trigger));
    domain.talk("lma1", host(&source), host(&destination));
    let lost = domain
        .trace
        .iter()
        .rfind(|sent| is_ack(sent, RoKind::Trigger));
    let Message::RoAck(mut ack) = lost.expect("RO Trigger Ack").message.clone() else {
        panic!("an acknowledgement")
    };
    let mut ends = Endpoints::from_options(&ack.options).unwrap();
    ends.destination.homes.push(foreign);
    ack.options = ends.to_options(None, None).unwrap();
    domain.inject("lma2", "lma1", Message::RoAck(ack));
    assert_eq!(
        domain.counter("lma1", LOOK_UPS),
        2,
        "one for what was added"
    );
    assert_eq!(domain.states("lma1"), ["active"]);
    domain.take_trace();
    domain.talk("lma1", host(&source), host(&foreign));
    assert_eq!(
        domain.counter("lma1", "pmipv6.lr.known-pair"),
        0,
        "not drawn in"
    );
}
