//! Access links, and which homes are behind each: a home's entry has a copy of its link, which follows
//! when the link is replaced.

use crate::packet::classify::NO_VLAN;
use crate::table::{HomeKind, Homes, LinkCopy, NONE};
use crate::update::{LinkSlot, LinkSpec};

#[derive(Debug, Clone, Copy)]
struct Link {
    copy: LinkCopy,
    first_home: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Links {
    slots: Box<[Link]>,
}

impl From<LinkSpec> for LinkCopy {
    fn from(spec: LinkSpec) -> Self {
        Self {
            is_set: true,
            port: spec.port,
            vlan: spec.vlan.unwrap_or(NO_VLAN),
            mtu_bytes: spec.mtu_bytes,
            source_mac: spec.source_mac,
            mn_mac: spec.mn_mac,
            router: spec.router.map_or(0, u32::from),
        }
    }
}

impl Links {
    pub(crate) fn new(capacity: u32) -> Self {
        let unset = Link {
            copy: LinkCopy::default(),
            first_home: NONE,
        };
        Self {
            slots: vec![unset; capacity as usize].into_boxed_slice(),
        }
    }

    /// Whether there is such a slot.
    pub(crate) fn has(&self, slot: LinkSlot) -> bool {
        (slot.0 as usize) < self.slots.len()
    }

    /// Sets (or, with a default copy, clears) a link, in its homes too. Whether homes were behind it.
    pub(crate) fn set(&mut self, slot: LinkSlot, copy: LinkCopy, homes: &mut Homes) -> bool {
        let Some(link) = self.slots.get_mut(slot.0 as usize) else {
            return false;
        };
        link.copy = copy;
        let mut next = link.first_home;
        let in_use = next != NONE;
        while homes.entry(next).is_some() {
            homes.forget_uplink(next);
            if let Some(home) = homes.entry_mut(next) {
                home.link = copy;
            }
            // Has room: it had its place.
            let _ = homes.learn_uplink(next);
            next = homes.entry(next).map_or(NONE, |home| home.next_on_link);
        }
        in_use
    }

    /// Puts a home behind a link and gives it the copy.
    pub(crate) fn join(&mut self, slot: LinkSlot, index: u32, homes: &mut Homes) {
        let Some(link) = self.slots.get_mut(slot.0 as usize) else {
            return;
        };
        let second = std::mem::replace(&mut link.first_home, index);
        if let Some(home) = homes.entry_mut(index) {
            home.link = link.copy;
            home.link_slot = slot.0;
            home.previous_on_link = NONE;
            home.next_on_link = second;
        }
        if let Some(home) = homes.entry_mut(second) {
            home.previous_on_link = index;
        }
    }

    /// Takes a home from behind its link, if it is behind one.
    pub(crate) fn leave(&mut self, index: u32, homes: &mut Homes) {
        let Some(home) = homes.entry_mut(index) else {
            return;
        };
        if home.kind != HomeKind::Attached || home.link_slot == NONE {
            return;
        }
        let (slot, previous, next) = (home.link_slot, home.previous_on_link, home.next_on_link);
        home.link = LinkCopy::default();
        home.link_slot = NONE;
        home.previous_on_link = NONE;
        home.next_on_link = NONE;
        match homes.entry_mut(previous) {
            Some(home) => home.next_on_link = next,
            None => {
                if let Some(link) = self.slots.get_mut(slot as usize) {
                    link.first_home = next;
                }
            }
        }
        if let Some(home) = homes.entry_mut(next) {
            home.previous_on_link = previous;
        }
    }
}
