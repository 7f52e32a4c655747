//! Field tables of the Mobility Header's messages and options.

use super::layout::{Row, Show};
use crate::wire::iana::{
    access_technology_type, binding_error_status, experimental_subtype, handoff_indicator,
    ipv4_status, lra_status, mn_id_subtype, option as iana, revocation_status, revocation_trigger,
    revocation_type, ro_status, status,
};
use crate::wire::message::TestKind;
use crate::wire::{MessageType, RoOption};

const RESERVED_8: Row = Row("Reserved", 8, Show::Hex);
const RESERVED_16: Row = Row("Reserved", 16, Show::Hex);
const SEQUENCE: Row = Row("Sequence #", 16, Show::Number);
const LIFETIME: Row = Row("Lifetime", 16, Show::FourSeconds);

const BINDING_UPDATE_FLAGS: Show = Show::Flags(&[
    (0x8000, "A"),
    (0x4000, "H"),
    (0x2000, "L"),
    (0x1000, "K"),
    (0x0800, "M"),
    (0x0400, "R"),
    (0x0200, "P"),
    (0x0100, "F"),
    (0x0080, "T"),
    (0x0040, "B"),
    (0x0020, "S"),
    (0x0010, "D"),
    (0x0001, "O"),
]);
const BINDING_ACK_FLAGS: Show = Show::Flags(&[
    (0x80, "K"),
    (0x40, "R"),
    (0x20, "P"),
    (0x10, "T"),
    (0x08, "B"),
    (0x04, "S"),
    (0x02, "D"),
    (0x01, "O"),
]);
const REVOCATION_FLAGS: Show = Show::Flags(&[(0x8000, "P"), (0x4000, "V"), (0x2000, "G")]);
const HEARTBEAT_FLAGS: Show = Show::Flags(&[(2, "U"), (1, "R")]);
const RO_REQUEST_FLAGS: Show = Show::Flags(&[(0x8000, "H"), (0x4000, "X")]);
const ACK_FLAGS: Show = Show::Flags(&[(0x80, "U")]);

/// Octets 0 to 5.
pub(super) const HEADER: &[Row] = &[
    Row("Payload Proto", 8, Show::Code(super::lower::protocol_name)),
    Row("Header Len", 8, Show::Number),
    Row("MH Type", 8, Show::Number),
    RESERVED_8,
    Row("Checksum", 16, Show::Hex),
];

/// Octets 6 and 7 of the RFC 5096 form (wire.md section 10.1).
pub(super) const RFC5096: &[Row] = &[
    Row("Subtype", 8, Show::Number),
    Row("Version", 8, Show::Number),
];

