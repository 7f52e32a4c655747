//! The figures of draft-loureiro in the simulator: who sends what to whom, in which order, and which
//! way the packets go.

use pmipv6::sim::{
    Domain, Faults, Layout, MobileIndex, NodeIndex, Operation, Role, SECOND, Sent, Tally, engine,
};
use pmipv6::wire::{Message, MobilityOption};

const MS: u64 = SECOND / 1_000;

/// A domain with MN1 at MAG1 and MN2 at MAG2 (or both at MAG1), registered, silent.
fn domain(lmas: usize, mags: usize, places: &[usize]) -> Domain<'static> {
    let layout = Layout::new(lmas, mags, places.len());
    let mut domain = Domain::new(layout, Faults::NONE, 1, &engine);
    domain.trace_on();
    domain.blackhole_bound_us = 2 * SECOND;
    for (mobile, mag) in places.iter().enumerate() {
        go(&mut domain, mobile, *mag);
    }
    run(&mut domain, SECOND);
    for mobile in 0..places.len() {
        assert!(
            domain.mobiles[mobile].settled_at.is_some(),
            "{}",
            trace(&domain)
        );
    }
    domain
}

fn trace(domain: &Domain<'_>) -> String {
    domain.trace.lines().join("\n")
}

fn run(domain: &mut Domain<'_>, time: u64) {
    domain.run_until(domain.now() + time);
    assert!(
        domain.violation().is_none(),
        "{:?}\n{}",
        domain.violation(),
        trace(domain)
    );
}

fn now(domain: &mut Domain<'_>, operation: Operation) {
    domain.schedule(domain.now(), operation);
}

fn go(domain: &mut Domain<'_>, mobile: MobileIndex, mag: usize) {
    let mag = domain.layout().mag(mag);
    now(
        domain,
        Operation::Appear {
            mobile,
            mag,
            away_us: 20 * MS,
            notice_us: 5 * MS,
        },
    );
}

fn talk(domain: &mut Domain<'_>, source: MobileIndex, destination: MobileIndex, one_way: bool) {
    now(
        domain,
        Operation::Talk {
            source,
            destination,
            interval_us: 50 * MS,
            one_way,
        },
    );
}

fn lifetime(message: &Message) -> u32 {
    match message {
        Message::BindingUpdate(m) => u32::from(m.lifetime),
        Message::BindingAck(m) => u32::from(m.lifetime),
        Message::RoRequest(m) => u32::from(m.lifetime),
        Message::RoAck(m) => u32::from(m.lifetime),
        _ => 0,
    }
}

/// What was sent since, except what takes something down and what registers again.
fn sent_since(domain: &Domain<'_>, since: u64, keep: fn(&Sent) -> bool) -> Vec<String> {
    domain
        .trace
        .messages()
        .iter()
        .filter(|sent| sent.at >= since && lifetime(&sent.message) > 0 && keep(sent))
        .map(Sent::to_string)
        .collect()
}

fn ro(sent: &Sent) -> bool {
    matches!(sent.message, Message::RoRequest(_) | Message::RoAck(_))
}

fn any(_: &Sent) -> bool {
    true
}

fn mag_address(domain: &Domain<'_>, since: u64, title: &str) -> NodeIndex {
    let found = domain.trace.messages().iter().find_map(|sent| {
        let Message::RoRequest(request) = &sent.message else {
            return None;
        };
        let named = request.options.iter().find_map(|option| match option {
            MobilityOption::MagIpv6Address(address) => Some(std::net::IpAddr::V6(*address)),
            _ => None,
        });
        (sent.at >= since && sent.to_string().ends_with(title)).then_some(named)?
    });
    let found = found.unwrap_or_else(|| panic!("no {title} with MAG-ADDR"));
    domain
        .nodes
        .iter()
        .position(|node| node.address == found)
        .unwrap()
}

fn tally(domain: &Domain<'_>, pair: (MobileIndex, MobileIndex)) -> Tally {
    domain.talks[&pair].tally.clone()
}

