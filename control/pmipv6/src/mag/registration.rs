//! Registration and its extension: what a PBA brings (RFC 5213 section 6.9.1).

use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::MobileAccessGateway;
use super::output::LIFETIME_UNIT_S;
use super::state::{BindingUpdateListEntry, PendingUpdate, State, Timer};
use super::view;
use crate::io::{Answer, DhcpMode, Entry, Event, Ipv4Service, Output, RealmHome};
use crate::path::Clock;
use crate::wire::iana::handoff_indicator::UNCHANGED;
use crate::wire::iana::{ipv4_status, status};
use crate::wire::message::BindingAck;
use crate::wire::options::{
    access_technology_type, handoff_indicator, home_network_prefixes, ipv4_default_router,
    ipv4_dhcp_server, is_all_zero, link_local_address, mn_link_layer_id, nai, timestamp,
};
use crate::wire::{MobilityOption, timestamp_to_duration};

/// First status that refuses.
const REFUSED: u8 = 128;
/// How often an answer of the LMA (156, 157, 135) makes a MAG try again at once before it falls back to the
/// retransmission timer.
const MAX_CORRECTIONS: u8 = 3;
/// TimestampValidityWindow of an LMA that leaves it at its default (RFC 5213 section 9.1).
const TIMESTAMP_VALIDITY_WINDOW: Duration = Duration::from_millis(300);

/// A binding before its LMA extended or changed it.
struct Before {
    state: State,
    link: crate::io::Link,
    homes: Vec<IpNet>,
    realm_home: Option<RealmHome>,
    told: Vec<IpNet>,
}

impl MobileAccessGateway {
    pub(super) fn on_binding_ack(&mut self, source: IpAddr, ack: &BindingAck) {
        let Some(mn_id) = self.match_ack(source, ack) else {
            return;
        };
        self.timers.cancel(&Timer::Retransmit(mn_id.clone()));
        let pending = self
            .bindings
            .get_mut(&mn_id)
            .and_then(|entry| entry.pending.take());
        let state = self.bindings.get(&mn_id).map(|entry| entry.state);
        let (Some(pending), Some(state)) = (pending, state) else {
            return;
        };
        if self.correct(&mn_id, &pending, ack) || self.past_nat(&mn_id, &pending, ack) {
            return;
        }
        match state {
            State::Deregistering => {
                self.finish_deregistration(&mn_id);
            }
            _ if ack.flags & BindingAck::P == 0 => {
                let text = "The LMA does not do proxy registration.".to_owned();
                self.registration_failed(&mn_id, None, "not-a-proxy-lma", text);
            }
            _ if ack.status >= REFUSED => {
                let text = format!("The LMA refused with status {}.", ack.status);
                let name = status::name(ack.status);
                self.registration_failed(&mn_id, Some(ack.status), name, text);
            }
            _ => self.registered(&mn_id, &pending, ack),
        }
        self.unpark();
    }

    /// The MN whose PBU a PBA answers (section 6.9.1.2, rules 4 to 6).
    fn match_ack(&mut self, source: IpAddr, ack: &BindingAck) -> Option<String> {
        let named = nai(&ack.options).and_then(|mn_id| self.bindings.get_key_value(mn_id));
        let waiting = named.filter(|(_, entry)| {
            // 135 brings the LMA's number instead of ours (RFC 6275 section 9.5.1).
            let other_number = ack.status == status::SEQUENCE_NUMBER_OUT_OF_WINDOW;
            let answers =
                |pending: &PendingUpdate| other_number || pending.sequence == ack.sequence;
            entry.lma == source && entry.pending.as_ref().is_some_and(answers)
        });
        let Some((mn_id, entry)) = waiting else {
            self.node.count("pmipv6.drop.pba-unmatched");
            return None;
        };
        let mn_id = mn_id.clone();
        if self.echoes(entry, ack) {
            return Some(mn_id);
        }
        // Ignored, and the PBU is not sent again: unless the number says that it answers an older one, or
        // the MN is gone, and its de-registration must come to an end.
        let answers = entry
            .pending
            .as_ref()
            .is_some_and(|p| p.sequence == ack.sequence);
        let ends = answers && entry.state != State::Deregistering;
        self.node.count("pmipv6.drop.pba-mismatch");
        if ends {
            self.timers.cancel(&Timer::Retransmit(mn_id));
        }
        None
    }

