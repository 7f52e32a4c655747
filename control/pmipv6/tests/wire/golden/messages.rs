//! One golden at least for every message. Checksums are over 2001:db8:0:a::1 -> 2001:db8:0:b::2.

use pmipv6::wire::message::{
    BindingAck, BindingError, BindingRefreshRequest, BindingRevocation, BindingUpdate, Heartbeat,
    LocalizedRoutingAck, LocalizedRoutingInitiation, RoAck, RoKind, RoRequest, Test, TestInit,
    TestKind,
};
use pmipv6::wire::options::ALL_ZERO_HNP;
use pmipv6::wire::{Message, MobilityOption};

use super::Golden;

/// All of them.
pub(crate) fn all() -> Vec<Golden> {
    [
        rfc6275(),
        pmipv6(),
        localized_routing(),
        ro_requests(),
        ro_acks(),
    ]
    .into_iter()
    .flatten()
    .map(|(name, hex, message)| Golden { name, hex, message })
    .collect()
}

type Row = (&'static str, &'static str, Message);

fn hnp(prefix: &str) -> MobilityOption {
    MobilityOption::HomeNetworkPrefix(prefix.parse().expect("prefix"))
}

fn hoa(address: &str) -> MobilityOption {
    MobilityOption::ipv4_hoa(address.parse().expect("address"))
}

fn mag(address: &str) -> MobilityOption {
    MobilityOption::MagIpv6Address(address.parse().expect("address"))
}

fn rfc6275() -> Vec<Row> {
    vec![
        (
            "mh-000-binding-refresh-request",
            "3b000000 68e6 0000",
            Message::BindingRefreshRequest(BindingRefreshRequest { options: vec![] }),
        ),
        (
            "mh-001-home-test-init",
            "3b010100 57c9 0000 01020304 05060708",
            Message::TestInit(TestInit {
                kind: TestKind::Home,
                cookie: 0x0102_0304_0506_0708,
                options: vec![],
            }),
        ),
        (
            "mh-002-care-of-test-init",
            "3b010200 1689 0000 11121314 15161718",
            Message::TestInit(TestInit {
                kind: TestKind::CareOf,
                cookie: 0x1112_1314_1516_1718,
                options: vec![],
            }),
        ),
        (
            "mh-003-home-test",
            "3b020300 c322 0007 01020304 05060708 a1a2a3a4 a5a6a7a8",
            Message::Test(Test {
                kind: TestKind::Home,
                nonce_index: 7,
                cookie: 0x0102_0304_0506_0708,
                token: 0xa1a2_a3a4_a5a6_a7a8,
                options: vec![],
            }),
        ),
        (
            "mh-004-care-of-test",
            "3b020400 41a1 0008 11121314 15161718 b1b2b3b4 b5b6b7b8",
            Message::Test(Test {
                kind: TestKind::CareOf,
                nonce_index: 8,
                cookie: 0x1112_1314_1516_1718,
                token: 0xb1b2_b3b4_b5b6_b7b8,
                options: vec![],
            }),
        ),
        (
            "mh-005-binding-update-to-a-correspondent",
            "3b030500 b617 0001 8000 0069
             04040007 0008 050c 01020304 05060708 090a0b0c",
            Message::BindingUpdate(BindingUpdate {
                sequence: 1,
                flags: BindingUpdate::A,
                lifetime: 105,
                options: vec![
                    MobilityOption::NonceIndices {
                        home: 7,
                        care_of: 8,
                    },
                    MobilityOption::BindingAuthorizationData([
                        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
                    ]),
                ],
            }),
        ),
        (
            "mh-006-binding-acknowledgement-refused",
            "3b010600 dad8 8700 0002 0000 01020000",
            Message::BindingAck(BindingAck {
                status: 135,
                flags: 0,
                sequence: 2,
                lifetime: 0,
                options: vec![],
            }),
        ),
        (
            "mh-007-binding-error",
            "3b020700 3211 0200 20010db8 00010000 00000000 00000009",
            Message::BindingError(BindingError {
                status: 2,
                home_address: "2001:db8:1::9".parse().expect("address"),
                options: vec![],
            }),
        ),
    ]
}

fn pmipv6() -> Vec<Row> {
    vec![
        proxy_binding_update(),
        proxy_binding_acknowledgement(),
        (
            "mh-013-heartbeat-request",
            "3b010d00 5ada 0000 00000001 01020000",
            Message::Heartbeat(Heartbeat {
                unsolicited: false,
                response: false,
                sequence: 1,
                options: vec![],
            }),
        ),
        (
            "mh-013-heartbeat-response",
            "3b020d00 3da0 0003 00000001 0100 1c04 0000002a 01020000",
            Message::Heartbeat(Heartbeat {
                unsolicited: true,
                response: true,
                sequence: 1,
                options: vec![MobilityOption::RestartCounter(42)],
            }),
        ),
        (
            "mh-016-binding-revocation-indication",
            "3b051000 7e96 0101 0009 8000
             080b01 6d6e4065 78616d70 6c65 010100 16120040 20010db8 00010000 00000000 00000000",
            Message::BindingRevocation(BindingRevocation {
                revocation_type: 1,
                trigger_or_status: 1,
                sequence: 9,
                flags: 0x8000,
                options: vec![MobilityOption::nai("mn@example"), hnp("2001:db8:1::/64")],
            }),
        ),
        (
            "mh-016-binding-revocation-acknowledgement",
            "3b011000 d551 0280 0009 8000 01020000",
            Message::BindingRevocation(BindingRevocation {
                revocation_type: 2,
                trigger_or_status: 128,
                sequence: 9,
                flags: 0x8000,
                options: vec![],
            }),
        ),
    ]
}