/// The fixed part of a message; `first` is its first octet.
pub(super) const fn fixed(message_type: MessageType, first: u8) -> &'static [Row] {
    match message_type {
        MessageType::BindingRefreshRequest => &[RESERVED_16],
        MessageType::TestInit(TestKind::Home) => {
            &[RESERVED_16, Row("Home Init Cookie", 64, Show::Hex)]
        }
        MessageType::TestInit(TestKind::CareOf) => {
            &[RESERVED_16, Row("Care-of Init Cookie", 64, Show::Hex)]
        }
        MessageType::Test(TestKind::Home) => &[
            Row("Home Nonce Index", 16, Show::Number),
            Row("Home Init Cookie", 64, Show::Hex),
            Row("Home Keygen Token", 64, Show::Hex),
        ],
        MessageType::Test(TestKind::CareOf) => &[
            Row("Care-of Nonce Index", 16, Show::Number),
            Row("Care-of Init Cookie", 64, Show::Hex),
            Row("Care-of Keygen Token", 64, Show::Hex),
        ],
        MessageType::BindingUpdate => &[SEQUENCE, Row("Flags", 16, BINDING_UPDATE_FLAGS), LIFETIME],
        MessageType::BindingAck => &[
            Row("Status", 8, Show::Code(status::name)),
            Row("Flags", 8, BINDING_ACK_FLAGS),
            SEQUENCE,
            LIFETIME,
        ],
        MessageType::BindingError => &[
            Row("Status", 8, Show::Code(binding_error_status::name)),
            RESERVED_8,
            Row("Home Address", 128, Show::Address),
        ],
        MessageType::Heartbeat => &[
            Row("Flags", 16, HEARTBEAT_FLAGS),
            Row("Sequence Number", 32, Show::Number),
        ],
        MessageType::BindingRevocation if first == revocation_type::ACKNOWLEDGEMENT => &[
            Row("B.R. Type", 8, Show::Code(revocation_type::name)),
            Row("Status", 8, Show::Code(revocation_status::name)),
            SEQUENCE,
            Row("Flags", 16, REVOCATION_FLAGS),
        ],
        MessageType::BindingRevocation => &[
            Row("B.R. Type", 8, Show::Code(revocation_type::name)),
            Row("R. Trigger", 8, Show::Code(revocation_trigger::name)),
            SEQUENCE,
            Row("Flags", 16, REVOCATION_FLAGS),
        ],
        MessageType::LocalizedRoutingInitiation => {
            &[SEQUENCE, RESERVED_16, Row("Lifetime", 16, Show::Seconds)]
        }
        MessageType::LocalizedRoutingAck => &[
            SEQUENCE,
            Row("Flags", 8, ACK_FLAGS),
            Row("Status", 8, Show::Code(lra_status::name)),
            Row("Lifetime", 16, Show::Seconds),
        ],
        MessageType::RoRequest(_) => &[
            SEQUENCE,
            Row("Flags", 16, RO_REQUEST_FLAGS),
            Row("RO_Lifetime", 16, Show::Seconds),
        ],
        MessageType::RoAck(_) => &[
            SEQUENCE,
            Row("Flags", 8, ACK_FLAGS),
            Row("Status", 8, Show::Code(ro_status::name)),
            Row("RO_Lifetime", 16, Show::Seconds),
        ],
    }
}

const DATA: &[Row] = &[Row("Data", 0, Show::Octets)];

/// The data of an option, after type and length.
pub(super) fn option(option_type: u8, data: &[u8]) -> &'static [Row] {
    match option_type {
        iana::BINDING_REFRESH_ADVICE => &[Row("Refresh Interval", 16, Show::FourSeconds)],
        iana::ALTERNATE_CARE_OF_ADDRESS => &[Row("Alternate Care-of Address", 128, Show::Address)],
        iana::NONCE_INDICES => &[
            Row("Home Nonce Index", 16, Show::Number),
            Row("Care-of Nonce Index", 16, Show::Number),
        ],
        iana::BINDING_AUTHORIZATION_DATA => &[Row("Authenticator", 0, Show::Octets)],
        iana::MN_ID => &[
            Row("Subtype", 8, Show::Code(mn_id_subtype::name)),
            Row("Identifier", 0, Show::Text),
        ],
        iana::EXPERIMENTAL => experimental(data),
        iana::VENDOR_SPECIFIC => &[
            Row("Vendor/Org-ID", 32, Show::Number),
            Row("Sub-Type", 8, Show::Number),
            Row("Data", 0, Show::Octets),
        ],
        iana::HOME_NETWORK_PREFIX => &[
            RESERVED_8,
            Row("Prefix Length", 8, Show::Number),
            Row("Home Network Prefix", 128, Show::Address),
        ],
        iana::HANDOFF_INDICATOR => &[
            RESERVED_8,
            Row("Handoff Indicator", 8, Show::Code(handoff_indicator::name)),
        ],
        iana::ACCESS_TECHNOLOGY_TYPE => &[
            RESERVED_8,
            Row(
                "Access Technology Type",
                8,
                Show::Code(access_technology_type::name),
            ),
        ],
        iana::MN_LINK_LAYER_ID => &[RESERVED_16, Row("Link-layer Identifier", 0, Show::Octets)],
        iana::LINK_LOCAL_ADDRESS => &[Row("Link-local Address", 128, Show::Address)],
        iana::TIMESTAMP => &[Row("Timestamp", 64, Show::Timestamp)],
        iana::RESTART_COUNTER => &[Row("Restart Counter", 32, Show::Number)],
        iana::GRE_KEY => &[RESERVED_16, Row("GRE Key Identifier", 32, Show::Number)],
        iana::LMA_ADDRESS => &[
            Row("Option-Code", 8, Show::Number),
            RESERVED_8,
            Row("Local Mobility Anchor Address", 0, Show::Address),
        ],
        iana::REDIRECT_CAPABILITY => &[RESERVED_16],
        iana::REDIRECT => &[
            Row("Flags", 16, Show::Flags(&[(0x8000, "K"), (0x4000, "N")])),
            Row("Optional r2LMA Address", 0, Show::Address),
        ],
        iana::MAG_IPV6_ADDRESS => &[
            RESERVED_8,
            Row("Address Length", 8, Show::Number),
            Row("MAG IPv6 Address", 128, Show::Address),
        ],
        iana::LMA_USER_PLANE_ADDRESS => {
            &[RESERVED_16, Row("LMA User-Plane Address", 0, Show::Address)]
        }
        29..=32 | 36..=39 | iana::ALTERNATE_IPV4_CARE_OF_ADDRESS => option_ipv4(option_type),
        _ => DATA,
    }
}

