//! Which headers a tunnel puts between Ethernet and the user packet.

use crate::packet::header::{IPV4, IPV6, UDP};
use crate::update::{Encapsulation, TunnelSpec};

/// Octets of a Destination Options header with a tunnel encapsulation limit (RFC 2473 section 4.1.1).
pub(crate) const LIMIT: usize = 8;
/// Octets of a TLV header (RFC 5845 section 7).
pub(crate) const TLV: usize = 4;
/// Octets of a GRE header (RFC 2784), and of its key (RFC 2890).
pub(crate) const GRE: usize = 4;
pub(crate) const GRE_KEY: usize = 4;

/// See the module. All bits clear: IP in IPv6, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Form(u8);

impl Form {
    /// IP in IPv6, the form that the fast path is made for.
    pub(crate) const PLAIN: Self = Self(0);
    const OVER_IPV4: u8 = 1;
    const HAS_UDP: u8 = 1 << 1;
    const HAS_GRE: u8 = 1 << 2;
    const HAS_KEY: u8 = 1 << 3;
    const HAS_LIMIT: u8 = 1 << 4;

    /// Of a tunnel; none where there is no such tunnel: addresses of two families, UDP over IPv6.
    pub(crate) fn of(spec: &TunnelSpec) -> Option<Self> {
        let over_ipv4 = spec.local.is_ipv4();
        let has_udp = spec.encapsulation != Encapsulation::Ip;
        if over_ipv4 != spec.remote.is_ipv4() || has_udp && !over_ipv4 {
            return None;
        }
        let flags = [
            (Self::OVER_IPV4, over_ipv4),
            (Self::HAS_UDP, has_udp),
            (Self::HAS_GRE, spec.gre.is_some()),
            (
                Self::HAS_KEY,
                spec.gre.is_some_and(|keys| keys.send.is_some()),
            ),
            // Over IPv4 there is no place for it.
            (
                Self::HAS_LIMIT,
                !over_ipv4 && spec.encapsulation_limit.is_some(),
            ),
        ];
        Some(Self(
            flags
                .into_iter()
                .map(|(flag, on)| if on { flag } else { 0 })
                .sum(),
        ))
    }

    /// The same with an encapsulation limit, where there is a place for it.
    pub(crate) fn limited(self) -> Self {
        if self.over_ipv4() {
            self
        } else {
            Self(self.0 | Self::HAS_LIMIT)
        }
    }

    pub(crate) fn over_ipv4(self) -> bool {
        self.0 & Self::OVER_IPV4 != 0
    }

    pub(crate) fn has_udp(self) -> bool {
        self.0 & Self::HAS_UDP != 0
    }

    pub(crate) fn has_gre(self) -> bool {
        self.0 & Self::HAS_GRE != 0
    }

    pub(crate) fn has_key(self) -> bool {
        self.0 & Self::HAS_KEY != 0
    }

    pub(crate) fn has_limit(self) -> bool {
        self.0 & Self::HAS_LIMIT != 0
    }

    /// Octets of all its headers.
    pub(crate) fn octets(self) -> usize {
        let of = |there: bool, octets: usize| if there { octets } else { 0 };
        let ip = if self.over_ipv4() { IPV4 } else { IPV6 };
        ip + of(self.has_limit(), LIMIT)
            + of(self.has_udp(), UDP)
            + of(self.has_udp() && self.has_gre(), TLV)
            + of(self.has_gre(), GRE)
            + of(self.has_key(), GRE_KEY)
    }
}
