//! Mobility Header messages.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::option::MobilityOption;

/// A Mobility Header message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// MH 0, RFC 6275 section 6.1.2.
    BindingRefreshRequest(BindingRefreshRequest),
    /// MH 1 (home) and 2 (care-of), RFC 6275 sections 6.1.3, 6.1.4.
    TestInit(TestInit),
    /// MH 3 (home) and 4 (care-of), RFC 6275 sections 6.1.5, 6.1.6.
    Test(Test),
    /// MH 5, RFC 6275 section 6.1.7, RFC 5213 section 8.1.
    BindingUpdate(BindingUpdate),
    /// MH 6, RFC 6275 section 6.1.8, RFC 5213 section 8.2.
    BindingAck(BindingAck),
    /// MH 7, RFC 6275 section 6.1.9.
    BindingError(BindingError),
    /// MH 13, RFC 5847 section 3.3.
    Heartbeat(Heartbeat),
    /// MH 16, RFC 5846 section 5.
    BindingRevocation(BindingRevocation),
    /// MH 17, RFC 6705 section 10.1.
    LocalizedRoutingInitiation(LocalizedRoutingInitiation),
    /// MH 18, RFC 6705 section 10.2.
    LocalizedRoutingAck(LocalizedRoutingAck),
    /// draft-loureiro section 5.1, even MH types from `mh_base`.
    RoRequest(RoRequest),
    /// draft-loureiro section 5.1, odd MH types from `mh_base`.
    RoAck(RoAck),
}

/// Which return-routability test (RFC 6275 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TestKind {
    /// HoTI, HoT.
    Home,
    /// CoTI, CoT.
    CareOf,
}

/// RFC 6275 section 6.1.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRefreshRequest {
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// HoTI or CoTI, RFC 6275 sections 6.1.3, 6.1.4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestInit {
    /// Home or care-of.
    pub kind: TestKind,
    /// Init cookie.
    pub cookie: u64,
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// HoT or CoT, RFC 6275 sections 6.1.5, 6.1.6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// Home or care-of.
    pub kind: TestKind,
    /// Nonce index.
    pub nonce_index: u16,
    /// Init cookie.
    pub cookie: u64,
    /// Keygen token.
    pub token: u64,
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// Binding Update; with [`BindingUpdate::P`] a Proxy Binding Update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingUpdate {
    /// Sequence number.
    pub sequence: u16,
    /// Flags, the constants of this type.
    pub flags: u16,
    /// Lifetime in units of 4 s; 0 de-registers.
    pub lifetime: u16,
    /// Options.
    pub options: Vec<MobilityOption>,
}

impl BindingUpdate {
    /// Acknowledge.
    pub const A: u16 = 0x8000;
    /// Home registration.
    pub const H: u16 = 0x4000;
    /// Link-local address compatibility.
    pub const L: u16 = 0x2000;
    /// Key management mobility.
    pub const K: u16 = 0x1000;
    /// MAP registration.
    pub const M: u16 = 0x0800;
    /// Mobile router.
    pub const R: u16 = 0x0400;
    /// Proxy registration (RFC 5213).
    pub const P: u16 = 0x0200;
    /// Force UDP encapsulation (RFC 5555).
    pub const F: u16 = 0x0100;
    /// TLV header (RFC 5845).
    pub const T: u16 = 0x0080;
    /// Bulk binding (RFC 6602).
    pub const B: u16 = 0x0040;
    /// Route optimization of draft-jeong (HJ-8).
    pub const O: u16 = 0x0001;
}

/// Binding Acknowledgement; with [`BindingAck::P`] a Proxy Binding Acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingAck {
    /// Status, 128 and above refuse.
    pub status: u8,
    /// Flags, the constants of this type.
    pub flags: u8,
    /// Sequence number of the update.
    pub sequence: u16,
    /// Lifetime in units of 4 s.
    pub lifetime: u16,
    /// Options.
    pub options: Vec<MobilityOption>,
}

