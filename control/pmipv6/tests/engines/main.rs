//! MAG and LMA engines in one domain, in virtual time. A test reads like a packet trace and has in its
//! name the row of the requirements that it proves.

mod base;
mod corpus;
mod far_end;
mod harness;
mod heartbeat;
mod lifetimes;
mod messages;
mod nat;
mod network4;
mod no_room;
mod peer_lma;
mod policy;
mod realms;
mod registration;
mod removal;
mod revocation;
mod security;
mod sequence;
mod single_lma;
mod transport4;
mod two_lmas;
mod unnoticed;
