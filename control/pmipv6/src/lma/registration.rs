//! Registration, its extension, handover and its end (RFC 5213 section 5.3).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use super::LocalMobilityAnchor;
use super::awaited::Handoff;
use super::config::Profile;
use super::output::Ipv4Reply;
use super::state::{BindingCacheEntry, BindingId, State, Timer};
use super::update::Update;
use crate::io::{Entry, Event, Output, Realm, RealmHome, RealmState, Via};
use crate::path::is_v6;
use crate::wire::iana::handoff_indicator::UNCHANGED;
use crate::wire::iana::{ipv4_status, status};
use crate::wire::message::BindingUpdate;
use crate::wire::timestamp_to_duration;

/// Most sessions of one MN.
const MAX_SESSIONS: usize = 16;
/// Interface identifier bits of a generated link-local address (RFC 4291 section 2.5.6).
const LINK_LOCAL_PREFIX: u128 = 0xfe80 << 112;

impl LocalMobilityAnchor {
    pub(super) fn on_binding_update(&mut self, source: IpAddr, via: Via, message: &BindingUpdate) {
        if message.flags & BindingUpdate::P == 0 {
            self.node.count("pmipv6.drop.not-a-proxy-registration");
            return;
        }
        let mut update = Update::read(source, via, message);
        self.adapt(&mut update);
        let stranger =
            !self.config.peers.is_mag(source) || !self.config.peers.is_mag(update.proxy_coa);
        match self.check(&update, stranger) {
            Ok((mn_id, profile)) if update.lifetime_s == 0 => {
                drop(profile);
                self.on_deregistration(&mn_id, &update);
            }
            Ok((mn_id, profile)) => self.on_registration(&mn_id, &profile, &update),
            // A stranger cannot make us send more than errors at their rate.
            Err(_) if stranger && !self.node.may_send_error(source) => {}
            Err(status) => self.reject(&update, status),
        }
    }

    /// The order of checks of RFC 5213 section 5.3.1; an error is the status that refuses.
    fn check(&self, update: &Update, stranger: bool) -> Result<(String, Profile), u8> {
        let mn_id = update
            .mn_id
            .clone()
            .ok_or(status::MISSING_MN_IDENTIFIER_OPTION)?;
        if stranger {
            return Err(status::MAG_NOT_AUTHORIZED_FOR_PROXY_REG);
        }
        let may_force = self.config.ipv4_transport.accept_forced_udp_encapsulation;
        if update.forces_udp && !may_force {
            // RFC 5844 section 4.1.3.1.
            return Err(status::ADMINISTRATIVELY_PROHIBITED);
        }
        let known = self.config.profiles.contains_key(&mn_id);
        if !known && !self.config.accept_unknown_mns {
            return Err(status::NOT_LMA_FOR_THIS_MOBILE_NODE);
        }
        let profile = self.profile_of(&mn_id);
        if !profile.enabled {
            return Err(status::PROXY_REG_NOT_ENABLED);
        }
        self.check_order(&mn_id, update)?;
        update.check_complete()?;
        self.check_gre(&profile, update)?;
        if update.hnps.is_empty() && !update.any_hnp && !profile.ipv4 {
            return Err(status::NOT_AUTHORIZED_FOR_IPV4_MOBILITY_SERVICE);
        }
        Ok((mn_id, profile))
    }

    /// The policy profile of an MN; one that is not known by name has the default one, in the realm of its NAI.
    pub(super) fn profile_of(&self, mn_id: &str) -> Profile {
        let known = self.config.profiles.get(mn_id).cloned();
        known.unwrap_or_else(|| Profile {
            realm: self.realm_of_nai(mn_id),
            ..Profile::default()
        })
    }

    /// Reads an update as its peer means it.
    fn adapt(&self, update: &mut Update) {
        let Some(settings) = self.config.peer_settings.get(&update.source) else {
            return;
        };
        if settings.timestamp_based_approach_in_use == Some(false) {
            update.timestamp = None;
        }
        if settings.lenient {
            for hnp in &mut update.hnps {
                *hnp = crate::path::meant_prefix(*hnp, self.config.hnp_length);
            }
        }
    }

