//! The MTU of the way to a tunnel's other end, as routers on it say (RFC 2473 sections 7.1 and 8.1, RFC 8201, RFC
//! 1191): the tunnel follows it downwards, for as long as those RFCs say.
//!
//! ```text
//!   ICMP error ─▶ said ─▶ Action::TooBig ─▶ do the entries send such packets there? ─▶ path_mtu
//!                                                      a tunnel's MTU ◀─ Action::PathMtu ◀─┘ or the time
//! ```
//!
//! Anybody may send such an error, so it is believed only where it quotes a packet that this node really sends:
//! from an address of ours to the end of a tunnel, larger than what is said to fit, and in it a packet that the
//! entries put into that tunnel. What a forger who knows all that gains is bounded by the least MTU.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::frame::{IPV6_LEN, open};
use super::ipv4::IPV4_LEN;
use super::tunnel_error::{Cause, cause, inner_at};
use super::{Action, Net};

/// How long a smaller MTU is believed (RFC 8201 section 4, RFC 1191 section 6.3): then a larger one is tried.
const LIFETIME: Duration = Duration::from_secs(600);
/// Least MTU of a way over IPv6 (RFC 8201 section 4).
const LEAST_IPV6_BYTES: u32 = 1280;
/// Least MTU of a way over IPv4 that is believed: what every host takes (RFC 791 section 3.1).
const LEAST_IPV4_BYTES: u32 = 576;

/// What a router says of the way to a tunnel's other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig {
    /// The tunnel's other end.
    pub remote: IpAddr,
    /// Source and destination of the packet in the tunnel that did not get through.
    pub inner: (IpAddr, IpAddr),
    /// Largest packet that the router takes, octets.
    pub mtu_bytes: u16,
}

/// What an ICMP error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The MTU of a way.
    PathMtu,
    /// The same, but it cannot be.
    Nothing,
    /// All else.
    SomethingElse,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    mtu_bytes: u16,
    until: Duration,
}

/// Ways that take less than their first link: at most one for every address that tunnels lead to.
#[derive(Debug, Default)]
pub(super) struct PathMtus {
    learned: HashMap<IpAddr, Learned>,
}

impl PathMtus {
    pub(super) fn len(&self) -> usize {
        self.learned.len()
    }

    pub(super) fn forget(&mut self, remote: IpAddr) {
        self.learned.remove(&remote);
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.learned.values().map(|learned| learned.until).min()
    }

    /// Notes an MTU; whether it is less than what was known. One that is not says again what is known, or was
    /// on its way when that was learnt.
    fn lower(&mut self, now: Duration, remote: IpAddr, mtu_bytes: u16) -> bool {
        let until = now + LIFETIME;
        let known = self.learned.entry(remote).or_insert(Learned {
            mtu_bytes: u16::MAX,
            until,
        });
        let is_less = mtu_bytes < known.mtu_bytes;
        if is_less {
            *known = Learned { mtu_bytes, until };
        } else if mtu_bytes == known.mtu_bytes {
            known.until = until;
        }
        is_less
    }

    fn take_expired(&mut self, now: Duration) -> Vec<IpAddr> {
        let expired: Vec<IpAddr> = self
            .learned
            .iter()
            .filter(|(_, learned)| learned.until <= now)
            .map(|(remote, _)| *remote)
            .collect();
        for remote in &expired {
            self.learned.remove(remote);
        }
        expired
    }
}

impl Net {
    /// Looks at an ICMP error for the MTU of a way.
    pub(super) fn look_for_path_mtu(
        &mut self,
        port: u16,
        frame: &[u8],
        out: &mut Vec<Action>,
    ) -> About {
        let heard = open(port, frame).and_then(|(_, _, ip)| said(ip, self.transport_mtu_bytes()));
        match heard {
            None => About::SomethingElse,
            Some(Ok(said)) if self.tracked.contains_key(&said.remote) => {
                out.push(Action::TooBig(said));
                About::PathMtu
            }
            Some(_) => {
                self.counters.drop_path_mtu += 1;
                About::Nothing
            }
        }
    }

    /// A way takes no larger packets, says a router; `sends`: it quotes a packet that the entries really send
    /// that way.
    pub fn path_mtu(&mut self, now: Duration, said: TooBig, sends: bool, out: &mut Vec<Action>) {
        let TooBig {
            remote, mtu_bytes, ..
        } = said;
        if !sends || !self.tracked.contains_key(&remote) {
            self.counters.drop_path_mtu += 1;
            return;
        }
        if self.path_mtus.lower(now, remote, mtu_bytes) {
            self.counters.path_mtu_lowered += 1;
            let mtu_bytes = Some(mtu_bytes);
            out.push(Action::PathMtu { remote, mtu_bytes });
        }
    }

    /// Believes no more what was said too long ago.
    pub(super) fn expire_path_mtus(&mut self, now: Duration, out: &mut Vec<Action>) {
        for remote in self.path_mtus.take_expired(now) {
            self.counters.path_mtu_expired += 1;
            let mtu_bytes = None;
            out.push(Action::PathMtu { remote, mtu_bytes });
        }
    }

    /// Largest packet that tunnels send.
    fn transport_mtu_bytes(&self) -> u16 {
        let transport = self.config.ports.iter().filter(|port| port.transport);
        transport.map(|port| port.mtu_bytes).min().unwrap_or(0)
    }
}

/// A packet that is quoted for being too big was not, or could not be sent, or the MTU is less than any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotSo;

/// What an ICMP error says of a way; none where it is about something else, or quotes too little.
fn said(ip: &[u8], link_mtu_bytes: u16) -> Option<Result<TooBig, NotSo>> {
    let (Cause::TooBig(mtu), quoted) = cause(ip)? else {
        return None;
    };
    let (remote, at) = inner_at(quoted)?;
    let inner = ends(quoted.get(at..)?)?;
    let (octets, least) = if quoted.first()? >> 4 == 4 {
        (u16_at(quoted, 2)?, LEAST_IPV4_BYTES)
    } else {
        let octets = u32::from(u16_at(quoted, 4)?) + IPV6_LEN as u32;
        (u16::try_from(octets).ok()?, LEAST_IPV6_BYTES)
    };
    let mtu_bytes = match u16::try_from(mtu) {
        Ok(said) if mtu >= least && said < octets && octets <= link_mtu_bytes => said,
        _ => return Some(Err(NotSo)),
    };
    Some(Ok(TooBig {
        remote,
        inner,
        mtu_bytes,
    }))
}

/// Source and destination of an IP packet of which the beginning is there.
fn ends(ip: &[u8]) -> Option<(IpAddr, IpAddr)> {
    if ip.first()? >> 4 == 4 {
        let header = ip.first_chunk::<IPV4_LEN>()?;
        let at = |at: usize| Some(Ipv4Addr::from(*header.get(at..)?.first_chunk::<4>()?));
        return Some((at(12)?.into(), at(16)?.into()));
    }
    let header = ip.first_chunk::<IPV6_LEN>()?;
    let at = |at: usize| Some(Ipv6Addr::from(*header.get(at..)?.first_chunk::<16>()?));
    Some((at(8)?.into(), at(24)?.into()))
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*octets.get(at..)?.first_chunk()?))
}