/// Every packet of both directions from now on goes MAG to MAG.
fn all_localized(domain: &mut Domain<'_>, time: u64) {
    let pairs: Vec<_> = domain.talks.keys().copied().collect();
    let before: Vec<Tally> = pairs.iter().map(|pair| tally(domain, *pair)).collect();
    run(domain, time);
    for (pair, before) in pairs.into_iter().zip(before) {
        let after = tally(domain, pair);
        assert!(
            after.localized > before.localized,
            "{pair:?}\n{}",
            trace(domain)
        );
        assert_eq!(
            after.anchored,
            before.anchored,
            "{pair:?}\n{}",
            trace(domain)
        );
        assert_eq!(after.lost, before.lost, "{pair:?}\n{}", trace(domain));
    }
}

#[test]
fn ls_1_one_lma_sets_the_path_up_with_four_messages() {
    let mut domain = domain(1, 2, &[0, 1]);
    let since = domain.now();
    talk(&mut domain, 0, 1, false);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, ro),
        [
            "LMA1 -> MAG2 RO Init",
            "MAG2 -> MAG1 RO Setup",
            "MAG1 -> MAG2 RO Setup Ack",
            "MAG2 -> LMA1 RO Init Ack",
        ],
        "{}",
        trace(&domain)
    );
    let layout = domain.layout().clone();
    assert_eq!(
        mag_address(&domain, since, "RO Init"),
        layout.mag(0),
        "the source's MAG"
    );
    assert_eq!(
        mag_address(&domain, since, "RO Setup"),
        layout.mag(1),
        "the destination's MAG"
    );
    all_localized(&mut domain, 5 * SECOND);
    domain.check_at_rest();
    run(&mut domain, 0);
}

#[test]
fn ls_2_two_lmas_set_the_path_up_with_six_messages() {
    let mut domain = domain(2, 2, &[0, 1]);
    let since = domain.now();
    talk(&mut domain, 0, 1, true);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, ro),
        [
            "LMA1 -> LMA2 RO Trigger",
            "LMA2 -> MAG2 RO Init",
            "MAG2 -> MAG1 RO Setup",
            "MAG1 -> MAG2 RO Setup Ack",
            "MAG2 -> LMA2 RO Init Ack",
            "LMA2 -> LMA1 RO Trigger Ack",
        ],
        "{}",
        trace(&domain)
    );
    all_localized(&mut domain, 5 * SECOND);
    domain.check_at_rest();
    run(&mut domain, 0);
}

#[test]
fn ls_3_the_source_moves_and_the_path_follows() {
    let mut domain = domain(1, 3, &[0, 1]);
    talk(&mut domain, 0, 1, false);
    run(&mut domain, 3 * SECOND);
    let since = domain.now();
    go(&mut domain, 0, 2);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, any),
        [
            "MAG3 -> LMA1 PBU",
            "LMA1 -> MAG3 PBA",
            "LMA1 -> MAG2 RO Init",
            "MAG2 -> MAG3 RO Setup",
            "MAG3 -> MAG2 RO Setup Ack",
            "MAG2 -> LMA1 RO Init Ack",
        ],
        "{}",
        trace(&domain)
    );
    assert_eq!(
        mag_address(&domain, since, "RO Init"),
        domain.layout().mag(2)
    );
    all_localized(&mut domain, 5 * SECOND);
    domain.check_at_rest();
    run(&mut domain, 0);
}

#[test]
fn ls_4_the_source_of_lma1_moves_and_lma2_controls() {
    let mut domain = domain(2, 3, &[0, 1]);
    talk(&mut domain, 0, 1, true);
    run(&mut domain, 3 * SECOND);
    let since = domain.now();
    go(&mut domain, 0, 2);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, any),
        [
            "MAG3 -> LMA1 PBU",
            "LMA1 -> MAG3 PBA",
            "LMA1 -> LMA2 RO Trigger",
            "LMA2 -> MAG2 RO Init",
            "MAG2 -> MAG3 RO Setup",
            "MAG3 -> MAG2 RO Setup Ack",
            "MAG2 -> LMA2 RO Init Ack",
            "LMA2 -> LMA1 RO Trigger Ack",
        ],
        "{}",
        trace(&domain)
    );
    all_localized(&mut domain, 5 * SECOND);
}

