//! The DHCP server of one MN (RFC 2131 section 4.3): one address, which the LMA has chosen, and so little
//! to decide: is the client asking us, and is it asking for its own address?
//!
//! The address is the MN's as long as its binding stands, leased or not: a RELEASE ends the lease, not the
//! binding, which the access network ends. A MAG that an MN was handed over to has not seen its lease, and
//! confirms it all the same: address and server identifier are the same there.

use std::net::Ipv4Addr;
use std::time::Duration;

use pmipv6::io::Ipv4Service;
use smoltcp::wire::DhcpMessageType as Kind;

use super::Refused;
use super::message::Request;

/// How long a declined address is not offered (RFC 2131 section 3.1: a client waits as long before it
/// starts again). The MN cannot get another one.
const DECLINED_S: u64 = 10;

/// Who holds the MN's address.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Client identifier, or hardware type and address (RFC 2131 section 4.2); none: no lease that we know.
    client: Option<Vec<u8>>,
    declined_until: Option<Duration>,
}

/// What a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// DHCPOFFER.
    Offer,
    /// DHCPACK with a lease.
    Lease,
    /// DHCPACK that only informs.
    Inform,
    /// DHCPNAK.
    Nak,
    /// Noted; no answer is due.
    Nothing,
}

impl Lease {
    /// One message, which went from and to the addresses `between`.
    pub(super) fn decide(
        &mut self,
        now: Duration,
        service: &Ipv4Service,
        (source, destination): (Ipv4Addr, Ipv4Addr),
        request: &Request,
    ) -> Result<Answer, Refused> {
        let router = service.default_router;
        // A client speaks with the address that it says it has, or with none.
        if !source.is_unspecified() && source != request.ciaddr {
            return Err(Refused::ForeignClient);
        }
        if destination != Ipv4Addr::BROADCAST && destination != router
            || request.server.is_some_and(|server| server != router)
        {
            return Err(Refused::OtherServer);
        }
        match request.kind {
            Kind::Discover if self.is_declined(now) => Err(Refused::Declined),
            Kind::Discover => Ok(Answer::Offer),
            Kind::Request => self.request(now, service, request),
            Kind::Inform if request.ciaddr == service.address => Ok(Answer::Inform),
            Kind::Decline if request.requested == Some(service.address) => {
                self.give_back(request)?;
                self.declined_until = Some(now + Duration::from_secs(DECLINED_S));
                Ok(Answer::Nothing)
            }
            Kind::Release if request.ciaddr == service.address => {
                self.give_back(request)?;
                Ok(Answer::Nothing)
            }
            Kind::Inform | Kind::Decline | Kind::Release => Err(Refused::ForeignClient),
            _ => Err(Refused::Malformed),
        }
    }

    /// RFC 2131 section 4.3.2, by what the client fills in.
    fn request(
        &mut self,
        now: Duration,
        service: &Ipv4Service,
        request: &Request,
    ) -> Result<Answer, Refused> {
        if self.is_declined(now) {
            return Err(Refused::Declined);
        }
        let known = request.ciaddr;
        match request.requested {
            // SELECTING (with our identifier) and INIT-REBOOT (without).
            Some(asked) if known.is_unspecified() => {
                if asked != service.address {
                    return Ok(Answer::Nak);
                }
            }
            // RENEWING (to us) and REBINDING (to all).
            None if !known.is_unspecified() && request.server.is_none() => {
                let foreign = self.client.as_ref().is_some_and(|c| *c != request.client());
                if known != service.address || foreign {
                    return Ok(Answer::Nak);
                }
            }
            _ => return Err(Refused::Malformed),
        }
        self.client = Some(request.client());
        Ok(Answer::Lease)
    }

    fn is_declined(&self, now: Duration) -> bool {
        self.declined_until.is_some_and(|until| now < until)
    }

    /// DECLINE and RELEASE name their server, and come from whom the lease is.
    fn give_back(&mut self, request: &Request) -> Result<(), Refused> {
        if request.server.is_none() {
            return Err(Refused::Malformed);
        }
        if self.client.as_ref().is_some_and(|c| *c != request.client()) {
            return Err(Refused::ForeignClient);
        }
        self.client = None;
        Ok(())
    }
}
