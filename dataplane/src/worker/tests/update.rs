//! Updates: applied in order, in one step, or refused and told.

use super::*;

fn applied(node: &Node, name: &str) -> u64 {
    node.counter(&format!("update.{name}"))
}

#[test]
fn a_replaced_link_moves_its_homes_at_once() {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[
        tunnel(0, LMA),
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
        home(MN2_HOME, attached(0, 0)),
        home("2001:db8:3::/64", attached(0, 0)),
        Update::HomeClear {
            home: "2001:db8:3::/64".parse().expect("a prefix"),
        },
        link(0, None, 8),
    ]);
    for source in [MN1, MN2] {
        let packet = V6::udp(source, CN).bytes();
        let old = node.pass(ACCESS, &from_mn(1, &packet));
        assert_eq!(old, Fate::Dropped(DropReason::SourceNotOnLink));
        let new = node.pass(ACCESS, &from_mn(8, &packet));
        assert!(matches!(new, Fate::Sent(..)), "{new:?}");
    }
    let gone = V6::udp("2001:db8:3::3", CN).bytes();
    let fate = node.pass(ACCESS, &from_mn(8, &gone));
    assert_eq!(fate, Fate::Dropped(DropReason::SourceNotOnLink));
}

#[test]
fn a_replaced_tunnel_is_taken_from_its_new_end_only() {
    let mut node = Node::new(&config(Role::Lma));
    let next_hop = Some(hop(NETWORK));
    node.program(&[
        tunnel(0, LMA),
        home(MN1_HOME, anchored(0)),
        Update::NetworkNextHop { next_hop },
    ]);
    let up = |mag: &str| from_router(TRANSPORT, &V6::udp(MN1, CN).inside(mag, OWN).bytes());
    assert!(matches!(node.pass(TRANSPORT, &up(LMA)), Fate::Sent(..)));
    node.program(&[tunnel(0, PEER)]);
    let old = node.pass(TRANSPORT, &up(LMA));
    assert_eq!(old, Fate::Dropped(DropReason::TunnelSourceNotAllowed));
    assert!(matches!(node.pass(TRANSPORT, &up(PEER)), Fate::Sent(..)));
}

#[test]
fn clearing_a_tunnel_in_use_is_counted_and_its_packets_drop() {
    let mut node = Node::new(&config(Role::Mag));
    let slot = TunnelSlot(0);
    node.program(&[
        tunnel(0, LMA),
        link(0, None, 1),
        home(MN1_HOME, attached(0, 0)),
        Update::TunnelClear { slot },
    ]);
    assert_eq!(applied(&node, "tunnel-cleared-in-use"), 1);
    let fate = node.pass(ACCESS, &from_mn(1, &V6::udp(MN1, CN).bytes()));
    assert_eq!(fate, Fate::Dropped(DropReason::IncompleteEntry));
    let home = MN1_HOME.parse().expect("a prefix");
    node.program(&[
        tunnel(0, LMA),
        Update::HomeClear { home },
        Update::TunnelClear { slot },
        Update::LinkClear { slot: LinkSlot(0) },
    ]);
    assert_eq!(applied(&node, "tunnel-cleared-in-use"), 1);
    assert_eq!(applied(&node, "link-cleared-in-use"), 0);
}

#[test]
fn clearing_nothing_is_counted() {
    let mut node = Node::new(&config(Role::Mag));
    let prefix = MN1_HOME.parse().expect("a prefix");
    node.program(&[
        Update::HomeClear { home: prefix },
        Update::PairClear {
            source: prefix,
            destination: prefix,
        },
        Update::TunnelClear {
            slot: TunnelSlot(0),
        },
        Update::Fence,
    ]);
    assert_eq!(applied(&node, "nothing-to-clear"), 3);
    assert_eq!(applied(&node, "applied"), 1);
}