    /// Whether HI, ATT and LL-ID are those of the PBU.
    fn echoes(&self, entry: &BindingUpdateListEntry, ack: &BindingAck) -> bool {
        let Some(pending) = &entry.pending else {
            return false;
        };
        let same = |found: Option<u8>, expected: u8| match found {
            Some(value) => value == expected,
            None => self.config.is_lenient(entry.lma),
        };
        let (link, att) = match entry.moving {
            Some(to) if pending.hi != UNCHANGED => to,
            _ => (entry.link, entry.att),
        };
        let link_layer = mn_link_layer_id(&ack.options);
        same(handoff_indicator(&ack.options), pending.hi)
            && same(access_technology_type(&ack.options), att)
            && link_layer.is_none_or(|id| id == link.mac.0)
    }

    /// Statuses that say what to do better: 157 a fresh timestamp, 135 a higher sequence number; 156 a fresh
    /// timestamp too where the PBU was late and not the clock wrong.
    fn correct(&mut self, mn_id: &str, pending: &PendingUpdate, ack: &BindingAck) -> bool {
        match ack.status {
            status::TIMESTAMP_LOWER_THAN_PREV_ACCEPTED => {}
            status::SEQUENCE_NUMBER_OUT_OF_WINDOW => {
                let lma = self.bindings.get(mn_id).map(|entry| entry.lma);
                if lma.is_some_and(|lma| !self.config.uses_timestamps(lma)) {
                    self.sequence = ack.sequence;
                }
            }
            status::TIMESTAMP_MISMATCH if self.was_late(pending, ack) => {
                self.clock = Clock::default();
            }
            status::TIMESTAMP_MISMATCH => return self.clock_differs(mn_id, pending, ack),
            _ => return false,
        }
        self.node.count("pmipv6.registration.corrected");
        if pending.corrections < MAX_CORRECTIONS {
            self.send_pbu(
                mn_id,
                pending.hi,
                self.initial_timeout(),
                pending.corrections + 1,
            );
        } else {
            let again = PendingUpdate {
                sequence: pending.sequence,
                ..*pending
            };
            self.timers.set(
                Timer::Retransmit(mn_id.to_owned()),
                self.node.mono() + pending.timeout,
            );
            if let Some(entry) = self.bindings.get_mut(mn_id) {
                entry.pending = Some(again);
            }
        }
        true
    }

