//! Which Binding Cache entry a PBU is about (RFC 5213 sections 5.4.1.1 to 5.4.1.3).

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv4Net};

use super::LocalMobilityAnchor;
use super::state::{BindingCacheEntry, BindingId};
use super::update::Update;
use crate::path::is_v6;
use crate::wire::iana::handoff_indicator::{BETWEEN_INTERFACES, BETWEEN_MAGS};
use crate::wire::iana::status;

impl LocalMobilityAnchor {
    /// The session that `update` is about; none: a new one. An error is the status that refuses.
    pub(super) fn lookup(&self, mn_id: &str, update: &Update) -> Result<Option<BindingId>, u8> {
        if let Some(home) = named_home(update) {
            return self.lookup_by_home(mn_id, &home, update);
        }
        let sessions = self.by_mn.get(mn_id);
        let same = |id: &&BindingId| {
            self.bindings.get(id).is_some_and(|entry| {
                Some(entry.att) == update.att && entry.ll_id == update.ll_id && {
                    // Without LL-ID only a repeated first PBU is known for what it is.
                    entry.ll_id.is_some() || entry.proxy_coa == update.proxy_coa
                }
            })
        };
        if let Some(id) = sessions.and_then(|ids| ids.iter().find(same)) {
            return Ok(Some(*id));
        }
        let handoff = match update.hi {
            Some(BETWEEN_INTERFACES) => true,
            Some(BETWEEN_MAGS) => update.ll_id.is_none(),
            _ => false,
        };
        Ok(only(sessions).filter(|_| handoff))
    }

    /// Section 5.4.1.1: a prefix (or, alone, an IPv4 home address) is named.
    fn lookup_by_home(
        &self,
        mn_id: &str,
        home: &IpNet,
        update: &Update,
    ) -> Result<Option<BindingId>, u8> {
        let Some(id) = self.session_at(mn_id, home) else {
            return Ok(None);
        };
        let Some(entry) = self.bindings.get(&id).filter(|entry| entry.mn_id == mn_id) else {
            return Err(refused(home));
        };
        if is_v6(home) {
            let bound: BTreeSet<IpNet> = entry.homes.iter().filter(|h| is_v6(h)).copied().collect();
            let named: BTreeSet<IpNet> = update.hnps.iter().map(|hnp| IpNet::V6(*hnp)).collect();
            if bound != named {
                return Err(status::BCE_PBU_PREFIX_SET_DO_NOT_MATCH);
            }
        }
        if is_same_session(entry, update) {
            return Ok(Some(id));
        }
        Err(refused(home))
    }

    /// The session that a de-registration ends, however its MAG names it.
    pub(super) fn lookup_deregistration(&self, mn_id: &str, update: &Update) -> Option<BindingId> {
        if let Some(home) = named_home(update) {
            let id = self.session_at(mn_id, &home)?;
            return self
                .bindings
                .get(&id)
                .filter(|entry| entry.mn_id == mn_id)
                .map(|_| id);
        }
        let sessions = self.by_mn.get(mn_id)?;
        let by_interface = sessions.iter().find(|id| {
            self.bindings
                .get(id)
                .is_some_and(|entry| Some(entry.att) == update.att && entry.ll_id == update.ll_id)
        });
        by_interface.copied().or_else(|| only(Some(sessions)))
    }
}

/// The home that the look-up goes by: a prefix, or the IPv4 home address where no prefix is named
/// (RFC 5844 section 3.1.2.7).
fn named_home(update: &Update) -> Option<IpNet> {
    let hnp = update.hnps.first().map(|hnp| IpNet::V6(*hnp));
    hnp.or_else(|| {
        let only_ipv4 = !update.any_hnp;
        let address = update.named_ipv4().filter(|_| only_ipv4)?;
        Some(IpNet::V4(Ipv4Net::from(address)))
    })
}

const fn refused(home: &IpNet) -> u8 {
    match home {
        IpNet::V6(_) => status::NOT_AUTHORIZED_FOR_HOME_NETWORK_PREFIX,
        IpNet::V4(_) => status::NOT_AUTHORIZED_FOR_IPV4_HOME_ADDRESS,
    }
}

fn is_same_session(entry: &BindingCacheEntry, update: &Update) -> bool {
    let att = Some(entry.att) == update.att;
    let ll_id = entry.ll_id.is_some() && entry.ll_id == update.ll_id;
    let neither = entry.ll_id.is_none() && update.ll_id.is_none();
    (ll_id && att)
        || update.hi == Some(BETWEEN_INTERFACES)
        || (neither && att && update.hi == Some(BETWEEN_MAGS))
        || (entry.proxy_coa == update.proxy_coa && att)
}

fn only(ids: Option<&BTreeSet<BindingId>>) -> Option<BindingId> {
    let ids = ids.filter(|ids| ids.len() == 1)?;
    ids.first().copied()
}
