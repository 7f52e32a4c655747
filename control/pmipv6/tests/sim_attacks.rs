//! Protected domains with an attacker on the wire: the attacks take place and come to nothing, and the
//! simulator notices where protection is not what it should be (RFC 4303, L-67, L-74).

use pmipv6::io::Engine;
use pmipv6::mag::MobileAccessGateway;
use pmipv6::sim::{
    Faults, GateFault, Layout, Lie, NodeIndex, Operation, Role, Schedule, Stats, ViolationKind,
    engine, mag_config,
};

/// Something wrong must be noticed within this many schedules.
const SCHEDULES: usize = 60;

/// Schedules in which keys change.
const KEY_CHANGES: usize = 12;

fn protected() -> impl Iterator<Item = Schedule> {
    let schedules = (0..).map(Schedule::generate);
    schedules
        .filter(|schedule| schedule.layout.protected)
        .take(SCHEDULES)
}

fn notices(fault: GateFault, reason: ViolationKind) {
    for mut schedule in protected() {
        schedule.layout.gate_fault = Some(fault);
        if let Some(violation) = schedule.run(&engine, false).violation {
            assert_eq!(violation.kind, reason, "{violation}");
            return;
        }
    }
    panic!("not noticed in {SCHEDULES} schedules");
}

#[test]
fn l_67_every_attack_takes_place_and_is_a_counted_drop() {
    let mut sum = Stats::default();
    let mut on_ipv4 = 0;
    for schedule in protected() {
        let outcome = schedule.run(&engine, false);
        assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
        sum.attacks += outcome.stats.attacks;
        for (name, count) in outcome.stats.discards {
            *sum.discards.entry(name).or_default() += count;
        }
        on_ipv4 += u32::from(schedule.layout.ipv4_transport);
    }
    println!("{} attacks, {:?}", sum.attacks, sum.discards);
    assert!(
        sum.attacks > 1_000 && on_ipv4 > 0,
        "{} attacks",
        sum.attacks
    );
    for name in ["replayed", "bad-icv", "truncated", "unknown-spi"] {
        let name = format!("esp.drop.{name}");
        assert!(sum.discards.contains_key(name.as_str()), "{name}");
    }
}

#[test]
fn a_replay_window_that_is_switched_off_is_noticed() {
    notices(GateFault::NoReplayWindow, ViolationKind::Protection);
}

#[test]
fn sequence_numbers_that_begin_again_after_a_restart_are_noticed() {
    notices(GateFault::ForgetsNumbers, ViolationKind::Protection);
}

#[test]
fn l_74_a_node_that_takes_clear_messages_for_protected_ones_is_noticed() {
    notices(GateFault::TakesClear, ViolationKind::Unauthorised);
}

#[test]
fn old_keys_that_go_while_others_send_with_them_are_noticed() {
    notices(GateFault::DropsOldKeys, ViolationKind::Protection);
}

/// Two generations of keys, and every message arrives: on a network that loses none.
#[test]
fn keys_change_while_messages_are_in_flight_and_none_is_lost() {
    let changes_keys = |of: &Operation| matches!(of, Operation::ChangeKeys { .. });
    let schedules = (0..).map(Schedule::generate);
    let schedules = schedules.filter(|of| of.operations.iter().any(|(_, of)| changes_keys(of)));
    let mut changes = 0;
    for mut schedule in schedules.take(KEY_CHANGES) {
        schedule.faults = Faults::NONE;
        let harmless = |of: &Operation| {
            !of.is_failure() && !matches!(of, Operation::Attack { .. } | Operation::Rebind { .. })
        };
        schedule.operations.retain(|(_, of)| harmless(of));
        let outcome = schedule.run(&engine, true);
        assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
        assert!(outcome.stats.discards.is_empty(), "{:?}", outcome.stats);
        let changed = |line: &&String| line.contains("has keys [(2, true)]");
        changes += outcome.trace.iter().filter(changed).count();
    }
    assert!(changes > 2 * KEY_CHANGES, "{changes} nodes changed keys");
}

/// A MAG that would like to keep its paths for ever, and takes the LMA's word for how long it may: what
/// holds a lie back is the least of both (HL-33).
fn without_cap(layout: &Layout, node: NodeIndex, seed: u64) -> Box<dyn Engine> {
    match layout.role(node) {
        (Role::Mag, index) => {
            let mut config = mag_config(layout, index);
            config.localized_routing.lifetime_s = u16::MAX;
            Box::new(MobileAccessGateway::new(config, seed))
        }
        _ => engine(layout, node, seed),
    }
}

fn lies_for_ever(schedule: &Schedule) -> bool {
    let for_ever = |operation: &Operation| matches!(operation, Operation::Lie { lie, .. } if *lie == Lie::ForEver);
    schedule.operations.iter().any(|(_, of)| for_ever(of))
}

#[test]
fn hl_33_a_mag_that_believes_a_lifetime_without_end_is_noticed() {
    let mut schedules = (0..).map(Schedule::generate).filter(lies_for_ever);
    let fails = |schedule: &Schedule| schedule.run(&without_cap, false).violation.is_some();
    let noticed = schedules.by_ref().take(SCHEDULES).find(fails);
    let mut noticed = noticed.expect("a schedule that fails");
    // It is the lie that did it.
    noticed
        .operations
        .retain(|(_, of)| !matches!(of, Operation::Lie { .. }));
    assert!(!fails(&noticed));
}