    /// Status below 128: what the PBA grants is programmed, and only then advertised and told.
    fn registered(&mut self, mn_id: &str, pending: &PendingUpdate, ack: &BindingAck) {
        if self.lacks_key(ack) {
            let text = "The LMA gave no GRE key, and one is required here.".to_owned();
            self.registration_failed(mn_id, None, "gre-required", text);
            return;
        }
        let homes = self.granted_homes(mn_id, &ack.options);
        let lifetime_s = u32::from(ack.lifetime) * LIFETIME_UNIT_S;
        if homes.is_empty() || lifetime_s == 0 {
            let text = "The LMA accepted but granted no home or no lifetime.".to_owned();
            self.registration_failed(mn_id, None, "nothing-granted", text);
            return;
        }
        let with_ipv4 = homes.iter().any(|home| home.addr().is_ipv4());
        let (homes, realm_home) = match self.place(mn_id, homes, ack) {
            Ok(placed) => placed,
            Err((name, text)) => return self.registration_failed(mn_id, None, name, text),
        };
        let fixed = self.config.fixed_link_local;
        let link_local = fixed.or_else(|| link_local_address(&ack.options));
        let until = self.node.mono() + Duration::from_secs(lifetime_s.into());
        let ipv4 = granted_ipv4_service(&ack.options);
        if ipv4.is_none() && with_ipv4 {
            self.node.count("pmipv6.registration.ipv4-not-served");
        }
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return;
        };
        let was = Before {
            state: entry.state,
            link: entry.link,
            told: entry.told_homes(),
            homes: std::mem::replace(&mut entry.homes, homes),
            realm_home: std::mem::replace(&mut entry.realm_home, realm_home),
        };
        entry.ipv4 = ipv4;
        entry.state = State::Registered;
        entry.until = until;
        entry.lifetime_s = lifetime_s;
        entry.link_local = link_local.unwrap_or(entry.link_local);
        let moving = entry.moving.take_if(|_| pending.hi != UNCHANGED);
        if let Some((link, att)) = moving {
            (entry.link, entry.att) = (link, att);
        }
        let lma = entry.lma;
        self.start_heartbeat(lma);
        self.arm_binding(mn_id, lifetime_s);
        let rekeyed = self.agree_on_keys(mn_id, ack);
        self.install_binding(mn_id, was, rekeyed);
    }

    /// 156: whether the PBU grew old on its way, although the clocks agree: the LMA's time, which a PBA with
    /// this status brings (section 5.5), lies between our sending and now.
    fn was_late(&self, pending: &PendingUpdate, ack: &BindingAck) -> bool {
        let there = timestamp(&ack.options).map(timestamp_to_duration);
        let latest = self.node.now.wall + TIMESTAMP_VALIDITY_WINDOW;
        pending.corrections < MAX_CORRECTIONS
            && there.is_some_and(|there| pending.made_at < there && there <= latest)
    }

    /// 156: only a clock that is set right helps, and the LMA's is not the one to set it by (section 5.5). A
    /// new MN is refused; one that is registered keeps its binding while it lasts, and tries on slowly.
    fn clock_differs(&mut self, mn_id: &str, pending: &PendingUpdate, ack: &BindingAck) -> bool {
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return false;
        };
        if entry.state != State::Registered || pending.hi != UNCHANGED {
            return false;
        }
        let lma = entry.lma;
        // Once the clock is set back, timestamps follow it.
        self.clock = Clock::default();
        let timeout = Duration::from_millis(self.config.max_binding_ack_timeout_ms.into());
        entry.pending = Some(PendingUpdate {
            timeout,
            ..*pending
        });
        self.timers.set(
            Timer::Retransmit(mn_id.to_owned()),
            self.node.mono() + timeout,
        );
        let there = timestamp(&ack.options).map(timestamp_to_duration);
        let apart = there.map_or(0, |there| self.node.now.wall.abs_diff(there).as_secs());
        self.node.notify(Event::Alarm {
            name: "clock-differs".to_owned(),
            text: format!("LMA {lma} refuses our timestamps: the clocks are {apart} s apart."),
        });
        true
    }

    /// Homes that a PBA grants, as the LMA means them.
    fn granted_homes(&self, mn_id: &str, options: &[MobilityOption]) -> Vec<IpNet> {
        let mut homes = granted_homes(options);
        let lma = self.bindings.get(mn_id).map(|entry| entry.lma);
        if lma.is_some_and(|lma| self.config.is_lenient(lma)) {
            for home in &mut homes {
                if let IpNet::V6(hnp) = home {
                    *hnp = crate::path::meant_prefix(*hnp, self.config.lenient_hnp_length);
                }
            }
        }
        homes
    }

    fn arm_binding(&mut self, mn_id: &str, lifetime_s: u32) {
        let now = self.node.mono();
        let lifetime = Duration::from_secs(lifetime_s.into());
        let renew = lifetime * u32::from(self.config.re_registration_percent.min(100)) / 100;
        self.timers.cancel(&Timer::GiveUp(mn_id.to_owned()));
        self.timers.set(Timer::Renew(mn_id.to_owned()), now + renew);
        self.timers
            .set(Timer::Expire(mn_id.to_owned()), now + lifetime);
    }

    fn install_binding(&mut self, mn_id: &str, was: Before, rekeyed: bool) {
        let Some(entry) = self.bindings.get_mut(mn_id) else {
            return;
        };
        let (link, lma, homes) = (entry.link, entry.lma, entry.homes.clone());
        let (realm_home, told) = (entry.realm_home, entry.told_homes());
        let keys = entry.gre;
        let (link_local, lifetime_s, token) =
            (entry.link_local, entry.lifetime_s, entry.token.take());
        let service = entry.ipv4;
        let answer = token.map(|token| (token, view::binding(mn_id, entry, self.node.now.mono)));
        let without = |old: &[IpNet], new: &[IpNet]| -> Vec<IpNet> {
            let gone = old.iter().filter(|home| !new.contains(home));
            gone.copied().collect()
        };
        self.forget_homes(&without(&was.homes, &homes));
        if let Some(old) = was.realm_home.filter(|old| Some(*old) != realm_home) {
            self.forget_realm_home(old);
        }
        let moved = was.state == State::Registered && was.link != link;
        let gone = without(&was.told, &told);
        if moved || !gone.is_empty() {
            let prefixes = if moved { &was.told } else { &gone };
            self.withdraw(was.link, prefixes, link_local);
        }
        let mut number = 0;
        self.program_keys(&homes, keys, rekeyed);
        for home in &homes {
            self.end_hand_back(home);
            self.homes.insert(*home, mn_id.to_owned());
            if moved || rekeyed || !was.homes.contains(home) {
                number = self.node.program(Entry::Attach {
                    home: *home,
                    link,
                    lma,
                });
            }
        }
        if moved || rekeyed || was.realm_home != realm_home {
            number = self.attach_realm_home(mn_id).unwrap_or(number);
        }
        let prefixes: Vec<IpNet> = homes
            .iter()
            .filter(|h| crate::path::is_v6(h))
            .copied()
            .collect();
        if !prefixes.is_empty() {
            let advertise = Output::Advertise {
                link,
                prefixes,
                link_local,
                lifetime_s,
            };
            self.node.after(number, advertise);
        }
        if let Some(service) = service {
            let serve = Output::ServeIpv4 {
                link,
                service,
                lifetime_s,
            };
            self.node.after(number, serve);
        }
        if let Some((token, view)) = answer {
            let result = Ok(Answer::Attached(view));
            self.node.after(number, Output::Reply { token, result });
        }
        if was.state == State::Registering {
            let event = Event::Attach {
                mn_id: mn_id.to_owned(),
                homes: told,
                peer: lma,
            };
            self.node.after(number, Output::Notify(event));
        }
    }
}

