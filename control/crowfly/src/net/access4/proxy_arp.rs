//! ARP on an access link (RFC 826; proxying as in RFC 1027): for the default router, and for the rest of
//! the home subnet, whose other MNs are not on this link. Never for the MN's own address: its address
//! conflict detection (RFC 5227) must stay unanswered.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use pmipv6::io::Ipv4Service;

/// Whether the MN reaches `target` through us.
pub(super) fn is_ours(target: Ipv4Addr, service: &Ipv4Service, subnet: &Ipv4Net) -> bool {
    if target == service.address {
        return false;
    }
    // All of a subnet of two addresses are hosts (RFC 3021).
    let is_host =
        subnet.prefix_len() >= 31 || (target != subnet.network() && target != subnet.broadcast());
    target == service.default_router || (subnet.contains(&target) && is_host)
}
