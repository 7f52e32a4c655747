//! Binding revocation (RFC 5846 section 10.1): an LMA takes MNs away, and is told what became of it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;

use super::MobileAccessGateway;
use super::state::{BindingUpdateListEntry, State, Timer};
use crate::path::is_v6;
use crate::wire::iana::revocation_type::{ACKNOWLEDGEMENT, INDICATION};
use crate::wire::iana::{revocation_status as status, revocation_trigger as trigger};
use crate::wire::message::BindingRevocation;
use crate::wire::{Message, MobilityOption, options, timestamp_from_duration};

/// A BRI with the same number is the same one for so long: more than any LMA retransmits.
const REPEATED_WITHIN: Duration = Duration::from_secs(10);

impl MobileAccessGateway {
    pub(super) fn on_revocation(&mut self, source: IpAddr, lma: bool, message: &BindingRevocation) {
        if message.revocation_type != INDICATION {
            return self.node.count("pmipv6.drop.bra-unmatched");
        }
        // A BRI that comes again is answered again: its work is done.
        let now = self.node.mono();
        let code = match self.answered_revocations.get(&source) {
            Some((before, code, at)) if before == message && now < *at + REPEATED_WITHIN => *code,
            _ => self.carry_out(source, lma, message),
        };
        self.answered_revocations
            .insert(source, (message.clone(), code, now));
        if code >= FIRST_REFUSAL {
            self.node.count("pmipv6.revocation.refused");
        }
        let named = |option: &&MobilityOption| {
            matches!(
                option,
                MobilityOption::MnId { .. }
                    | MobilityOption::HomeNetworkPrefix(_)
                    | MobilityOption::Ipv4HomeAddressRequest { .. }
                    | MobilityOption::Ipv4HomeAddress { .. }
            )
        };
        let ack = BindingRevocation {
            revocation_type: ACKNOWLEDGEMENT,
            trigger_or_status: code,
            sequence: message.sequence,
            flags: message.flags,
            options: message.options.iter().filter(named).cloned().collect(),
        };
        let output = self.node.message(source, Message::BindingRevocation(ack));
        self.node.after(self.node.last_update(), output);
    }

    /// The order of checks of section 10.1.1; the status is what the BRA says.
    fn carry_out(&mut self, source: IpAddr, lma: bool, message: &BindingRevocation) -> u8 {
        if message.flags & BindingRevocation::P == 0 {
            return status::FUNCTION_NOT_SUPPORTED;
        }
        if trigger::name(message.trigger_or_status) == crate::wire::iana::UNASSIGNED {
            return status::TRIGGER_NOT_SUPPORTED;
        }
        if message.flags & BindingRevocation::G != 0 {
            return self.revoke_all(source, lma, message);
        }
        let Some(mn_id) = options::nai(&message.options).map(str::to_owned) else {
            return status::REVOKED_MN_IDENTITY_REQUIRED;
        };
        let ipv4 = named_ipv4(&message.options);
        if message.flags & BindingRevocation::V != 0 && ipv4.is_none() {
            return status::IPV4_HOA_OPTION_REQUIRED;
        }
        let entry = self
            .bindings
            .get(&mn_id)
            .filter(|entry| entry.lma == source);
        let Some(entry) = entry.filter(|entry| names(entry, message, ipv4)) else {
            return status::BINDING_DOES_NOT_EXIST;
        };
        match message.trigger_or_status {
            trigger::POSSIBLE_OUT_OF_SYNC if entry.state == State::Registered => {
                let now = self.node.mono();
                self.timers.set(Timer::Renew(mn_id), now);
                status::MN_IS_ATTACHED
            }
            trigger::INTER_MAG_SAME_ACCESS
            | trigger::INTER_MAG_DIFFERENT_ACCESS
            | trigger::INTER_MAG_UNKNOWN
                if is_here_since(entry, message) =>
            {
                status::MN_IS_ATTACHED
            }
            _ => self.revoke(&mn_id, message, ipv4),
        }
    }

