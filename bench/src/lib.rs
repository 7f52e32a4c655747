//! What the forwarding rig measures: a MAG with very many mobile nodes, as traffic for it and as a worker
//! that forwards it.
//!
//! `bench/run` drives both: `crowfly-bench-traffic` writes the frames that a port replays for ever, and
//! `crowfly-bench` starts a worker of the product on that port, fills its tables through its update ring as
//! the control thread does, and counts.

pub mod domain;
pub mod frame;
pub mod measure;
pub mod pcap;
pub mod shuffle;
