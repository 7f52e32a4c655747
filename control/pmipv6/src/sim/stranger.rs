//! A stranger: sends what no peer of the domain sent, from an address that is none of theirs (L-74).

use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use ipnet::IpNet;

use crate::io::Via;
use crate::wire::message::{BindingUpdate, RoKind, RoRequest};
use crate::wire::{Message, MobilityOption};

use super::domain::Domain;
use super::event::{Delivery, Event};
use super::layout::MobileIndex;
use super::network::NodeIndex;

/// The stranger's address.
pub const STRANGER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 1);

/// Lifetime of forged paths, seconds; of forged bindings, in units of 4 seconds.
pub(super) const LIFETIMES: (u16, u16) = (300, 100);

/// What a stranger tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// Draws a path to itself.
    Path(RoKind),
    /// Takes a path down.
    TearDown(RoKind),
    /// Draws an MN's traffic to itself.
    Register,
    /// Takes an MN's binding down.
    Deregister,
}

impl Forgery {
    /// Every forgery.
    pub const ALL: [Self; 8] = [
        Self::Path(RoKind::Init),
        Self::Path(RoKind::Setup),
        Self::Path(RoKind::Trigger),
        Self::TearDown(RoKind::Init),
        Self::TearDown(RoKind::Setup),
        Self::TearDown(RoKind::Trigger),
        Self::Register,
        Self::Deregister,
    ];
}

impl Domain<'_> {
    /// The stranger sends its message to a node.
    pub(super) fn forge(
        &mut self,
        to: NodeIndex,
        source: MobileIndex,
        destination: MobileIndex,
        forgery: Forgery,
    ) {
        let Some(message) = self.forgery(STRANGER, source, destination, forgery, LIFETIMES) else {
            return;
        };
        let delay = self.rng_mobile.range(500, 5_000);
        self.after(
            delay,
            Event::Message(Box::new(Delivery {
                to,
                source: IpAddr::V6(STRANGER),
                via: Via::Ipv6,
                from: None,
                message: Rc::new(message),
            })),
        );
    }

    /// What somebody says who calls itself the MAG `mag`.
    pub(super) fn forgery(
        &self,
        mag: Ipv6Addr,
        source: MobileIndex,
        destination: MobileIndex,
        forgery: Forgery,
        (path_s, binding): (u16, u16),
    ) -> Option<Message> {
        let (from, other) = self.common_homes(source, destination)?;
        let now = self.io_now();
        let timestamp = (now.wall.as_secs() + 1) << 16;
        Some(match forgery {
            Forgery::Path(kind) => ro(mag, kind, path_s, from, other, timestamp),
            Forgery::TearDown(kind) => ro(mag, kind, 0, from, other, timestamp),
            Forgery::Register => self.proxy_binding_update(source, binding, from, timestamp),
            Forgery::Deregister => self.proxy_binding_update(source, 0, from, timestamp),
        })
    }

    fn proxy_binding_update(
        &self,
        mobile: MobileIndex,
        lifetime: u16,
        home: IpNet,
        timestamp: u64,
    ) -> Message {
        let mut options = vec![
            MobilityOption::MnId {
                subtype: 1,
                identifier: self.layout.mn_id(mobile).into_bytes(),
            },
            MobilityOption::HandoffIndicator(3),
            MobilityOption::AccessTechnologyType(3),
            MobilityOption::Timestamp(timestamp),
        ];
        options.extend(home_option(home));
        Message::BindingUpdate(BindingUpdate {
            sequence: 1,
            flags: BindingUpdate::A | BindingUpdate::P,
            lifetime,
            options,
        })
    }
}

fn ro(
    mag: Ipv6Addr,
    kind: RoKind,
    lifetime: u16,
    from: IpNet,
    to: IpNet,
    timestamp: u64,
) -> Message {
    let mut options: Vec<MobilityOption> = [from, to].into_iter().filter_map(home_option).collect();
    options.push(MobilityOption::MagIpv6Address(mag));
    options.push(MobilityOption::Timestamp(timestamp));
    Message::RoRequest(RoRequest {
        kind,
        sequence: 1,
        handover: false,
        proxy_mode: false,
        lifetime,
        options,
    })
}

fn home_option(home: IpNet) -> Option<MobilityOption> {
    Some(match home {
        IpNet::V6(prefix) => MobilityOption::HomeNetworkPrefix(prefix),
        IpNet::V4(address) => MobilityOption::Ipv4HomeAddress {
            prefix_len: 32,
            prefix_request: false,
            address: address.addr(),
        },
    })
}
