//! Mobile nodes on the access links, and what else happens to the domain from outside.

use crate::io::{
    Answer, AttachRequest, Command as IoCommand, Event as IoEvent, Input, Refusal, Token,
};

use super::check::ViolationKind;
use super::domain::Domain;
use super::event::Event;
use super::layout::MobileIndex;
use super::mobile::{Operation, Talk};
use super::network::{Micros, NodeIndex, SECOND};

/// An MN that was refused tries again after this.
const RETRY: Micros = SECOND;

/// Handoff Indicator: attachment over a new interface (RFC 5213 section 8.4).
const HI_NEW: u8 = 1;
/// Handoff Indicator: between MAGs, same interface.
const HI_BETWEEN_MAGS: u8 = 3;
/// Access Technology Type: IEEE 802.3.
const ATT_ETHERNET: u8 = 3;

/// A command that an engine has not answered.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) node: NodeIndex,
    pub(super) incarnation: u32,
    pub(super) at: Micros,
    /// The MN, and its epoch when an attachment was asked for.
    attach: Option<(MobileIndex, u32)>,
}

impl Domain<'_> {
    pub(super) fn operation(&mut self, operation: Operation) {
        self.stirred_at = self.now;
        self.trace.line(self.now, |_| format!("-- {operation:?}"));
        match operation {
            Operation::Appear {
                mobile,
                mag,
                away_us,
                notice_us,
            } => {
                let away = self.depart(mobile, notice_us).map_or(0, |()| away_us);
                let epoch = self.mobiles[mobile].epoch;
                self.after(away, Event::Arrive { mobile, mag, epoch });
            }
            Operation::Leave { mobile, notice_us } => {
                self.depart(mobile, notice_us);
            }
            Operation::Talk {
                source,
                destination,
                interval_us,
                one_way,
            } => {
                self.open_talk(source, destination, interval_us);
                if !one_way {
                    self.open_talk(destination, source, interval_us);
                }
            }
            Operation::Hush {
                source,
                destination,
            } => self.hush(source, destination),
            Operation::Crash { node, down_us } => self.crash(node, down_us),
            Operation::Freeze {
                node,
                for_us,
                queue,
            } => self.freeze(node, for_us, queue),
            Operation::Partition { one, other, for_us } => {
                self.network.partition(one, other);
                self.after(for_us, Event::Heal { one, other });
            }
            Operation::Forge {
                node,
                source,
                destination,
                forgery,
            } => self.forge(node, source, destination, forgery),
            Operation::Lie {
                node,
                third,
                lie,
                for_us,
            } => {
                let until = self.now + for_us;
                let liar = super::liar::Liar { until, lie, third };
                self.liars.insert(node, liar);
                self.after(for_us, Event::Honest);
            }
            Operation::Attack {
                node,
                attack,
                for_us,
            } => self.begin_attack(attack, node, for_us),
            Operation::ChangeKeys { apart_us } => self.change_keys(apart_us),
            Operation::Rebind { node } => {
                self.nats.rebind(node);
                // What its node sends is lost until the next keepalive: a NAT that forgets again has begun again.
                self.calm_since = self.now;
            }
            Operation::PathRequest {
                node,
                source,
                destination,
            } => self.path_command(node, source, destination, true),
            Operation::PathRemove {
                node,
                source,
                destination,
            } => self.path_command(node, source, destination, false),
        }
    }

    /// The MN leaves its link, if it is on one.
    fn depart(&mut self, index: MobileIndex, notice_us: Micros) -> Option<()> {
        let mobile = &mut self.mobiles[index];
        mobile.epoch += 1;
        mobile.settled_at = None;
        let mag = mobile.place.take()?;
        let mobile = index;
        self.after(notice_us, Event::Notice { mobile, mag });
        Some(())
    }

    pub(super) fn arrive(&mut self, index: MobileIndex, mag: NodeIndex, epoch: u32) {
        let mobile = &mut self.mobiles[index];
        if mobile.epoch != epoch {
            return;
        }
        mobile.epoch += 1;
        mobile.place = Some(mag);
        let epoch = mobile.epoch;
        self.trace.line(self.now, |_| {
            format!("-- MN{} appears at {}", index + 1, self.nodes[mag].name)
        });
        self.attach(index, mag, epoch);
    }

    fn attach(&mut self, index: MobileIndex, mag: NodeIndex, epoch: u32) {
        if !self.nodes[mag].is_up() || self.is_frozen(mag) {
            return self.try_again(index, RETRY);
        }
        let known = !self.mobiles[index].homes.is_empty();
        let request = AttachRequest {
            mn_id: self.layout.mn_id(index),
            link: self.layout.link(index),
            att: ATT_ETHERNET,
            hi: if known { HI_BETWEEN_MAGS } else { HI_NEW },
            ipv6: true,
            hnps: Vec::new(),
            ipv4_hoa: self.layout.ipv4.then_some(std::net::Ipv4Addr::UNSPECIFIED),
        };
        self.command(mag, IoCommand::Attach(request), Some((index, epoch)));
    }

    /// The MN tries to attach again where it is, unless it is about to.
    pub(super) fn try_again(&mut self, mobile: MobileIndex, delay: Micros) {
        let state = &mut self.mobiles[mobile];
        if state.retry_at.is_some_and(|at| at > self.now) {
            return;
        }
        state.retry_at = Some(self.now + delay);
        self.after(delay, Event::Retry { mobile });
    }

    pub(super) fn retry(&mut self, index: MobileIndex) {
        let state = &mut self.mobiles[index];
        state.retry_at = None;
        if state.settled_at.is_some() {
            return;
        }
        let epoch = state.epoch;
        if let Some(mag) = self.mobiles[index].place {
            self.attach(index, mag, epoch);
        }
    }

    /// The MAG notices that the MN has gone; unless it is back.
    pub(super) fn notice(&mut self, index: MobileIndex, mag: NodeIndex) {
        if self.mobiles[index].place == Some(mag) || !self.nodes[mag].is_up() {
            return;
        }
        let mn_id = self.layout.mn_id(index);
        self.command(mag, IoCommand::Detach { mn_id }, None);
    }

    fn command(&mut self, node: NodeIndex, command: IoCommand, attach: Option<(MobileIndex, u32)>) {
        self.stirred_at = self.now;
        let token = self.next_token;
        self.next_token += 1;
        let (incarnation, at) = (self.nodes[node].incarnation, self.now);
        self.trace.line(at, |_| {
            format!("-- {} is told {command:?}", self.nodes[node].name)
        });
        self.commands.insert(
            token,
            Command {
                node,
                incarnation,
                at,
                attach,
            },
        );
        let input = Box::new(Input::Command { token, command });
        self.after(
            0,
            Event::Input {
                node,
                incarnation,
                input,
            },
        );
    }

    fn path_command(
        &mut self,
        node: NodeIndex,
        one: MobileIndex,
        other: MobileIndex,
        set_up: bool,
    ) {
        let homes = |m: MobileIndex| self.mobiles[m].homes.first().copied();
        let (Some(source), Some(destination)) = (homes(one), homes(other)) else {
            return;
        };
        if !self.nodes[node].is_up() {
            return;
        }
        let command = if set_up {
            IoCommand::PathRequest {
                source,
                destination,
            }
        } else {
            IoCommand::PathRemove {
                source,
                destination,
            }
        };
        self.command(node, command, None);
    }

    /// An engine answers a command.
    pub(super) fn reply(&mut self, node: NodeIndex, token: Token, result: Result<Answer, Refusal>) {
        self.trace.line(self.now, |_| {
            let result = match &result {
                Ok(_) => "done".to_owned(),
                Err(refusal) => format!("refused: {}", refusal.name),
            };
            format!("{} answers {token}: {result}", self.nodes[node].name)
        });
        let Some(command) = self.commands.remove(&token) else {
            let text = format!("{} answers {token} twice", self.nodes[node].name);
            return self.violate(ViolationKind::Reply, text);
        };
        let Some((index, epoch)) = command.attach else {
            return;
        };
        if self.mobiles[index].epoch != epoch {
            return;
        }
        match result {
            Ok(Answer::Attached(view)) => {
                self.settle(index, view.hnps.into_iter().chain(view.ipv4_hoa))
            }
            Ok(_) => {
                let text = format!(
                    "{} answers an attach with another answer",
                    self.nodes[node].name
                );
                self.violate(ViolationKind::Reply, text);
            }
            Err(refusal) => {
                self.stats.refused += 1;
                if refusal.name == "already-attached" {
                    // It came back before its MAG noticed that it had gone.
                    let mn_id = self.layout.mn_id(index);
                    self.command(node, IoCommand::Detach { mn_id }, None);
                }
                self.try_again(index, RETRY);
            }
        }
    }

    fn settle(&mut self, index: MobileIndex, homes: impl Iterator<Item = ipnet::IpNet>) {
        let mobile = &mut self.mobiles[index];
        self.stats.attached += 1;
        self.stats.handovers += u64::from(!mobile.homes.is_empty());
        mobile.homes = homes.collect();
        mobile.settled_at = Some(self.now);
    }

    /// An engine tells operators something; the access side listens for MNs that lose their binding.
    pub(super) fn notify_operator(&mut self, node: NodeIndex, event: IoEvent) {
        self.trace.line(self.now, |_| {
            format!("{} says {event:?}", self.nodes[node].name)
        });
        let IoEvent::Detach { mn_id, .. } = event else {
            return;
        };
        let lost = self
            .layout
            .mobile_named(&mn_id)
            .filter(|mobile| self.mobiles[*mobile].place == Some(node));
        if let Some(mobile) = lost {
            self.mobiles[mobile].settled_at = None;
            self.mobiles[mobile].epoch += 1;
            self.try_again(mobile, RETRY);
        }
    }

    fn open_talk(&mut self, source: MobileIndex, destination: MobileIndex, interval_us: Micros) {
        let pair = (source, destination);
        let talk = self
            .talks
            .entry(pair)
            .or_insert_with(|| Talk::new(source, destination, interval_us));
        talk.open = true;
        talk.epoch += 1;
        talk.interval_us = interval_us.max(1);
        talk.losing_since = None;
        let epoch = talk.epoch;
        self.after(0, Event::Talk { pair, epoch });
    }

    fn hush(&mut self, source: MobileIndex, destination: MobileIndex) {
        for pair in [(source, destination), (destination, source)] {
            if let Some(talk) = self.talks.get_mut(&pair) {
                talk.open = false;
                talk.epoch += 1;
            }
        }
    }

    /// Ends all conversations.
    pub fn hush_all(&mut self) {
        for talk in self.talks.values_mut() {
            talk.open = false;
            talk.epoch += 1;
        }
    }

    /// Every MN leaves the domain, and is noticed to have left.
    pub fn all_leave(&mut self) {
        for mobile in 0..self.mobiles.len() {
            let notice_us = self.rng_mobile.range(0, SECOND);
            self.operation(Operation::Leave { mobile, notice_us });
        }
    }
}
