//! Tunnels follow the MTU of their way (RFC 2473 section 7.1), and what is sent that way.

use std::net::{Ipv4Addr, SocketAddrV4};

use pmipv6::io::Via;

use super::*;

const OWN: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

fn peer_ipv4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, n)
}

fn over_ipv4(n: u8) -> Entry {
    Entry::Reach {
        peer: peer(n),
        via: Via::Ipv4 {
            local: OWN,
            remote: SocketAddrV4::new(peer_ipv4(n), 5436),
            udp_data: true,
        },
    }
}

fn address_in(n: u8) -> IpAddr {
    format!("2001:db8:{n:x}::1").parse().unwrap()
}

fn bind(n: u8, to: u8) -> Entry {
    Entry::Bind {
        home: home(n),
        proxy_coa: peer(to),
    }
}

fn attach(n: u8, lma: u8) -> Entry {
    Entry::Attach {
        home: home(n),
        link: link(n),
        lma: peer(lma),
    }
}

struct Joint {
    worker: FakeWorker,
    hops: FakeHops,
    program: Program<FakeWorker>,
    number: u64,
}

impl Joint {
    fn new(entries: &[Entry]) -> Self {
        let worker = FakeWorker::with_ring(64);
        let mut joint = Self {
            program: Program::new(config(8), vec![worker.clone()]),
            worker,
            hops: FakeHops::default(),
            number: 0,
        };
        for entry in entries {
            joint.carry_out(entry);
        }
        joint
    }

    fn carry_out(&mut self, entry: &Entry) {
        self.number += 1;
        let hops = &mut self.hops;
        self.program
            .carry_out(AT_START, self.number, entry, hops)
            .unwrap();
        self.worker.0.borrow_mut().apply(64);
    }

    /// MTUs of the tunnels by remote address.
    fn mtus(&self) -> HashMap<IpAddr, u16> {
        self.worker.0.borrow_mut().apply(64);
        let tables = self.worker.0.borrow();
        let tunnels = tables.tunnels.values();
        tunnels.map(|of| (of.remote, of.mtu_bytes)).collect()
    }
}

#[test]
fn rfc_2473_a_tunnel_takes_what_its_way_takes_less_its_header() {
    let mut joint = Joint::new(&[bind(1, 1), bind(2, 2), over_ipv4(3), bind(3, 3)]);
    let ipv4 = IpAddr::V4(peer_ipv4(3));
    assert_eq!(
        joint.mtus(),
        [(peer(1), 1460), (peer(2), 1460), (ipv4, 1472)].into()
    );
    joint.program.set_path_mtu(peer(1), Some(1300));
    joint.program.set_path_mtu(ipv4, Some(1000));
    assert_eq!(
        joint.mtus(),
        [(peer(1), 1260), (peer(2), 1460), (ipv4, 972)].into()
    );
    let known = [1, 2, 3].map(|n| joint.program.path_mtu_of_peer(peer(n)));
    assert_eq!(known, [Some(1300), None, Some(1000)]);
    joint.program.set_path_mtu(peer(1), None);
    joint.program.set_path_mtu(ipv4, Some(9000));
    assert_eq!(
        joint.mtus(),
        [(peer(1), 1460), (peer(2), 1460), (ipv4, 1472)].into(),
        "never more than the first link"
    );
}

#[test]
fn what_is_known_of_a_way_goes_with_its_last_tunnel() {
    let mut joint = Joint::new(&[bind(1, 1)]);
    joint.program.set_path_mtu(peer(1), Some(1300));
    joint.program.set_path_mtu(peer(2), Some(1300));
    joint.carry_out(&Entry::Unbind { home: home(1) });
    joint.carry_out(&bind(1, 1));
    joint.carry_out(&bind(2, 2));
    assert_eq!(joint.mtus(), [(peer(1), 1460), (peer(2), 1460)].into());
}

#[test]
fn an_anchor_sends_to_where_the_destination_is() {
    let joint = Joint::new(&[bind(1, 1), over_ipv4(2), bind(2, 2)]);
    let internet: IpAddr = "2001:db8:ee::2".parse().unwrap();
    let ipv4 = IpAddr::V4(peer_ipv4(2));
    let sends = |remote, from, to| joint.program.sends(remote, from, to);
    assert!(sends(peer(1), internet, address_in(1)));
    assert!(sends(ipv4, address_in(1), address_in(2)));
    assert!(!sends(peer(1), internet, address_in(2)), "to another MAG");
    assert!(!sends(peer(2), internet, address_in(2)), "not by that way");
    assert!(!sends(peer(1), address_in(1), internet), "the way back");
}

#[test]
fn a_gateway_sends_to_the_anchor_and_by_paths() {
    let path = Entry::PathSend {
        local: home(1),
        remote: home(2),
        peer: peer(7),
    };
    let joint = Joint::new(&[attach(1, 9), path]);
    let sends = |remote, from, to| joint.program.sends(remote, from, to);
    assert!(sends(peer(9), address_in(1), address_in(3)));
    assert!(sends(peer(7), address_in(1), address_in(2)));
    assert!(!sends(peer(7), address_in(1), address_in(3)), "no path");
    assert!(
        !sends(peer(7), address_in(2), address_in(1)),
        "the way back"
    );
    assert!(!sends(peer(9), address_in(2), address_in(3)), "not ours");
}
