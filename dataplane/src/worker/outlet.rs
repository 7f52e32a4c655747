//! Where packets go after their verdict: a port's next burst, control, or back to their pool.

use super::platform::{Batch, Platform};
use super::{Queue, Worker};
use crate::config::MAX_PORTS;
use crate::event::{BY_DESTINATION, IcmpError, Punt, PuntReason, goes_by_destination};
use crate::packet::Buffer;
use crate::role::Verdict;
use crate::stats::{Counter, DropReason, Tally};
use crate::tunnel::fragment::{MAX_FRAGMENTS, Whole, fragment};
use crate::update::Realm;

/// "No queue".
const NO_QUEUE: u8 = u8::MAX;

/// Batches of a burst being handled.
pub(super) struct Batches<P: Platform, const N: usize> {
    pub(super) received: P::Batch<N>,
    pub(super) verdicts: [Verdict; N],
    pub(super) outgoing: Outgoing<P, N>,
}

/// Packets that are decided, by where they go.
pub(super) struct Outgoing<P: Platform, const N: usize> {
    by_queue: Box<[P::Batch<N>]>,
    freed: P::Batch<N>,
    /// Fragments of packets to ourselves.
    pub(super) fragments: P::Batch<N>,
}

impl<P: Platform, const N: usize> Batches<P, N> {
    pub(super) fn new(queues: usize) -> Self {
        Self {
            received: P::Batch::default(),
            verdicts: [Verdict::Drop(DropReason::UnknownPort); N],
            outgoing: Outgoing {
                by_queue: (0..queues).map(|_| P::Batch::default()).collect(),
                freed: P::Batch::default(),
                fragments: P::Batch::default(),
            },
        }
    }
}

/// The ways out that outlive a burst.
pub(super) struct Outlet<B> {
    punt: rtrb::Producer<Punt<B>>,
    punt_slots: usize,
    queue_of_port: [u8; MAX_PORTS],
    /// Of the last IPv6 packet that went in fragments (RFC 8200 section 4.5).
    identification: u32,
}

impl<B: Buffer> Outlet<B> {
    /// `seed` is where the identifications of fragmented packets begin: workers share tunnels.
    pub(super) fn new(punt: rtrb::Producer<Punt<B>>, punt_slots: usize, seed: u32) -> Self {
        Self {
            punt,
            punt_slots,
            queue_of_port: [NO_QUEUE; MAX_PORTS],
            identification: seed,
        }
    }

    pub(super) fn add_port(&mut self, port: u16, queue: usize) {
        if let Some(slot) = self.queue_of_port.get_mut(usize::from(port)) {
            *slot = queue as u8;
        }
    }

    /// Sends a packet the way its verdict says, and counts it.
    #[inline(always)]
    pub(super) fn hand_out<P: Platform<Buffer = B>, const N: usize>(
        &mut self,
        packet: B,
        from: u16,
        verdict: Verdict,
        queues: &mut [Queue<P>],
        outgoing: &mut Outgoing<P, N>,
        tally: &mut Tally,
    ) {
        match verdict {
            Verdict::Transmit(port) => {
                tally.add(Counter::Forwarded, 1);
                self.enqueue(packet, port, outgoing, tally);
            }
            Verdict::Fragment { port, octets, of } => {
                self.send_in_fragments(packet, (port, octets, of), queues, outgoing, tally);
            }
            Verdict::Reassemble => {
                // A batch takes a whole burst, and is emptied after each.
                if let Err(packet) = outgoing.fragments.push(packet) {
                    outgoing.free(packet, DropReason::OuterFragment, tally);
                }
            }
            Verdict::Drop(reason) => outgoing.free(packet, reason, tally),
            Verdict::Punt(reason) => self.give_to_control(packet, from, reason, outgoing, tally),
            Verdict::Refuse(reason, icmp) => {
                self.refuse(packet, from, (reason, icmp, None), outgoing, tally);
            }
            Verdict::RefuseIn(reason, icmp, realm) => {
                self.refuse(packet, from, (reason, icmp, Some(realm)), outgoing, tally);
            }
        }
    }

