//! Exact-match tables: homes, pairs and tunnel ends. Fixed capacity, nothing allocated after creation.

mod hash;
mod home;
mod pair;
mod prefetch;
mod prefix;
mod slab;

pub(crate) use hash::{Full, Key, Table, mix};
pub(crate) use home::{HomeEntry, HomeKind, Homes, LinkCopy};
pub(crate) use pair::{PairEntry, PairKey, PairKind, Pairs};
pub(crate) use prefetch::prefetch;
pub(crate) use prefix::Prefix;

/// "No index".
pub(crate) const NONE: u32 = u32::MAX;
