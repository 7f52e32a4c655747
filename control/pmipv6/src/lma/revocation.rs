//! Binding revocation (RFC 5846) as its initiator, and as the one whom a MAG tells that all is gone.
//!
//! ```text
//!   operator ── revoke ──▶ BRI (P, MN-ID, HNPs) ──▶ MAG ── BRA ──▶ binding deleted, operator told
//!   MN is at another MAG  ──▶ BRI (inter-MAG handover) ──▶ previous MAG ── BRA
//!   MAG lost its state    ──▶ BRI (possibly out of sync) ──▶ MAG ── BRA 128 ──▶ binding deleted
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::state::{BindingCacheEntry, BindingId, Timer};
use crate::io::{Answer, Output, Token};
use crate::path::{Role, is_v6};
use crate::wire::iana::revocation_type::{ACKNOWLEDGEMENT, INDICATION};
use crate::wire::iana::{revocation_status as status, revocation_trigger as trigger};
use crate::wire::message::BindingRevocation;
use crate::wire::{Message, MobilityOption};

/// Most BRIs that wait for their BRA: each has a sequence number of its own (section 6.1).
const MAX_OUTSTANDING: usize = 4_096;

/// What a BRI is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Purpose {
    /// An operator wants the bindings gone.
    Command(Token),
    /// The MN is at another MAG.
    Handover,
    /// The MAG has lost its state; has it this binding?
    OutOfSync,
}

#[derive(Debug)]
struct Outstanding {
    peer: IpAddr,
    message: BindingRevocation,
    purpose: Purpose,
    bindings: Vec<BindingId>,
    /// Until the next retransmission.
    timeout: Duration,
    retries_left: u8,
}

/// A command that waits for all its BRAs.
#[derive(Debug, Default)]
struct Waiting {
    left: usize,
    failure: Option<(&'static str, Option<u8>, String)>,
}

/// BRIs that wait for their acknowledgement, by sequence number.
#[derive(Debug)]
pub(super) struct Revocations {
    last: u16,
    outstanding: BTreeMap<u16, Outstanding>,
    waiting: BTreeMap<Token, Waiting>,
}

impl Revocations {
    /// Sequence numbers start anywhere, so that a MAG does not take the first one after a restart for a
    /// repetition.
    pub(super) fn new(last: u16) -> Self {
        Self {
            last,
            outstanding: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }
}

impl LocalMobilityAnchor {
    pub(super) fn on_revoke(&mut self, token: Token, mn_id: &str) {
        let sessions: Vec<BindingId> = self
            .by_mn
            .get(mn_id)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        if sessions.is_empty() {
            let text = format!("{mn_id} has no binding here.");
            return self.node.refuse(token, None, "no-such-binding", text);
        }
        let room = MAX_OUTSTANDING.saturating_sub(self.revocations.outstanding.len());
        if sessions.len() > room {
            let text = "Too many revocations wait for their acknowledgement.".to_owned();
            return self.node.refuse(token, None, "busy", text);
        }
        self.revocations.waiting.insert(token, Waiting::default());
        for id in sessions {
            let Some(entry) = self.bindings.get_mut(&id) else {
                continue;
            };
            entry.revoked = true;
            let peer = entry.proxy_coa;
            let (flags, options) = identify(entry, &entry.told_homes());
            let message = indication(trigger::ADMINISTRATIVE_REASON, flags, options);
            self.revoke(peer, message, Purpose::Command(token), vec![id]);
        }
    }

    /// All bindings of one MAG with one message (section 5.1: G).
    pub(super) fn on_revoke_all(&mut self, token: Token, mag: IpAddr) {
        let bindings = self.bindings_of(mag);
        if bindings.is_empty() {
            let text = format!("{mag} has no bindings here.");
            return self.node.refuse(token, None, "no-such-binding", text);
        }
        if self.revocations.outstanding.len() >= MAX_OUTSTANDING {
            let text = "Too many revocations wait for their acknowledgement.".to_owned();
            return self.node.refuse(token, None, "busy", text);
        }
        for id in &bindings {
            if let Some(entry) = self.bindings.get_mut(id) {
                entry.revoked = true;
            }
        }
        self.revocations.waiting.insert(token, Waiting::default());
        let options = match mag {
            IpAddr::V6(address) => vec![MobilityOption::AlternateCareOfAddress(address)],
            IpAddr::V4(_) => Vec::new(),
        };
        let flags = BindingRevocation::P | BindingRevocation::G;
        let message = indication(trigger::PER_PEER_POLICY, flags, options);
        self.revoke(mag, message, Purpose::Command(token), bindings);
    }

