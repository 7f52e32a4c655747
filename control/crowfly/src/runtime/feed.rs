//! What goes into the engine, and what is done with what comes out.

use std::net::IpAddr;
use std::time::Duration;

use dataplane::{Inject, NextHop};
use pmipv6::io::{Input, Now, Output, Protection, Via};

use super::control::Control;
use super::signalling;
use crate::net::{Action, Net};
use crate::program::NextHops;
use crate::record::{Given, Step};

/// Neighbour discovery as the joint to the workers sees it.
struct Hops<'a> {
    net: &'a mut Net,
    now: Duration,
    actions: &'a mut Vec<Action>,
}

impl NextHops for Hops<'_> {
    fn track(&mut self, remote: IpAddr) -> Option<NextHop> {
        self.net.track(self.now, remote, self.actions)
    }

    fn untrack(&mut self, remote: IpAddr) {
        self.net.untrack(self.now, remote, self.actions);
    }
}

impl Control {
    /// Carries out actions and feeds inputs until none is left. It ends: an input brings forth inputs of
    /// its own only by a probe, which is answered once.
    pub(super) fn settle(&mut self) {
        loop {
            for action in std::mem::take(&mut self.actions) {
                self.act(action);
            }
            if let Some(input) = self.inbox.pop_front() {
                self.feed(input);
            } else if self.actions.is_empty() {
                return;
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Transmit { port, frame } => self.transmit(port, &frame),
            Action::MobilityHeader {
                source,
                destination,
                via,
                octets,
            } => {
                self.receive_clear((source, destination), via, &octets);
            }
            Action::Esp {
                source,
                destination,
                via,
                octets,
            } => self.receive_esp((source, destination), via, &octets),
            Action::NextHop { remote, next_hop } => {
                tracing::info!(%remote, resolved = next_hop.is_some(), "next hop");
                self.program.set_next_hop(remote, next_hop);
            }
            Action::TooBig(said) => {
                let (source, destination) = said.inner;
                let sends = self.program.sends(said.remote, source, destination);
                let now = self.clock.mono();
                self.net.path_mtu(now, said, sends, &mut self.actions);
            }
            Action::Undelivered(packet) => {
                let home = self.program.attached_home(packet.destination.into());
                let now = self.clock.mono();
                self.net.undelivered(now, home, &packet, &mut self.actions);
            }
            Action::PathMtu { remote, mtu_bytes } => {
                tracing::info!(%remote, ?mtu_bytes, "path MTU");
                self.program.set_path_mtu(remote, mtu_bytes);
            }
            Action::Unreachable { link } => {
                tracing::info!(?link, "the mobile node does not answer");
                self.inbox.push_back(Input::Unreachable { link });
            }
            Action::NetworkNextHop { realm, next_hop } => {
                tracing::info!(
                    realm = realm.map(dataplane::Realm::number),
                    resolved = next_hop.is_some(),
                    "next hop towards the network"
                );
                self.program.set_network_next_hop(realm, next_hop);
            }
        }
    }

    /// A Mobility Header that has passed the boundary.
    pub(super) fn receive_message(
        &mut self,
        addresses: (IpAddr, IpAddr),
        via: Via,
        protection: Protection,
        octets: &[u8],
    ) {
        let input = signalling::input(&self.numbering, addresses, via, protection, octets);
        match &input {
            Input::Message {
                source, message, ..
            } => {
                if protection == Protection::Esp && !self.may_say(*source, message) {
                    return;
                }
                let now = self.clock.now();
                let peer = asked_at(*source, via);
                self.latency.received(now.mono, peer, message);
                self.trace.received(now.wall, *source, addresses.1, message);
                tracing::debug!(%source, ?message, "received");
            }
            other => tracing::debug!(input = ?other, "received"),
        }
        // At once: a Parameter Problem quotes the packet that was handed out last.
        self.feed(input);
    }

    fn transmit(&mut self, port: u16, frame: &[u8]) {
        // One worker sends for control: the first.
        let worker = self.program.fanout_mut().workers_mut().next();
        let packet = self.mempool.alloc_copy(frame);
        let sent = match (worker, packet) {
            (Some(worker), Some(mbuf)) => worker.handle.inject(Inject { mbuf, port }).is_ok(),
            _ => false,
        };
        if !sent {
            self.inject_dropped += 1;
        }
    }

    pub(super) fn feed(&mut self, input: Input) {
        let talks = matches!(input, Input::PairTalks { .. });
        let mut outputs = Vec::new();
        self.hand_to_engine(Given::Input(input), &mut outputs);
        self.look_at(talks, &outputs);
        for output in outputs {
            self.carry_out(output);
        }
    }

    /// Measures, and keeps for `path.trace`, that packets of a pair were what a path is set up for.
    fn look_at(&mut self, talks: bool, outputs: &[Output]) {
        let now = self.clock.now();
        self.spans.look(now.mono, talks, outputs, &mut self.latency);
        for output in outputs {
            if let (true, Output::Send { message, .. }) = (talks, output) {
                self.trace.talks(now.wall, message);
            }
        }
    }

    /// The one door to the engine's state: what goes through it is recorded, where that was asked for.
    /// False: the engine does not take these settings while it runs.
    pub(super) fn hand_to_engine(&mut self, given: Given, outputs: &mut Vec<Output>) -> bool {
        let (now, engine) = (self.clock.now(), self.engine.as_mut());
        let Some(recorder) = &mut self.recorder else {
            return given.feed(engine, now, outputs);
        };
        let taken = given.clone().feed(engine, now, outputs);
        let mut step = Step {
            now,
            given,
            outputs: std::mem::take(outputs),
        };
        recorder.step(&step);
        outputs.append(&mut step.outputs);
        taken
    }

    fn carry_out(&mut self, output: Output) {
        let Now { mono: now, wall } = self.clock.now();
        let actions = &mut self.actions;
        match output {
            Output::Send {
                source,
                destination,
                via,
                message,
            } => {
                tracing::debug!(%destination, ?via, ?message, "sending");
                let addresses = (source, destination);
                let Some(octets) = signalling::octets(&self.numbering, addresses, via, &message)
                else {
                    tracing::error!(%source, %destination, ?message, "has no place on the wire");
                    return;
                };
                let peer = asked_at(destination, via);
                self.latency.sent(now, peer, &message);
                self.trace.sent(wall, source, destination, &message);
                self.send_message(addresses, via, &octets);
            }
            Output::ParameterProblem {
                destination: IpAddr::V6(destination),
                pointer,
            } => {
                self.net
                    .parameter_problem(now, destination, pointer, actions);
            }
            // Signalling over IPv4 has no ICMPv6 to answer with.
            Output::ParameterProblem { .. } => {}
            Output::Program { number, entry } => {
                let mut hops = Hops {
                    net: &mut self.net,
                    now,
                    actions,
                };
                let before = self.program.fanout().last();
                match self.program.carry_out(now, number, &entry, &mut hops) {
                    Ok(()) => {
                        let last = self.program.fanout().last();
                        self.programmed.note(before, last, entry);
                    }
                    Err(refused) => {
                        tracing::error!(%refused, ?entry, "not programmed");
                        self.raise_table_full(refused.to_string());
                        // Before the number counts as applied, and before anything else comes in.
                        self.inbox.push_front(Input::NoRoom { entry });
                    }
                }
            }
            Output::Reply { token, result } => self.reply(token, result),
            Output::Notify(event) => self.tell(&event),
            Output::Advertise {
                link,
                prefixes,
                link_local,
                lifetime_s,
            } => {
                self.net
                    .advertise(now, link, &prefixes, link_local, lifetime_s, actions);
            }
            Output::Withdraw {
                link,
                prefixes,
                link_local,
            } => {
                self.net.withdraw(link, &prefixes, link_local, actions);
            }
            Output::ServeIpv4 {
                link,
                service,
                lifetime_s,
            } => {
                self.net.serve_ipv4(now, link, service, lifetime_s, actions);
                self.program
                    .set_router(link, service.address, service.default_router);
            }
            Output::EndIpv4 { link, address } => {
                self.net.end_ipv4(link, address);
                self.program.clear_router(link, address);
            }
            Output::Probe { local, remote } => {
                let (packets, bytes) = self.program.activity(local, remote).unwrap_or_default();
                self.inbox.push_back(Input::Activity {
                    local,
                    remote,
                    packets,
                    bytes,
                });
            }
        }
    }
}

/// Where a peer is asked and answers: its IPv4 address, where its messages say no name.
fn asked_at(peer: IpAddr, via: Via) -> IpAddr {
    match via {
        Via::Ipv4 { remote, .. } => IpAddr::V4(*remote.ip()),
        Via::Ipv6 | Via::Nat { .. } => peer,
    }
}
