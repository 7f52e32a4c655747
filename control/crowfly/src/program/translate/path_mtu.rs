//! The MTU of the way to a tunnel's other end, and what is sent that way (RFC 2473 section 7.1).

use std::net::IpAddr;

use ipnet::IpNet;
use pmipv6::io::Via;

use super::{Home, Program, Way};
use crate::program::fanout::WorkerPort;

impl<W: WorkerPort> Program<W> {
    /// The way to an outer remote address takes no larger packets now, octets; none: what its first link takes.
    /// Its tunnels follow at once.
    pub fn set_path_mtu(&mut self, remote: IpAddr, mtu_bytes: Option<u16>) {
        if !self.next_hops.contains_key(&remote) {
            return;
        }
        let before = match mtu_bytes {
            Some(mtu_bytes) => self.path_mtus.insert(remote, mtu_bytes),
            None => self.path_mtus.remove(&remote),
        };
        if before != mtu_bytes {
            self.send_tunnels_to(remote);
        }
    }

    /// Largest packet on the way to an outer remote address, octets.
    pub(super) fn path_mtu_to(&self, remote: IpAddr) -> u16 {
        let link = self.config.transport_mtu_bytes;
        let learned = self.path_mtus.get(&remote).copied();
        learned.map_or(link, |learned| learned.min(link))
    }

    /// What is known of the way to a peer's tunnels, octets; none: what its first link takes.
    pub fn path_mtu_of_peer(&self, peer: IpAddr) -> Option<u16> {
        self.path_mtus.get(&self.remote_of(peer)).copied()
    }

    /// Whether packets from one address to another go into a tunnel to an outer remote address: up from an access
    /// link to the anchor or by a path, or down to where the destination is. What is handed back is left out: it
    /// takes the way of what goes up.
    pub fn sends(&self, remote: IpAddr, source: IpAddr, destination: IpAddr) -> bool {
        let leads = |way: Way| self.remote_of(way.peer) == remote;
        if let Some((_, home)) = self.home_with(destination)
            && home.link.is_none()
            && home.tunnel.is_some_and(leads)
        {
            return true;
        }
        // Which realm it is does not matter: the way is the same.
        let of_realms = self
            .homes_in_realms(source)
            .filter(|home| home.link.is_some());
        let to_realms = self
            .homes_in_realms(destination)
            .filter(|home| home.link.is_none());
        let mut ways = of_realms.chain(to_realms).filter_map(|home| home.tunnel);
        if ways.any(leads) {
            return true;
        }
        let Some((from, home)) = self
            .home_with(source)
            .filter(|(_, home)| home.link.is_some())
        else {
            return false;
        };
        home.tunnel.is_some_and(leads)
            || prefixes(destination).any(|to| self.path_way(from, to).is_some_and(leads))
    }

    /// The home that holds an address, if it is behind an access link.
    pub fn attached_home(&self, address: IpAddr) -> Option<IpNet> {
        let (prefix, home) = self.home_with(address)?;
        home.link.map(|_| prefix)
    }

    /// The longest home that holds an address.
    fn home_with(&self, address: IpAddr) -> Option<(IpNet, &Home)> {
        prefixes(address).find_map(|prefix| Some((prefix, self.homes.get(&prefix)?)))
    }

    pub(super) fn remote_of(&self, peer: IpAddr) -> IpAddr {
        match self.reach.get(&peer) {
            Some(Via::Ipv4 { remote, .. } | Via::Nat { remote, .. }) => (*remote.ip()).into(),
            Some(Via::Ipv6) | None => peer,
        }
    }
}

/// Every prefix that holds an address, the longest first.
fn prefixes(address: IpAddr) -> impl Iterator<Item = IpNet> {
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (1..=longest)
        .rev()
        .filter_map(move |length| Some(IpNet::new(address, length).ok()?.trunc()))
}
