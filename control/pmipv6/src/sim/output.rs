//! What the domain does with the outputs of an engine.

use std::net::IpAddr;
use std::rc::Rc;

use crate::io::{Input, Output, Via};
use crate::wire::Message;

use super::check::ViolationKind;
use super::domain::Domain;
use super::event::{Delivery, Event};
use super::gate::Handling;
use super::network::{Fate, NodeIndex};
use super::trace::{describe, name_of, title};

impl Domain<'_> {
    pub(super) fn output(&mut self, node: NodeIndex, output: Output) {
        match output {
            Output::Send {
                source,
                destination,
                via,
                message,
            } => self.send(node, source, destination, via, message),
            Output::Program { number, entry } => self.program(node, number, entry),
            Output::Reply { token, result } => self.reply(node, token, result),
            Output::Notify(event) => self.notify_operator(node, event),
            Output::Probe { local, remote } => {
                let usage = self.nodes[node].dataplane.usage((local, remote));
                let incarnation = self.nodes[node].incarnation;
                let input = Box::new(Input::Activity {
                    local,
                    remote,
                    packets: usage.packets,
                    bytes: usage.bytes,
                });
                let delay = self.rng_dataplane.range(0, self.layout.lag_max_us);
                self.after(
                    delay,
                    Event::Input {
                        node,
                        incarnation,
                        input,
                    },
                );
            }
            Output::ParameterProblem { .. }
            | Output::Advertise { .. }
            | Output::Withdraw { .. }
            | Output::ServeIpv4 { .. }
            | Output::EndIpv4 { .. } => {}
        }
    }

    fn send(
        &mut self,
        from: NodeIndex,
        source: IpAddr,
        destination: IpAddr,
        via: Via,
        message: Message,
    ) {
        self.stirred_at = self.now;
        *self.stats.messages.entry(title(&message)).or_default() += 1;
        if source != self.nodes[from].address {
            let text = format!("{} sends from {source}", self.nodes[from].name);
            self.violate(ViolationKind::SourceAddress, text);
        }
        self.trace
            .sent(self.now, &self.nodes[from].name, destination, &message);
        self.check_promise(from, destination, &message);
        self.check_refresh(from, &message);
        self.grants.seen(from, &message, self.now, &self.layout);
        let message = self.as_told(from, message);
        let way = self.way_of_message(from, destination, via);
        let Some((to, source, came)) = way else {
            self.stats.messages_astray += 1;
            return self.trace_message(from, destination, &message, " (nobody there)");
        };
        let packet = match self.layout.protected {
            true => match self.seal(from, to, (via, source, came), &message) {
                Some(packet) => Some(packet),
                None => return,
            },
            false => None,
        };
        let held = packet
            .as_ref()
            .and_then(|packet| self.attacker_sees(packet));
        let fate = match (self.network.send_message(self.now, from, to), held) {
            (Fate::Arrives(..), Some(at)) => Fate::Arrives(at, None),
            (fate, _) => fate,
        };
        let remark = match fate {
            Fate::Lost => " LOST",
            Fate::Partitioned => " CUT OFF",
            Fate::Arrives(_, Some(_)) => " TWICE",
            Fate::Arrives(_, None) => "",
        };
        self.trace_message(from, destination, &message, remark);
        let Fate::Arrives(first, second) = fate else {
            self.stats.messages_lost += 1;
            return;
        };
        let message = Rc::new(message);
        for at in std::iter::once(first).chain(second) {
            let message = Rc::clone(&message);
            let event = match &packet {
                Some(packet) => Event::Sealed {
                    packet: Rc::clone(packet),
                    handling: Handling::AsItWas,
                },
                None => Event::Message(Box::new(Delivery {
                    to,
                    source,
                    via: came,
                    from: Some(from),
                    message,
                })),
            };
            self.at(at, event);
        }
    }

    fn trace_message(&mut self, from: NodeIndex, to: IpAddr, message: &Message, remark: &str) {
        let name = &self.nodes[from].name;
        self.trace.line(self.now, |names| {
            let (to, text) = (name_of(names, to), describe(message, names));
            format!("{name} -> {to} {text}{remark}")
        });
    }
}
