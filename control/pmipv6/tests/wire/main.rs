//! The wire formats from outside: golden octets, round trips, and packets that lie.

mod arbitrary;
mod corpus;
mod describe;
mod endpoints;
mod golden;
mod header;
mod packets;
mod properties;
mod wireshark;
