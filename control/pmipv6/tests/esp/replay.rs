//! The anti-replay window against a model: a set of everything that was accepted (RFC 4303 section 3.4.3).

use std::collections::HashSet;

use pmipv6::esp::{MAX_REPLAY_WINDOW, MIN_REPLAY_WINDOW, ReplayWindow};
use proptest::prelude::*;

/// What the RFC says, with all the memory in the world.
struct Model {
    size: u64,
    top: u64,
    accepted: HashSet<u64>,
}

impl Model {
    fn accept(&mut self, number: u64) -> bool {
        let in_window = number > self.top || self.top - number < self.size;
        let fresh = number != 0 && in_window && self.accepted.insert(number);
        if fresh {
            self.top = self.top.max(number);
        }
        fresh
    }
}

/// Numbers near the window's top: old, inside, new, and jumps beyond a whole window.
fn steps() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(
        prop_oneof![-1200_i64..1200, -3_i64..4, Just(1_i64), 1000_i64..100_000],
        1..300,
    )
}

proptest! {
    #[test]
    fn l_74_the_window_accepts_what_the_model_accepts(
        size in MIN_REPLAY_WINDOW..=MAX_REPLAY_WINDOW,
        steps in steps(),
    ) {
        let mut window = ReplayWindow::new(size);
        let mut model = Model { size: size.into(), top: 0, accepted: HashSet::new() };
        for step in steps {
            let number = model.top.saturating_add_signed(step);
            let allowed = window.allows(number);
            let accepted = model.accept(number);
            prop_assert_eq!(allowed, accepted, "{} at top {}", number, model.top);
            prop_assert_eq!(window.accept(number), accepted);
            prop_assert_eq!(window.top(), model.top);
        }
    }

    #[test]
    fn the_low_half_tells_the_whole_number(
        top in prop_oneof![0_u64..200, (1_u64 << 32) - 100..(1 << 32) + 100, 1_u64 << 40..1 << 41],
        ahead in 0_u64..u64::from(u32::MAX) - 64,
    ) {
        let window = ReplayWindow::resumed(64, top);
        let left_edge = (top + 1).saturating_sub(64);
        let number = left_edge + ahead;
        prop_assert_eq!(window.extend(number as u32), Some(number));
    }
}

#[test]
fn a_resumed_window_takes_nothing_from_before() {
    let mut window = ReplayWindow::resumed(64, 1000);
    assert!((0..=1000).all(|number| !window.allows(number)));
    assert!(window.accept(1010) && window.accept(1005) && !window.accept(1005));
    assert!(!window.accept(1000));
}

#[test]
fn sizes_are_held_to_their_bounds() {
    assert_eq!(ReplayWindow::new(1).size(), MIN_REPLAY_WINDOW);
    assert_eq!(ReplayWindow::new(1_000_000).size(), MAX_REPLAY_WINDOW);
}

#[test]
fn there_is_no_number_beyond_the_last() {
    let mut window = ReplayWindow::resumed(64, u64::MAX - 1);
    assert!(window.accept(u64::MAX));
    assert_eq!(window.extend(0), None);
    assert_eq!(window.extend(u32::MAX), Some(u64::MAX));
    assert!(!window.allows(u64::MAX));
}
