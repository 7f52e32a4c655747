//! Workers, rings and packet memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a worker does when its queues are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdlePolicy {
    /// Polls on: a core a worker, lowest latency.
    Busy,
    /// Sleeps after some empty polls: many nodes on few cores.
    Sleep,
}

/// Workers, rings and packet memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dataplane {
    /// What a worker does when its queues are empty.
    pub idle_policy: IdlePolicy,
    /// Empty polls in a row until a worker sleeps.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub idle_after_empty_polls: u32,
    /// How long it sleeps.
    #[schemars(range(min = 1, max = 100_000))]
    pub idle_sleep_us: u32,
    /// Packets taken from a queue at once.
    #[schemars(range(min = 1, max = 256))]
    pub burst_packets: u16,
    /// Updates applied between two bursts.
    #[schemars(range(min = 1, max = 4096))]
    pub updates_per_iteration: u16,
    /// Hop limit of the outer header (RFC 2473 section 6.3).
    #[schemars(range(min = 1, max = 255))]
    pub outer_hop_limit: u8,
    /// Tunnel encapsulation limit in front of every packet that goes into a tunnel over IPv6 (RFC 2473 section
    /// 4.1.1, whose default is 4): how many more tunnels it may enter, 8 octets a packet. Left out: none of our
    /// own; one that comes in the packet itself is put in front, less one, in any case.
    pub encapsulation_limit: Option<u8>,
    /// Packet buffers of the node; one less than a power of two is the best fit.
    #[schemars(range(min = 1023, max = 16_777_215))]
    pub mempool_mbufs: u32,
    /// Packet buffers that each lcore keeps for itself.
    #[schemars(range(min = 0, max = 512))]
    pub mempool_cache_mbufs: u32,
    /// Octets of a packet buffer, 128 octets of headroom among them.
    #[schemars(range(min = 1536, max = 16_384))]
    pub mbuf_data_room_bytes: u16,
    /// Entries of the ring of updates to a worker.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub update_ring_entries: u32,
    /// Entries of the ring of packets to a worker.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub inject_ring_entries: u32,
    /// Entries of the ring of packets from a worker.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub punt_ring_entries: u32,
    /// Entries of the ring of events from a worker.
    #[schemars(range(min = 16, max = 1_048_576))]
    pub event_ring_entries: u32,
}

impl Default for Dataplane {
    fn default() -> Self {
        Self {
            idle_policy: IdlePolicy::Busy,
            idle_after_empty_polls: 64,
            idle_sleep_us: 50,
            burst_packets: 32,
            updates_per_iteration: 32,
            outer_hop_limit: 64,
            encapsulation_limit: None,
            mempool_mbufs: 16_383,
            mempool_cache_mbufs: 256,
            mbuf_data_room_bytes: 2176,
            update_ring_entries: 4096,
            inject_ring_entries: 1024,
            punt_ring_entries: 1024,
            event_ring_entries: 1024,
        }
    }
}
