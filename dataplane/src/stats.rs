//! What a worker counts: written by the worker alone with plain relaxed stores, read by control.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

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
        const NAMES: &[&str] = &[$($gname,)+ $(concat!("drop.", $dname),)+];
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
        /// ND, MLD and ARP given to control.
        PuntNeighbour = "punt.neighbour",
        /// Mobility Header and ESP given to control.
        PuntSignalling = "punt.signalling",
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
        /// LMA: tunnel to network.
        LmaUp = "lma.up",
        /// LMA: network to tunnel.
        LmaDown = "lma.down",
        /// LMA: tunnel to tunnel, both homes being its own.
        LmaHairpin = "lma.hairpin",
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
        /// In more than one buffer segment.
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
        /// A fragment of a packet to ourselves.
        OuterFragment = "outer-fragment",
        /// An outer destination option that must not be skipped (RFC 8200 section 4.2).
        OuterOption = "outer-option",
        /// MAG: the source is not a home of the very link it came from.
        SourceNotOnLink = "source-not-on-link",
        /// From a tunnel that may not carry this inner packet, or from no tunnel of ours.
        TunnelSourceNotAllowed = "tunnel-source-not-allowed",
        /// MAG: the inner destination is not attached.
        NotAttached = "not-attached",
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
        /// At most 1280 octets, or IPv4 without DF, but larger than the tunnel takes.
        NeedsOuterFragment = "needs-outer-fragment",
        /// IPv4 without DF, larger than the link takes.
        NeedsFragment = "needs-fragment",
        /// Same source and destination as the tunnel itself (RFC 2473 section 4.1.2).
        TunnelLoop = "tunnel-loop",
        /// Congestion experienced outside, not ECN-capable inside (RFC 6040 section 4.2).
        Ecn = "ecn",
        /// No room for the outer header in front of the packet.
        NoHeadroom = "no-headroom",
        /// No queue for the port that the packet should leave by.
        NoSuchPort = "no-such-port",
        /// The port took no more.
        TxFull = "tx-full",
        /// The punt ring had no room for a packet of this kind.
        PuntFull = "punt-full",
    }
}

/// Counters of all kinds.
pub(crate) const COUNTERS: usize = NAMES.len();
const FIRST_DROP: usize = Counter::ALL.len();

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

/// The worker's own sums since its last burst; [`Tally::flush`] stores them where control reads.
#[derive(Debug)]
pub(crate) struct Tally {
    sums: [u64; COUNTERS],
    touched: u128,
}

const _: () = assert!(COUNTERS <= 128, "the touched mask has 128 bits");

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            sums: [0; COUNTERS],
            touched: 0,
        }
    }

    /// Adds to a counter.
    #[inline]
    pub(crate) fn add(&mut self, counter: Counter, amount: u64) {
        self.add_at(counter as usize, amount);
    }

    /// Counts drops.
    #[inline]
    pub(crate) fn drop(&mut self, reason: DropReason, packets: u64) {
        self.add_at(FIRST_DROP + reason as usize, packets);
    }

    #[inline]
    fn add_at(&mut self, at: usize, amount: u64) {
        self.sums[at] += amount;
        self.touched |= 1 << at;
    }

    /// Stores the sums and starts again from zero.
    #[inline]
    pub(crate) fn flush(&mut self, stats: &WorkerStats) {
        let mut touched = self.touched;
        while touched != 0 {
            let at = touched.trailing_zeros() as usize % 128;
            touched &= touched - 1;
            bump(&stats.counters[at], self.sums[at]);
            self.sums[at] = 0;
        }
        self.touched = 0;
    }
}

/// Adds without a locked instruction: there is one writer.
#[inline]
fn bump(cell: &AtomicU64, amount: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
}

#[derive(Debug, Default)]
struct PathCell {
    packets: AtomicU64,
    bytes: AtomicU64,
}

/// The statistics of one worker.
#[derive(Debug)]
pub struct WorkerStats {
    counters: CachePadded<[AtomicU64; COUNTERS]>,
    /// Number of the last update applied; the one store of the worker with release semantics.
    pub(crate) applied: CachePadded<AtomicU64>,
    busy_cycles: CachePadded<AtomicU64>,
    idle_cycles: AtomicU64,
    bursts: BurstHistogram,
    paths: Box<[PathCell]>,
}

impl WorkerStats {
    pub(crate) fn new(paths: u32) -> Self {
        Self {
            counters: CachePadded::new([const { AtomicU64::new(0) }; COUNTERS]),
            applied: CachePadded::new(AtomicU64::new(0)),
            busy_cycles: CachePadded::new(AtomicU64::new(0)),
            idle_cycles: AtomicU64::new(0),
            bursts: BurstHistogram::new(),
            paths: (0..paths).map(|_| PathCell::default()).collect(),
        }
    }

