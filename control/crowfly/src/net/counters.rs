//! What the box's own IP counts: every drop has a name.

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// Counters of the box's own IP.
        #[derive(Debug, Default, Clone, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl Counters {
            /// Every counter by dotted name, ordered by name.
            #[must_use]
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$(($name, self.$field),)*]
            }
        }
    };
}

counters! {
    /// Frame or packet that is malformed, or whose checksum is wrong.
    drop_malformed = "net.drop.malformed",
    /// Neighbour Discovery message that did not come from the link (RFC 4861 section 7.1).
    drop_not_from_link = "net.drop.not-from-link",
    /// Router Solicitation from a link without a registered MN.
    drop_unknown_link = "net.drop.unknown-link",
    /// Packet to an address that is not ours.
    drop_not_ours = "net.drop.not-ours",
    /// UDP datagram that is malformed, or whose checksum is wrong or absent (RFC 5844 section 4.1.3.2).
    drop_udp_checksum = "net.drop.udp-checksum",
    /// UDP datagram on a port of signalling that carries no Mobility Header where one has to be.
    drop_udp_payload = "net.drop.udp-payload",
    /// A protocol that the box itself does not speak.
    drop_protocol = "net.drop.protocol",
    /// Mobility Header or ESP packet from an address that is no unicast address.
    drop_source = "net.drop.source-not-unicast",
    /// Message out: no on-link prefix covers the destination, and there is no gateway.
    drop_no_route = "net.drop.no-route",
    /// Message out: the neighbour did not answer.
    drop_unresolved = "net.drop.neighbour-unresolved",
    /// Message out: too many wait for the neighbour already; the oldest went.
    drop_queue_full = "net.drop.neighbour-queue-full",
    /// Message out: the neighbour cache is full of neighbours in use.
    drop_cache_full = "net.drop.neighbour-cache-full",
    /// ICMP error beyond the rate limit (RFC 4443 section 2.4 (f)).
    drop_icmp_rate = "net.drop.icmp-rate-limit",
    /// ICMP error that RFC 4443 section 2.4 (e) forbids, or about a packet we cannot answer.
    drop_icmp_forbidden = "net.drop.icmp-error-forbidden",
    /// ICMP error about the MTU of a way that cannot be, or quotes what is not sent that way.
    drop_path_mtu = "net.drop.path-mtu",
    /// Packet out that does not fit the port's MTU.
    drop_too_long = "net.drop.too-long",
    /// ARP from a link without an MN that has an IPv4 home address.
    drop_arp_unknown_link = "net.drop.arp-unknown-link",
    /// ARP by another sender than the MN of the link.
    drop_arp_foreign_sender = "net.drop.arp-foreign-sender",
    /// DHCP message that is malformed, or that no client on the link can send.
    drop_dhcp_malformed = "net.drop.dhcp-malformed",
    /// DHCP from a link without an MN that has an IPv4 home address; answered all the same if it gets one in
    /// a moment.
    drop_dhcp_unknown_link = "net.drop.dhcp-unknown-link",
    /// DHCP of another client than the MN of the link, or about another address.
    drop_dhcp_foreign_client = "net.drop.dhcp-foreign-client",
    /// DHCP to another server: the client has chosen that one.
    drop_dhcp_other_server = "net.drop.dhcp-other-server",
    /// DHCP for an address that the client has declined just now.
    drop_dhcp_declined = "net.drop.dhcp-declined",
    /// DHCP to be relayed, with no server configured.
    drop_dhcp_no_relay = "net.drop.dhcp-no-relay",
    /// DHCP to be relayed that has passed too many relay agents (RFC 1542 section 4.1.1).
    drop_dhcp_hops = "net.drop.dhcp-hops",
    /// DHCP from a server that is not configured, or not to the relay agent.
    drop_dhcp_foreign_server = "net.drop.dhcp-foreign-server",
    /// DHCP of a server that gives an MN another address than that of its binding (RFC 5844 section 3.4.2), or
    /// an address to nobody who is attached.
    drop_dhcp_foreign_offer = "net.drop.dhcp-foreign-offer",
    /// ARP or DHCP of one MN beyond the rate that is answered.
    drop_access_rate = "net.drop.access-rate-limit",
    /// Link beyond the bound on advertised links.
    drop_links_full = "net.drop.access-links-full",
    /// Neighbour Solicitations received for an address of ours.
    rx_neighbour_solicit = "net.rx.neighbour-solicitation",
    /// Neighbour Advertisements received.
    rx_neighbour_advert = "net.rx.neighbour-advertisement",
    /// Router Solicitations received from registered MNs.
    rx_router_solicit = "net.rx.router-solicitation",
    /// Neighbour Discovery, MLD, ARP and other link chatter that needs no answer.
    rx_ignored = "net.rx.ignored",
    /// Echo Requests received.
    rx_echo_request = "net.rx.echo-request",
    /// ICMPv6 errors received about packets of ours.
    rx_icmp_error = "net.rx.icmp-error",
    /// Mobility Headers received.
    rx_mobility_header = "net.rx.mobility-header",
    /// ARP requests received and answered.
    rx_arp_request = "net.rx.arp-request",
    /// ARP replies received on transport and network ports.
    rx_arp_reply = "net.rx.arp-reply",
    /// DHCPDISCOVER received.
    rx_dhcp_discover = "net.rx.dhcp-discover",
    /// DHCPREQUEST received.
    rx_dhcp_request = "net.rx.dhcp-request",
    /// DHCPDECLINE received: somebody else has the MN's address.
    rx_dhcp_decline = "net.rx.dhcp-decline",
    /// DHCPRELEASE received.
    rx_dhcp_release = "net.rx.dhcp-release",
    /// DHCPINFORM received.
    rx_dhcp_inform = "net.rx.dhcp-inform",
    /// ARP replies sent.
    tx_arp_reply = "net.tx.arp-reply",
    /// ARP requests sent to neighbours on transport and network ports.
    tx_arp_request = "net.tx.arp-request",
    /// DHCP messages of MNs relayed, once for each server.
    tx_dhcp_relayed = "net.tx.dhcp-relayed",
    /// DHCPOFFER sent.
    tx_dhcp_offer = "net.tx.dhcp-offer",
    /// DHCPACK sent.
    tx_dhcp_ack = "net.tx.dhcp-ack",
    /// DHCPNAK sent.
    tx_dhcp_nak = "net.tx.dhcp-nak",
    /// Ways whose MTU became less by an ICMP error.
    path_mtu_lowered = "net.path-mtu.lowered",
    /// Ways whose MTU is believed to be their first link's again: what was said of it is too old.
    path_mtu_expired = "net.path-mtu.expired",
    /// ESP packets received.
    rx_esp = "net.rx.esp",
    /// Neighbour Solicitations sent.
    tx_neighbour_solicit = "net.tx.neighbour-solicitation",
    /// Neighbour Advertisements sent.
    tx_neighbour_advert = "net.tx.neighbour-advertisement",
    /// Router Advertisements sent.
    tx_router_advert = "net.tx.router-advertisement",
    /// Echo Replies sent.
    tx_echo_reply = "net.tx.echo-reply",
    /// ICMP errors sent.
    tx_icmp_error = "net.tx.icmp-error",
    /// Mobility Headers sent.
    tx_mobility_header = "net.tx.mobility-header",
    /// ESP packets sent.
    tx_esp = "net.tx.esp",
}
