//! Proxy Mobile IPv6 with localized routing, sans-IO.
//!
//! `engine.handle(now, input, &mut outputs)`: everything that goes in is an [`io::Input`], everything
//! that comes out is an [`io::Output`]. No clock, no socket, no thread, no randomness that the caller
//! did not hand in, so the same engine runs in the daemon, in a unit test, under a fuzzer and in the
//! domain simulator.
//!
//! Read first: RFC 5213 (PMIPv6), RFC 6275 section 6 (Mobility Header), RFC 5844 (IPv4),
//! draft-loureiro-netext-pmipv6-ro-02 (localized routing).
#![forbid(unsafe_code)]

pub mod esp;
pub mod io;
pub mod lma;
pub mod mag;
pub mod path;
pub mod sim;
pub mod wire;
