//! The workers' tables have no room for a home: its registration is refused, not granted and forwarded nowhere.

use super::LocalMobilityAnchor;
use super::state::State;
use crate::io::{Entry, Event, RealmState};
use crate::wire::iana::status;

/// What operators are told.
const WHY: &str = "table full";

impl LocalMobilityAnchor {
    /// An update was refused. Its number is applied in its turn, so the PBA that waits for it has to become a
    /// refusal before. One that has gone already cannot: the MAG hears of it with its next extension.
    pub(super) fn on_no_room(&mut self, entry: &Entry) {
        self.node.count("pmipv6.update.no-room");
        let (id, proxy_coa) = match *entry {
            Entry::Bind { home, proxy_coa } => (self.homes.get(&home).copied(), proxy_coa),
            Entry::Realm {
                home,
                state: RealmState::Bound { proxy_coa, .. },
            } => (self.realm_homes.get(&home).copied(), proxy_coa),
            // Nothing was promised on it: its packets are counted drops, and the node has its alarm.
            _ => return,
        };
        let Some((id, bound)) = id.and_then(|id| Some((id, self.bindings.get(&id)?))) else {
            return;
        };
        if bound.proxy_coa != proxy_coa || bound.state != State::Registered {
            return;
        }
        let mn_id = bound.mn_id.clone();
        let code = status::INSUFFICIENT_RESOURCES;
        if self.node.retract_binding_ack(proxy_coa, &mn_id, code) {
            self.node.count("pmipv6.registration.refused");
        }
        let new = self.node.retract_event(
            |event| matches!(event, Event::Attach { mn_id: of, .. } if *of == mn_id),
        );
        self.node.retract_event(
            |event| matches!(event, Event::Handover { mn_id: of, .. } if *of == mn_id),
        );
        if new {
            self.delete(id);
        } else {
            self.end_binding(id, WHY);
        }
    }
}
