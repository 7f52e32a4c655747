//! The Proxy Binding Acknowledgement (RFC 5213 section 5.3.6).

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::LocalMobilityAnchor;
use super::config::Profile;
use super::state::BindingId;
use super::update::Update;
use crate::io::DhcpMode;
use crate::wire::iana::{ipv4_status, status};
use crate::wire::message::BindingAck;
use crate::wire::options::ALL_ZERO_HNP;
use crate::wire::{Message, MobilityOption, timestamp_from_duration};

/// What a PBA says about the IPv4 home address (RFC 5844 sections 3.3.2 to 3.3.4).
#[derive(Debug, Clone, Copy)]
pub(super) struct Ipv4Reply {
    status: u8,
    address: Ipv4Addr,
    /// Of the home subnet.
    prefix_len: u8,
    /// Where it is granted: the default router, and whether the MAG is the DHCP server.
    router: Option<(Ipv4Addr, bool)>,
}

impl LocalMobilityAnchor {
    pub(super) fn ipv4_reply(&self, profile: &Profile, result: Result<Ipv4Addr, u8>) -> Ipv4Reply {
        match result {
            Ok(address) => {
                let space = self.space_of(profile);
                // An address outside every pool is alone.
                let pool = space.and_then(|space| Some((space, *space.pool_of(address)?)));
                Ipv4Reply {
                    status: ipv4_status::SUCCESS,
                    address,
                    prefix_len: pool.map_or(32, |(_, pool)| pool.prefix_len()),
                    router: pool.map(|(space, pool)| {
                        let router = space.router_of(&pool);
                        (router, self.config.dhcp == DhcpMode::Server)
                    }),
                }
            }
            Err(status) => Ipv4Reply {
                status,
                address: Ipv4Addr::UNSPECIFIED,
                prefix_len: 0,
                router: None,
            },
        }
    }

    /// Accepts, once all updates so far are applied: a repeated PBU changes nothing, but what it asks for
    /// may still be on its way to the workers.
    pub(super) fn acknowledge(
        &mut self,
        id: BindingId,
        update: &Update,
        lifetime: u16,
        ipv4: Option<Ipv4Reply>,
    ) {
        let Some(entry) = self.bindings.get(&id) else {
            return;
        };
        let mut options = vec![MobilityOption::nai(&entry.mn_id)];
        options.extend(Self::hnps_of(entry).filter_map(|home| match home {
            IpNet::V6(hnp) => Some(MobilityOption::HomeNetworkPrefix(*hnp)),
            IpNet::V4(_) => None,
        }));
        let link_local = update.link_local.map(|_| entry.link_local);
        options.extend(echoes(update));
        options.extend(update.timestamp.map(MobilityOption::Timestamp));
        options.extend(link_local.map(MobilityOption::LinkLocalAddress));
        if let Some(reply) = ipv4 {
            options.push(MobilityOption::Ipv4HomeAddressReply {
                status: reply.status,
                prefix_len: reply.prefix_len,
                address: reply.address,
            });
            if let Some((router, server)) = reply.router {
                options.push(MobilityOption::Ipv4DefaultRouter(router));
                options.push(MobilityOption::Ipv4DhcpSupportMode { server });
            }
        }
        options.extend(self.node.reach.nat_detection(update.proxy_coa));
        options.extend(entry.gre.map(|keys| MobilityOption::GreKey(keys.receive)));
        // A key was offered, and none is needed (RFC 5845 section 5.3.1).
        let needless = update.gre.is_some() && entry.gre.is_none() && lifetime > 0;
        let ack = BindingAck {
            status: match needless {
                true => status::GRE_KEY_OPTION_NOT_REQUIRED,
                false => status::ACCEPTED,
            },
            flags: BindingAck::P,
            sequence: update.sequence,
            lifetime,
            options,
        };
        let answer = Message::BindingAck(ack);
        let output = self.node.message_back(update.source, answer);
        self.node.after(self.node.last_update(), output);
    }

    /// Refuses at once; nothing has changed.
    pub(super) fn reject(&mut self, update: &Update, code: u8) {
        self.node.count("pmipv6.registration.refused");
        let mn_id = update.mn_id.as_deref().unwrap_or_default();
        let mut options = vec![MobilityOption::nai(mn_id)];
        match update.hnps.as_slice() {
            [] => options.push(MobilityOption::HomeNetworkPrefix(ALL_ZERO_HNP)),
            hnps => options.extend(
                hnps.iter()
                    .map(|hnp| MobilityOption::HomeNetworkPrefix(*hnp)),
            ),
        }
        options.extend(echoes(update));
        // 156 and 157 say what time it is here (section 5.5).
        let timestamp = match code {
            status::TIMESTAMP_MISMATCH | status::TIMESTAMP_LOWER_THAN_PREV_ACCEPTED => {
                Some(timestamp_from_duration(self.node.now.wall))
            }
            _ => update.timestamp,
        };
        options.extend(timestamp.map(MobilityOption::Timestamp));
        let ack = BindingAck {
            status: code,
            flags: BindingAck::P,
            sequence: self.sequence_of_rejection(update, code),
            lifetime: 0,
            options,
        };
        self.node.send_back(update.source, Message::BindingAck(ack));
    }

    /// 135 tells the last accepted number, to be exceeded (RFC 6275 section 9.5.1); otherwise the PBU's.
    fn sequence_of_rejection(&self, update: &Update, code: u8) -> u16 {
        if code != status::SEQUENCE_NUMBER_OUT_OF_WINDOW {
            return update.sequence;
        }
        let sessions = update
            .mn_id
            .as_ref()
            .and_then(|mn_id| self.by_mn.get(mn_id));
        let entry = sessions
            .and_then(|ids| ids.first())
            .and_then(|id| self.bindings.get(id));
        entry.map_or(update.sequence, |entry| entry.sequence)
    }
}

/// HI, ATT and LL-ID of the request; 0 where the first two were missing.
fn echoes(update: &Update) -> impl Iterator<Item = MobilityOption> {
    let ll_id = update.ll_id.clone().map(MobilityOption::MnLinkLayerId);
    [
        MobilityOption::HandoffIndicator(update.hi.unwrap_or_default()),
        MobilityOption::AccessTechnologyType(update.att.unwrap_or_default()),
    ]
    .into_iter()
    .chain(ll_id)
}
