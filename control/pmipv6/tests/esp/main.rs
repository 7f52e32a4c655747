//! ESP from outside: packets that another implementation made, round trips, windows against a model, and
//! everything that must not pass.

mod boundary;
mod common;
mod packets;
mod replay;
mod vectors;
