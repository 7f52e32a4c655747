//! What stands between the outer IP header of a tunnel packet and the user packet in it.

use crate::update::{Encapsulation, GreKeys};

/// UDP port of tunnel packets (RFC 5844 section 4.1.3.2; IANA: pmip6-data).
pub(crate) const UDP_PMIPV6_DATA: u16 = 5437;
/// UDP port of DSMIPv6: tunnel packets and signalling on one port pair (RFC 5555 section 4.1).
pub(crate) const UDP_DSMIPV6: u16 = 4191;

const KEY_BITS: u32 = 32;
const PORT_BITS: u32 = 16;
const HAS_GRE: u64 = 1 << 48;
const HAS_KEY: u64 = 1 << 49;
const HAS_UDP: u64 = 1 << 50;
const IS_DSMIPV6: u64 = 1 << 51;

/// All of it that tells one tunnel from another, in one number: the GRE key, the peer's UDP port, and which
/// headers there are. Zero for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wrap(u64);

impl Wrap {
    /// The user packet follows the outer IP header.
    pub(crate) const NONE: Self = Self(0);

    /// Of a tunnel, on the way in; none where such a tunnel cannot be.
    pub(crate) fn of(encapsulation: Encapsulation, gre: Option<GreKeys>) -> Option<Self> {
        let mut wrap = Self::NONE;
        if let Encapsulation::Udp {
            local_port,
            remote_port,
        } = encapsulation
        {
            wrap = wrap.in_udp(local_port, remote_port)?;
        }
        Some(match gre {
            Some(keys) => wrap.in_gre(keys.receive),
            None => wrap,
        })
    }

    /// In UDP too; none where `own_port` is not one that tunnel packets come to.
    pub(crate) fn in_udp(self, own_port: u16, peer_port: u16) -> Option<Self> {
        let own = match own_port {
            UDP_PMIPV6_DATA => HAS_UDP,
            UDP_DSMIPV6 => HAS_UDP | IS_DSMIPV6,
            _ => return None,
        };
        Some(Self(self.0 | own | u64::from(peer_port) << KEY_BITS))
    }

    /// In GRE too.
    pub(crate) fn in_gre(self, key: Option<u32>) -> Self {
        let key = key.map_or(0, |key| HAS_KEY | u64::from(key));
        Self(self.0 | HAS_GRE | key)
    }

    /// As bits, for hashing.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

const _: () = assert!(KEY_BITS + PORT_BITS == HAS_GRE.trailing_zeros());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_on_the_wire_differs_here() {
        let udp = |local_port, remote_port| Encapsulation::Udp {
            local_port,
            remote_port,
        };
        let gre = |receive| {
            Some(GreKeys {
                send: Some(9),
                receive,
            })
        };
        let forms = [
            (Encapsulation::Ip, None),
            (Encapsulation::Ip, gre(None)),
            (Encapsulation::Ip, gre(Some(0))),
            (Encapsulation::Ip, gre(Some(u32::MAX))),
            (udp(5437, 5437), None),
            (udp(4191, 5437), None),
            (udp(4191, 0), None),
            (udp(4191, 0xffff), gre(Some(0))),
            (udp(5437, 0xffff), gre(Some(0))),
        ];
        for (at, (encapsulation, keys)) in forms.into_iter().enumerate() {
            let wrap = Wrap::of(encapsulation, keys).expect("a form that exists");
            assert_eq!(wrap == Wrap::NONE, at == 0);
            for (encapsulation, keys) in &forms[..at] {
                assert_ne!(Wrap::of(*encapsulation, *keys), Some(wrap));
            }
        }
        assert_eq!(Wrap::of(udp(5436, 5437), None), None);
    }
}
