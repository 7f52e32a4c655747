//! Which message an MH Type is: the RFCs' numbers, and the configurable ones of draft-loureiro.

use serde::{Deserialize, Serialize};

use super::iana::mh_type as mh;
use super::message::{
    BindingAck, BindingError, BindingRefreshRequest, BindingRevocation, BindingUpdate, Heartbeat,
    LocalizedRoutingAck, LocalizedRoutingInitiation, Message, RoAck, RoKind, RoRequest, Test,
    TestInit, TestKind,
};

/// Code points for the RO messages, for which draft-loureiro has none (HL-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Numbering {
    /// MH Type of RO Trigger; the other eleven follow. 24 to 244.
    pub mh_base: u8,
    /// Use the Experimental Mobility Header (MH 11, RFC 5096) with a subtype and a version octet instead.
    pub rfc5096: bool,
}

impl Default for Numbering {
    fn default() -> Self {
        Self {
            mh_base: Self::DEFAULT_BASE,
            rfc5096: false,
        }
    }
}

impl Numbering {
    /// Top of the space that IANA fills from 24 upwards.
    pub const DEFAULT_BASE: u8 = 240;
    /// First MH Type that no RFC has.
    pub const LOWEST_BASE: u8 = 24;
    /// Last base that leaves room for all types.
    pub const HIGHEST_BASE: u8 = u8::MAX - (RO_TYPES - 1);

    /// Whether `mh_base` leaves the assigned types alone and has room for all RO messages.
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        self.mh_base >= Self::LOWEST_BASE && self.mh_base <= Self::HIGHEST_BASE
    }

    /// The message that starts with these octets. Octets 6 and 7 count in RFC 5096 mode only.
    #[must_use]
    pub fn message_type(&self, mh_type: u8, octet_6: u8, octet_7: u8) -> Option<MessageType> {
        if let Some(assigned) = MessageType::assigned(mh_type) {
            return Some(assigned);
        }
        if self.rfc5096 {
            let ours = mh_type == mh::EXPERIMENTAL && octet_7 == RFC5096_VERSION;
            return ours.then(|| MessageType::ro(octet_6)).flatten();
        }
        MessageType::ro(mh_type.checked_sub(self.mh_base)?)
    }

    /// MH Type of a message, and in RFC 5096 mode the RO subtype. None if `mh_base` is out of range.
    #[must_use]
    pub fn code(&self, message: MessageType) -> Option<(u8, Option<u8>)> {
        match message.code() {
            Code::Assigned(mh_type) => Some((mh_type, None)),
            Code::Ro(subtype) if self.rfc5096 => Some((mh::EXPERIMENTAL, Some(subtype))),
            Code::Ro(subtype) if self.is_valid() => Some((self.mh_base + subtype, None)),
            Code::Ro(_) => None,
        }
    }
}

/// Version octet of the RFC 5096 form.
pub(super) const RFC5096_VERSION: u8 = 0;
/// Number of RO messages, requests and acknowledgements.
const RO_TYPES: u8 = 12;

/// Which message, independent of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MessageType {
    /// MH 0.
    BindingRefreshRequest,
    /// MH 1, 2.
    TestInit(TestKind),
    /// MH 3, 4.
    Test(TestKind),
    /// MH 5.
    BindingUpdate,
    /// MH 6.
    BindingAck,
    /// MH 7.
    BindingError,
    /// MH 13.
    Heartbeat,
    /// MH 16.
    BindingRevocation,
    /// MH 17.
    LocalizedRoutingInitiation,
    /// MH 18.
    LocalizedRoutingAck,
    /// `mh_base` + 0, 2, 4 ...
    RoRequest(RoKind),
    /// `mh_base` + 1, 3, 5 ...
    RoAck(RoKind),
}

/// A code point.
enum Code {
    /// Fixed by an RFC.
    Assigned(u8),
    /// Offset from `mh_base`, or the RFC 5096 subtype.
    Ro(u8),
}

const RO_KINDS: [RoKind; 6] = [
    RoKind::Trigger,
    RoKind::Init,
    RoKind::Setup,
    RoKind::Refresh,
    RoKind::Request,
    RoKind::Query,
];

impl MessageType {
    const fn assigned(mh_type: u8) -> Option<Self> {
        Some(match mh_type {
            mh::BINDING_REFRESH_REQUEST => Self::BindingRefreshRequest,
            mh::HOME_TEST_INIT => Self::TestInit(TestKind::Home),
            mh::CARE_OF_TEST_INIT => Self::TestInit(TestKind::CareOf),
            mh::HOME_TEST => Self::Test(TestKind::Home),
            mh::CARE_OF_TEST => Self::Test(TestKind::CareOf),
            mh::BINDING_UPDATE => Self::BindingUpdate,
            mh::BINDING_ACKNOWLEDGEMENT => Self::BindingAck,
            mh::BINDING_ERROR => Self::BindingError,
            mh::HEARTBEAT => Self::Heartbeat,
            mh::BINDING_REVOCATION => Self::BindingRevocation,
            mh::LOCALIZED_ROUTING_INITIATION => Self::LocalizedRoutingInitiation,
            mh::LOCALIZED_ROUTING_ACKNOWLEDGMENT => Self::LocalizedRoutingAck,
            _ => return None,
        })
    }

    fn ro(subtype: u8) -> Option<Self> {
        let kind = *RO_KINDS.get(usize::from(subtype / 2))?;
        Some(if subtype.is_multiple_of(2) {
            Self::RoRequest(kind)
        } else {
            Self::RoAck(kind)
        })
    }