    /// RFC 5213 section 5.5: Timestamp option, or else sequence number.
    fn check_order(&self, mn_id: &str, update: &Update) -> Result<(), u8> {
        let sessions = self.by_mn.get(mn_id).into_iter().flatten();
        let entries = || sessions.clone().filter_map(|id| self.bindings.get(id));
        let Some(timestamp) = update.timestamp else {
            let stale = |entry: &BindingCacheEntry| {
                // Modulo 2^16: the last value and the 32768 before it are not newer.
                update.sequence.wrapping_sub(entry.sequence) as i16 <= 0
            };
            return match entries().all(stale) && entries().next().is_some() {
                true => Err(status::SEQUENCE_NUMBER_OUT_OF_WINDOW),
                false => Ok(()),
            };
        };
        let last = entries().filter_map(|entry| entry.timestamp).max();
        if last.is_some_and(|last| timestamp <= last) {
            return Err(status::TIMESTAMP_LOWER_THAN_PREV_ACCEPTED);
        }
        let window = Duration::from_millis(self.config.timestamp_validity_window_ms.into());
        let difference = self
            .node
            .now
            .wall
            .abs_diff(timestamp_to_duration(timestamp));
        if difference > window && !self.config.mobile_node_generated_timestamp_in_use {
            return Err(status::TIMESTAMP_MISMATCH);
        }
        Ok(())
    }

    fn on_registration(&mut self, mn_id: &str, profile: &Profile, update: &Update) {
        let outcome = match self.lookup(mn_id, update) {
            Ok(Some(id)) => self.check_update(id, update).map(|()| {
                let ipv4 = self.add_ipv4(id, profile, update);
                (id, ipv4)
            }),
            Ok(None) => match self.unknown_handoff(mn_id, update) {
                Some(Handoff::Awaited(id)) => return self.wait_for_deregistration(id, update),
                Some(Handoff::Known(id)) => {
                    let ipv4 = self.add_ipv4(id, profile, update);
                    Ok((id, ipv4))
                }
                None => self.create(mn_id, profile, update),
            },
            Err(status) => Err(status),
        };
        match outcome {
            Ok((id, ipv4)) => self.accept(id, update, ipv4),
            Err(status) => self.reject(update, status),
        }
    }

    /// An extension comes from the MAG that serves the MN. Another one has missed that the MN has left,
    /// and must not take the binding back; 129 makes it forget the MN.
    fn check_update(&self, id: BindingId, update: &Update) -> Result<(), u8> {
        let entry = self.bindings.get(&id);
        let serving = entry.is_some_and(|entry| entry.proxy_coa == update.proxy_coa);
        let revoked = entry.is_some_and(|entry| entry.revoked);
        if revoked || update.hi == Some(UNCHANGED) && !serving {
            return Err(status::ADMINISTRATIVELY_PROHIBITED);
        }
        Ok(())
    }

