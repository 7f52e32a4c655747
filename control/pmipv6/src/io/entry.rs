//! Forwarding state, as the engines ask for it.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Link, RealmHome, RealmState, Via};

/// Keys of a GRE tunnel (RFC 5845 section 6.1), each chosen by the one that receives with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GreKeys {
    /// In what we send; none: GRE without a key.
    pub send: Option<u32>,
    /// In what we accept; none: GRE without a key.
    pub receive: Option<u32>,
}

/// Number of an update of forwarding state, from 1, without gaps.
pub type UpdateNumber = u64;

/// One change of forwarding state, in the protocol's nouns. `home` is an IPv6 Home Network Prefix or an
/// IPv4 home address as a /32. Installing what is there replaces it in one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// MAG: `home` is attached on `link`; without a path its traffic goes through the tunnel to `lma`,
    /// and only from there is traffic for it accepted.
    Attach {
        /// The MN's prefix or address.
        home: IpNet,
        /// Its access link.
        link: Link,
        /// Its anchor.
        lma: IpAddr,
    },
    /// MAG: `home` is not here any more.
    Detach {
        /// The MN's prefix or address.
        home: IpNet,
    },
    /// LMA: `home` is bound to `proxy_coa`.
    Bind {
        /// The MN's prefix or address.
        home: IpNet,
        /// The MAG's Proxy Care-of Address.
        proxy_coa: IpAddr,
    },
    /// LMA: `home` keeps its entry but its traffic is dropped and counted (RFC 5213 section 5.3.5:
    /// MinDelayBeforeBCEDelete).
    Suspend {
        /// The MN's prefix or address.
        home: IpNet,
    },
    /// LMA: `home` is bound no more.
    Unbind {
        /// The MN's prefix or address.
        home: IpNet,
    },
    /// MAG: the receiving half of a path (HL-31): packets from `remote` to `local` are accepted from the
    /// tunnel of `peer`.
    PathReceive {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
        /// The other side's MAG.
        peer: IpAddr,
    },
    /// MAG: the receiving half goes.
    PathReceiveRemove {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
    },
    /// MAG: the sending half of a path: packets from `local` to `remote` go into the tunnel to `peer`.
    PathSend {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
        /// The other side's MAG.
        peer: IpAddr,
    },
    /// MAG: the sending half goes; packets take the tunnel to the LMA again.
    PathSendRemove {
        /// This side's home.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
    },
    /// MAG: both ends of the path are attached here; packets from `from` to `to` are switched locally.
    PathLocal {
        /// Source home.
        from: IpNet,
        /// Destination home.
        to: IpNet,
    },
    /// MAG: the local switching of that direction goes.
    PathLocalRemove {
        /// Source home.
        from: IpNet,
        /// Destination home.
        to: IpNet,
    },
    /// MAG: `local` has left and had a path (HL-34): its packets from `remote` that still come out of the
    /// tunnel of `peer` go into the tunnel to `lma`.
    HandBack {
        /// The home that was here.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
        /// The other side's MAG.
        peer: IpAddr,
        /// The anchor of `local`.
        lma: IpAddr,
    },
    /// MAG: the hand-back goes.
    HandBackRemove {
        /// The home that was here.
        local: IpNet,
        /// The other side's home.
        remote: IpNet,
    },
    /// LMA: packets from `source` to `destination` are accepted from the tunnel of `from` too, where
    /// `destination` was bound until just now, and forwarded to where it is bound (HL-34).
    HandBackAccept {
        /// Home of the sender, which is not at `from`.
        source: IpNet,
        /// Home of the MN that has moved.
        destination: IpNet,
        /// Its previous MAG.
        from: IpAddr,
    },
    /// LMA: that goes.
    HandBackAcceptRemove {
        /// Home of the sender.
        source: IpNet,
        /// Home of the MN that has moved.
        destination: IpNet,
    },
    /// `peer` is reached this way from now on: what is sent to it, and every tunnel to it that stands.
    Reach {
        /// The peer, as the other entries name it.
        peer: IpAddr,
        /// How.
        via: Via,
    },
    /// GRE keys (RFC 5845) of the tunnel of `home`, or, where `remote` is given, of the path between the
    /// two. They take effect with the next entry that sets that tunnel or path, in one step with it, and are
    /// forgotten when `home` goes, or with the last half of the path.
    GreKeys {
        /// The MN's prefix or address; of a path, this side's home.
        home: IpNet,
        /// Of a path, the other side's home.
        remote: Option<IpNet>,
        /// The keys; none: no GRE.
        keys: Option<GreKeys>,
    },
    /// An IPv4 home address of a realm, which no path ever has a part in: RO messages name an address and no
    /// realm (draft-loureiro section 6.1).
    Realm {
        /// Whose packets are meant.
        home: RealmHome,
        /// What becomes of it.
        state: RealmState,
    },
    /// LMA: addresses in `prefix` are anchored at another LMA, so pairs with them are reported too.
    PeerAnchor {
        /// Prefix served by the peer.
        prefix: IpNet,
        /// The peer LMA.
        lma: IpAddr,
    },
}