    /// Every counter by its dotted name.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES
            .iter()
            .zip(self.counters.iter())
            .map(|(name, cell)| (*name, cell.load(Relaxed)))
    }

    /// One counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.counters[counter as usize].load(Relaxed)
    }

    /// Packets dropped for one reason.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.counters[FIRST_DROP + reason as usize].load(Relaxed)
    }

    /// Packets dropped for any reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        DropReason::ALL
            .iter()
            .map(|reason| self.dropped(*reason))
            .sum()
    }

    /// Packets and octets (of the inner packets) that a path has carried, both directions together
    /// where both use the slot; nothing for a slot out of range.
    #[must_use]
    pub fn path(&self, slot: crate::update::PathSlot) -> (u64, u64) {
        self.paths.get(slot.0 as usize).map_or((0, 0), |cell| {
            (cell.packets.load(Relaxed), cell.bytes.load(Relaxed))
        })
    }

    /// Cycles of polls that had work, and of those that had none; their share is the load.
    #[must_use]
    pub fn cycles(&self) -> (u64, u64) {
        (
            self.busy_cycles.load(Relaxed),
            self.idle_cycles.load(Relaxed),
        )
    }

    /// Time from the receipt of a burst to its last packet's leaving, in cycles.
    #[must_use]
    pub fn bursts(&self) -> &BurstHistogram {
        &self.bursts
    }

    /// Whether there is such a slot.
    pub(crate) fn has_path(&self, slot: crate::update::PathSlot) -> bool {
        (slot.0 as usize) < self.paths.len()
    }

    #[inline]
    pub(crate) fn count_path(&self, slot: u32, bytes: u64) {
        if let Some(cell) = self.paths.get(slot as usize) {
            bump(&cell.packets, 1);
            bump(&cell.bytes, bytes);
        }
    }

    #[inline]
    pub(crate) fn add_busy(&self, cycles: u64) {
        bump(&self.busy_cycles, cycles);
    }

    #[inline]
    pub(crate) fn add_idle(&self, cycles: u64) {
        bump(&self.idle_cycles, cycles);
    }
}

/// Buckets of an octave: a bucket is at most an eighth wider than its lower bound.
const SUB_BUCKETS: u64 = 8;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Longest time that has a bucket of its own, in bits of cycles (some 0.4 s at 2.6 GHz).
const MAX_BITS: u32 = 30;
const BUCKETS: usize = ((MAX_BITS - SUB_BITS) as usize + 1) * SUB_BUCKETS as usize;

/// A histogram with logarithmic buckets, bounded, one writer.
#[derive(Debug)]
pub struct BurstHistogram {
    buckets: Box<[AtomicU64; BUCKETS]>,
}

impl BurstHistogram {
    fn new() -> Self {
        Self {
            buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]),
        }
    }

    /// Counts one duration.
    #[inline]
    pub(crate) fn record(&self, cycles: u64) {
        bump(&self.buckets[Self::index(cycles)], 1);
    }

    /// Buckets that are not empty: the highest duration of the bucket in cycles, and how many.
    /// Counts only grow: the difference of two readings is a histogram, too.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets
            .iter()
            .enumerate()
            .map(|(at, cell)| (Self::upper(at), cell.load(Relaxed)))
            .filter(|(_, count)| *count != 0)
    }

    /// The duration, in cycles, that the given share (0.0 to 1.0) of bursts did not exceed; none when
    /// nothing was counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.iter().map(|(_, count)| count).sum();
        let wanted = ((total as f64) * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0;
        self.iter().find_map(|(upper, count)| {
            seen += count;
            (seen >= wanted.max(1)).then_some(upper)
        })
    }

    #[inline]
    fn index(cycles: u64) -> usize {
        let capped = cycles.min((1 << MAX_BITS) - 1);
        if capped < SUB_BUCKETS {
            return capped as usize;
        }
        let octave = capped.ilog2() - SUB_BITS;
        ((u64::from(octave) + 1) * SUB_BUCKETS + (capped >> octave) - SUB_BUCKETS) as usize
    }

    fn upper(index: usize) -> u64 {
        let index = index as u64;
        if index < SUB_BUCKETS {
            return index;
        }
        let octave = index / SUB_BUCKETS - 1;
        let sub = index % SUB_BUCKETS + SUB_BUCKETS;
        ((sub + 1) << octave) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNTERS);
    }

    #[test]
    fn every_duration_falls_into_the_bucket_that_holds_it() {
        let mut lower = 0;
        for at in 0..BUCKETS {
            let upper = BurstHistogram::upper(at);
            assert_eq!(BurstHistogram::index(lower), at);
            assert_eq!(BurstHistogram::index(upper), at);
            lower = upper + 1;
        }
        assert_eq!(BurstHistogram::index(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_come_from_the_buckets() {
        let histogram = BurstHistogram::new();
        assert_eq!(histogram.quantile(0.5), None);
        for cycles in 0..8 {
            histogram.record(cycles);
        }
        assert_eq!(histogram.quantile(0.5), Some(3));
        assert_eq!(histogram.quantile(1.0), Some(7));
    }

    #[test]
    fn a_flush_adds_and_starts_again() {
        let stats = WorkerStats::new(1);
        let mut tally = Tally::new();
        tally.add(Counter::RxPackets, 3);
        tally.drop(DropReason::PuntFull, 2);
        tally.flush(&stats);
        tally.add(Counter::RxPackets, 1);
        tally.flush(&stats);
        assert_eq!(stats.get(Counter::RxPackets), 4);
        assert_eq!(stats.dropped(DropReason::PuntFull), 2);
        assert_eq!(stats.dropped_total(), 2);
    }
}