    pub(super) fn create(
        &mut self,
        mn_id: &str,
        profile: &Profile,
        update: &Update,
    ) -> Result<(BindingId, Option<Ipv4Reply>), u8> {
        let sessions = self.by_mn.get(mn_id).map_or(0, |ids| ids.len());
        if self.bindings.len() >= self.config.max_bindings || sessions >= MAX_SESSIONS {
            return Err(status::INSUFFICIENT_RESOURCES);
        }
        let mut homes = self.allocate_hnps(profile, update)?;
        let ipv4 = self.allocate_ipv4(profile, update);
        let realm = self.space_of(profile).and_then(|space| space.realm);
        let realm_home = match (ipv4, realm) {
            (Some(Ok(address)), Some(realm)) => Some(RealmHome { realm, address }),
            (Some(Ok(address)), None) => {
                homes.push(IpNet::V4(Ipv4Net::from(address)));
                None
            }
            _ => None,
        };
        if homes.is_empty() && realm_home.is_none() {
            return Err(match ipv4 {
                Some(Err(ipv4_status::DYNAMIC_ASSIGNMENT_NOT_AVAILABLE)) => {
                    status::INSUFFICIENT_RESOURCES
                }
                Some(Err(ipv4_status::ADMINISTRATIVELY_PROHIBITED)) => {
                    status::NOT_AUTHORIZED_FOR_IPV4_MOBILITY_SERVICE
                }
                _ => status::NOT_AUTHORIZED_FOR_IPV4_HOME_ADDRESS,
            });
        }
        self.last_binding += 1;
        let id = self.last_binding;
        for home in &homes {
            self.homes.insert(*home, id);
        }
        if let Some(home) = realm_home {
            self.realm_homes.insert(home, id);
        }
        self.by_mn.entry(mn_id.to_owned()).or_default().insert(id);
        let entry = BindingCacheEntry {
            mn_id: mn_id.to_owned(),
            homes,
            realm_home,
            proxy_coa: update.proxy_coa,
            att: update.att.unwrap_or_default(),
            ll_id: update.ll_id.clone(),
            link_local: std::net::Ipv6Addr::UNSPECIFIED,
            until: Duration::ZERO,
            timestamp: None,
            sequence: update.sequence,
            gre: None,
            updated: Duration::ZERO,
            revoked: false,
            state: State::WaitingDeletion,
        };
        self.bindings.insert(id, entry);
        let reply = ipv4.map(|result| self.ipv4_reply(profile, result));
        Ok((id, reply))
    }

    /// The IPv4 part of a session that exists: as it is, or added now.
    pub(super) fn add_ipv4(
        &mut self,
        id: BindingId,
        profile: &Profile,
        update: &Update,
    ) -> Option<Ipv4Reply> {
        update.ipv4.first()?;
        let bound = self.bindings.get(&id)?.ipv4_home();
        let result = match (bound, update.named_ipv4()) {
            (Some(bound), Some(named)) if bound != named => {
                Err(ipv4_status::INCORRECT_IPV4_HOME_ADDRESS)
            }
            (Some(bound), _) => Ok(bound),
            (None, _) => self.allocate_ipv4(profile, update)?,
        };
        if let (None, Ok(address)) = (bound, result) {
            let realm = self.space_of(profile).and_then(|space| space.realm);
            self.bind_added(id, realm, address);
        }
        Some(self.ipv4_reply(profile, result))
    }

    /// An IPv4 home address for a session that stands.
    fn bind_added(&mut self, id: BindingId, realm: Option<Realm>, address: Ipv4Addr) {
        let Some(entry) = self.bindings.get_mut(&id) else {
            return;
        };
        let registered = entry.state == State::Registered;
        if let Some(realm) = realm {
            let home = RealmHome { realm, address };
            entry.realm_home = Some(home);
            self.realm_homes.insert(home, id);
            if registered {
                self.bind_in_realm(id);
            }
            return;
        }
        let home = IpNet::V4(Ipv4Net::from(address));
        entry.homes.push(home);
        let (proxy_coa, keys) = (entry.proxy_coa, entry.gre);
        self.homes.insert(home, id);
        if registered {
            if keys.is_some() {
                let remote = None;
                self.node.program(Entry::GreKeys { home, remote, keys });
            }
            self.node.program(Entry::Bind { home, proxy_coa });
        }
    }

    /// Writes the update into its entry, programs what changed, and answers once that is applied.
    pub(super) fn accept(&mut self, id: BindingId, update: &Update, ipv4: Option<Ipv4Reply>) {
        let granted_s = update.lifetime_s.min(self.config.max_binding_lifetime_s);
        let lifetime = (granted_s / super::update::LIFETIME_UNIT_S).max(1) as u16;
        let until = self.node.mono()
            + Duration::from_secs(u64::from(lifetime) * u64::from(super::update::LIFETIME_UNIT_S));
        let link_local = self.link_local(id, update);
        let Some(entry) = self.bindings.get_mut(&id) else {
            return;
        };
        let previous = (entry.state, entry.proxy_coa, entry.until.is_zero());
        let same_access = update.att == Some(entry.att);
        entry.proxy_coa = update.proxy_coa;
        entry.att = update.att.unwrap_or(entry.att);
        entry.ll_id = update.ll_id.clone();
        entry.link_local = link_local;
        entry.until = until;
        entry.timestamp = update.timestamp.max(entry.timestamp);
        entry.sequence = update.sequence;
        entry.updated = self.node.now.mono;
        entry.state = State::Registered;
        self.serve_from(id, previous.1, update.proxy_coa);
        self.timers.cancel(&Timer::Delete(id));
        self.timers.set(Timer::Expire(id), until);
        self.learn_reach(update);
        self.install(id, update, lifetime, ipv4, previous);
        let moved = previous.0 == State::Registered && previous.1 != update.proxy_coa;
        if moved {
            self.revoke_previous(id, previous.1, same_access);
        }
    }

