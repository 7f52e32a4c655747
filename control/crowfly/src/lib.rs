//! The Crowfly daemon and its tool: configuration, the control socket, the control thread.

pub mod config;
pub mod ctl;
pub mod net;
pub mod program;
pub mod record;
pub mod runtime;
pub mod socket;
pub mod trace;
