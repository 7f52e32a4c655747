//! DPDK's C interface, as far as Crowfly uses it: generated from the headers of the system's libdpdk, plus a
//! C shim for its static inline functions. No logic and no policy; the `dpdk` crate makes it safe.
//!
//! `build.rs` holds the list of what is bound, `tests/names.rs` names every item again, so that one which a
//! new DPDK turns into a macro or an inline function is missed at once.

// Generated: neither the names nor the documentation are ours.
#[allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unnameable_types,
    unsafe_op_in_unsafe_fn,
    rust_2018_idioms,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::cast_lossless
)]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub use bindings::*;