    /// The MN has registered elsewhere: its previous MAG is to let go of it. The Timestamp option says when
    /// the MN came to the other MAG, so that a MAG to which it has come back since keeps it.
    pub(super) fn revoke_previous(&mut self, id: BindingId, previous: IpAddr, same_access: bool) {
        if !self.config.revoke_at_previous_mag {
            return;
        }
        let Some(entry) = self.bindings.get(&id) else {
            return;
        };
        let (flags, mut options) = identify(entry, &entry.told_homes());
        options.extend(entry.timestamp.map(MobilityOption::Timestamp));
        let why = match same_access {
            true => trigger::INTER_MAG_SAME_ACCESS,
            false => trigger::INTER_MAG_DIFFERENT_ACCESS,
        };
        let message = indication(why, flags, options);
        self.revoke(previous, message, Purpose::Handover, Vec::new());
    }

    pub(super) fn ask_whether_in_sync(&mut self, id: BindingId) {
        let Some(entry) = self.bindings.get(&id) else {
            return;
        };
        let peer = entry.proxy_coa;
        let (flags, options) = identify(entry, &entry.told_homes());
        let message = indication(trigger::POSSIBLE_OUT_OF_SYNC, flags, options);
        self.revoke(peer, message, Purpose::OutOfSync, vec![id]);
    }

    fn revoke(
        &mut self,
        peer: IpAddr,
        mut message: BindingRevocation,
        purpose: Purpose,
        bindings: Vec<BindingId>,
    ) {
        if self.revocations.outstanding.len() >= MAX_OUTSTANDING {
            self.node.count("pmipv6.revocation.too-many");
            return;
        }
        let mut sequence = self.revocations.last.wrapping_add(1);
        while self.revocations.outstanding.contains_key(&sequence) {
            sequence = sequence.wrapping_add(1);
        }
        self.revocations.last = sequence;
        message.sequence = sequence;
        if let Purpose::Command(token) = &purpose
            && let Some(waiting) = self.revocations.waiting.get_mut(token)
        {
            waiting.left += 1;
        }
        let timeout = Duration::from_millis(self.config.init_min_delay_bris_ms.into());
        let outstanding = Outstanding {
            peer,
            message: message.clone(),
            purpose,
            bindings,
            timeout,
            retries_left: self.config.bri_max_retries_number,
        };
        self.revocations.outstanding.insert(sequence, outstanding);
        self.timers
            .set(Timer::Revoke(sequence), self.node.mono() + timeout);
        self.node.send(peer, Message::BindingRevocation(message));
    }

    /// No BRA yet: once more, or never (section 6.1).
    pub(super) fn on_revoke_timeout(&mut self, sequence: u16) {
        let longest = Duration::from_millis(self.config.max_brack_timeout_ms.into());
        let Some(outstanding) = self.revocations.outstanding.get_mut(&sequence) else {
            return;
        };
        let peer = outstanding.peer;
        if outstanding.retries_left > 0 {
            outstanding.retries_left -= 1;
            outstanding.timeout = (outstanding.timeout * 2).min(longest);
            let message = outstanding.message.clone();
            let next = self.node.mono() + outstanding.timeout;
            self.timers.set(Timer::Revoke(sequence), next);
            self.node.count("pmipv6.retransmit.binding-revocation");
            return self.node.send(peer, Message::BindingRevocation(message));
        }
        let Some(outstanding) = self.revocations.outstanding.remove(&sequence) else {
            return;
        };
        self.node
            .silent(peer, Role::Mag, "Binding Revocation Indication");
        if let Purpose::Command(token) = outstanding.purpose {
            let text = format!("MAG {peer} did not answer; the binding is removed here.");
            self.end_revoked(&outstanding.bindings);
            self.settle_command(token, Some(("mag-silent", None, text)));
        }
    }

    pub(super) fn on_revocation(&mut self, source: IpAddr, mag: bool, message: &BindingRevocation) {
        match message.revocation_type {
            ACKNOWLEDGEMENT => self.on_revocation_ack(source, message),
            INDICATION if mag => self.on_revocation_indication(source, message),
            _ => self.node.count("pmipv6.drop.unexpected-message"),
        }
    }

