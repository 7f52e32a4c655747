//! Access links: what a registered MN is told by Router Advertisements (RFC 5213 sections 6.2 and 6.9.2,
//! RFC 4861 section 6.2).
//!
//! The link is point-to-point by definition (RFC 5213 section 6.3): an advertisement goes to the MN's
//! link-layer address alone, whatever its IPv6 destination (RFC 6085). One prefix an advertisement; an MN
//! with several gets several.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv6Addr;
use std::time::Duration;

use ipnet::Ipv6Net;
use pmipv6::io::Link;
use smoltcp::wire::{
    EthernetAddress, Icmpv6Packet, Icmpv6Repr, NdiscPrefixInfoFlags, NdiscPrefixInformation,
    NdiscRepr, NdiscRouterFlags,
};

use super::frame::IPV6_LEN;

/// MAX_INITIAL_RTR_ADVERTISEMENTS (RFC 4861 section 10).
const MAX_INITIAL_ADVERTISEMENTS: u8 = 3;
/// MAX_INITIAL_RTR_ADVERT_INTERVAL (RFC 4861 section 10).
const MAX_INITIAL_INTERVAL: Duration = Duration::from_secs(16);

/// What every Router Advertisement says (RFC 4861 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterAdvertisementConfig {
    /// Our link-layer address on every access link (RFC 6543).
    pub mac: [u8; 6],
    /// AdvAutonomousFlag.
    pub autonomous: bool,
    /// Time between unsolicited advertisements; they are unicast, so there is nothing to desynchronise
    /// and no minimum.
    pub interval: Duration,
    /// AdvDefaultLifetime.
    pub router_lifetime: Duration,
    /// AdvCurHopLimit.
    pub current_hop_limit: u8,
    /// AdvLinkMTU: the smaller of tunnel and access MTU, octets (RFC 5213 section 6.9.5).
    pub mtu_bytes: u16,
}

#[derive(Debug)]
struct Advertised {
    prefixes: Vec<Ipv6Net>,
    link_local: Ipv6Addr,
    lifetime_s: u32,
    sent: u8,
    next: Duration,
}

/// A Router Advertisement that is due: the ICMPv6 message, and whence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advertisement {
    pub(super) link: Link,
    pub(super) link_local: Ipv6Addr,
    pub(super) prefix: Ipv6Net,
    pub(super) lifetime_s: u32,
    pub(super) router_lifetime: Duration,
}

#[derive(Debug)]
pub(super) struct AccessLinks {
    config: RouterAdvertisementConfig,
    links: HashMap<Link, Advertised>,
    due: BTreeSet<(Duration, Link)>,
    capacity: usize,
}

impl AccessLinks {
    pub(super) fn new(config: RouterAdvertisementConfig, capacity: usize) -> Self {
        Self {
            config,
            links: HashMap::new(),
            due: BTreeSet::new(),
            capacity,
        }
    }