    /// Keeps the sessions of each MAG; its first one starts heartbeats.
    fn serve_from(&mut self, id: BindingId, old: IpAddr, new: IpAddr) {
        if old != new {
            self.leave(id, old);
        }
        self.by_mag.entry(new).or_default().insert(id);
        self.start_heartbeat(new);
    }

    /// The sessions of a MAG.
    pub(super) fn bindings_of(&self, mag: IpAddr) -> Vec<BindingId> {
        let sessions = self.by_mag.get(&mag).into_iter().flatten();
        sessions.copied().collect()
    }

    fn leave(&mut self, id: BindingId, mag: IpAddr) {
        if let Some(sessions) = self.by_mag.get_mut(&mag) {
            sessions.remove(&id);
            if sessions.is_empty() {
                self.by_mag.remove(&mag);
            }
        }
    }

    /// How the MAG is reached, by what its PBU says and how it came (RFC 5844 section 4.1.3, RFC 5555 section
    /// 4.2). Before the binding is programmed, so that the PBA promises both.
    fn learn_reach(&mut self, update: &Update) {
        let via = self.node.reach.learn(
            update.proxy_coa,
            update.via,
            update.ipv4_coa,
            update.timestamp,
            update.forces_udp,
        );
        self.node.reach_changed(update.proxy_coa, via);
    }

    fn install(
        &mut self,
        id: BindingId,
        update: &Update,
        lifetime: u16,
        ipv4: Option<Ipv4Reply>,
        (old_state, old_mag, new): (State, IpAddr, bool),
    ) {
        let Some(entry) = self.bindings.get(&id) else {
            return;
        };
        let (mn_id, homes, proxy_coa) = (entry.mn_id.clone(), entry.homes.clone(), entry.proxy_coa);
        let told = entry.told_homes();
        let moved = old_mag != proxy_coa;
        let rekeyed = self.agree_on_keys(id, update);
        let again = old_state != State::Registered;
        let mut number = 0;
        if moved || again || rekeyed {
            self.program_keys(id, rekeyed);
            for home in &homes {
                number = self.node.program(Entry::Bind {
                    home: *home,
                    proxy_coa,
                });
            }
            number = self.bind_in_realm(id).unwrap_or(number);
        }
        self.acknowledge(id, update, lifetime, ipv4);
        let event = match (new || (again && !moved), moved) {
            (true, _) => Some(Event::Attach {
                mn_id,
                homes: told,
                peer: proxy_coa,
            }),
            (false, true) => Some(Event::Handover {
                mn_id,
                from: old_mag,
                to: proxy_coa,
            }),
            (false, false) => None,
        };
        if let Some(event) = event {
            self.node.after(number, Output::Notify(event));
        }
        if moved {
            self.accept_hand_back(&homes, old_mag);
        }
        if moved && !again {
            self.take_back_from(&homes, old_mag, self.node.last_update());
        }
        // A registration anew by the same MAG: it has lost what it knew, or changed the MN's link.
        if moved || again || update.hi != Some(UNCHANGED) {
            self.on_mn_moved(&homes, number);
        }
    }