#[test]
fn slots_out_of_range_are_refused_and_told() {
    let mut node = Node::new(&config(Role::Mag));
    node.program(&[
        tunnel(8, LMA),
        link(16, None, 1),
        home(MN1_HOME, attached(0, 8)),
        home(MN1_HOME, attached(16, 0)),
        pair(MN1_HOME, MN2_HOME, send(8), 0),
        pair(MN1_HOME, MN2_HOME, send(0), 16),
        home(MN1_HOME, anchored(u32::MAX)),
    ]);
    let told: Vec<_> = node
        .events()
        .into_iter()
        .map(|event| match event {
            Event::TableFull { table, number } => (number, table),
            other => panic!("{other:?}"),
        })
        .collect();
    let wanted = [
        (1, "tunnel"),
        (2, "link"),
        (3, "tunnel"),
        (4, "link"),
        (5, "tunnel"),
        (6, "path"),
        (7, "tunnel"),
    ];
    assert_eq!(told, wanted);
    assert_eq!(applied(&node, "refused"), 7);
    assert_eq!(
        node.handle.applied(),
        7,
        "a refused update is done with, too"
    );
}

#[test]
fn full_tables_refuse_and_take_again_once_there_is_room() {
    let mut node = Node::new(&config(Role::Lma));
    let prefix = |n: u32| format!("2001:db8:{n:x}::/64");
    node.program(&[tunnel(0, LMA)]);
    for n in 0..65 {
        node.program(&[home(&prefix(n), anchored(0))]);
    }
    let full = Event::TableFull {
        table: "home",
        number: 66,
    };
    assert_eq!(node.events(), [full]);
    // Replacing needs no room.
    node.program(&[home(&prefix(3), HomeAction::Suspended)]);
    let home_3 = prefix(3).parse().expect("a prefix");
    node.program(&[
        Update::HomeClear { home: home_3 },
        home(&prefix(64), anchored(0)),
    ]);
    assert_eq!(node.events(), []);
}

#[test]
fn a_pair_outlives_its_source_and_works_when_it_comes_back() {
    let mut node = Node::new(&config(Role::Mag));
    let away = "2001:db8:3::/64";
    node.program(&[
        tunnel(0, LMA),
        tunnel(1, PEER),
        link(0, None, 1),
        pair(MN1_HOME, away, send(1), 0),
    ]);
    let frame = from_mn(1, &V6::udp(MN1, "2001:db8:3::3").bytes());
    let fate = node.pass(ACCESS, &frame);
    assert_eq!(fate, Fate::Dropped(DropReason::SourceNotOnLink));
    let here = home(MN1_HOME, attached(0, 0));
    let gone = Update::HomeClear {
        home: MN1_HOME.parse().expect("a prefix"),
    };
    node.program(&[here, gone, here]);
    let fate = node.pass(ACCESS, &frame);
    assert!(matches!(fate, Fate::Sent(..)), "{fate:?}");
    assert_eq!(node.counter("path.sent"), 1);
}

#[test]
fn at_most_so_many_updates_between_two_polls() {
    let mut node = Node::new(&WorkerConfig {
        updates_per_iteration: 3,
        ..config(Role::Mag)
    });
    for number in 1..=7 {
        let update = Update::Fence;
        node.handle.push(Numbered { number, update }).expect("room");
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        node.step();
        seen.push(node.handle.applied());
    }
    assert_eq!(seen, [3, 6, 7, 7]);
}

#[test]
fn a_full_ring_gives_the_update_back() {
    let mut node = Node::new(&WorkerConfig {
        updates_ring: 2,
        ..config(Role::Mag)
    });
    let fence = |number| Numbered {
        number,
        update: Update::Fence,
    };
    assert!(node.handle.push(fence(1)).is_ok());
    assert!(node.handle.push(fence(2)).is_ok());
    let back = node.handle.push(fence(3)).expect_err("the ring is full");
    assert_eq!(back.number, 3);
    node.step();
    assert!(node.handle.push(back).is_ok());
    node.step();
    assert_eq!(node.handle.applied(), 3);
}

#[test]
fn l_35_no_refusal_is_lost_to_a_full_ring_of_events() {
    let mut settings = config(Role::Mag);
    settings.events_ring = 2;
    let mut node = Node::new(&settings);
    let refused = [tunnel(8, LMA), tunnel(9, LMA), tunnel(10, LMA)];
    node.hand_over(&refused);
    node.step();
    assert_eq!(node.handle.applied(), 2, "the third waits for room");
    let told = |events: Vec<Event>| -> Vec<u64> {
        let number = |event| match event {
            Event::TableFull { number, .. } => number,
            other => panic!("{other:?}"),
        };
        events.into_iter().map(number).collect()
    };
    assert_eq!(told(node.events()), [1, 2]);
    node.step();
    assert_eq!(node.handle.applied(), 3);
    assert_eq!(told(node.events()), [3]);
}