impl BindingAck {
    /// Key management mobility.
    pub const K: u8 = 0x80;
    /// Mobile router.
    pub const R: u8 = 0x40;
    /// Proxy registration (RFC 5213).
    pub const P: u8 = 0x20;
    /// TLV header (RFC 5845).
    pub const T: u8 = 0x10;
    /// Bulk binding (RFC 6602).
    pub const B: u8 = 0x08;
    /// Route optimization of draft-jeong (HJ-8).
    pub const O: u8 = 0x01;
}

/// RFC 6275 section 6.1.9: status 1 unknown binding, 2 unrecognized MH Type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingError {
    /// Status.
    pub status: u8,
    /// Home address, `::` where the offending packet had no Home Address option.
    pub home_address: Ipv6Addr,
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// RFC 5847 section 3.3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// U flag.
    pub unsolicited: bool,
    /// R flag.
    pub response: bool,
    /// Sequence number.
    pub sequence: u32,
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// BRI (type 1) or BRA (type 2), RFC 5846 section 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingRevocation {
    /// B.R. type: 1 indication, 2 acknowledgement.
    pub revocation_type: u8,
    /// Trigger of a BRI, status of a BRA.
    pub trigger_or_status: u8,
    /// Sequence number.
    pub sequence: u16,
    /// P 0x8000, V 0x4000, G 0x2000.
    pub flags: u16,
    /// Options.
    pub options: Vec<MobilityOption>,
}

impl BindingRevocation {
    /// Proxy Binding.
    pub const P: u16 = 0x8000;
    /// IPv4 home address binding only.
    pub const V: u16 = 0x4000;
    /// Global: all bindings of the peer.
    pub const G: u16 = 0x2000;
}

/// RFC 6705 section 10.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalizedRoutingInitiation {
    /// Sequence number.
    pub sequence: u16,
    /// Lifetime in seconds, 0xFFFF infinite, 0 stop.
    pub lifetime: u16,
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// RFC 6705 section 10.2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalizedRoutingAck {
    /// Sequence number.
    pub sequence: u16,
    /// U flag.
    pub unsolicited: bool,
    /// Status.
    pub status: u8,
    /// Lifetime in seconds.
    pub lifetime: u16,
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// The six RO exchanges: draft-loureiro section 4 and 7, and RO Query for draft-jeong (HL-1, HL-2, HJ-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RoKind {
    /// LMA to LMA: set the pair up.
    Trigger,
    /// LMA to MAG: contact the peer MAG.
    Init,
    /// MAG to MAG: install the inverse path.
    Setup,
    /// MAG to LMA: extend the lifetime.
    Refresh,
    /// MAG to LMA: may this pair be localized?
    Request,
    /// MAG to LMA, LMA to LMA: which MAG serves this address?
    Query,
}

/// An RO request: `sequence 16 | H X reserved 14 | RO_Lifetime 16 | options` (wire.md section 10.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoRequest {
    /// Which exchange.
    pub kind: RoKind,
    /// Per (sender, receiver), random start (HL-4).
    pub sequence: u16,
    /// H: maintenance after a handover, informative.
    pub handover: bool,
    /// X: proxy-mode relay, refused with status 137 (HL-30).
    pub proxy_mode: bool,
    /// RO_Lifetime in seconds, 0xFFFF infinite, 0 delete (HL-5).
    pub lifetime: u16,
    /// Options.
    pub options: Vec<MobilityOption>,
}

/// An RO acknowledgement: `sequence 16 | U reserved 7 | status 8 | RO_Lifetime 16 | options`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoAck {
    /// Which exchange.
    pub kind: RoKind,
    /// Copied from the request.
    pub sequence: u16,
    /// U: unsolicited.
    pub unsolicited: bool,
    /// Status, 128 and above refuse.
    pub status: u8,
    /// RO_Lifetime in seconds.
    pub lifetime: u16,
    /// Options.
    pub options: Vec<MobilityOption>,
}
