//! IPv4 on access links: what a registered MN with an IPv4 home address finds there (RFC 5844
//! section 3.4): a default router that answers ARP (RFC 826), and a DHCP server (RFC 2131) that gives it
//! that address and no other, or a relay agent to a server that is held to it.
//!
//! The link is point-to-point by definition (RFC 5213 section 6.3): the MN is known by port, VLAN and
//! link-layer address, everything goes to that link-layer address alone, and everybody else who asks is
//! a counted drop. The MAG's link-layer address and the server identifier are the same at every MAG, so a
//! handover changes neither ARP cache nor lease.
//!
//! ```text
//!   ARP request ──▶ arp      target: the default router, or any other of the home subnet ──▶ ARP reply
//!   DHCP ──▶ message ──▶ lease     DISCOVER ──▶ OFFER, REQUEST ──▶ ACK or NAK, INFORM ──▶ ACK
//!                    └▶ relay     to each server, and back
//!   ICMP ──▶ router     Echo Request ──▶ Echo Reply
//! ```

mod lease;
mod message;
mod proxy_arp;
mod relay;
mod router;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;
use pmipv6::io::{DhcpMode, Ipv4Service, Link, MacAddr};
use smoltcp::wire::DhcpMessageType as Kind;

use super::arp::Arp;
use super::frame::{ETHERTYPE_ARP, ETHERTYPE_IPV4, Envelope, close};
use super::icmp::TokenBucket;
use super::{Action, Counters, Net};
use lease::{Answer, Lease};
use message::{Datagram, Request};
use relay::Reply;
use router::{Spoken, spoken};

/// Answers to one MN in a second, on the average.
const ANSWERS_PER_S: u32 = 20;
/// Answers to one MN at once.
const BURST: u32 = 40;
/// DHCP messages that wait for a binding which may be on its way (RFC 5844 section 3.4.1).
const MAX_EARLY: usize = 64;
/// How long one waits: shorter than a client's first interval (RFC 2131 section 4.1).
const EARLY_S: u64 = 3;
/// Longest message that waits, octets: what every link takes.
const MAX_EARLY_BYTES: usize = 1_500;

/// What every MN is told beside what its LMA grants.
#[derive(Debug, Clone)]
pub(super) struct Ipv4Config {
    /// Our link-layer address on every access link (RFC 6543).
    pub(super) mac: [u8; 6],
    /// Interface MTU, octets: the smaller of tunnel and access MTU.
    pub(super) mtu_bytes: u16,
    /// Domain name servers; none: the option is left out.
    pub(super) dns_servers: Vec<Ipv4Addr>,
}

/// Why a frame is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Malformed,
    UnknownLink,
    ForeignSender,
    ForeignClient,
    OtherServer,
    Declined,
    Hops,
    RateLimit,
}

/// What a DHCP message of an MN brings about.
#[derive(Debug)]
enum Outcome {
    /// Its answer, and the IPv4 packet that carries it.
    Answered(Answer, Option<Vec<u8>>),
    /// It goes to the servers.
    Relayed {
        message: Vec<u8>,
        service: Ipv4Service,
    },
}

#[derive(Debug)]
struct ServedLink {
    service: Ipv4Service,
    subnet: Ipv4Net,
    /// When the binding ends.
    until: Duration,
    lease: Lease,
    rate: TokenBucket,
}

/// The access links that IPv4 is served on.
#[derive(Debug)]
pub(super) struct Ipv4Links {
    config: Ipv4Config,
    links: HashMap<Link, ServedLink>,
    /// The link where a home address is served.
    by_address: HashMap<Ipv4Addr, Link>,
    capacity: usize,
    /// The last message of each of the links that are not served yet; the oldest first.
    early: VecDeque<Early>,
}

/// A DHCP message from a link without a binding.
#[derive(Debug)]
struct Early {
    until: Duration,
    envelope: Envelope,
    packet: Vec<u8>,
}

