//! [`Mempool`]: where packets come from.

use std::ffi::{CStr, CString};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use dpdk_sys as sys;

use crate::eal::registry;
use crate::error::{errno_text, rte_errno};
use crate::{Burst, Mbuf, MempoolError};

/// Free octets in front of the data of a fresh packet.
pub const HEADROOM_BYTES: u16 = sys::RTE_PKTMBUF_HEADROOM as u16;

/// Longest name, octets: DPDK adds a prefix of its own and a NUL.
const NAME_MAX: usize = sys::RTE_MEMPOOL_NAMESIZE as usize - 1;

/// Smallest sensible buffer: the headroom and the shortest Ethernet frame.
const DATA_ROOM_MIN_BYTES: u16 = HEADROOM_BYTES + 64;

/// A shared handle of a pool of packet buffers. The pool's memory stays until EAL ends, which it refuses
/// while a handle or a packet exists.
#[derive(Clone)]
pub struct Mempool(Arc<Inner>);

/// The pool, as the registry of EAL knows it.
pub(crate) struct Inner {
    raw: NonNull<sys::rte_mempool>,
}

// SAFETY: DPDK's packet pools are multi-producer and multi-consumer: any thread may take and give packets,
// and count them.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Mempool {
    /// Makes a pool of `mbufs` buffers (one less than a power of two wastes no memory). `cache` buffers are
    /// kept per lcore, at most 512 and two thirds of the pool. A buffer has `data_room_bytes` octets, the
    /// first [`HEADROOM_BYTES`] of which are headroom. `socket` is a NUMA node, `None` for any.
    ///
    /// # Errors
    /// A name that exists or cannot be one, sizes that do not fit, no memory, no EAL.
    pub fn new(
        name: &str,
        mbufs: u32,
        cache: u32,
        data_room_bytes: u16,
        socket: Option<u32>,
    ) -> Result<Self, MempoolError> {
        let c_name = CString::new(name)
            .ok()
            .filter(|_| (1..=NAME_MAX).contains(&name.len()))
            .ok_or_else(|| MempoolError::BadName {
                name: name.to_owned(),
                max: NAME_MAX,
            })?;
        let max = sys::RTE_MEMPOOL_CACHE_MAX_SIZE;
        if cache > max || u64::from(cache) * 3 > u64::from(mbufs) * 2 {
            return Err(MempoolError::BadCache { cache, mbufs, max });
        }
        if data_room_bytes < DATA_ROOM_MIN_BYTES {
            return Err(MempoolError::BadDataRoom {
                data_room_bytes,
                min: DATA_ROOM_MIN_BYTES,
            });
        }
        let socket = socket.map_or(-1, |socket| socket as i32);
        let mut registry = registry::lock();
        if !registry.is_up() {
            return Err(MempoolError::NoEal);
        }
        // SAFETY: EAL is up and cannot end while the registry is locked; the name is NUL-terminated and
        // copied; no private area is asked for.
        let raw = unsafe {
            sys::rte_pktmbuf_pool_create(c_name.as_ptr(), mbufs, cache, 0, data_room_bytes, socket)
        };
        let Some(raw) = NonNull::new(raw) else {
            return Err(refusal(name, mbufs));
        };
        let inner = Arc::new(Inner { raw });
        registry.add_pool(inner.clone());
        Ok(Self(inner))
    }

    /// A fresh, empty packet; none when the pool is exhausted.
    #[must_use]
    pub fn alloc(&self) -> Option<Mbuf> {
        // SAFETY: the pool exists as long as this handle.
        let raw = NonNull::new(unsafe { sys::cf_pktmbuf_alloc(self.raw()) })?;
        // SAFETY: a fresh mbuf has reference count 1 and no other owner.
        Some(unsafe { Mbuf::from_raw(raw) })
    }

    /// A packet with these octets; none when the pool is exhausted or its buffers are too small.
    #[must_use]
    pub fn alloc_copy(&self, octets: &[u8]) -> Option<Mbuf> {
        let mut packet = self.alloc()?;
        packet.append(octets.len())?.copy_from_slice(octets);
        Some(packet)
    }

    /// Adds `count` fresh, empty packets to a burst in one call: all of them, or none and `false` when the
    /// pool has fewer or the burst has no room.
    #[must_use = "false means that no packet was added"]
    pub fn alloc_bulk<const N: usize>(&self, burst: &mut Burst<N>, count: usize) -> bool {
        if count > burst.room() {
            return false;
        }
        let end = burst.len();
        // SAFETY: `count` places behind the last packet are within the burst's array; DPDK fills all of them
        // with fresh mbufs of reference count 1, or none.
        unsafe {
            let places = burst.raw().add(end);
            let done = sys::cf_pktmbuf_alloc_bulk(self.raw(), places, count as u32) == 0;
            if done {
                burst.added(count);
            }
            done
        }
    }

    /// Free packets, those in the caches of the lcores included. Walks all lcores: not for the fast path.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.0.available()
    }

    /// Packets in use, in drivers' queues included. Walks all lcores: not for the fast path.
    #[must_use]
    pub fn in_use(&self) -> u32 {
        self.0.in_use()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// For the queue set-up of a port.
    pub(crate) fn raw(&self) -> *mut sys::rte_mempool {
        self.0.raw.as_ptr()
    }
}

impl Inner {
    fn available(&self) -> u32 {
        // SAFETY: the pool exists until EAL ends, and the registry holds EAL up while this exists.
        unsafe { sys::rte_mempool_avail_count(self.raw.as_ptr()) }
    }

    pub(crate) fn in_use(&self) -> u32 {
        // SAFETY: as `available`.
        unsafe { sys::rte_mempool_in_use_count(self.raw.as_ptr()) }
    }

    pub(crate) fn name(&self) -> String {
        // SAFETY: as `available`; the name is NUL-terminated and never changes.
        unsafe { CStr::from_ptr(sys::cf_mempool_name(self.raw.as_ptr())) }
            .to_string_lossy()
            .into_owned()
    }
}

/// Why DPDK made no pool.
fn refusal(name: &str, mbufs: u32) -> MempoolError {
    let name = name.to_owned();
    match rte_errno() {
        libc::EEXIST => MempoolError::NameTaken { name },
        errno => MempoolError::NoMemory {
            name,
            mbufs,
            reason: errno_text(errno),
        },
    }
}

impl fmt::Debug for Mempool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mempool").field(&self.name()).finish()
    }
}
