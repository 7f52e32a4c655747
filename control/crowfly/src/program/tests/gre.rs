//! GRE keys (RFC 5845, L-29): a tunnel for each, told apart by the key that we receive with.

use std::net::{Ipv4Addr, SocketAddrV4};

use pmipv6::io::Via;
use proptest::test_runner::TestCaseError;

use super::*;

/// A tunnel that a pair points to, and whether the pair sends into it.
type PairTunnel = (IpAddr, Gre, bool);
type Stands<'a> = &'a dyn Fn(IpNet, IpNet) -> Option<&'static str>;

/// The GRE of every tunnel that an entry points to, as far as the entry says it.
#[derive(Debug, Default)]
pub(super) struct Model {
    keys: HashMap<(IpNet, Option<IpNet>), GreKeys>,
    homes: HashMap<IpNet, (IpAddr, Gre)>,
    /// In the order of [`points_to`].
    pairs: HashMap<(IpNet, IpNet), Vec<PairTunnel>>,
    /// By peer and key to receive with: the key that the last entry said to send with.
    sends: HashMap<(IpAddr, u32), Option<u32>>,
}

impl Model {
    fn said(&self, home: IpNet, remote: Option<IpNet>) -> Gre {
        let keys = self.keys.get(&(home, remote));
        keys.map(|keys| (keys.receive, keys.send))
    }

    fn sent(&mut self, peer: IpAddr, gre: Gre) {
        if let Some((Some(receive), send)) = gre {
            self.sends.insert((peer, receive), send);
        }
    }

    fn set_home(&mut self, home: IpNet, peer: IpAddr) {
        let gre = self.said(home, None);
        self.sent(peer, gre);
        self.homes.insert(home, (peer, gre));
    }

    pub(super) fn apply(&mut self, entry: &Entry, stands: Stands<'_>) {
        match *entry {
            Entry::GreKeys { home, remote, keys } => {
                self.keys.remove(&(home, remote));
                self.keys.extend(keys.map(|keys| ((home, remote), keys)));
            }
            Entry::Attach { home, lma: at, .. } => self.set_home(home, at),
            Entry::Bind {
                home,
                proxy_coa: at,
            } => self.set_home(home, at),
            Entry::Detach { home } | Entry::Unbind { home } => {
                self.homes.remove(&home);
                self.keys.remove(&(home, None));
            }
            Entry::Suspend { home } => {
                self.homes.remove(&home);
            }
            Entry::PathSend {
                local,
                remote,
                peer,
            } => {
                let gre = self.said(local, Some(remote));
                self.sent(peer, gre);
                self.pairs.insert((local, remote), vec![(peer, gre, true)]);
            }
            Entry::PathReceive {
                local,
                remote,
                peer,
            } => {
                let gre = self.said(local, Some(remote));
                self.pairs.insert((remote, local), vec![(peer, gre, false)]);
            }
            Entry::HandBack {
                local,
                remote,
                peer,
                lma,
            } => {
                let from = self.said(local, Some(remote));
                let to = self.said(local, None);
                self.sent(lma, to);
                let both = vec![(peer, from, false), (lma, to, true)];
                self.pairs.insert((remote, local), both);
            }
            Entry::PathLocal { from: a, to: b }
            | Entry::HandBackAccept {
                source: a,
                destination: b,
                ..
            } => {
                self.pairs.remove(&(a, b));
            }
            Entry::PathSendRemove {
                local: a,
                remote: b,
            }
            | Entry::PathReceiveRemove {
                local: b,
                remote: a,
            }
            | Entry::HandBackRemove {
                local: b,
                remote: a,
            }
            | Entry::PathLocalRemove { from: a, to: b }
            | Entry::HandBackAcceptRemove {
                source: a,
                destination: b,
            } => self.removed(a, b, stands),
            Entry::Reach { .. } | Entry::PeerAnchor { .. } | Entry::Realm { .. } => {}
        }
    }

    fn removed(&mut self, source: IpNet, destination: IpNet, stands: Stands<'_>) {
        if stands(source, destination).is_none() {
            self.pairs.remove(&(source, destination));
        }
        for (local, remote) in [(source, destination), (destination, source)] {
            let sends = stands(local, remote) == Some("send");
            let receives = matches!(stands(remote, local), Some("receive" | "hand-back"));
            if !sends && !receives {
                self.keys.remove(&(local, Some(remote)));
            }
        }
    }

