//! A tunnel's prepared header.

use std::net::IpAddr;

use super::form::{Form, TLV};
use super::{OUTER, Tunnel, TunnelState};
use crate::packet::gre;
use crate::packet::header::{
    ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4, NH_GRE, NH_UDP, UDP, ipv4_sum,
};
use crate::update::{Encapsulation, TunnelSpec};

pub(super) fn template(spec: &TunnelSpec, form: Form) -> Tunnel {
    let mut header = [0; OUTER];
    if let Some(hop) = spec.next_hop {
        header[..6].copy_from_slice(&hop.destination_mac);
        header[6..12].copy_from_slice(&hop.source_mac);
    }
    if let (IpAddr::V4(local), IpAddr::V4(remote)) = (spec.local, spec.remote) {
        header[12..14].copy_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
        header[26..30].copy_from_slice(&local.octets());
        header[30..34].copy_from_slice(&remote.octets());
        over_ipv4(spec, form, &mut header[ETHERNET..]);
    }
    if let (IpAddr::V6(local), IpAddr::V6(remote)) = (spec.local, spec.remote) {
        header[12..14].copy_from_slice(&ETHERTYPE_IPV6.to_be_bytes());
        header[14] = 6 << 4;
        header[21] = spec.hop_limit;
        header[22..38].copy_from_slice(&local.octets());
        header[38..54].copy_from_slice(&remote.octets());
    }
    Tunnel {
        header,
        mtu_bytes: spec.mtu_bytes,
        key: spec.gre.and_then(|keys| keys.send).unwrap_or(0),
        // Ports above 255 do not exist: no queue is found, and the packet is dropped and counted.
        port: spec
            .next_hop
            .map_or(0, |hop| u8::try_from(hop.port).unwrap_or(u8::MAX)),
        limit: spec.encapsulation_limit.unwrap_or(0),
        state: match (spec.next_hop, form) {
            (None, _) => TunnelState::Unresolved,
            (Some(_), Form::PLAIN) => TunnelState::ReadyPlain,
            (Some(_), _) => TunnelState::ReadyWrapped,
        },
        form,
    }
}

/// All headers from IPv4 on, the addresses being there: without lengths, identification and what depends on
/// the packet's family. The checksum is right for what stands here.
fn over_ipv4(spec: &TunnelSpec, form: Form, outer: &mut [u8]) {
    outer[0] = 0x45;
    outer[8] = spec.hop_limit;
    if form.has_gre() {
        outer[9] = NH_GRE;
    }
    let mut at = IPV4;
    if let Encapsulation::Udp {
        local_port,
        remote_port,
    } = spec.encapsulation
    {
        outer[9] = NH_UDP;
        outer[at..at + 2].copy_from_slice(&local_port.to_be_bytes());
        outer[at + 2..at + 4].copy_from_slice(&remote_port.to_be_bytes());
        at += UDP;
        if form.has_gre() {
            // The TLV header: type 0, next header, length.
            outer[at + 1] = NH_GRE;
            at += TLV;
        }
    }
    if let Some(key) = spec.gre.and_then(|keys| keys.send) {
        outer[at..at + 2].copy_from_slice(&gre::KEY.to_be_bytes());
        outer[at + 4..at + 8].copy_from_slice(&key.to_be_bytes());
    }
    let sum = ipv4_sum(&outer[..IPV4]);
    outer[10..12].copy_from_slice(&(!sum).to_be_bytes());
}