const fn option_ipv4(option_type: u8) -> &'static [Row] {
    const HOME_ADDRESS: Row = Row("IPv4 Home Address", 32, Show::Address);
    match option_type {
        iana::IPV4_HOME_ADDRESS => &[
            Row("Prefix-len", 6, Show::Number),
            Row("P", 1, Show::Number),
            Row("Reserved", 9, Show::Hex),
            HOME_ADDRESS,
        ],
        iana::IPV4_ADDRESS_ACK | iana::IPV4_HOME_ADDRESS_REPLY => &[
            Row("Status", 8, Show::Code(ipv4_status::name)),
            Row("Pref-len", 6, Show::Number),
            Row("Reserved", 2, Show::Hex),
            HOME_ADDRESS,
        ],
        iana::NAT_DETECTION => &[
            Row("F", 1, Show::Number),
            Row("Reserved", 15, Show::Hex),
            Row("Refresh time", 32, Show::Number),
        ],
        iana::IPV4_CARE_OF_ADDRESS => {
            &[RESERVED_16, Row("IPv4 Care-of Address", 32, Show::Address)]
        }
        iana::IPV4_HOME_ADDRESS_REQUEST => &[
            Row("Prefix-len", 6, Show::Number),
            Row("Reserved", 10, Show::Hex),
            HOME_ADDRESS,
        ],
        iana::IPV4_DEFAULT_ROUTER => &[
            RESERVED_16,
            Row("IPv4 Default-Router Address", 32, Show::Address),
        ],
        iana::IPV4_DHCP_SUPPORT_MODE => {
            &[Row("Reserved", 15, Show::Hex), Row("S", 1, Show::Number)]
        }
        _ => &[Row("Alternate IPv4 Care-of Address", 32, Show::Address)],
    }
}

/// HJ-1.
fn experimental(data: &[u8]) -> &'static [Row] {
    const SUBTYPE: Row = Row("Sub-type", 8, Show::Code(experimental_subtype::name));
    match RoOption::from_data(data) {
        Some(RoOption::Ipv6CnHnp { .. }) => &[
            SUBTYPE,
            Row("Prefix Length", 8, Show::Number),
            Row("IPv6_CN-HNP", 128, Show::Address),
        ],
        Some(RoOption::Ipv4CnHao { .. }) => &[
            SUBTYPE,
            Row("Prefix Length", 8, Show::Number),
            Row("IPv4_CN-HAO", 32, Show::Address),
        ],
        Some(RoOption::Ipv6RoAck { .. } | RoOption::Ipv4RoAck { .. }) => &[
            SUBTYPE,
            Row("Status", 8, Show::Code(status::name)),
            Row("CN address", 0, Show::Address),
        ],
        None => DATA,
    }
}