    /// The MAG's link-local address: chosen here where the MAG asks for one (option 26).
    fn link_local(&mut self, id: BindingId, update: &Update) -> std::net::Ipv6Addr {
        let bound = self.bindings.get(&id).map(|entry| entry.link_local);
        match (update.link_local, bound) {
            (Some(asked), _) if !asked.is_unspecified() => asked,
            (_, Some(bound)) if !bound.is_unspecified() => bound,
            (Some(_), _) => (LINK_LOCAL_PREFIX | u128::from(self.node.rng.next_u64())).into(),
            (None, _) => std::net::Ipv6Addr::UNSPECIFIED,
        }
    }

    /// RFC 5213 section 5.3.5.
    fn on_deregistration(&mut self, mn_id: &str, update: &Update) {
        let Some(id) = self.lookup_deregistration(mn_id, update) else {
            self.node.count("pmipv6.drop.deregistration-of-nothing");
            return;
        };
        let Some(entry) = self.bindings.get_mut(&id) else {
            return;
        };
        if entry.proxy_coa != update.proxy_coa {
            self.node.count("pmipv6.drop.deregistration-from-other-mag");
            return;
        }
        entry.timestamp = update.timestamp.or(entry.timestamp);
        entry.sequence = update.sequence;
        let first = entry.state == State::Registered;
        entry.state = State::WaitingDeletion;
        let (homes, mn_id) = (entry.homes.clone(), entry.mn_id.clone());
        let realm_home = entry.realm_home;
        if first {
            for home in &homes {
                self.node.program(Entry::Suspend { home: *home });
            }
            if let Some(home) = realm_home {
                let state = RealmState::Suspended;
                self.node.program(Entry::Realm { home, state });
            }
            let delay = Duration::from_millis(self.config.min_delay_before_bce_delete_ms.into());
            self.timers.cancel(&Timer::Expire(id));
            self.timers.set(Timer::Delete(id), self.node.mono() + delay);
            self.node.notify(Event::Detach {
                mn_id,
                reason: "deregistered".to_owned(),
            });
        }
        self.acknowledge(id, update, 0, None);
        self.handoff_confirmed(id);
    }

    /// The binding has ended without a word from its MAG.
    pub(super) fn on_expire(&mut self, id: BindingId) {
        self.end_binding(id, "expired");
    }

    /// Forgets a session: no forwarding, its homes are free, its paths end.
    pub(super) fn delete(&mut self, id: BindingId) {
        let Some(entry) = self.bindings.get(&id) else {
            return;
        };
        let homes = entry.homes.clone();
        self.on_mn_gone(&homes);
        let Some(entry) = self.bindings.remove(&id) else {
            return;
        };
        for home in &homes {
            self.end_hand_back(home);
            self.homes.remove(home);
            self.node.program(Entry::Unbind { home: *home });
        }
        if let Some(home) = entry.realm_home {
            self.realm_homes.remove(&home);
            let state = RealmState::Gone;
            self.node.program(Entry::Realm { home, state });
        }
        if let Some(key) = entry.gre.and_then(|keys| keys.receive) {
            self.gre_keys.give_back(key);
        }
        self.leave(id, entry.proxy_coa);
        if let Some(sessions) = self.by_mn.get_mut(&entry.mn_id) {
            sessions.remove(&id);
            if sessions.is_empty() {
                self.by_mn.remove(&entry.mn_id);
            }
        }
        self.timers.cancel(&Timer::Expire(id));
        self.timers.cancel(&Timer::Delete(id));
        self.assign_new(id);
    }

    /// The session of a home, if its traffic is forwarded.
    pub(super) fn registered(&self, home: &IpNet) -> Option<&BindingCacheEntry> {
        let id = self.homes.get(home)?;
        self.bindings
            .get(id)
            .filter(|entry| entry.state == State::Registered)
    }

    /// What is left of a binding, seconds.
    pub(super) fn left_s(&self, entry: &BindingCacheEntry) -> u64 {
        entry.until.saturating_sub(self.node.mono()).as_secs()
    }

    pub(super) fn hnps_of(entry: &BindingCacheEntry) -> impl Iterator<Item = &IpNet> {
        entry.homes.iter().filter(|home| is_v6(home))
    }
}