#[test]
fn ls_5_the_destination_of_lma2_moves_without_a_trigger() {
    let mut domain = domain(2, 3, &[0, 1]);
    talk(&mut domain, 0, 1, true);
    run(&mut domain, 3 * SECOND);
    let since = domain.now();
    go(&mut domain, 1, 2);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, any),
        [
            "MAG3 -> LMA2 PBU",
            "LMA2 -> MAG3 PBA",
            "LMA2 -> MAG3 RO Init",
            "MAG3 -> MAG1 RO Setup",
            "MAG1 -> MAG3 RO Setup Ack",
            "MAG3 -> LMA2 RO Init Ack",
        ],
        "{}",
        trace(&domain)
    );
    assert_eq!(
        mag_address(&domain, since, "RO Init"),
        domain.layout().mag(0)
    );
    all_localized(&mut domain, 5 * SECOND);
}

#[test]
fn ls_6_the_destination_moves_and_its_new_mag_is_told() {
    let mut domain = domain(1, 3, &[0, 1]);
    talk(&mut domain, 0, 1, false);
    run(&mut domain, 3 * SECOND);
    let since = domain.now();
    go(&mut domain, 1, 2);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, any),
        [
            "MAG3 -> LMA1 PBU",
            "LMA1 -> MAG3 PBA",
            "LMA1 -> MAG3 RO Init",
            "MAG3 -> MAG1 RO Setup",
            "MAG1 -> MAG3 RO Setup Ack",
            "MAG3 -> LMA1 RO Init Ack",
        ],
        "{}",
        trace(&domain)
    );
    assert_eq!(
        mag_address(&domain, since, "RO Init"),
        domain.layout().mag(0)
    );
    all_localized(&mut domain, 5 * SECOND);
    domain.check_at_rest();
    run(&mut domain, 0);
}

#[test]
fn ls_7_a_busy_path_is_refreshed_by_both_mags_and_an_idle_one_expires_without_loss() {
    let mut domain = domain(1, 2, &[0, 1]);
    let lifetime = u64::from(domain.layout().timers.ro_lifetime_s) * SECOND;
    talk(&mut domain, 0, 1, true);
    run(&mut domain, SECOND);
    let since = domain.now();
    all_localized(&mut domain, 3 * lifetime);
    let refreshes = sent_since(&domain, since, ro);
    for line in [
        "MAG1 -> LMA1 RO Refresh",
        "LMA1 -> MAG1 RO Refresh Ack",
        "MAG2 -> LMA1 RO Refresh",
        "LMA1 -> MAG2 RO Refresh Ack",
    ] {
        let count = refreshes.iter().filter(|sent| *sent == line).count();
        assert!(count >= 2, "{count} {line}\n{}", trace(&domain));
    }
    domain.hush_all();
    run(&mut domain, 2 * lifetime + 10 * SECOND);
    for (node, state) in domain.nodes_of(Role::Mag) {
        let entries = state.dataplane.workers[0].table.path_entries();
        assert_eq!(entries, 0, "{node}\n{}", trace(&domain));
    }
    let before = tally(&domain, (0, 1));
    domain.send_packet(0, 1);
    run(&mut domain, SECOND);
    let after = tally(&domain, (0, 1));
    assert_eq!(after.anchored, before.anchored + 1);
    assert_eq!(after.lost, before.lost);
}

