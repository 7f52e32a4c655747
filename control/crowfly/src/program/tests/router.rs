//! The IPv4 default router that the node is on an access link (RFC 5844 section 3.3.3).

use std::net::Ipv4Addr;

use super::*;

const HOA: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// What the worker is told of a link, in order.
fn routers(worker: &FakeWorker) -> Vec<Option<Ipv4Addr>> {
    let ring = &worker.0.borrow().ring;
    let links = ring.iter().filter_map(|numbered| match numbered.update {
        Update::Link { link, .. } => Some(link.router),
        _ => None,
    });
    links.collect()
}

fn joint() -> (FakeWorker, FakeHops, Program<FakeWorker>) {
    let worker = FakeWorker::with_ring(64);
    let program = Program::new(config(1), vec![worker.clone()]);
    (worker, FakeHops::default(), program)
}

fn attach() -> Entry {
    Entry::Attach {
        home: home(1),
        link: link(1),
        lma: peer(1),
    }
}

#[test]
fn rfc_5844_a_link_has_its_router_whichever_comes_first() {
    for router_first in [true, false] {
        let (worker, mut hops, mut program) = joint();
        if router_first {
            program.set_router(link(1), HOA, ROUTER);
        }
        program
            .carry_out(AT_START, 1, &attach(), &mut hops)
            .unwrap();
        if !router_first {
            program.set_router(link(1), HOA, ROUTER);
        }
        assert_eq!(routers(&worker).last(), Some(&Some(ROUTER)));
        let told = routers(&worker).len();
        program.set_router(link(1), HOA, ROUTER);
        program.clear_router(link(1), Ipv4Addr::new(10, 0, 0, 6));
        assert_eq!(routers(&worker).len(), told, "nothing is new");
        program.clear_router(link(1), HOA);
        assert_eq!(routers(&worker).last(), Some(&None));
    }
}

#[test]
fn routers_are_no_more_than_links() {
    let (worker, mut hops, mut program) = joint();
    program.set_router(link(2), HOA, ROUTER);
    program.set_router(link(1), HOA, ROUTER);
    program
        .carry_out(AT_START, 1, &attach(), &mut hops)
        .unwrap();
    assert_eq!(routers(&worker), [None]);
}
