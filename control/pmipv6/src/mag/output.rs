//! The Proxy Binding Update (RFC 5213 section 6.9.1.5) and the entries of a path.

use std::time::Duration;

use ipnet::{IpNet, Ipv6Net};

use super::MobileAccessGateway;
use super::state::{BindingUpdateListEntry, PendingUpdate, State, Timer};
use crate::io::{Entry, UpdateNumber};
use crate::path::{EndsExt, PathId};
use crate::wire::iana::handoff_indicator::UNCHANGED;
use crate::wire::message::BindingUpdate;
use crate::wire::options::ALL_ZERO_HNP;
use crate::wire::{Message, MobilityOption};

/// Seconds in a unit of the Lifetime field.
pub(super) const LIFETIME_UNIT_S: u32 = 4;

impl MobileAccessGateway {
    /// Sends the PBU of an MN, fresh timestamp and sequence number each time (RFC 5213 section 6.9.4).
    pub(super) fn send_pbu(&mut self, mn_id: &str, hi: u8, timeout: Duration, corrections: u8) {
        self.sequence = self.sequence.wrapping_add(1);
        let timestamp = self.clock.tick(self.node.now.wall);
        let gre = self.key_for_lma(mn_id);
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return;
        };
        entry.pending = Some(PendingUpdate {
            sequence: self.sequence,
            hi,
            timeout,
            corrections,
            made_at: self.node.now.wall,
        });
        let lifetime = match entry.state {
            State::Deregistering => 0,
            _ => self
                .config
                .binding_lifetime_s
                .div_ceil(LIFETIME_UNIT_S)
                .clamp(1, 0xffff) as u16,
        };
        let lma = entry.lma;
        let mut options = pbu_options(mn_id, entry, hi);
        options.extend(gre.filter(|_| lifetime > 0));
        if self.config.uses_timestamps(entry.lma) {
            options.push(MobilityOption::Timestamp(timestamp));
        }
        if self.config.fixed_link_local.is_none() {
            options.push(MobilityOption::LinkLocalAddress(entry.link_local));
        }
        options.extend(self.transport_options(lma));
        let update = BindingUpdate {
            sequence: self.sequence,
            flags: BindingUpdate::A | BindingUpdate::P | self.transport_flags(lma),
            lifetime,
            options,
        };
        let key = Timer::Retransmit(mn_id.to_owned());
        self.timers.set(key, self.node.mono() + timeout);
        self.node.send(lma, Message::BindingUpdate(update));
    }

    pub(super) fn initial_timeout(&self) -> Duration {
        Duration::from_millis(self.config.initial_binding_ack_timeout_ms.into())
    }

    fn program_halves(
        &mut self,
        id: PathId,
        entry: impl Fn(IpNet, IpNet) -> Entry,
    ) -> UpdateNumber {
        let halves = self
            .paths
            .get(id)
            .map(|path| path.halves())
            .unwrap_or_default();
        let mut number = 0;
        for (local, remote) in halves {
            number = self.node.program(entry(local, remote));
        }
        number
    }

    /// Installs the receiving half (HL-31).
    pub(super) fn install_receive(&mut self, id: PathId) -> UpdateNumber {
        let Some(path) = self.paths.get_mut(id) else {
            return 0;
        };
        path.receiving = true;
        let peer = path.peer;
        self.program_path_keys(id);
        self.program_halves(id, |local, remote| Entry::PathReceive {
            local,
            remote,
            peer,
        })
    }

    /// Installs the sending half (HL-31).
    pub(super) fn install_send(&mut self, id: PathId) -> UpdateNumber {
        let Some(path) = self.paths.get_mut(id) else {
            return 0;
        };
        path.sending = true;
        let peer = path.peer;
        self.program_path_keys(id);
        self.program_halves(id, |local, remote| Entry::PathSend {
            local,
            remote,
            peer,
        })
    }

    /// Both MNs are here: their packets are switched from link to link (HL-26).
    pub(super) fn install_local(&mut self, id: PathId) -> UpdateNumber {
        let Some(path) = self.paths.get_mut(id) else {
            return 0;
        };
        path.sending = true;
        path.receiving = true;
        let pairs = path.ends.pairs();
        self.switched_by_path(&pairs);
        self.program_halves(id, |from, to| Entry::PathLocal { from, to });
        self.program_halves(id, |to, from| Entry::PathLocal { from, to })
    }

    /// Takes the sending half away; 0 if it was not there.
    pub(super) fn remove_send(&mut self, id: PathId) -> UpdateNumber {
        let own = self.config.address;
        match self.paths.get_mut(id) {
            Some(path) if path.sending => {
                path.sending = false;
                path.untell_keys();
                if path.peer == own {
                    path.receiving = false;
                    path.untell_keys();
                    self.program_halves(id, |from, to| Entry::PathLocalRemove { from, to });
                    return self.program_halves(id, |to, from| Entry::PathLocalRemove { from, to });
                }
                self.program_halves(id, |local, remote| Entry::PathSendRemove { local, remote })
            }
            _ => 0,
        }
    }

    /// Takes the receiving half away; 0 if it was not there.
    pub(super) fn remove_receive(&mut self, id: PathId) -> UpdateNumber {
        match self.paths.get_mut(id) {
            Some(path) if path.receiving => {
                path.receiving = false;
                path.untell_keys();
                self.program_halves(id, |local, remote| Entry::PathReceiveRemove {
                    local,
                    remote,
                })
            }
            _ => 0,
        }
    }
}

/// Every option but Timestamp and Link-local Address.
fn pbu_options(mn_id: &str, entry: &BindingUpdateListEntry, hi: u8) -> Vec<MobilityOption> {
    let mut options = vec![MobilityOption::nai(mn_id)];
    options.extend(
        hnps_to_name(entry)
            .into_iter()
            .map(MobilityOption::HomeNetworkPrefix),
    );
    options.push(MobilityOption::HandoffIndicator(hi));
    let att = match entry.moving {
        Some((_, att)) if hi != UNCHANGED => att,
        _ => entry.att,
    };
    options.push(MobilityOption::AccessTechnologyType(att));
    let mac = entry.moving.map_or(entry.link.mac, |(link, _)| link.mac).0;
    if mac != [0; 6] {
        options.push(MobilityOption::MnLinkLayerId(mac.to_vec()));
    }
    options.extend(ipv4_to_name(entry));
    options
}

/// All assigned prefixes; before there are any, those asked for, or ALL_ZERO (section 6.9.1.1).
fn hnps_to_name(entry: &BindingUpdateListEntry) -> Vec<Ipv6Net> {
    let assigned: Vec<Ipv6Net> = entry
        .homes
        .iter()
        .filter_map(|home| match home {
            IpNet::V6(hnp) => Some(*hnp),
            IpNet::V4(_) => None,
        })
        .collect();
    if !assigned.is_empty() {
        return assigned;
    }
    // An IPv4-only binding that stands does not ask for a prefix again.
    if entry.has_homes() {
        return Vec::new();
    }
    match entry.wanted_hnps.as_slice() {
        _ if !entry.wanted_ipv6 => Vec::new(),
        [] => vec![ALL_ZERO_HNP],
        wanted => wanted.to_vec(),
    }
}

/// IPv4 Home Address Request (RFC 5844 section 3.2.3.1).
fn ipv4_to_name(entry: &BindingUpdateListEntry) -> Option<MobilityOption> {
    let address = entry.ipv4_home().or(entry.wanted_ipv4)?;
    Some(MobilityOption::Ipv4HomeAddressRequest {
        prefix_len: if address.is_unspecified() { 0 } else { 32 },
        address,
    })
}
