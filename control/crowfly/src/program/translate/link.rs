//! Access links, each with its slot while a home is behind it, and the IPv4 default router that the node is there.

use std::net::Ipv4Addr;

use dataplane::{LinkSlot, LinkSpec, Update};
use pmipv6::io::Link;

use super::{Program, Refused};
use crate::program::fanout::WorkerPort;

/// What an MN with an IPv4 home address has for a default router (RFC 5844 section 3.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Router {
    home: Ipv4Addr,
    address: Ipv4Addr,
}

impl<W: WorkerPort> Program<W> {
    /// The MN on a link has an IPv4 home address from now on, and the node is its default router.
    pub fn set_router(&mut self, link: Link, home: Ipv4Addr, address: Ipv4Addr) {
        let is_known = self.routers.contains_key(&link);
        if !is_known && self.routers.len() >= self.config.links as usize {
            return;
        }
        let router = Router { home, address };
        if self.routers.insert(link, router) != Some(router) {
            self.send_link_again(link);
        }
    }

    /// The MN on a link has this IPv4 home address no more.
    pub fn clear_router(&mut self, link: Link, home: Ipv4Addr) {
        if self
            .routers
            .get(&link)
            .is_some_and(|router| router.home == home)
        {
            self.routers.remove(&link);
            self.send_link_again(link);
        }
    }

    pub(super) fn acquire_link(&mut self, link: Link) -> Result<LinkSlot, Refused> {
        let full = Refused::LinksFull(self.config.links);
        let acquired = self.links.acquire(link).ok_or(full)?;
        if acquired.fresh {
            self.send_link(link, acquired.slot);
        }
        Ok(LinkSlot(acquired.slot))
    }

    pub(super) fn release_link(&mut self, link: Link) {
        if let Some(slot) = self.links.release(&link) {
            self.fanout.send(Update::LinkClear {
                slot: LinkSlot(slot),
            });
        }
    }

    /// Its homes follow at once.
    fn send_link_again(&mut self, link: Link) {
        if let Some(slot) = self.links.get(&link) {
            self.send_link(link, slot);
            self.fanout.flush();
        }
    }

    fn send_link(&mut self, link: Link, slot: u32) {
        let spec = LinkSpec {
            port: link.port,
            vlan: link.vlan,
            source_mac: self.config.access_mac,
            mn_mac: link.mac.0,
            mtu_bytes: self.config.access_mtu_bytes,
            router: self.routers.get(&link).map(|router| router.address),
        };
        self.fanout.send(Update::Link {
            slot: LinkSlot(slot),
            link: spec,
        });
    }
}