    /// V on an MN that has both: it keeps its prefixes.
    fn revoke(&mut self, mn_id: &str, message: &BindingRevocation, ipv4: Option<Ipv4Addr>) -> u8 {
        let only_ipv4 = message.flags & BindingRevocation::V != 0;
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return status::BINDING_DOES_NOT_EXIST;
        };
        if let Some(address) = ipv4.filter(|_| only_ipv4 && entry.homes.iter().any(is_v6)) {
            let home = IpNet::from(IpAddr::V4(address));
            entry.wanted_ipv4 = None;
            if let Some(shared) = entry.realm_home.take() {
                self.forget_realm_home(shared);
            } else {
                entry.homes.retain(|bound| *bound != home);
                self.forget_homes(&[home]);
            }
            return status::SUCCESS;
        }
        self.taken_away(mn_id);
        status::SUCCESS
    }

    /// G (section 5.1): every binding at that LMA, or those of one realm.
    fn revoke_all(&mut self, source: IpAddr, lma: bool, message: &BindingRevocation) -> u8 {
        if !lma {
            return status::GLOBAL_REVOCATION_NOT_AUTHORIZED;
        }
        let realm = options::nai(&message.options);
        let meant = |mn_id: &str| match message.trigger_or_status {
            trigger::PER_PEER_POLICY => true,
            _ => realm.is_some_and(|realm| {
                let of = mn_id.rsplit_once('@').map(|(_, of)| of);
                of == Some(realm.trim_start_matches('@'))
            }),
        };
        match (message.trigger_or_status, realm) {
            (trigger::PER_PEER_POLICY, _) | (trigger::LOCAL_POLICY, Some(_)) => {}
            (trigger::LOCAL_POLICY, None) => return status::REVOKED_MN_IDENTITY_REQUIRED,
            _ => return status::TRIGGER_NOT_SUPPORTED,
        }
        let gone: Vec<String> = self
            .bindings
            .iter()
            .filter(|(mn_id, entry)| entry.lma == source && meant(mn_id))
            .map(|(mn_id, _)| mn_id.clone())
            .collect();
        if gone.is_empty() {
            return status::BINDING_DOES_NOT_EXIST;
        }
        for mn_id in gone {
            self.taken_away(&mn_id);
        }
        status::SUCCESS
    }

    /// The LMA has let go of the MN: no service here, and no word to the LMA.
    fn taken_away(&mut self, mn_id: &str) {
        match self.bindings.get(mn_id).map(|entry| entry.state) {
            Some(State::Deregistering) => {
                self.finish_deregistration(mn_id);
            }
            Some(State::Registered) => {
                self.stop_forwarding(mn_id, "revoked");
                self.forget_revoked(mn_id);
            }
            Some(State::Registering) => self.forget_revoked(mn_id),
            None => {}
        }
    }

    fn forget_revoked(&mut self, mn_id: &str) {
        let token = self.forget(mn_id).and_then(|entry| entry.token);
        if let Some(token) = token {
            let text = "The LMA has revoked the binding.".to_owned();
            self.node.refuse(token, None, "revoked", text);
        }
        self.unpark();
    }
}

/// First status that refuses.
const FIRST_REFUSAL: u8 = 128;

/// Whether what a BRI names is this binding; one that the LMA has not answered yet has no homes.
fn names(
    entry: &BindingUpdateListEntry,
    message: &BindingRevocation,
    ipv4: Option<Ipv4Addr>,
) -> bool {
    if !entry.has_homes() {
        return true;
    }
    let hnps = options::home_network_prefixes(&message.options).map(|hnp| IpNet::V6(hnp.trunc()));
    let hoa = ipv4.map(|address| IpNet::from(IpAddr::V4(address)));
    let homes = entry.told_homes();
    hnps.chain(hoa).all(|home| homes.contains(&home))
}

/// Whether the MN came here after it had registered where the BRI says it has gone. Without a time in the
/// BRI, an MN that is just being registered is here (section 10.1.1: it must not be taken away).
fn is_here_since(entry: &BindingUpdateListEntry, message: &BindingRevocation) -> bool {
    match options::timestamp(&message.options) {
        Some(moved) => timestamp_from_duration(entry.attached_at) > moved,
        None => entry.state == State::Registering || entry.moving.is_some(),
    }
}

/// IPv4 home address that a BRI names; peers use either option.
fn named_ipv4(options: &[MobilityOption]) -> Option<Ipv4Addr> {
    let request = options::ipv4_home_address_request(options);
    request.or_else(|| {
        options::ipv4_home_addresses(options)
            .next()
            .map(|(address, _)| address)
    })
}