    fn on_revocation_ack(&mut self, source: IpAddr, ack: &BindingRevocation) {
        let waits = self.revocations.outstanding.get(&ack.sequence);
        if waits.is_none_or(|waiting| waiting.peer != source) {
            return self.node.count("pmipv6.drop.bra-unmatched");
        }
        self.timers.cancel(&Timer::Revoke(ack.sequence));
        let Some(outstanding) = self.revocations.outstanding.remove(&ack.sequence) else {
            return;
        };
        let code = ack.trigger_or_status;
        let gone = code < FIRST_REFUSAL || code == status::BINDING_DOES_NOT_EXIST;
        match outstanding.purpose {
            Purpose::Command(token) => {
                self.end_revoked(&outstanding.bindings);
                let name = status::name(code);
                let text = format!("MAG {source} answered {name}; the binding is removed here.");
                let failure = (!gone).then_some((name, Some(code), text));
                self.settle_command(token, failure);
            }
            Purpose::OutOfSync if gone => {
                for id in outstanding.bindings {
                    // It may have moved, or come back, since the question.
                    let there = self
                        .bindings
                        .get(&id)
                        .is_some_and(|entry| entry.proxy_coa == source);
                    if there {
                        self.end_binding(id, "mag-restarted");
                    }
                }
            }
            Purpose::OutOfSync | Purpose::Handover => {
                if !gone {
                    self.node.count("pmipv6.revocation.refused");
                }
            }
        }
    }

    fn end_revoked(&mut self, bindings: &[BindingId]) {
        for id in bindings {
            self.end_binding(*id, "revoked");
        }
    }

    fn settle_command(
        &mut self,
        token: Token,
        failure: Option<(&'static str, Option<u8>, String)>,
    ) {
        let Some(waiting) = self.revocations.waiting.get_mut(&token) else {
            return;
        };
        waiting.left = waiting.left.saturating_sub(1);
        waiting.failure = failure.or(waiting.failure.take());
        if waiting.left > 0 {
            return;
        }
        let failure = self
            .revocations
            .waiting
            .remove(&token)
            .and_then(|w| w.failure);
        match failure {
            Some((name, status, text)) => self.node.refuse(token, status, name, text),
            None => {
                let result = Ok(Answer::Revoked);
                let output = Output::Reply { token, result };
                self.node.after(self.node.last_update(), output);
            }
        }
    }

    /// A MAG may say that all its MNs are gone (section 9.2.1); one by one it de-registers them.
    fn on_revocation_indication(&mut self, source: IpAddr, message: &BindingRevocation) {
        const ALL: u16 = BindingRevocation::P | BindingRevocation::G;
        let code = if message.flags & ALL != ALL {
            status::FUNCTION_NOT_SUPPORTED
        } else if message.trigger_or_status != trigger::PER_PEER_POLICY {
            status::TRIGGER_NOT_SUPPORTED
        } else {
            let bound = self.bindings_of(source);
            for id in &bound {
                self.end_binding(*id, "revoked");
            }
            match bound.is_empty() {
                true => status::BINDING_DOES_NOT_EXIST,
                false => status::SUCCESS,
            }
        };
        let ack = BindingRevocation {
            revocation_type: ACKNOWLEDGEMENT,
            trigger_or_status: code,
            sequence: message.sequence,
            flags: message.flags,
            options: Vec::new(),
        };
        let output = self.node.message(source, Message::BindingRevocation(ack));
        self.node.after(self.node.last_update(), output);
    }
}

/// First status that refuses.
const FIRST_REFUSAL: u8 = 128;

fn indication(trigger: u8, flags: u16, options: Vec<MobilityOption>) -> BindingRevocation {
    BindingRevocation {
        revocation_type: INDICATION,
        trigger_or_status: trigger,
        sequence: 0,
        flags,
        options,
    }
}

/// Flags and options that name one binding (section 9.1): its prefixes, or where there is none its IPv4
/// home address, with V.
fn identify(entry: &BindingCacheEntry, homes: &[IpNet]) -> (u16, Vec<MobilityOption>) {
    let mut options = vec![MobilityOption::nai(&entry.mn_id)];
    options.extend(homes.iter().filter_map(|home| match home {
        IpNet::V6(hnp) => Some(MobilityOption::HomeNetworkPrefix(*hnp)),
        IpNet::V4(_) => None,
    }));
    if homes.iter().any(is_v6) {
        return (BindingRevocation::P, options);
    }
    options.extend(homes.iter().filter_map(|home| match home {
        IpNet::V4(hoa) => Some(MobilityOption::Ipv4HomeAddressRequest {
            prefix_len: hoa.prefix_len(),
            address: hoa.addr(),
        }),
        IpNet::V6(_) => None,
    }));
    (BindingRevocation::P | BindingRevocation::V, options)
}