    const fn code(self) -> Code {
        Code::Assigned(match self {
            Self::BindingRefreshRequest => mh::BINDING_REFRESH_REQUEST,
            Self::TestInit(TestKind::Home) => mh::HOME_TEST_INIT,
            Self::TestInit(TestKind::CareOf) => mh::CARE_OF_TEST_INIT,
            Self::Test(TestKind::Home) => mh::HOME_TEST,
            Self::Test(TestKind::CareOf) => mh::CARE_OF_TEST,
            Self::BindingUpdate => mh::BINDING_UPDATE,
            Self::BindingAck => mh::BINDING_ACKNOWLEDGEMENT,
            Self::BindingError => mh::BINDING_ERROR,
            Self::Heartbeat => mh::HEARTBEAT,
            Self::BindingRevocation => mh::BINDING_REVOCATION,
            Self::LocalizedRoutingInitiation => mh::LOCALIZED_ROUTING_INITIATION,
            Self::LocalizedRoutingAck => mh::LOCALIZED_ROUTING_ACKNOWLEDGMENT,
            Self::RoRequest(kind) => return Code::Ro(2 * kind as u8),
            Self::RoAck(kind) => return Code::Ro(2 * kind as u8 + 1),
        })
    }

    /// Length of the fixed part of the message data, octets.
    pub(super) const fn fixed_len(self) -> usize {
        match self {
            Self::BindingRefreshRequest => 2,
            Self::TestInit(_) => 10,
            Self::Test(_) | Self::BindingError => 18,
            _ => 6,
        }
    }

    /// The smallest Header Len that has room for the fixed part (RFC 6275 section 9.2); the two octets
    /// of RFC 5096 in front of it do not change it.
    #[must_use]
    pub const fn minimum_header_len(self) -> u8 {
        match self {
            Self::BindingRefreshRequest => 0,
            Self::Test(_) | Self::BindingError => 2,
            _ => 1,
        }
    }

    /// The RFC's or draft's name of the message.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BindingRefreshRequest => "Binding Refresh Request",
            Self::TestInit(TestKind::Home) => "Home Test Init",
            Self::TestInit(TestKind::CareOf) => "Care-of Test Init",
            Self::Test(TestKind::Home) => "Home Test",
            Self::Test(TestKind::CareOf) => "Care-of Test",
            Self::BindingUpdate => "Binding Update",
            Self::BindingAck => "Binding Acknowledgement",
            Self::BindingError => "Binding Error",
            Self::Heartbeat => "Heartbeat",
            Self::BindingRevocation => "Binding Revocation",
            Self::LocalizedRoutingInitiation => "Localized Routing Initiation",
            Self::LocalizedRoutingAck => "Localized Routing Acknowledgment",
            Self::RoRequest(RoKind::Trigger) => "RO Trigger",
            Self::RoRequest(RoKind::Init) => "RO Init",
            Self::RoRequest(RoKind::Setup) => "RO Setup",
            Self::RoRequest(RoKind::Refresh) => "RO Refresh",
            Self::RoRequest(RoKind::Request) => "RO Request",
            Self::RoRequest(RoKind::Query) => "RO Query",
            Self::RoAck(RoKind::Trigger) => "RO Trigger Ack",
            Self::RoAck(RoKind::Init) => "RO Init Ack",
            Self::RoAck(RoKind::Setup) => "RO Setup Ack",
            Self::RoAck(RoKind::Refresh) => "RO Refresh Ack",
            Self::RoAck(RoKind::Request) => "RO Request Ack",
            Self::RoAck(RoKind::Query) => "RO Query Ack",
        }
    }
}

impl Message {
    /// Which message this is.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::BindingRefreshRequest(_) => MessageType::BindingRefreshRequest,
            Self::TestInit(TestInit { kind, .. }) => MessageType::TestInit(*kind),
            Self::Test(Test { kind, .. }) => MessageType::Test(*kind),
            Self::BindingUpdate(_) => MessageType::BindingUpdate,
            Self::BindingAck(_) => MessageType::BindingAck,
            Self::BindingError(_) => MessageType::BindingError,
            Self::Heartbeat(_) => MessageType::Heartbeat,
            Self::BindingRevocation(_) => MessageType::BindingRevocation,
            Self::LocalizedRoutingInitiation(_) => MessageType::LocalizedRoutingInitiation,
            Self::LocalizedRoutingAck(_) => MessageType::LocalizedRoutingAck,
            Self::RoRequest(RoRequest { kind, .. }) => MessageType::RoRequest(*kind),
            Self::RoAck(RoAck { kind, .. }) => MessageType::RoAck(*kind),
        }
    }

    /// The options, in the order of the message.
    #[must_use]
    pub fn options(&self) -> &[super::MobilityOption] {
        match self {
            Self::BindingRefreshRequest(BindingRefreshRequest { options })
            | Self::TestInit(TestInit { options, .. })
            | Self::Test(Test { options, .. })
            | Self::BindingUpdate(BindingUpdate { options, .. })
            | Self::BindingAck(BindingAck { options, .. })
            | Self::BindingError(BindingError { options, .. })
            | Self::Heartbeat(Heartbeat { options, .. })
            | Self::BindingRevocation(BindingRevocation { options, .. })
            | Self::LocalizedRoutingInitiation(LocalizedRoutingInitiation { options, .. })
            | Self::LocalizedRoutingAck(LocalizedRoutingAck { options, .. })
            | Self::RoRequest(RoRequest { options, .. })
            | Self::RoAck(RoAck { options, .. }) => options,
        }
    }
}
