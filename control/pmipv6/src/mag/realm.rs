//! Two MNs here with one IPv4 home address: the LMA tells them apart by the GRE keys that were agreed on (RFC 5845
//! section 3), and so does this node. It knows no realms; the number of one means nothing but "another MN".
//!
//! The first to come has the address as any home is had. Those that come while it is here are told by link and by
//! key alone, and have no part in localized routing: its messages name no realm (draft-loureiro section 6.1).

use ipnet::IpNet;

use super::MobileAccessGateway;
use crate::io::{Entry, Realm, RealmHome, RealmState};
use crate::path::{Gre, is_v6};
use crate::wire::message::BindingAck;
use crate::wire::options;

/// Why two MNs here are not switched without the LMA.
pub(super) const UNKNOWN_REALM: &str = "IPv4 homes with GRE keys may be of two realms";

/// Homes of an MN: those it alone has here, and its IPv4 home address if another MN has it too.
pub(super) type Placed = (Vec<IpNet>, Option<RealmHome>);

/// Why a grant cannot be carried out: name and sentence.
type Reason = (&'static str, String);

impl MobileAccessGateway {
    /// Where the homes go that a PBA grants.
    pub(super) fn place(
        &self,
        mn_id: &str,
        granted: Vec<IpNet>,
        ack: &BindingAck,
    ) -> Result<Placed, Reason> {
        let (mut homes, mut shared) = (Vec::new(), None);
        for home in granted {
            let IpNet::V4(hoa) = home else {
                if self.is_taken(&home, mn_id) {
                    let text = format!("The LMA granted {home}, which belongs to another MN here.");
                    return Err(("hnp-taken", text));
                }
                homes.push(home);
                continue;
            };
            let address = hoa.addr();
            let entry = self.bindings.get(mn_id);
            let kept = entry
                .and_then(|entry| entry.realm_home)
                .filter(|kept| kept.address == address);
            if kept.is_none() && !self.is_taken(&home, mn_id) {
                homes.push(home);
                continue;
            }
            if !self.will_have_keys(mn_id, ack) {
                let text = format!(
                    "The LMA granted {address}, which another MN here has, and no GRE keys tell them apart."
                );
                return Err(("address-taken", text));
            }
            let free = || self.free_number(address);
            let Some(home) = kept.or_else(free) else {
                let text = format!("Too many MNs here have the address {address}.");
                return Err(("address-taken", text));
            };
            shared = Some(home);
        }
        Ok((homes, shared))
    }

    /// Whether a PBA agrees to keys for both ways.
    fn will_have_keys(&self, mn_id: &str, ack: &BindingAck) -> bool {
        let entry = self.bindings.get(mn_id);
        let own = entry.and_then(|entry| entry.gre_receive);
        let theirs = options::gre_key(&ack.options).flatten();
        self.config.gre != Gre::Off && own.is_some() && theirs.is_some()
    }

    fn free_number(&self, address: std::net::Ipv4Addr) -> Option<RealmHome> {
        let mut homes = (1..=Realm::MAX).filter_map(|number| {
            let realm = Realm::new(number)?;
            Some(RealmHome { realm, address })
        });
        homes.find(|home| !self.realm_homes.contains_key(home))
    }

    /// Attaches a home that another MN has too, keys and all.
    pub(super) fn attach_realm_home(&mut self, mn_id: &str) -> Option<crate::io::UpdateNumber> {
        let entry = self.bindings.get(mn_id)?;
        let (home, link, lma) = (entry.realm_home?, entry.link, entry.lma);
        let keys = entry.gre.and_then(crate::io::GreKeys::pair)?;
        self.realm_homes.insert(home, mn_id.to_owned());
        let state = RealmState::Attached { link, lma, keys };
        Some(self.node.program(Entry::Realm { home, state }))
    }

    pub(super) fn forget_realm_home(&mut self, home: RealmHome) {
        self.realm_homes.remove(&home);
        let state = RealmState::Gone;
        self.node.program(Entry::Realm { home, state });
    }

    /// Whether two homes here may be of two realms, for all that is known here: then the LMA has to say that
    /// they are not.
    pub(super) fn may_be_of_realms(&self, home: &IpNet, mn_ids: [&str; 2]) -> bool {
        let keyed = |mn_id: &str| {
            let entry = self.bindings.get(mn_id);
            let keys = entry.and_then(|entry| entry.gre);
            keys.is_some_and(|keys| keys.pair().is_some())
        };
        !is_v6(home) && mn_ids.into_iter().any(keyed)
    }
}