#[test]
fn ls_13_a_pair_at_one_mag_needs_no_setup() {
    let mut domain = domain(1, 2, &[0, 0]);
    let since = domain.now();
    talk(&mut domain, 0, 1, false);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, ro),
        ["LMA1 -> MAG1 RO Init", "MAG1 -> LMA1 RO Init Ack"],
        "{}",
        trace(&domain)
    );
    assert_eq!(
        mag_address(&domain, since, "RO Init"),
        domain.layout().mag(0)
    );
    all_localized(&mut domain, 5 * SECOND);
    domain.check_at_rest();
    run(&mut domain, 0);
}

#[test]
fn ls_13_a_pair_at_one_mag_under_two_lmas_needs_no_setup() {
    let mut domain = domain(2, 2, &[0, 0]);
    let since = domain.now();
    talk(&mut domain, 0, 1, true);
    run(&mut domain, SECOND);
    assert_eq!(
        sent_since(&domain, since, ro),
        [
            "LMA1 -> LMA2 RO Trigger",
            "LMA2 -> MAG1 RO Init",
            "MAG1 -> LMA2 RO Init Ack",
            "LMA2 -> LMA1 RO Trigger Ack",
        ],
        "{}",
        trace(&domain)
    );
    all_localized(&mut domain, 5 * SECOND);
}

#[test]
fn ls_14_crossed_triggers_end_with_one_controller() {
    let mut domain = domain(2, 2, &[0, 1]);
    talk(&mut domain, 0, 1, false);
    run(&mut domain, 20 * SECOND);
    let controllers: std::collections::BTreeSet<String> = domain
        .trace
        .messages()
        .iter()
        .filter(|sent| sent.to_string().ends_with("RO Init Ack") && lifetime(&sent.message) > 0)
        .map(|sent| sent.to.clone())
        .collect();
    assert_eq!(controllers.len(), 1, "{}", trace(&domain));
    all_localized(&mut domain, 5 * SECOND);
    domain.check_at_rest();
    run(&mut domain, 0);
}

/// One LMA or two; every run with another seed, so with other delays, losses and overtakings.
fn both_move_at_once(lmas: usize, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        if let Err(text) = both_move(lmas, seed, false) {
            let (_, trace) = both_move(lmas, seed, true).expect_err("the same run again");
            panic!("seed {seed}: {}\n{trace}", text.0);
        }
    }
}

/// What was broken, and the trace.
fn both_move(lmas: usize, seed: u64, traced: bool) -> Result<(), (String, String)> {
    let faults = Faults {
        delay_max_us: 20 * MS,
        loss_ppm: if seed.is_multiple_of(2) { 0 } else { 100_000 },
        reorder_ppm: 100_000,
        reorder_max_us: 100 * MS,
        ..Faults::NONE
    };
    let mut domain = Domain::new(Layout::new(lmas, 4, 2), faults, seed, &engine);
    if traced {
        domain.trace_on();
    }
    let timers = domain.layout().timers;
    domain.blackhole_bound_us = timers.path_bound() + 20 * SECOND;
    go(&mut domain, 0, 0);
    go(&mut domain, 1, 1);
    now(&mut domain, slow_talk());
    domain.run_until(5 * SECOND);
    go(&mut domain, 0, 2);
    domain.run_until(domain.now() + seed * 7_919 % (40 * MS));
    go(&mut domain, 1, if seed.is_multiple_of(5) { 2 } else { 3 });
    domain.run_until(domain.now() + 10 * SECOND);
    domain.heal_everything();
    domain.run_until(domain.now() + timers.path_bound() + 40 * SECOND);
    domain.check_at_rest();
    match domain.violation() {
        None => Ok(()),
        Some(violation) => Err((violation.to_string(), trace(&domain))),
    }
}

fn slow_talk() -> Operation {
    Operation::Talk {
        source: 0,
        destination: 1,
        interval_us: 700 * MS,
        one_way: false,
    }
}

#[test]
fn l_14_both_move_at_once_under_one_lma_in_1000_interleavings() {
    both_move_at_once(1, 0..1_000);
}

#[test]
fn l_14_both_move_at_once_under_two_lmas_in_1000_interleavings() {
    both_move_at_once(2, 0..1_000);
}