fn proxy_binding_update() -> Row {
    (
        "mh-005-proxy-binding-update",
        "3b090500 9515 1234 8200 0064
         080b01 6d6e4065 78616d70 6c65 010100
         16120000 00000000 00000000 00000000 00000000
         17020001 18020004 19080000 02000000 0001 1b08 00001234 56784000 01020000",
        Message::BindingUpdate(BindingUpdate {
            sequence: 0x1234,
            flags: BindingUpdate::A | BindingUpdate::P,
            lifetime: 100,
            options: vec![
                MobilityOption::nai("mn@example"),
                MobilityOption::HomeNetworkPrefix(ALL_ZERO_HNP),
                MobilityOption::HandoffIndicator(1),
                MobilityOption::AccessTechnologyType(4),
                MobilityOption::MnLinkLayerId(vec![2, 0, 0, 0, 0, 1]),
                MobilityOption::Timestamp(0x0000_1234_5678_4000),
            ],
        }),
    )
}

fn proxy_binding_acknowledgement() -> Row {
    (
        "mh-006-proxy-binding-acknowledgement",
        "3b090600 fd12 0020 1234 0064
         080b01 6d6e4065 78616d70 6c65 010100
         16120040 20010db8 00010000 00000000 00000000
         17020001 18020004 01040000 0000 1a10 fe800000 00000000 02005eff fe005213",
        Message::BindingAck(BindingAck {
            status: 0,
            flags: BindingAck::P,
            sequence: 0x1234,
            lifetime: 100,
            options: vec![
                MobilityOption::nai("mn@example"),
                hnp("2001:db8:1::/64"),
                MobilityOption::HandoffIndicator(1),
                MobilityOption::AccessTechnologyType(4),
                MobilityOption::LinkLocalAddress(
                    "fe80::200:5eff:fe00:5213".parse().expect("address"),
                ),
            ],
        }),
    )
}

fn localized_routing() -> Vec<Row> {
    vec![
        (
            "mh-017-localized-routing-initiation",
            "3b0c1100 32c3 0005 0000 012c
             080a01 61406578 616d706c 65 01020000
             16120040 20010db8 00010000 00000000 00000000
             080a01 62406578 616d706c 65
             16120040 20010db8 00020000 00000000 00000000
             01020000 33120080 20010db8 0000000b 00000000 00000002",
            Message::LocalizedRoutingInitiation(LocalizedRoutingInitiation {
                sequence: 5,
                lifetime: 300,
                options: vec![
                    MobilityOption::nai("a@example"),
                    hnp("2001:db8:1::/64"),
                    MobilityOption::nai("b@example"),
                    hnp("2001:db8:2::/64"),
                    mag("2001:db8:0:b::2"),
                ],
            }),
        ),
        (
            "mh-018-localized-routing-acknowledgment",
            "3b011200 d428 0005 8081 012c 01020000",
            Message::LocalizedRoutingAck(LocalizedRoutingAck {
                sequence: 5,
                unsolicited: true,
                status: 129,
                lifetime: 300,
                options: vec![],
            }),
        ),
    ]
}

fn ro_request(kind: RoKind, sequence: u16, lifetime: u16, options: Vec<MobilityOption>) -> Message {
    Message::RoRequest(RoRequest {
        kind,
        sequence,
        handover: false,
        proxy_mode: false,
        lifetime,
        options,
    })
}

