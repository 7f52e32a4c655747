//! Hand-back (HL-34) as pairs: replaced in one step, counted for no path, refused whole.

use super::*;

/// Carries out entries one after the other, from the number on; every one must fit.
fn carry_out(program: &mut Program<FakeWorker>, hops: &mut FakeHops, entries: &[Entry]) {
    for (entry, number) in entries.iter().zip(1..) {
        program.carry_out(AT_START, number, entry, hops).unwrap();
    }
}

#[test]
fn hl_34_a_receiving_half_becomes_a_hand_back_in_one_step() {
    let worker = FakeWorker::with_ring(32);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let (local, remote, pair) = (home(1), home(2), (home(2), home(1)));
    let receive = Entry::PathReceive {
        local,
        remote,
        peer: peer(1),
    };
    carry_out(&mut program, &mut hops, &[receive]);
    worker.0.borrow_mut().apply(32);
    let leaves = [
        Entry::HandBack {
            local,
            remote,
            peer: peer(1),
            lma: peer(2),
        },
        Entry::PathReceiveRemove { local, remote },
    ];
    carry_out(&mut program, &mut hops, &leaves);
    let handed_back = Some(("hand-back", vec![peer(1), peer(2)]));
    while worker.0.borrow().applied < program.fanout().last() {
        worker.0.borrow_mut().apply(1);
        let now = worker.0.borrow().pair_view(&pair);
        let before = Some(("receive", vec![peer(1)]));
        assert!(now == before || now == handed_back, "{now:?}");
    }
    assert_eq!(worker.0.borrow().pair_view(&pair), handed_back);
    assert_eq!(hops.0, HashSet::from([peer(1), peer(2)]));
    let ends = [Entry::HandBackRemove { local, remote }];
    carry_out(&mut program, &mut hops, &ends);
    worker.0.borrow_mut().apply(32);
    assert_eq!(worker.0.borrow().pair_view(&pair), None);
    assert!(hops.0.is_empty() && worker.0.borrow().tunnels.is_empty());
}

#[test]
fn hl_34_l_75_the_anchor_accepts_one_direction_until_the_removal() {
    let worker = FakeWorker::with_ring(32);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let (source, destination) = (home(2), home(1));
    let accept = Entry::HandBackAccept {
        source,
        destination,
        from: peer(3),
    };
    carry_out(&mut program, &mut hops, &[accept]);
    worker.0.borrow_mut().apply(32);
    let pairs = |worker: &FakeWorker| {
        let tables = worker.0.borrow();
        let there = tables.pair_view(&(source, destination));
        (there, tables.pair_view(&(destination, source)))
    };
    assert_eq!(pairs(&worker), (Some(("accept", vec![peer(3)])), None));
    let remove = Entry::HandBackAcceptRemove {
        source,
        destination,
    };
    carry_out(&mut program, &mut hops, &[remove]);
    worker.0.borrow_mut().apply(32);
    assert_eq!(pairs(&worker), (None, None));
    assert!(hops.0.is_empty());
}

#[test]
fn hl_34_what_is_handed_back_is_no_activity_of_a_path() {
    let worker = FakeWorker::with_ring(32);
    let mut program = Program::new(config(8), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let (local, remote, peer_mag) = (home(1), home(2), peer(1));
    let receive = Entry::PathReceive {
        local,
        remote,
        peer: peer_mag,
    };
    let send = Entry::PathSend {
        local,
        remote,
        peer: peer_mag,
    };
    let hand_back = Entry::HandBack {
        local,
        remote,
        peer: peer_mag,
        lma: peer(2),
    };
    carry_out(&mut program, &mut hops, &[receive.clone(), send]);
    worker.0.borrow_mut().path_packets.extend([(0, 20), (1, 7)]);
    carry_out(&mut program, &mut hops, &[hand_back]);
    worker.0.borrow_mut().path_packets.insert(0, 29);
    let activity = program.activity(local, remote);
    assert_eq!(activity, Some((27, 2700)), "as it was when it was replaced");
    let end = Entry::PathSendRemove { local, remote };
    carry_out(&mut program, &mut hops, &[end]);
    assert_eq!(program.activity(local, remote), None);
    carry_out(&mut program, &mut hops, &[receive]);
    assert_eq!(program.activity(local, remote), Some((0, 0)));
    worker.0.borrow_mut().path_packets.insert(0, 30);
    assert_eq!(program.activity(local, remote), Some((1, 100)));
}

#[test]
fn hl_34_a_refused_hand_back_leaves_nothing_behind() {
    let worker = FakeWorker::with_ring(32);
    let mut program = Program::new(config(1), vec![worker.clone()]);
    let mut hops = FakeHops::default();
    let (local, remote) = (home(1), home(2));
    let hand_back = Entry::HandBack {
        local,
        remote,
        peer: peer(1),
        lma: peer(2),
    };
    let refused = program.carry_out(AT_START, 1, &hand_back, &mut hops);
    assert_eq!(refused, Err(Refused::TunnelsFull(1)));
    worker.0.borrow_mut().apply(32);
    assert!(hops.0.is_empty() && worker.0.borrow().tunnels.is_empty());
    let send = Entry::PathSend {
        local,
        remote,
        peer: peer(2),
    };
    carry_out(&mut program, &mut hops, &[send]);
}