    pub(super) fn check(&self, tables: &Tables) -> Result<(), TestCaseError> {
        let now = |peer: IpAddr, gre: Gre| match gre {
            Some((Some(receive), _)) => Some((Some(receive), self.sends[&(peer, receive)])),
            unkeyed => unkeyed,
        };
        for (home, (peer, gre)) in &self.homes {
            prop_assert_eq!(tables.home_gre(*home), Some(now(*peer, *gre)));
        }
        for (key, tunnels) in &self.pairs {
            let found = tables.pair_gre(key);
            prop_assert_eq!(found.len(), tunnels.len());
            for (found, (peer, gre, sends)) in found.into_iter().zip(tunnels) {
                match (sends, gre) {
                    (false, Some((Some(receive), _))) => {
                        prop_assert_eq!(found.map(|found| found.0), Some(Some(*receive)));
                    }
                    _ => prop_assert_eq!(found, now(*peer, *gre)),
                }
            }
        }
        Ok(())
    }
}

/// Keys for a home or a path: no two of them have the same key to receive with.
pub(super) fn any_keys(a: u8, b: Option<u8>, seed: u8) -> Entry {
    let receive = 16 * u32::from(a) + u32::from(b.unwrap_or(0));
    let keys = |send, receive| Some(GreKeys { send, receive });
    Entry::GreKeys {
        home: home(a),
        remote: b.map(home),
        keys: match seed {
            1 => None,
            2 => keys(None, None),
            3 => keys(Some(3), Some(receive)),
            _ => keys(Some(4), Some(receive)),
        },
    }
}

fn keys(send: u32, receive: u32) -> Option<GreKeys> {
    Some(GreKeys {
        send: Some(send),
        receive: Some(receive),
    })
}

fn of_home(n: u8, keys: Option<GreKeys>) -> Entry {
    Entry::GreKeys {
        home: home(n),
        remote: None,
        keys,
    }
}

fn bind(n: u8, at: u8) -> Entry {
    Entry::Bind {
        home: home(n),
        proxy_coa: peer(at),
    }
}

struct Bench {
    worker: FakeWorker,
    hops: FakeHops,
    program: Program<FakeWorker>,
    number: u64,
}

impl Bench {
    fn new() -> Self {
        let worker = FakeWorker::with_ring(64);
        Self {
            program: Program::new(config(8), vec![worker.clone()]),
            worker,
            hops: FakeHops::default(),
            number: 0,
        }
    }

    fn carry_out(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.number += 1;
            let result = self
                .program
                .carry_out(AT_START, self.number, entry, &mut self.hops);
            result.unwrap();
        }
    }

    fn applied(&self) -> std::cell::Ref<'_, Tables> {
        self.worker.0.borrow_mut().apply(64);
        self.worker.0.borrow()
    }
}

#[test]
fn two_mns_behind_one_mag_have_a_tunnel_each() {
    let mut bench = Bench::new();
    bench.carry_out(&[
        of_home(1, keys(10, 11)),
        bind(1, 1),
        of_home(2, keys(20, 21)),
        bind(2, 1),
        bind(3, 1),
    ]);
    let tables = bench.applied();
    assert_eq!(tables.home_gre(home(1)), Some(Some((Some(11), Some(10)))));
    assert_eq!(tables.home_gre(home(2)), Some(Some((Some(21), Some(20)))));
    assert_eq!(tables.home_gre(home(3)), Some(None));
    assert_eq!(tables.tunnels.len(), 3);
    assert_eq!(bench.hops.0, [peer(1)].into(), "one next hop for all");
}

#[test]
fn keys_wait_for_the_entry_and_change_the_tunnel_in_one_step() {
    let mut bench = Bench::new();
    bench.carry_out(&[of_home(1, keys(10, 11)), bind(1, 1)]);
    let before = bench.program.fanout().last();
    bench.carry_out(&[of_home(1, keys(12, 11))]);
    assert_eq!(bench.program.fanout().last(), before, "nothing yet");
    bench.carry_out(&[bind(1, 1)]);
    let tables = bench.applied();
    assert_eq!(tables.home_gre(home(1)), Some(Some((Some(11), Some(12)))));
    assert_eq!(
        tables.tunnels.keys().collect::<Vec<_>>(),
        [&0],
        "the same slot"
    );
}