fn ro_requests() -> Vec<Row> {
    let pair = || vec![hnp("2001:db8:1::/64"), hnp("2001:db8:2::/64")];
    let with_mag = |address| [pair(), vec![mag(address)]].concat();
    vec![
        ro_trigger(),
        (
            "mh-242-ro-init",
            "3b09f200 88f2 0102 0000 012c
             16120040 20010db8 00010000 00000000 00000000 01020000
             16120040 20010db8 00020000 00000000 00000000 01020000
             33120080 20010db8 0000000a 00000000 00000001",
            ro_request(RoKind::Init, 0x102, 300, with_mag("2001:db8:0:a::1")),
        ),
        (
            "mh-244-ro-setup",
            "3b09f400 86ef 0103 0000 012c
             16120040 20010db8 00010000 00000000 00000000 01020000
             16120040 20010db8 00020000 00000000 00000000 01020000
             33120080 20010db8 0000000b 00000000 00000002",
            ro_request(RoKind::Setup, 0x103, 300, with_mag("2001:db8:0:b::2")),
        ),
        (
            "mh-246-ro-refresh",
            "3b06f600 e763 0104 0000 012c
             16120040 20010db8 00010000 00000000 00000000 01020000
             16120040 20010db8 00020000 00000000 00000000",
            ro_request(RoKind::Refresh, 0x104, 300, pair()),
        ),
        (
            "mh-248-ro-request",
            "3b03f800 20b3 0105 0000 ffff
             1d068000 0a000001 1d068000 0a000002 01020000",
            ro_request(
                RoKind::Request,
                0x105,
                0xffff,
                vec![hoa("10.0.0.1"), hoa("10.0.0.2")],
            ),
        ),
        (
            "mh-250-ro-query",
            "3b03fa00 e96d 0106 4000 0000
             16120080 20010db8 00020000 00000000 00000009",
            Message::RoRequest(RoRequest {
                kind: RoKind::Query,
                sequence: 0x106,
                handover: false,
                proxy_mode: true,
                lifetime: 0,
                options: vec![hnp("2001:db8:2::9/128")],
            }),
        ),
    ]
}

fn ro_trigger() -> Row {
    (
        "mh-240-ro-trigger",
        "3b0df000 f707 0101 8000 012c
         16120040 20010db8 00010000 00000000 00000000 01020000
         16120040 20010db8 00020000 00000000 00000000 01020000
         33120080 20010db8 0000000a 00000000 00000001
         1d068000 0a000001 1d068000 0a000002
         0100 1b08 00001234 56784000 01020000",
        Message::RoRequest(RoRequest {
            kind: RoKind::Trigger,
            sequence: 0x101,
            handover: true,
            proxy_mode: false,
            lifetime: 300,
            options: vec![
                hnp("2001:db8:1::/64"),
                hnp("2001:db8:2::/64"),
                mag("2001:db8:0:a::1"),
                hoa("10.0.0.1"),
                hoa("10.0.0.2"),
                MobilityOption::Timestamp(0x0000_1234_5678_4000),
            ],
        }),
    )
}

fn ro_ack(kind: RoKind, sequence: u16, status: u8, options: Vec<MobilityOption>) -> Message {
    Message::RoAck(RoAck {
        kind,
        sequence,
        unsolicited: false,
        status,
        lifetime: 300,
        options,
    })
}

fn ro_acks() -> Vec<Row> {
    let pair = || vec![hnp("2001:db8:1::/64"), hnp("2001:db8:2::/64")];
    vec![
        (
            "mh-241-ro-trigger-ack",
            "3b06f100 ebe2 0101 0084 012c
             16120040 20010db8 00010000 00000000 00000000 01020000
             16120040 20010db8 00020000 00000000 00000000",
            ro_ack(RoKind::Trigger, 0x101, 132, pair()),
        ),
        (
            "mh-243-ro-init-ack",
            "3b06f300 ea65 0102 0000 012c
             16120040 20010db8 00010000 00000000 00000000 01020000
             16120040 20010db8 00020000 00000000 00000000",
            ro_ack(RoKind::Init, 0x102, 0, pair()),
        ),
        (
            "mh-245-ro-setup-ack",
            "3b07f500 c21b 0103 0001 012c
             16120040 20010db8 00010000 00000000 00000000 01020000
             16120040 20010db8 00020000 00000000 00000000 2106 0000 00000539",
            ro_ack(
                RoKind::Setup,
                0x103,
                1,
                [pair(), vec![MobilityOption::GreKey(Some(1337))]].concat(),
            ),
        ),
        (
            "mh-247-ro-refresh-ack",
            "3b01f700 6e27 0104 0083 012c 01020000",
            ro_ack(RoKind::Refresh, 0x104, 131, vec![]),
        ),
        (
            "mh-249-ro-request-ack",
            "3b01f900 ec28 0105 8080 012c 01020000",
            Message::RoAck(RoAck {
                kind: RoKind::Request,
                sequence: 0x105,
                unsolicited: true,
                status: 128,
                lifetime: 300,
                options: vec![],
            }),
        ),
        (
            "mh-251-ro-query-ack",
            "3b06fb00 c4cc 0106 0000 012c
             16120080 20010db8 00020000 00000000 00000009 01020000
             33120080 20010db8 0000000b 00000000 00000002",
            ro_ack(
                RoKind::Query,
                0x106,
                0,
                vec![hnp("2001:db8:2::9/128"), mag("2001:db8:0:b::2")],
            ),
        ),
    ]
}

/// RO Setup in the form of RFC 5096: MH 11, subtype 4, version 0.
pub(crate) fn rfc5096_setup() -> Golden {
    Golden {
        name: "mh-011-rfc5096-ro-setup",
        hex: "3b070b00 cd58 0400 0103 0000 012c 01040000 0000
              16120040 20010db8 00010000 00000000 00000000 01020000
              16120040 20010db8 00020000 00000000 00000000",
        message: ro_request(
            RoKind::Setup,
            0x103,
            300,
            vec![hnp("2001:db8:1::/64"), hnp("2001:db8:2::/64")],
        ),
    }
}
