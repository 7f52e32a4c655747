//! The counters of a worker and their dotted names, which are a promise to operators.

/// Declares the counters, their dotted names, and which of them are reasons for a drop.
macro_rules! counters {
    (
        general { $($(#[doc = $gdoc:literal])+ $general:ident = $gname:literal,)+ }
        drops { $($(#[doc = $ddoc:literal])+ $drop:ident = $dname:literal,)+ }
    ) => {
        /// A counter of a worker that is not a drop.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Counter { $($(#[doc = $gdoc])+ $general,)+ }

        /// Why a packet was dropped: each has its counter, and there is no other drop.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum DropReason { $($(#[doc = $ddoc])+ $drop,)+ }

        impl Counter {
            /// Every general counter.
            pub const ALL: &'static [Self] = &[$(Self::$general,)+];
        }

        impl DropReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$drop,)+];
        }

        /// Dotted names, in the order of the counters: the general ones, then the drops.
        pub(super) const NAMES: &[&str] = &[$($gname,)+ $(concat!("drop.", $dname),)+];
    };
}

counters! {
    general {
        /// Frames received.
        RxPackets = "rx.packets",
        /// Octets of the frames received.
        RxBytes = "rx.bytes",
        /// Frames that a port took, injected ones included.
        TxPackets = "tx.packets",
        /// Octets of the frames handed to ports.
        TxBytes = "tx.bytes",
        /// User packets forwarded: each was handed to a port once.
        Forwarded = "forwarded.packets",
        /// Frames that control injected.
        Injected = "inject.packets",
        /// Of these, packets that went where their destination is.
        InjectRouted = "inject.routed",
        /// ND, MLD and ARP given to control.
        PuntNeighbour = "punt.neighbour",
        /// Mobility Header and ESP given to control.
        PuntSignalling = "punt.signalling",
        /// DHCPv4 from access links given to control.
        PuntDhcp = "punt.dhcp",
        /// ICMP errors about our tunnel packets given to control.
        PuntTunnelError = "punt.tunnel-error",
        /// Other packets to the box itself given to control.
        PuntLocal = "punt.local",
        /// Dropped packets that were given to control for an ICMP error.
        IcmpRaised = "icmp.raised",
        /// Dropped packets whose ICMP error was suppressed, the punt ring being short of room.
        IcmpSuppressed = "icmp.suppressed",
        /// Packets put into a tunnel.
        Encapsulated = "tunnel.encapsulated",
        /// Packets taken out of a tunnel and forwarded.
        Decapsulated = "tunnel.decapsulated",
        /// Tunnel packets that were too large for the way and were fragmented (RFC 2473 section 7).
        TunnelFragmented = "tunnel.fragmented",
        /// Fragments that they became.
        TunnelFragments = "tunnel.fragments",
        /// User packets of IPv4 that were too large for a link and were fragmented (RFC 791 section 2.3).
        LinkFragmented = "link.fragmented",
        /// Fragments that they became.
        LinkFragments = "link.fragments",
        /// Fragments of packets to ourselves that were kept for the rest.
        ReassemblyFragments = "reassembly.fragments",
        /// Packets that they became.
        ReassemblyPackets = "reassembly.packets",
        /// Odd but legal ECN combinations at the tunnel exit (RFC 6040 section 4.2).
        EcnOdd = "tunnel.ecn-odd",
        /// MAG: access link to the anchor's tunnel.
        MagUp = "mag.via-lma.up",
        /// MAG: the anchor's tunnel to the access link.
        MagDown = "mag.via-lma.down",
        /// MAG: access link to another MAG's tunnel.
        PathSent = "path.sent",
        /// MAG: another MAG's tunnel to the access link.
        PathReceived = "path.received",
        /// MAG: access link to access link.
        PathLocal = "path.local",
        /// MAG: another MAG's tunnel to the anchor's, the destination having left.
        PathHandedBack = "path.handed-back",
        /// LMA: tunnel to network.
        LmaUp = "lma.up",
        /// LMA: network to tunnel.
        LmaDown = "lma.down",
        /// LMA: tunnel to tunnel, both homes being its own.
        LmaHairpin = "lma.hairpin",
        /// LMA: tunnel of the destination's previous MAG to that of its present one.
        LmaHandBack = "lma.hand-back",
        /// LMA: tunnel to network, the destination being a peer LMA's home.
        LmaToPeer = "lma.to-peer",
        /// CN: access link to network, no pair having taken the packet.
        CnUp = "cn.native.up",
        /// CN: network to access link.
        CnDown = "cn.native.down",
        /// Events given to control.
        EventsSent = "event.sent",
        /// Events dropped, the ring being full.
        EventsDropped = "event.dropped",
        /// Reports of talking pairs held back by the global rate.
        DetectLimited = "detect.rate-limited",
        /// Talking pairs that were forgotten to watch another one.
        DetectEvicted = "detect.evicted",
        /// Updates applied.
        UpdatesApplied = "update.applied",
        /// Updates not applied, a table being full or a slot out of range.
        UpdatesRefused = "update.refused",
        /// Clearing of what was not there.
        UpdatesNothing = "update.nothing-to-clear",
        /// Tunnels cleared although a home or pair pointed to them: an error of control's.
        TunnelInUse = "update.tunnel-cleared-in-use",
        /// Links cleared although a home pointed to them: an error of control's.
        LinkInUse = "update.link-cleared-in-use",
        /// Polls of all queues that found nothing.
        EmptyPolls = "poll.empty",
        /// Polls of a queue that found packets.
        Bursts = "poll.bursts",
    }
    drops {
        /// Shorter than its headers say.
        Truncated = "truncated",
        /// In more segments than one buffer has room for.
        Segmented = "segmented",
        /// Received on a port that the worker does not know.
        UnknownPort = "unknown-port",
        /// To another station's link-layer address.
        OtherHost = "other-host",
        /// An 802.1Q tag where none belongs, or more than one.
        Vlan = "vlan",
        /// Not IPv6, IPv4 or ARP.
        EtherType = "ethertype",
        /// IP version differs from what the layer before said.
        BadVersion = "bad-version",
        /// IPv4 header length below 20 octets.
        BadHeader = "bad-header",
        /// IPv4 header checksum.
        BadChecksum = "bad-checksum",
        /// Multicast, broadcast or loopback source.
        BadSource = "bad-source",
        /// Unspecified or loopback destination.
        BadDestination = "bad-destination",
        /// Link-local source or destination, never forwarded (RFC 5213 section 6.10.5).
        LinkLocal = "link-local",
        /// Multicast that is not ND or MLD.
        Multicast = "multicast",
        /// On a transport port, to an address that is not ours.
        NotOwnAddress = "not-own-address",
        /// A tunnel packet from a port that is not a transport port.
        TunnelNotOnTransport = "tunnel-not-on-transport",
        /// Signalling from an access link.
        SignallingOnAccess = "signalling-on-access",
        /// A fragment of a packet to ourselves where none is taken: from an access link, behind other
        /// extension headers, within another one, or without memory.
        OuterFragment = "outer-fragment",
        /// A fragment without payload, not of a multiple of eight octets though more follow, or beyond the
        /// largest packet (RFC 8200 section 4.5).
        FragmentHeader = "fragment-header",
        /// Fragments given up: the rest did not come in time, overlapped or was there twice (RFC 5722), was
        /// in too many pieces, or too many packets waited.
        Reassembly = "reassembly",
        /// An outer destination option that must not be skipped (RFC 8200 section 4.2).
        OuterOption = "outer-option",
        /// UDP length that is not the packet's, or a tunnel packet whose first octet is none.
        UdpHeader = "udp-header",
        /// TLV header whose length is not the packet's, or with no IP behind it (RFC 5845 section 7).
        TlvHeader = "tlv-header",
        /// GRE header with reserved bits, of another version, or of another protocol than IP (RFC 2784).
        GreHeader = "gre-header",
        /// The packet may not be put into another tunnel (RFC 2473 section 4.1.1); the sender is told.
        EncapsulationLimit = "encapsulation-limit",
        /// MAG: the source is not a home of the very link it came from.
        SourceNotOnLink = "source-not-on-link",
        /// From a tunnel that may not carry this inner packet, or from no tunnel of ours.
        TunnelSourceNotAllowed = "tunnel-source-not-allowed",
        /// MAG: the inner destination is not attached.
        NotAttached = "not-attached",
        /// LMA: IPv6 on a port of a realm, which has IPv4 homes only.
        RealmIpv6 = "realm-ipv6",
        /// LMA: the realm has no network port, or its gateway is not resolved.
        RealmUnreachable = "realm-unreachable",
        /// LMA: the destination has no binding.
        NoBinding = "no-binding",
        /// LMA: source or destination is suspended.
        BindingSuspended = "binding-suspended",
        /// LMA: from the network, with an own home as source.
        SpoofedHome = "spoofed-home",
        /// The entry points to a slot that is not set.
        IncompleteEntry = "incomplete-entry",
        /// The tunnel's next hop is not resolved.
        TunnelUnresolved = "tunnel-unresolved",
        /// The network's next hop is not resolved.
        NetworkUnresolved = "network-unresolved",
        /// Hop limit or TTL exhausted.
        HopLimit = "hop-limit",
        /// Larger than the tunnel or link takes; the sender is told.
        TooBig = "too-big",
        /// At most 1280 octets, or IPv4 without DF, but larger than the tunnel takes in so many fragments.
        NeedsOuterFragment = "needs-outer-fragment",
        /// IPv4 without DF, larger than the link takes in so many fragments.
        NeedsFragment = "needs-fragment",
        /// Same source and destination as the tunnel itself (RFC 2473 section 4.1.2).
        TunnelLoop = "tunnel-loop",
        /// Congestion experienced outside, not ECN-capable inside (RFC 6040 section 4.2).
        Ecn = "ecn",
        /// No room for the outer header in front of the packet.
        NoHeadroom = "no-headroom",
        /// No buffer for a fragment.
        NoBuffer = "no-buffer",
        /// No queue for the port that the packet should leave by.
        NoSuchPort = "no-such-port",
        /// The port took no more.
        TxFull = "tx-full",
        /// The punt ring had no room for a packet of this kind.
        PuntFull = "punt-full",
    }
}

/// Counters of all kinds.
pub(super) const COUNTERS: usize = NAMES.len();
/// Where the drops begin.
pub(super) const FIRST_DROP: usize = Counter::ALL.len();

impl Counter {
    /// The dotted name.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

impl DropReason {
    /// The dotted name, `drop.` in front.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES[FIRST_DROP + self as usize]
    }
}