    /// Counts a packet as dropped, and has its sender told.
    #[inline]
    fn refuse<P: Platform<Buffer = B>, const N: usize>(
        &mut self,
        packet: B,
        from: u16,
        (reason, icmp, realm): (DropReason, IcmpError, Option<Realm>),
        outgoing: &mut Outgoing<P, N>,
        tally: &mut Tally,
    ) {
        tally.drop(reason, 1);
        match self.offer(packet, from, PuntReason::IcmpError(icmp), realm) {
            Ok(()) => tally.add(Counter::IcmpRaised, 1),
            Err(packet) => {
                tally.add(Counter::IcmpSuppressed, 1);
                outgoing.free_counted(packet);
            }
        }
    }

    /// Puts a packet into a port's next burst.
    #[inline(always)]
    pub(super) fn enqueue<P: Platform<Buffer = B>, const N: usize>(
        &mut self,
        packet: B,
        port: u16,
        outgoing: &mut Outgoing<P, N>,
        tally: &mut Tally,
    ) {
        let queue = self.queue_of_port.get(usize::from(port)).copied();
        let batch = queue.and_then(|queue| outgoing.by_queue.get_mut(usize::from(queue)));
        let Some(batch) = batch else {
            return outgoing.free(packet, DropReason::NoSuchPort, tally);
        };
        tally.add(Counter::TxBytes, packet.octets() as u64);
        if let Err(packet) = batch.push(packet) {
            // A batch takes a whole burst, and is emptied after each.
            outgoing.free(packet, DropReason::TxFull, tally);
        }
    }

    /// Sends a packet in fragments. A batch has room for one burst, so what waits goes first, and the
    /// fragments at once.
    #[cold]
    fn send_in_fragments<P: Platform<Buffer = B>, const N: usize>(
        &mut self,
        packet: B,
        (port, octets, of): (u16, u16, Whole),
        queues: &mut [Queue<P>],
        outgoing: &mut Outgoing<P, N>,
        tally: &mut Tally,
    ) {
        const { assert!(MAX_FRAGMENTS <= N, "fragments of one packet fit a batch") };
        self.identification = self.identification.wrapping_add(1);
        let fragments = match fragment(&packet, octets, self.identification, of) {
            Ok(fragments) => fragments,
            Err(reason) => return outgoing.free(packet, reason, tally),
        };
        let (packets, parts) = match of {
            Whole::Tunnel => (Counter::TunnelFragmented, Counter::TunnelFragments),
            Whole::User => (Counter::LinkFragmented, Counter::LinkFragments),
        };
        tally.add(Counter::Forwarded, 1);
        tally.add(packets, 1);
        outgoing.flush(queues, tally);
        for fragment in fragments.into_iter().flatten() {
            tally.add(parts, 1);
            self.enqueue(fragment, port, outgoing, tally);
        }
        outgoing.free_counted(packet);
        outgoing.flush(queues, tally);
    }

    #[cold]
    fn give_to_control<P: Platform<Buffer = B>, const N: usize>(
        &mut self,
        packet: B,
        from: u16,
        reason: PuntReason,
        outgoing: &mut Outgoing<P, N>,
        tally: &mut Tally,
    ) {
        match self.offer(packet, from, reason, None) {
            Ok(()) => tally.add(
                match reason {
                    PuntReason::Neighbour => Counter::PuntNeighbour,
                    PuntReason::Signalling => Counter::PuntSignalling,
                    PuntReason::Dhcp => Counter::PuntDhcp,
                    PuntReason::TunnelError => Counter::PuntTunnelError,
                    PuntReason::Local => Counter::PuntLocal,
                    PuntReason::IcmpError(_) => Counter::IcmpRaised,
                },
                1,
            ),
            Err(packet) => outgoing.free(packet, DropReason::PuntFull, tally),
        }
    }