#[test]
fn a_change_of_way_or_next_hop_reaches_every_tunnel_of_the_peer() {
    let own = Ipv4Addr::new(198, 51, 100, 1);
    let remote = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 11), 5436);
    let via = |udp_data| Via::Ipv4 {
        local: own,
        remote,
        udp_data,
    };
    let reach = |via| Entry::Reach { peer: peer(1), via };
    let mut bench = Bench::new();
    bench.carry_out(&[of_home(1, keys(10, 11)), bind(1, 1), bind(2, 1)]);
    let mtus = |bench: &Bench| {
        let tables = bench.applied();
        let mut mtus: Vec<u16> = tables.tunnels.values().map(|t| t.mtu_bytes).collect();
        mtus.sort_unstable();
        mtus
    };
    assert_eq!(mtus(&bench), [1500 - 40 - 8, 1500 - 40]);
    bench.carry_out(&[reach(via(false))]);
    assert_eq!(mtus(&bench), [1500 - 20 - 8, 1500 - 20]);
    bench.carry_out(&[reach(via(true))]);
    assert_eq!(mtus(&bench), [1500 - 28 - 4 - 8, 1500 - 28]);
    assert_eq!(bench.hops.0, [IpAddr::V4(*remote.ip())].into());
    bench.program.set_next_hop((*remote.ip()).into(), None);
    let tables = bench.applied();
    assert!(tables.tunnels.values().all(|t| t.next_hop.is_none()));
    assert_eq!(tables.tunnels.len(), 2);
}

#[test]
fn hl_34_what_is_handed_back_takes_the_tunnels_of_the_path_and_of_the_home() {
    let (local, remote) = (home(1), home(2));
    let of_path = Entry::GreKeys {
        home: local,
        remote: Some(remote),
        keys: keys(30, 31),
    };
    let attach = Entry::Attach {
        home: local,
        link: link(1),
        lma: peer(1),
    };
    let receive = Entry::PathReceive {
        local,
        remote,
        peer: peer(2),
    };
    let hand_back = Entry::HandBack {
        local,
        remote,
        peer: peer(2),
        lma: peer(1),
    };
    let mut bench = Bench::new();
    bench.carry_out(&[
        of_home(1, keys(10, 11)),
        attach,
        of_path,
        receive,
        hand_back,
        Entry::PathReceiveRemove { local, remote },
        Entry::Detach { home: local },
    ]);
    let both = [Some((Some(31), Some(30))), Some((Some(11), Some(10)))];
    assert_eq!(bench.applied().pair_gre(&(remote, local)), both);
    bench.carry_out(&[Entry::HandBackRemove { local, remote }]);
    assert!(bench.applied().tunnels.is_empty() && bench.hops.0.is_empty());
    assert_eq!(bench.program.keys_known(), 0, "all are forgotten");
}

#[test]
fn hl_34_the_anchor_takes_back_what_comes_with_the_keys_of_the_previous_mag() {
    let accept = Entry::HandBackAccept {
        source: home(2),
        destination: home(1),
        from: peer(1),
    };
    let pair = (home(2), home(1));
    let mut bench = Bench::new();
    bench.carry_out(&[
        of_home(1, keys(10, 11)),
        bind(1, 1),
        of_home(1, None),
        bind(1, 3),
        accept,
    ]);
    let tables = bench.applied();
    assert_eq!(tables.home_gre(home(1)), Some(None));
    assert_eq!(tables.pair_gre(&pair)[0].map(|gre| gre.0), Some(Some(11)));
    assert_eq!(tables.pair_view(&pair), Some(("accept", vec![peer(1)])));
}

#[test]
fn a_path_without_keys_takes_none_of_one_that_is_gone() {
    let (local, remote, at) = (home(1), home(2), peer(2));
    let of_path = Entry::GreKeys {
        home: local,
        remote: Some(remote),
        keys: keys(30, 31),
    };
    let send = Entry::PathSend {
        local,
        remote,
        peer: at,
    };
    let mut bench = Bench::new();
    bench.carry_out(&[
        of_path,
        send.clone(),
        Entry::PathSendRemove { local, remote },
        send,
    ]);
    assert_eq!(bench.applied().pair_gre(&(local, remote)), [None]);
}
