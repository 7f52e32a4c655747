//! [`Reassembly`]: IP fragments become packets again (RFC 791, RFC 8200 section 4.5), in librte_ip_frag's
//! table, which is bounded: in packets, in fragments of one packet, and in time.

use core::fmt;
use core::ptr::NonNull;

use dpdk_sys as sys;

use crate::Mbuf;
use crate::eal::registry;

/// Most fragments of one packet; what has more is given up.
pub const MAX_FRAGMENTS: u32 = sys::RTE_LIBRTE_IP_FRAG_MAX_FRAG;

/// Entries of a bucket of the table's hash: librte_ip_frag wants a power of two.
const BUCKET_ENTRIES: u32 = 16;
/// Octets of an IPv6 header with a Fragment header.
const IPV6_FRAGMENT: usize = 40 + 8;
/// Octets of an IPv4 header without options.
const IPV4: usize = 20;
/// Most octets in front of the IP header: the field has 7 bits.
const MAX_OFFSET: usize = 127;
/// Fragments freed at once that are asked of the cache ahead.
const PREFETCH: u32 = 3;

/// A table of fragments that wait for the rest of their packet. It holds at most the packets that it was made
/// for, each of at most [`MAX_FRAGMENTS`] fragments. Duplicates, overlaps and what does not come in time end
/// the whole packet (RFC 5722). One thread uses it.
pub struct Reassembly {
    table: NonNull<sys::rte_ip_frag_tbl>,
    /// Where the table puts what it gives up.
    dying: Box<sys::rte_ip_frag_death_row>,
    held: u32,
}

// SAFETY: the table belongs to this handle alone, and librte_ip_frag keeps nothing a thread.
unsafe impl Send for Reassembly {}

/// What became of a fragment.
#[derive(Debug)]
pub struct Reassembled {
    /// The packet, if this was the last of its fragments: in one or more segments.
    pub whole: Option<Mbuf>,
    /// Fragments that were given up on this occasion, this one perhaps among them.
    pub given_up: u32,
}

impl Reassembly {
    /// A table for so many packets at once; a packet has `timeout_cycles` ticks of [`tsc`](crate::tsc) from
    /// its first fragment to its last. None without EAL, or without memory.
    #[must_use]
    pub fn new(packets: u32, timeout_cycles: u64) -> Option<Self> {
        let mut registry = registry::lock();
        if !registry.is_up() || packets == 0 {
            return None;
        }
        let buckets = packets.div_ceil(BUCKET_ENTRIES);
        // SAFETY: EAL is up and cannot end while the registry is locked. Any NUMA node will do (-1).
        let raw = unsafe {
            sys::rte_ip_frag_table_create(buckets, BUCKET_ENTRIES, packets, timeout_cycles, -1)
        };
        let table = NonNull::new(raw)?;
        registry.add_reassembly();
        Some(Self {
            table,
            dying: Box::default(),
            held: 0,
        })
    }

    /// Takes a fragment whose IPv4 header, or whose IPv6 header with a Fragment header right behind it,
    /// begins after `ip_offset` octets. Octets behind the IP packet's end must be gone, and a fragment must
    /// be one: some payload, and not all of the packet.
    ///
    /// # Errors
    /// What is not such a fragment comes back.
    pub fn take(
        &mut self,
        fragment: Mbuf,
        ip_offset: usize,
        now_cycles: u64,
    ) -> Result<Reassembled, Mbuf> {
        let Some((is_ipv6, header)) = shape(&fragment, ip_offset) else {
            return Err(fragment);
        };
        let reassemble = if is_ipv6 {
            sys::cf_ipv6_frag_reassemble
        } else {
            sys::cf_ipv4_frag_reassemble
        };
        self.held += 1;
        // SAFETY: table and row are this handle's; the packet is ours to give, in one segment, and `shape`
        // has checked that the headers, and the payload that they speak of, are within it.
        let raw = unsafe {
            reassemble(
                self.table.as_ptr(),
                &raw mut *self.dying,
                fragment.into_raw().as_ptr(),
                ip_offset as u16,
                header as u16,
                now_cycles,
            )
        };
        // SAFETY: a whole packet is in the table no more: the caller owns all its segments.
        let whole = NonNull::new(raw).map(|raw| unsafe { Mbuf::from_raw(raw) });
        if let Some(whole) = &whole {
            self.held -= u32::from(whole.segments());
        }
        let given_up = self.bury();
        Ok(Reassembled { whole, given_up })
    }

    /// Gives up what has waited too long; how many fragments that were.
    pub fn expire(&mut self, now_cycles: u64) -> u32 {
        // SAFETY: as `take`. Its row has room: it is empty, and DPDK stops when it is full.
        unsafe {
            sys::rte_ip_frag_table_del_expired_entries(
                self.table.as_ptr(),
                &raw mut *self.dying,
                now_cycles,
            );
        }
        self.bury()
    }

    /// Fragments that wait.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.held
    }

    /// Frees what the table has given up.
    fn bury(&mut self) -> u32 {
        let given_up = self.dying.cnt;
        if given_up > 0 {
            // SAFETY: the row's first `cnt` places are packets that the table has let go of.
            unsafe { sys::rte_ip_frag_free_death_row(&raw mut *self.dying, PREFETCH) };
            self.held -= given_up;
        }
        given_up
    }
}

/// Whether the fragment is of IPv6, and the octets of its headers; none when the IP packet does not end where
/// the data does, or has no payload.
fn shape(fragment: &Mbuf, ip_offset: usize) -> Option<(bool, usize)> {
    let ip = fragment.data().get(ip_offset..)?;
    let word = |at: usize| {
        Some(usize::from(u16::from_be_bytes([
            *ip.get(at)?,
            *ip.get(at + 1)?,
        ])))
    };
    let (is_ipv6, header, octets) = match ip.first()? >> 4 {
        6 if ip.get(6) == Some(&44) => (true, IPV6_FRAGMENT, 40 + word(4)?),
        4 => (false, usize::from(ip[0] & 0x0f) * 4, word(2)?),
        _ => return None,
    };
    let is_whole = if is_ipv6 {
        word(42)? & 0xfff9 == 0
    } else {
        word(6)? & 0x3fff == 0
    };
    let fits = fragment.segments() == 1
        && ip_offset <= MAX_OFFSET
        && header >= IPV4
        && octets == ip.len()
        && octets > header;
    (fits && !is_whole).then_some((is_ipv6, header))
}

impl Drop for Reassembly {
    fn drop(&mut self) {
        // SAFETY: nobody uses the table any more; it frees the fragments that it still has.
        unsafe { sys::rte_ip_frag_table_destroy(self.table.as_ptr()) };
        registry::lock().remove_reassembly();
    }
}

impl fmt::Debug for Reassembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reassembly")
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
