//! Nodes that stand still and go on with their state, later than they believe.

use pmipv6::sim::{Domain, Faults, Layout, Loss, NodeIndex, Operation, SECOND, Schedule, engine};
use pmipv6::sim::{Fate, Talk};

/// MN1 at MAG1 and MN2 at MAG2 talk over a localized path.
fn localized() -> Domain<'static> {
    localized_in(Layout::new(1, 2, 2), 3)
}

fn localized_in(layout: Layout, seed: u64) -> Domain<'static> {
    let mut domain = Domain::new(layout, Faults::NONE, seed, &engine);
    domain.trace_on();
    for mobile in 0..2 {
        let mag = domain.layout().mag(mobile);
        let appear = Operation::Appear {
            mobile,
            mag,
            away_us: 0,
            notice_us: 0,
        };
        domain.schedule(0, appear);
    }
    let talk = Operation::Talk {
        source: 0,
        destination: 1,
        interval_us: 100_000,
        one_way: false,
    };
    domain.schedule(SECOND, talk);
    domain.run_until(5 * SECOND);
    assert!(goes_directly(&domain), "{:#?}", domain.trace.lines());
    domain
}

fn goes_directly(domain: &Domain<'_>) -> bool {
    let direct = |talk: &Talk| talk.last_fate() == Some(Fate::Delivered { localized: true });
    domain.talks.len() == 2 && domain.talks.values().all(direct)
}

fn lost(domain: &Domain<'_>, loss: Loss) -> u64 {
    let of = |talk: &Talk| talk.tally.lost.get(&loss).copied().unwrap_or(0);
    domain.talks.values().map(of).sum()
}

fn freeze(domain: &mut Domain<'_>, node: NodeIndex, for_us: u64, queue: usize) {
    let freeze = Operation::Freeze {
        node,
        for_us,
        queue,
    };
    domain.schedule(domain.now(), freeze);
}

#[test]
fn an_lma_that_stands_still_says_nothing_and_the_path_goes_on_without_it() {
    let mut domain = localized();
    let lma = domain.layout().lma(0);
    let begin = domain.now();
    freeze(&mut domain, lma, 10 * SECOND, 0);
    domain.run_until(begin + 9 * SECOND);
    let sent = domain.trace.messages();
    assert!(sent.iter().all(|of| of.from != "LMA1" || of.at <= begin));
    assert!(goes_directly(&domain));
    assert_eq!(lost(&domain, Loss::NodeFrozen), 0);
    domain.run_until(begin + 40 * SECOND);
    let sent = domain.trace.messages();
    assert!(sent.iter().any(|of| of.from == "LMA1" && of.at > begin));
    assert_eq!(domain.violation(), None);
    domain.check_at_rest();
    assert_eq!(domain.violation(), None);
}

#[test]
fn hl_33_a_mag_that_stands_still_for_longer_than_everything_lasts_begins_anew() {
    let mut domain = localized();
    let (mag, begin) = (domain.layout().mag(0), domain.now());
    freeze(&mut domain, mag, 100 * SECOND, 4);
    domain.run_until(begin + 99 * SECOND);
    assert!(!goes_directly(&domain));
    assert!(lost(&domain, Loss::NodeFrozen) > 100);
    domain.run_until(begin + 200 * SECOND);
    assert_eq!(domain.violation(), None, "{:#?}", domain.trace.lines());
    assert!(goes_directly(&domain), "{:#?}", domain.trace.lines());
    domain.check_at_rest();
    assert_eq!(domain.violation(), None);
    let waited = "MAG1 goes on, 4 frames waited";
    assert!(domain.trace.lines().iter().any(|of| of.ends_with(waited)));
}

/// A MAG asks its workers whether a path is in use, stands still, and hears that it was, long after it is over.
#[test]
fn hl_33_word_that_a_path_is_in_use_comes_too_late_to_refresh_it() {
    for step in 0..60 {
        let mut layout = Layout::new(1, 2, 2);
        layout.lag_max_us = 300_000;
        let mut domain = localized_in(layout, step);
        let mag = domain.layout().mag(0);
        domain.run_until(domain.now() + 15 * SECOND + (20 + step) * SECOND / 100);
        freeze(&mut domain, mag, 60 * SECOND, 0);
        domain.run_until(domain.now() + 62 * SECOND);
        assert_eq!(domain.violation(), None, "step {step}");
    }
}

/// Some of the random schedules have nodes that stand still, for longer than a path and a binding last among
/// them.
#[test]
fn random_schedules_have_nodes_that_stand_still() {
    let longest = |seed: u64| {
        let schedule = Schedule::generate(seed);
        let lengths = schedule.operations.iter().filter_map(|(_, of)| match of {
            Operation::Freeze { for_us, .. } => Some(*for_us),
            _ => None,
        });
        lengths.max()
    };
    let lengths: Vec<u64> = (0..200).filter_map(longest).collect();
    assert!((20..80).contains(&lengths.len()), "{lengths:?}");
    let timers = Layout::new(1, 2, 2).timers;
    let of_a_path = lengths.iter().filter(|of| **of > timers.path_bound());
    let of_a_binding = lengths.iter().filter(|of| **of > timers.binding_bound());
    assert!(
        of_a_path.count() > 5 && of_a_binding.count() > 2,
        "{lengths:?}"
    );
}
