//! Code points, with the names that the RFCs and the IANA "Mobile IPv6 parameters" registry use.
//!
//! One module a number space: constants, and `name(code)`, which is `"unassigned"` for what the space
//! does not hold.

/// A number space: constants with the registry's names, and the way back from a code to its name.
macro_rules! space {
    ($(#[$doc:meta])* $module:ident { $($code:literal $constant:ident $name:literal,)* }) => {
        $(#[$doc])*
        pub mod $module {
            $(#[doc = $name] pub const $constant: u8 = $code;)*
            /// The registry's name of a code.
            #[must_use]
            pub fn name(code: u8) -> &'static str {
                match code {
                    $($code => $name,)*
                    _ => super::UNASSIGNED,
                }
            }
        }
    };
}

/// Name of every code that its space does not hold.
pub const UNASSIGNED: &str = "unassigned";

/// IPv6 Next Header value of the Mobility Header.
pub const NEXT_HEADER_MH: u8 = 135;
/// The only Payload Proto (RFC 6275 section 6.1.1): no next header.
pub const NO_NEXT_HEADER: u8 = 59;
/// UDP port of control messages over IPv4 (RFC 5844): pmip6-cntl.
pub const PORT_PMIP6_CNTL: u16 = 5436;
/// UDP port of data over IPv4 (RFC 5844): pmip6-data.
pub const PORT_PMIP6_DATA: u16 = 5437;
/// UDP port of DSMIPv6 (RFC 5555), control and data.
pub const PORT_DSMIPV6: u16 = 4191;

pub use status::name as status_name;

space! {
    /// MH types below the configurable ones of draft-loureiro, see [`Numbering`](super::Numbering).
    mh_type {
        0 BINDING_REFRESH_REQUEST "Binding Refresh Request",
        1 HOME_TEST_INIT "Home Test Init",
        2 CARE_OF_TEST_INIT "Care-of Test Init",
        3 HOME_TEST "Home Test",
        4 CARE_OF_TEST "Care-of Test",
        5 BINDING_UPDATE "Binding Update",
        6 BINDING_ACKNOWLEDGEMENT "Binding Acknowledgement",
        7 BINDING_ERROR "Binding Error",
        8 FAST_BINDING_UPDATE "Fast Binding Update",
        9 FAST_BINDING_ACKNOWLEDGMENT "Fast Binding Acknowledgment",
        10 FAST_NEIGHBOR_ADVERTISEMENT "Fast Neighbor Advertisement",
        11 EXPERIMENTAL "Experimental Mobility Header",
        12 HOME_AGENT_SWITCH "Home Agent Switch",
        13 HEARTBEAT "Heartbeat",
        14 HANDOVER_INITIATE "Handover Initiate",
        15 HANDOVER_ACKNOWLEDGE "Handover Acknowledge",
        16 BINDING_REVOCATION "Binding Revocation",
        17 LOCALIZED_ROUTING_INITIATION "Localized Routing Initiation",
        18 LOCALIZED_ROUTING_ACKNOWLEDGMENT "Localized Routing Acknowledgment",
        19 UPDATE_NOTIFICATION "Update Notification",
        20 UPDATE_NOTIFICATION_ACKNOWLEDGEMENT "Update Notification Acknowledgement",
        21 FLOW_BINDING "Flow Binding Message",
        22 SUBSCRIPTION_QUERY "Subscription Query",
        23 SUBSCRIPTION_RESPONSE "Subscription Response",
    }
}

space! {
    /// Mobility option types.
    option {
        0 PAD1 "Pad1",
        1 PADN "PadN",
        2 BINDING_REFRESH_ADVICE "Binding Refresh Advice",
        3 ALTERNATE_CARE_OF_ADDRESS "Alternate Care-of Address",
        4 NONCE_INDICES "Nonce Indices",
        5 BINDING_AUTHORIZATION_DATA "Binding Authorization Data",
        6 MOBILE_NETWORK_PREFIX "Mobile Network Prefix",
        7 LINK_LAYER_ADDRESS "Mobility Header Link-Layer Address",
        8 MN_ID "Mobile Node Identifier",
        9 AUTHENTICATION "Mobility Message Authentication",
        10 REPLAY_PROTECTION "Replay Protection",
        18 EXPERIMENTAL "Experimental",
        19 VENDOR_SPECIFIC "Vendor Specific",
        20 SERVICE_SELECTION "Service Selection",
        22 HOME_NETWORK_PREFIX "Home Network Prefix",
        23 HANDOFF_INDICATOR "Handoff Indicator",
        24 ACCESS_TECHNOLOGY_TYPE "Access Technology Type",
        25 MN_LINK_LAYER_ID "Mobile Node Link-layer Identifier",
        26 LINK_LOCAL_ADDRESS "Link-local Address",
        27 TIMESTAMP "Timestamp",
        28 RESTART_COUNTER "Restart Counter",
        29 IPV4_HOME_ADDRESS "IPv4 Home Address",
        30 IPV4_ADDRESS_ACK "IPv4 Address Acknowledgement",
        31 NAT_DETECTION "NAT Detection",
        32 IPV4_CARE_OF_ADDRESS "IPv4 Care-of Address",
        33 GRE_KEY "GRE Key",
        36 IPV4_HOME_ADDRESS_REQUEST "IPv4 Home Address Request",
        37 IPV4_HOME_ADDRESS_REPLY "IPv4 Home Address Reply",
        38 IPV4_DEFAULT_ROUTER "IPv4 Default-Router Address",
        39 IPV4_DHCP_SUPPORT_MODE "IPv4 DHCP Support Mode",
        41 LMA_ADDRESS "Local Mobility Anchor Address",
        46 REDIRECT_CAPABILITY "Redirect-Capability",
        47 REDIRECT "Redirect",
        48 LOAD_INFORMATION "Load Information",
        49 ALTERNATE_IPV4_CARE_OF_ADDRESS "Alternate IPv4 Care-of Address",
        51 MAG_IPV6_ADDRESS "MAG IPv6 Address",
        52 ACCESS_NETWORK_ID "Access Network Identifier",
        55 DELEGATED_MOBILE_NETWORK_PREFIX "Delegated Mobile Network Prefix",
        59 LMA_USER_PLANE_ADDRESS "LMA User-Plane Address",
    }
}

space! {
    /// Status of a Binding Acknowledgement; 128 and above refuse.
    status {
        0 ACCEPTED "Binding Update accepted",
        1 ACCEPTED_PREFIX_DISCOVERY "Accepted but prefix discovery necessary",
        2 GRE_KEY_OPTION_NOT_REQUIRED "GRE_KEY_OPTION_NOT_REQUIRED",
        3 GRE_TUNNELING_BUT_TLV_HEADER_NOT_SUPPORTED "GRE_TUNNELING_BUT_TLV_HEADER_NOT_SUPPORTED",
        4 MCOA_NOTCOMPLETE "MCOA NOTCOMPLETE",
        5 MCOA_RETURNHOME_WO_NDP "MCOA RETURNHOME WO/NDP",
        6 PBU_ACCEPTED_TB_IGNORED "PBU_ACCEPTED_TB_IGNORED_SETTINGSMISMATCH",
        128 REASON_UNSPECIFIED "Reason unspecified",
        129 ADMINISTRATIVELY_PROHIBITED "Administratively prohibited",
        130 INSUFFICIENT_RESOURCES "Insufficient resources",
        131 HOME_REGISTRATION_NOT_SUPPORTED "Home registration not supported",
        132 NOT_HOME_SUBNET "Not home subnet",
        133 NOT_HOME_AGENT "Not home agent for this mobile node",
        134 DAD_FAILED "Duplicate Address Detection failed",
        135 SEQUENCE_NUMBER_OUT_OF_WINDOW "Sequence number out of window",
        136 EXPIRED_HOME_NONCE_INDEX "Expired home nonce index",
        137 EXPIRED_CARE_OF_NONCE_INDEX "Expired care-of nonce index",
        138 EXPIRED_NONCES "Expired nonces",
        139 REGISTRATION_TYPE_CHANGE_DISALLOWED "Registration type change disallowed",
        140 MOBILE_ROUTER_OPERATION_NOT_PERMITTED "Mobile Router Operation not permitted",
        141 INVALID_PREFIX "Invalid Prefix",
        142 NOT_AUTHORIZED_FOR_PREFIX "Not Authorized for Prefix",
        143 FORWARDING_SETUP_FAILED "Forwarding Setup failed",
        144 MIPV6_ID_MISMATCH "MIPV6-ID-MISMATCH",
        145 MIPV6_MESG_ID_REQD "MIPV6-MESG-ID-REQD",
        146 MIPV6_AUTH_FAIL "MIPV6-AUTH-FAIL",
        147 PERMANENT_KEYGEN_TOKEN_UNAVAILABLE "Permanent home keygen token unavailable",
        148 CGA_AND_SIGNATURE_FAILED "CGA and signature verification failed",
        149 PERMANENT_KEYGEN_TOKEN_EXISTS "Permanent home keygen token exists",
        150 NON_NULL_HOME_NONCE_INDEX_EXPECTED "Non-null home nonce index expected",
        151 SERVICE_AUTHORIZATION_FAILED "SERVICE_AUTHORIZATION_FAILED",
        152 PROXY_REG_NOT_ENABLED "PROXY_REG_NOT_ENABLED",
        153 NOT_LMA_FOR_THIS_MOBILE_NODE "NOT_LMA_FOR_THIS_MOBILE_NODE",
        154 MAG_NOT_AUTHORIZED_FOR_PROXY_REG "MAG_NOT_AUTHORIZED_FOR_PROXY_REG",
        155 NOT_AUTHORIZED_FOR_HOME_NETWORK_PREFIX "NOT_AUTHORIZED_FOR_HOME_NETWORK_PREFIX",
        156 TIMESTAMP_MISMATCH "TIMESTAMP_MISMATCH",
        157 TIMESTAMP_LOWER_THAN_PREV_ACCEPTED "TIMESTAMP_LOWER_THAN_PREV_ACCEPTED",
        158 MISSING_HOME_NETWORK_PREFIX_OPTION "MISSING_HOME_NETWORK_PREFIX_OPTION",
        159 BCE_PBU_PREFIX_SET_DO_NOT_MATCH "BCE_PBU_PREFIX_SET_DO_NOT_MATCH",
        160 MISSING_MN_IDENTIFIER_OPTION "MISSING_MN_IDENTIFIER_OPTION",
        161 MISSING_HANDOFF_INDICATOR_OPTION "MISSING_HANDOFF_INDICATOR_OPTION",
        162 MISSING_ACCESS_TECH_TYPE_OPTION "MISSING_ACCESS_TECH_TYPE_OPTION",
        163 GRE_KEY_OPTION_REQUIRED "GRE_KEY_OPTION_REQUIRED",
        164 MCOA_MALFORMED "MCOA MALFORMED",
        165 MCOA_NON_MCOA_BINDING_EXISTS "MCOA NON-MCOA BINDING EXISTS",
        166 MCOA_PROHIBITED "MCOA PROHIBITED",
        167 MCOA_UNKNOWN_COA "MCOA UNKNOWN COA",
        168 MCOA_BULK_REGISTRATION_PROHIBITED "MCOA BULK REGISTRATION PROHIBITED",
        169 MCOA_SIMULTANEOUS_PROHIBITED "MCOA SIMULTANEOUS HOME AND FOREIGN PROHIBITED",
        170 NOT_AUTHORIZED_FOR_IPV4_MOBILITY_SERVICE "NOT_AUTHORIZED_FOR_IPV4_MOBILITY_SERVICE",
        171 NOT_AUTHORIZED_FOR_IPV4_HOME_ADDRESS "NOT_AUTHORIZED_FOR_IPV4_HOME_ADDRESS",
        172 NOT_AUTHORIZED_FOR_IPV6_MOBILITY_SERVICE "NOT_AUTHORIZED_FOR_IPV6_MOBILITY_SERVICE",
        173 MULTIPLE_IPV4_HOME_ADDRESS_NOT_SUPPORTED "MULTIPLE_IPV4_HOME_ADDRESS_ASSIGNMENT_NOT_SUPPORTED",
        174 INVALID_CARE_OF_ADDRESS "Invalid Care-of Address",
        175 INVALID_MOBILE_NODE_GROUP_IDENTIFIER "INVALID_MOBILE_NODE_GROUP_IDENTIFIER",
        176 REINIT_SA_WITH_HAC "REINIT_SA_WITH_HAC",
        177 NOT_AUTHORIZED_FOR_DELEGATED_MNP "NOT_AUTHORIZED_FOR_DELEGATED_MNP",
        178 REQUESTED_DMNP_IN_USE "REQUESTED_DMNP_IN_USE",
        179 CANNOT_MEET_QOS_SERVICE_REQUEST "CANNOT_MEET_QOS_SERVICE_REQUEST",
        180 CANNOT_SUPPORT_MULTIPATH_BINDING "CANNOT_SUPPORT_MULTIPATH_BINDING",
    }
}

space! {
    /// Status of a Binding Error (RFC 6275 section 6.1.9).
    binding_error_status {
        1 UNKNOWN_BINDING "Unknown binding for Home Address destination option",
        2 UNRECOGNIZED_MH_TYPE "Unrecognized MH Type value",
    }
}

space! {
    /// Status of an RO acknowledgement (HL-6); 128 and above refuse.
    ro_status {
        0 SUCCESS "Success",
        1 ALREADY_IN_PLACE "Already in place",
        128 NOT_ALLOWED "Localized routing not allowed",
        129 MN_NOT_ATTACHED "MN not attached",
        130 INSUFFICIENT_RESOURCES "Insufficient resources",
        131 NO_SUCH_STATE "No such localized routing state",
        132 PEER_MAG_REFUSED_OR_SILENT "Peer MAG refused or silent",
        133 PEER_LMA_UNKNOWN "Peer LMA unknown",
        134 ROLE_CONFLICT "Role conflict",
        135 STALE "Stale",
        136 MISSING_OR_MALFORMED_OPTION "Missing or malformed option",
        137 MODE_NOT_SUPPORTED "Mode or encapsulation not supported",
        138 PEER_NOT_AUTHORIZED "Peer not authorized for this node or prefix",
    }
}

space! {
    /// Status of a Localized Routing Acknowledgment (RFC 6705 section 10.2).
    lra_status {
        0 SUCCESS "Success",
        128 NOT_ALLOWED "Localized Routing Not Allowed",
        129 MN_NOT_ATTACHED "MN Not Attached",
    }
}

space! {
    /// B.R. type (RFC 5846 section 5).
    revocation_type {
        1 INDICATION "Binding Revocation Indication",
        2 ACKNOWLEDGEMENT "Binding Revocation Acknowledgement",
    }
}

space! {
    /// Revocation Trigger of a BRI (RFC 5846 section 5.1).
    revocation_trigger {
        0 UNSPECIFIED "Unspecified",
        1 ADMINISTRATIVE_REASON "Administrative Reason",
        2 INTER_MAG_SAME_ACCESS "Inter-MAG Handover - same Access Type",
        3 INTER_MAG_DIFFERENT_ACCESS "Inter-MAG Handover - different Access Type",
        4 INTER_MAG_UNKNOWN "Inter-MAG Handover - Unknown",
        5 USER_INITIATED "User-Initiated Session(s) Termination",
        6 ACCESS_NETWORK_TERMINATION "Access Network Session(s) Termination",
        7 POSSIBLE_OUT_OF_SYNC "Possible Out-of-Sync BCE State",
        128 PER_PEER_POLICY "Per-Peer Policy",
        129 LOCAL_POLICY "Revoking Mobility Node Local Policy",
        250 TESTING_250 "Reserved for Testing Purposes Only",
        251 TESTING_251 "Reserved for Testing Purposes Only",
        252 TESTING_252 "Reserved for Testing Purposes Only",
        253 TESTING_253 "Reserved for Testing Purposes Only",
        254 TESTING_254 "Reserved for Testing Purposes Only",
        255 TESTING_255 "Reserved for Testing Purposes Only",
    }
}

space! {
    /// Status of a BRA (RFC 5846 section 5.2).
    revocation_status {
        0 SUCCESS "success",
        1 PARTIAL_SUCCESS "partial success",
        128 BINDING_DOES_NOT_EXIST "Binding Does NOT Exist",
        129 IPV4_HOA_OPTION_REQUIRED "IPv4 Home Address Option Required",
        130 GLOBAL_REVOCATION_NOT_AUTHORIZED "Global Revocation NOT Authorized",
        131 REVOKED_MN_IDENTITY_REQUIRED "Revoked Mobile Nodes Identity Required",
        132 MN_IS_ATTACHED "Revocation Failed - MN is Attached",
        133 TRIGGER_NOT_SUPPORTED "Revocation Trigger NOT Supported",
        134 FUNCTION_NOT_SUPPORTED "Revocation Function NOT Supported",
        135 PROXY_REVOCATION_NOT_SUPPORTED "Proxy Binding Revocation NOT Supported",
    }
}

space! {
    /// Status of an IPv4 Address Acknowledgement (RFC 5555 section 3.2.1) and of an IPv4 Home Address
    /// Reply (RFC 5844 section 3.3.2).
    ipv4_status {
        0 SUCCESS "Success",
        128 REASON_UNSPECIFIED "Failure, reason unspecified",
        129 ADMINISTRATIVELY_PROHIBITED "Administratively prohibited",
        130 INCORRECT_IPV4_HOME_ADDRESS "Incorrect IPv4 home address",
        131 INVALID_IPV4_ADDRESS "Invalid IPv4 address",
        132 DYNAMIC_ASSIGNMENT_NOT_AVAILABLE "Dynamic IPv4 home address assignment not available",
        133 PREFIX_ALLOCATION_UNAUTHORIZED "Prefix allocation unauthorized",
    }
}

space! {
    /// Handoff Indicator (RFC 5213 section 8.4).
    handoff_indicator {
        0 RESERVED "Reserved",
        1 NEW_INTERFACE "Attachment over a new interface",
        2 BETWEEN_INTERFACES "Handoff between two different interfaces of the mobile node",
        3 BETWEEN_MAGS "Handoff between mobile access gateways for the same interface",
        4 UNKNOWN "Handoff state unknown",
        5 UNCHANGED "Handoff state not changed (Re-registration)",
        6 NEW_INTERFACE_SHARING_PREFIXES "Attachment over a new interface sharing prefixes",
    }
}

space! {
    /// Access Technology Type (RFC 5213 section 8.5).
    access_technology_type {
        0 RESERVED "Reserved",
        1 VIRTUAL "Virtual",
        2 PPP "PPP",
        3 IEEE_802_3 "IEEE 802.3",
        4 IEEE_802_11 "IEEE 802.11a/b/g",
        5 IEEE_802_16E "IEEE 802.16e",
        6 GERAN "3GPP GERAN",
        7 UTRAN "3GPP UTRAN",
        8 E_UTRAN "3GPP E-UTRAN",
        9 EHRPD "3GPP2 eHRPD",
        10 HRPD "3GPP2 HRPD",
        11 ONE_X_RTT "3GPP2 1xRTT",
        12 UMB "3GPP2 UMB",
        13 NB_IOT "3GPP NB-IoT",
    }
}

space! {
    /// Subtype of the Mobile Node Identifier (RFC 4283, RFC 8371).
    mn_id_subtype {
        1 NAI "NAI",
        2 IPV6_ADDRESS "IPv6 Address",
        3 IMSI "IMSI",
        4 P_TMSI "P-TMSI",
        5 EUI_48 "EUI-48",
        6 EUI_64 "EUI-64",
        7 GUTI "GUTI",
        8 DUID "DUID",
    }
}

space! {
    /// Sub-type of the Experimental option as draft-jeong uses it here (HJ-1).
    experimental_subtype {
        1 IPV6_CN_HNP "IPv6_CN-HNP",
        2 IPV4_CN_HAO "IPv4_CN-HAO",
        3 IPV6_RO_ACK "IPv6_RO_Ack",
        4 IPV4_RO_ACK "IPv4_RO_Ack",
    }
}