    pub(super) fn contains(&self, link: Link) -> bool {
        self.links.contains_key(&link)
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Advertises these prefixes on the link from now on; false when there are too many links.
    pub(super) fn advertise(
        &mut self,
        now: Duration,
        link: Link,
        prefixes: Vec<Ipv6Net>,
        link_local: Ipv6Addr,
        lifetime_s: u32,
        out: &mut Vec<Advertisement>,
    ) -> bool {
        if self.links.len() >= self.capacity && !self.links.contains_key(&link) {
            return false;
        }
        self.forget(link);
        let next = now + self.config.interval.min(MAX_INITIAL_INTERVAL);
        self.due.insert((next, link));
        self.links.insert(
            link,
            Advertised {
                prefixes,
                link_local,
                lifetime_s,
                sent: 1,
                next,
            },
        );
        self.collect(link, out);
        true
    }

    /// Advertises these prefixes no more, and says so once. Without any prefix left we are no router on
    /// the link either.
    pub(super) fn withdraw(
        &mut self,
        link: Link,
        prefixes: &[Ipv6Net],
        link_local: Ipv6Addr,
        out: &mut Vec<Advertisement>,
    ) {
        let mut router_lifetime = Duration::ZERO;
        if let Some(advertised) = self.links.get_mut(&link) {
            advertised
                .prefixes
                .retain(|prefix| !prefixes.contains(prefix));
            if advertised.prefixes.is_empty() {
                self.forget(link);
            } else {
                router_lifetime = self.config.router_lifetime;
            }
        }
        out.extend(prefixes.iter().map(|prefix| Advertisement {
            link,
            link_local,
            prefix: *prefix,
            lifetime_s: 0,
            router_lifetime,
        }));
    }

    /// A Router Solicitation: the advertisements that answer it; none from a link without a registration
    /// (RFC 5213 section 6.9.1.2 (11)).
    pub(super) fn solicited(&self, link: Link, out: &mut Vec<Advertisement>) -> bool {
        self.collect(link, out);
        self.links.contains_key(&link)
    }

    /// Unsolicited advertisements that are due.
    pub(super) fn timeout(&mut self, now: Duration, out: &mut Vec<Advertisement>) {
        while let Some(&(at, link)) = self.due.first().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, link));
            let Some(advertised) = self.links.get_mut(&link) else {
                continue;
            };
            advertised.sent = advertised.sent.saturating_add(1);
            let initial = advertised.sent < MAX_INITIAL_ADVERTISEMENTS;
            let interval = self.config.interval;
            let wait = if initial {
                interval.min(MAX_INITIAL_INTERVAL)
            } else {
                interval
            };
            advertised.next = now + wait;
            self.due.insert((advertised.next, link));
            self.collect(link, out);
        }
    }

    /// The ICMPv6 message of an advertisement to `destination`.
    pub(super) fn message(&self, advertisement: &Advertisement, destination: Ipv6Addr) -> Vec<u8> {
        let mac = EthernetAddress(self.config.mac);
        let mut flags = NdiscPrefixInfoFlags::ON_LINK;
        flags.set(NdiscPrefixInfoFlags::ADDRCONF, self.config.autonomous);
        let lifetime = smoltcp::time::Duration::from_secs(u64::from(advertisement.lifetime_s));
        let router_lifetime = advertisement.router_lifetime.as_secs();
        let repr = Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
            hop_limit: self.config.current_hop_limit,
            flags: NdiscRouterFlags::empty(),
            router_lifetime: smoltcp::time::Duration::from_secs(router_lifetime),
            reachable_time: smoltcp::time::Duration::ZERO,
            retrans_time: smoltcp::time::Duration::ZERO,
            lladdr: Some(mac.into()),
            mtu: Some(u32::from(self.config.mtu_bytes)),
            prefix_info: Some(NdiscPrefixInformation {
                prefix_len: advertisement.prefix.prefix_len(),
                flags,
                valid_lifetime: lifetime,
                preferred_lifetime: lifetime,
                prefix: advertisement.prefix.network(),
            }),
        });
        emit(&repr, advertisement.link_local, destination)
    }

    fn collect(&self, link: Link, out: &mut Vec<Advertisement>) {
        let Some(advertised) = self.links.get(&link) else {
            return;
        };
        out.extend(advertised.prefixes.iter().map(|prefix| Advertisement {
            link,
            link_local: advertised.link_local,
            prefix: *prefix,
            lifetime_s: advertised.lifetime_s,
            router_lifetime: self.config.router_lifetime,
        }));
    }

    fn forget(&mut self, link: Link) {
        if let Some(old) = self.links.remove(&link) {
            self.due.remove(&(old.next, link));
        }
    }
}

/// An ICMPv6 message with its checksum.
pub(super) fn emit(repr: &Icmpv6Repr<'_>, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![0; repr.buffer_len()];
    debug_assert!(message.len() + IPV6_LEN <= usize::from(u16::MAX));
    let checksums = smoltcp::phy::ChecksumCapabilities::default();
    let mut packet = Icmpv6Packet::new_unchecked(&mut message[..]);
    repr.emit(&source, &destination, &mut packet, &checksums);
    message
}