impl Ipv4Links {
    pub(super) fn new(config: Ipv4Config, capacity: usize) -> Self {
        Self {
            config,
            links: HashMap::new(),
            by_address: HashMap::new(),
            capacity,
            early: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Serves an MN from now on, or longer; false when there are too many links, or the service cannot
    /// be one.
    fn serve(&mut self, link: Link, service: Ipv4Service, until: Duration) -> bool {
        let Ok(subnet) = Ipv4Net::new(service.address, service.prefix_len) else {
            return false;
        };
        if let Some(served) = self.links.get_mut(&link)
            && served.service.address == service.address
        {
            // The lease goes on: only what is granted, and until when, is new.
            served.service = service;
            served.subnet = subnet;
            served.until = until;
            return true;
        }
        if self.links.len() >= self.capacity && !self.links.contains_key(&link) {
            return false;
        }
        let served = ServedLink {
            service,
            subnet,
            until,
            lease: Lease::default(),
            rate: TokenBucket::limited(ANSWERS_PER_S, BURST),
        };
        let address = served.service.address;
        if let Some(old) = self.links.insert(link, served) {
            self.forget_address(old.service.address, link);
        }
        self.by_address.insert(address, link);
        true
    }

    fn end(&mut self, link: Link, address: Ipv4Addr) {
        let serves = |served: &ServedLink| served.service.address == address;
        if self.links.get(&link).is_some_and(serves) {
            self.links.remove(&link);
            self.forget_address(address, link);
        }
    }

    fn forget_address(&mut self, address: Ipv4Addr, link: Link) {
        if self.by_address.get(&address) == Some(&link) {
            self.by_address.remove(&address);
        }
    }

    /// Keeps a message until its link is served, in the place of the link's last one or of the oldest.
    fn wait(&mut self, now: Duration, envelope: Envelope, packet: &[u8]) {
        self.early
            .retain(|early| now < early.until && early.envelope != envelope);
        if packet.len() > MAX_EARLY_BYTES {
            return;
        }
        if self.early.len() >= MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(Early {
            until: now + Duration::from_secs(EARLY_S),
            envelope,
            packet: packet.to_vec(),
        });
    }

    /// The message that waits for a link to be served.
    fn take_early(&mut self, now: Duration, link: Link) -> Option<Early> {
        let at = self
            .early
            .iter()
            .position(|early| link_of(&early.envelope) == link)?;
        self.early.remove(at).filter(|early| now < early.until)
    }

    /// The link that a frame came from, if its MN is served.
    fn served(
        &mut self,
        now: Duration,
        envelope: &Envelope,
    ) -> Result<(&Ipv4Config, &mut ServedLink), Refused> {
        let served = self
            .links
            .get_mut(&link_of(envelope))
            .filter(|link| now < link.until);
        Ok((&self.config, served.ok_or(Refused::UnknownLink)?))
    }

    /// The ARP packet that answers one; none where an answer would be wrong.
    fn arp(
        &mut self,
        now: Duration,
        envelope: &Envelope,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, Refused> {
        let query = Arp::parse(payload).ok_or(Refused::Malformed)?;
        let (config, served) = self.served(now, envelope)?;
        let own = served.service.address;
        if query.sender_mac != envelope.source
            || !(query.sender == own || query.sender.is_unspecified())
        {
            return Err(Refused::ForeignSender);
        }
        if !query.is_request || !proxy_arp::is_ours(query.target, &served.service, &served.subnet) {
            return Ok(None);
        }
        if !served.rate.take(now) {
            return Err(Refused::RateLimit);
        }
        Ok(Some(query.reply(config.mac)))
    }

    /// The link that a server's message goes to, and the IPv4 packet that carries it there.
    fn relay_back(&self, now: Duration, reply: &Reply) -> Option<(Link, Vec<u8>)> {
        let link = *self.by_address.get(&reply.address)?;
        let served = self.links.get(&link).filter(|served| now < served.until)?;
        let right = served.service.dhcp == DhcpMode::Relay && link.mac.0 == reply.client_mac;
        right.then(|| (link, reply.packet(&served.service)))
    }

    /// What a DHCP message brings about.
    fn dhcp(
        &mut self,
        now: Duration,
        envelope: &Envelope,
        payload: &[u8],
    ) -> Result<(Request, Outcome), Refused> {
        let datagram = Datagram::parse(payload).ok_or(Refused::Malformed)?;
        let request = Request::parse(datagram.payload).ok_or(Refused::Malformed)?;
        if self.served(now, envelope).is_err() {
            self.wait(now, *envelope, payload);
        }
        let (config, served) = self.served(now, envelope)?;
        if request.client_mac != envelope.source {
            return Err(Refused::ForeignClient);
        }
        if !served.rate.take(now) {
            return Err(Refused::RateLimit);
        }
        if served.service.dhcp == DhcpMode::Relay {
            relay::check(&served.service, datagram.source, &request, datagram.payload)?;
            let message = datagram.payload.to_vec();
            let service = served.service;
            return Ok((request, Outcome::Relayed { message, service }));
        }
        let between = (datagram.source, datagram.destination);
        let answer = served
            .lease
            .decide(now, &served.service, between, &request)?;
        let left_s = served.until.saturating_sub(now).as_secs();
        let left_s = u32::try_from(left_s).unwrap_or(u32::MAX);
        let reply = message::reply(&request, answer, &served.service, config, left_s);
        Ok((request, Outcome::Answered(answer, reply)))
    }
}

impl Net {
    /// Serves IPv4 to the MN on an access link from now on, or goes on with it. A DHCP message that was
    /// early is answered.
    pub fn serve_ipv4(
        &mut self,
        now: Duration,
        link: Link,
        service: Ipv4Service,
        lifetime_s: u32,
        out: &mut Vec<Action>,
    ) {
        let until = now + Duration::from_secs(lifetime_s.into());
        if !self.ipv4_links.serve(link, service, until) {
            self.counters.drop_links_full += 1;
        } else if let Some(early) = self.ipv4_links.take_early(now, link) {
            self.receive_dhcp(now, early.envelope, &early.packet, out);
        }
    }

    /// Serves IPv4 no more to the MN that has `address`.
    pub fn end_ipv4(&mut self, link: Link, address: Ipv4Addr) {
        self.ipv4_links.end(link, address);
    }

    /// ARP from an access link.
    pub(super) fn receive_access_arp(
        &mut self,
        now: Duration,
        envelope: Envelope,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) {
        let counters = &mut self.counters;
        match self.ipv4_links.arp(now, &envelope, payload) {
            Ok(Some(reply)) => {
                counters.rx_arp_request += 1;
                counters.tx_arp_reply += 1;
                self.answer_ipv4(envelope, ETHERTYPE_ARP, &reply, out);
            }
            Ok(None) => counters.rx_ignored += 1,
            Err(Refused::UnknownLink) => counters.drop_arp_unknown_link += 1,
            Err(Refused::ForeignSender) => counters.drop_arp_foreign_sender += 1,
            Err(Refused::RateLimit) => counters.drop_access_rate += 1,
            Err(_) => counters.drop_malformed += 1,
        }
    }

    /// An IPv4 packet from an access link that is no user packet: DHCP, or to the default router.
    pub(super) fn receive_access_ipv4(
        &mut self,
        now: Duration,
        envelope: Envelope,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) {
        match spoken(payload) {
            Spoken::Dhcp => self.receive_dhcp(now, envelope, payload, out),
            Spoken::Icmp => self.receive_access_icmp(now, envelope, payload, out),
            Spoken::Other => self.counters.drop_protocol += 1,
        }
    }

    fn receive_dhcp(
        &mut self,
        now: Duration,
        envelope: Envelope,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) {
        let counters = &mut self.counters;
        match self.ipv4_links.dhcp(now, &envelope, payload) {
            Ok((request, Outcome::Relayed { message, service })) => {
                count_received(counters, request.kind);
                self.relay(now, &request, &message, &service, out);
            }
            Ok((request, Outcome::Answered(answer, reply))) => {
                count_received(counters, request.kind);
                count_answer(counters, answer);
                tracing::debug!(mac = %MacAddr(envelope.source), kind = ?request.kind, ?answer, "DHCP");
                if let Some(packet) = reply {
                    self.answer_ipv4(envelope, ETHERTYPE_IPV4, &packet, out);
                }
            }
            Err(Refused::UnknownLink) => counters.drop_dhcp_unknown_link += 1,
            Err(Refused::ForeignClient | Refused::ForeignSender) => {
                counters.drop_dhcp_foreign_client += 1;
            }
            Err(Refused::OtherServer) => counters.drop_dhcp_other_server += 1,
            Err(Refused::Declined) => counters.drop_dhcp_declined += 1,
            Err(Refused::Hops) => counters.drop_dhcp_hops += 1,
            Err(Refused::RateLimit) => counters.drop_access_rate += 1,
            Err(Refused::Malformed) => counters.drop_dhcp_malformed += 1,
        }
    }

    /// To the MN's link-layer address even where the IPv4 destination is a broadcast: nobody else on a
    /// shared segment is on this link.
    fn answer_ipv4(
        &self,
        envelope: Envelope,
        ethertype: u16,
        packet: &[u8],
        out: &mut Vec<Action>,
    ) {
        let back = envelope.reply_from(self.config.router_advertisement.mac);
        out.push(Action::Transmit {
            port: envelope.port,
            frame: close(back, ethertype, packet),
        });
    }
}

fn link_of(envelope: &Envelope) -> Link {
    Link {
        port: envelope.port,
        vlan: envelope.vlan,
        mac: MacAddr(envelope.source),
    }
}

fn count_received(counters: &mut Counters, kind: Kind) {
    let received = match kind {
        Kind::Discover => &mut counters.rx_dhcp_discover,
        Kind::Decline => &mut counters.rx_dhcp_decline,
        Kind::Release => &mut counters.rx_dhcp_release,
        Kind::Inform => &mut counters.rx_dhcp_inform,
        _ => &mut counters.rx_dhcp_request,
    };
    *received += 1;
}

fn count_answer(counters: &mut Counters, answer: Answer) {
    match answer {
        Answer::Offer => counters.tx_dhcp_offer += 1,
        Answer::Lease | Answer::Inform => counters.tx_dhcp_ack += 1,
        Answer::Nak => counters.tx_dhcp_nak += 1,
        Answer::Nothing => {}
    }
}