/// Homes that a PBA grants: its prefixes, and the IPv4 address of a reply with status 0.
fn granted_homes(options: &[MobilityOption]) -> Vec<IpNet> {
    let mut homes: Vec<IpNet> = home_network_prefixes(options)
        .filter(|hnp| !is_all_zero(hnp))
        .map(|hnp: Ipv6Net| IpNet::V6(hnp.trunc()))
        .collect();
    homes.extend(options.iter().find_map(|option| match option {
        MobilityOption::Ipv4HomeAddressReply {
            status, address, ..
        } if *status == ipv4_status::SUCCESS && !address.is_unspecified() => {
            Some(IpNet::V4(Ipv4Net::from(*address)))
        }
        _ => None,
    }));
    homes
}

/// What it takes to serve IPv4 on the access link: a home address, and in its subnet the default router that
/// the MAG is to be (RFC 5844 section 3.2.4). Without option 39, or without its S flag, DHCP is relayed (section 3.3.4).
fn granted_ipv4_service(options: &[MobilityOption]) -> Option<Ipv4Service> {
    let (prefix_len, address) = options.iter().find_map(|option| match option {
        MobilityOption::Ipv4HomeAddressReply {
            status,
            prefix_len,
            address,
        } if *status == ipv4_status::SUCCESS => Some((*prefix_len, *address)),
        _ => None,
    })?;
    let subnet = Ipv4Net::new(address, prefix_len).ok()?;
    let default_router = ipv4_default_router(options)?;
    let usable = !address.is_unspecified()
        && prefix_len > 0
        && subnet.contains(&default_router)
        && default_router != address;
    usable.then_some(Ipv4Service {
        address,
        prefix_len,
        default_router,
        dhcp: match ipv4_dhcp_server(options) {
            Some(true) => DhcpMode::Server,
            Some(false) | None => DhcpMode::Relay,
        },
    })
}