    /// Room is kept for what matters more: a flood of unreachable destinations or of pings must not cost
    /// a Proxy Binding Update its slot, nor a flood of solicitations.
    fn offer(
        &mut self,
        mbuf: B,
        port: u16,
        reason: PuntReason,
        realm: Option<Realm>,
    ) -> Result<(), B> {
        let kept = match reason {
            PuntReason::Signalling => 0,
            PuntReason::Neighbour => self.punt_slots / 4,
            PuntReason::Dhcp
            | PuntReason::Local
            | PuntReason::TunnelError
            | PuntReason::IcmpError(_) => self.punt_slots / 2,
        };
        if self.punt.slots() <= kept {
            return Err(mbuf);
        }
        self.punt
            .push(Punt {
                mbuf,
                port,
                reason,
                realm,
            })
            .map_err(|rtrb::PushError::Full(punt)| punt.mbuf)
    }
}

impl<P: Platform, const N: usize> Outgoing<P, N> {
    #[inline(always)]
    fn free(&mut self, packet: P::Buffer, reason: DropReason, tally: &mut Tally) {
        tally.drop(reason, 1);
        self.free_counted(packet);
    }

    #[inline(always)]
    fn free_counted(&mut self, packet: P::Buffer) {
        // A batch that is full frees this packet alone.
        drop(self.freed.push(packet));
    }

    /// Sends what waits, frees what a port did not take, and what was dropped.
    #[inline]
    pub(super) fn flush(&mut self, queues: &mut [Queue<P>], tally: &mut Tally) {
        for (batch, queue) in self.by_queue.iter_mut().zip(queues) {
            let waiting = batch.count();
            if waiting == 0 {
                continue;
            }
            P::transmit(&mut queue.tx, batch);
            let left = batch.count();
            tally.add(Counter::TxPackets, (waiting - left) as u64);
            if left > 0 {
                tally.drop(DropReason::TxFull, left as u64);
                batch.clear();
            }
        }
        if self.freed.count() > 0 {
            self.freed.clear();
        }
    }
}

impl<P: Platform> Worker<P> {
    /// Sends at most so many packets of control's. Whether there were any.
    pub(super) fn send_injected<const N: usize>(&mut self, batches: &mut Batches<P, N>) -> bool {
        let mut any = false;
        for sent in 1..=self.injects_per_iteration {
            let Ok(packet) = self.inject.pop() else {
                break;
            };
            any = true;
            self.forwarder.state.tally.add(Counter::Injected, 1);
            if let Some(realm) = goes_by_destination(packet.port) {
                self.route_injected(packet.mbuf, realm, batches);
                continue;
            }
            let tally = &mut self.forwarder.state.tally;
            self.outlet
                .enqueue(packet.mbuf, packet.port, &mut batches.outgoing, tally);
            if sent % N == 0 {
                batches.outgoing.flush(&mut self.queues, tally);
            }
        }
        if any {
            let tally = &mut self.forwarder.state.tally;
            batches.outgoing.flush(&mut self.queues, tally);
        }
        any
    }

    /// Sends a packet of control's where its destination is.
    #[cold]
    fn route_injected<const N: usize>(
        &mut self,
        mut packet: P::Buffer,
        realm: Option<Realm>,
        batches: &mut Batches<P, N>,
    ) {
        let verdict = self.forwarder.route(realm, &mut packet);
        let tally = &mut self.forwarder.state.tally;
        if matches!(verdict, Verdict::Transmit(_) | Verdict::Fragment { .. }) {
            tally.add(Counter::InjectRouted, 1);
        }
        let (queues, outgoing) = (&mut self.queues, &mut batches.outgoing);
        self.outlet
            .hand_out(packet, BY_DESTINATION, verdict, queues, outgoing, tally);
        batches.outgoing.flush(&mut self.queues, tally);
    }
}
