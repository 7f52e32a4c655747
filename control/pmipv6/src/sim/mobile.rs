//! Mobile nodes: where they are, what they are called, to whom they talk.

use ipnet::IpNet;

use super::attacker::Attack;
use super::layout::MobileIndex;
use super::liar::Lie;
use super::network::{Micros, NodeIndex};
use super::packet::{Fate, Loss};
use super::stranger::Forgery;

/// A mobile node: a plain host, which takes no part in any signalling (L-2).
#[derive(Debug, Clone, Default)]
pub struct Mobile {
    /// The MAG on whose link it is.
    pub place: Option<NodeIndex>,
    /// Its homes as the last answer to an attachment gave them.
    pub homes: Vec<IpNet>,
    /// Since when it has been registered where it is.
    pub settled_at: Option<Micros>,
    /// It tries again then; one try at a time.
    pub(super) retry_at: Option<Micros>,
    /// Counts its arrivals and departures, so that late events know they are late.
    pub(super) epoch: u32,
}

/// One direction of a conversation.
#[derive(Debug, Clone)]
pub struct Talk {
    /// Who sends.
    pub source: MobileIndex,
    /// Who is to receive.
    pub destination: MobileIndex,
    /// Distance between packets in quiet times.
    pub interval_us: Micros,
    /// What became of the packets.
    pub tally: Tally,
    /// Since when every packet has been lost.
    pub(super) losing_since: Option<Micros>,
    /// What became of the last one.
    pub(super) last: Option<Fate>,
    /// False when it has ended.
    pub(super) open: bool,
    pub(super) epoch: u32,
}

impl Talk {
    pub(super) fn new(source: MobileIndex, destination: MobileIndex, interval_us: Micros) -> Self {
        Self {
            source,
            destination,
            interval_us,
            tally: Tally::default(),
            losing_since: None,
            last: None,
            open: true,
            epoch: 0,
        }
    }

    /// What became of the last packet.
    #[must_use]
    pub fn last_fate(&self) -> Option<Fate> {
        self.last
    }
}

/// What became of packets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Delivered over a localized path.
    pub localized: u64,
    /// Delivered through an anchor.
    pub anchored: u64,
    /// Lost, by reason.
    pub lost: std::collections::BTreeMap<Loss, u64>,
}

impl Tally {
    pub(super) fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Delivered { localized: true } => self.localized += 1,
            Fate::Delivered { localized: false } => self.anchored += 1,
            Fate::Lost(loss) => *self.lost.entry(loss).or_default() += 1,
            Fate::Looped | Fate::WrongNode => {}
        }
    }

    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Self) {
        self.localized += other.localized;
        self.anchored += other.anchored;
        for (loss, count) in &other.lost {
            *self.lost.entry(*loss).or_default() += count;
        }
    }
}

/// What happens to the domain from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// An MN appears on a link of a MAG; if it is on another MAG's link, that MAG notices after
    /// `notice_us` that it has gone, and the MN is on no link for `away_us`.
    Appear {
        /// Who.
        mobile: MobileIndex,
        /// Where: a MAG.
        mag: NodeIndex,
        /// How long between the links.
        away_us: Micros,
        /// How long until the previous MAG notices.
        notice_us: Micros,
    },
    /// An MN leaves the domain; its MAG notices after `notice_us`.
    Leave {
        /// Who.
        mobile: MobileIndex,
        /// How long until its MAG notices.
        notice_us: Micros,
    },
    /// Two MNs talk, both ways.
    Talk {
        /// Sends first.
        source: MobileIndex,
        /// Answers.
        destination: MobileIndex,
        /// Distance between packets in quiet times.
        interval_us: Micros,
        /// True: the other one does not answer.
        one_way: bool,
    },
    /// They talk no more.
    Hush {
        /// One.
        source: MobileIndex,
        /// The other.
        destination: MobileIndex,
    },
    /// A node loses its state, and is back after a while.
    Crash {
        /// Which.
        node: NodeIndex,
        /// How long it is down.
        down_us: Micros,
    },
    /// A node stands still, and goes on with its state.
    Freeze {
        /// Which.
        node: NodeIndex,
        /// For how long.
        for_us: Micros,
        /// So many frames wait in its receive queue.
        queue: usize,
    },
    /// Two nodes cannot reach each other for a while.
    Partition {
        /// One.
        one: NodeIndex,
        /// The other.
        other: NodeIndex,
        /// How long.
        for_us: Micros,
    },
    /// An operator asks for a path between two MNs, at a node.
    PathRequest {
        /// Where.
        node: NodeIndex,
        /// One end.
        source: MobileIndex,
        /// The other.
        destination: MobileIndex,
    },
    /// A stranger sends a node what only a peer may.
    Forge {
        /// To whom.
        node: NodeIndex,
        /// One end.
        source: MobileIndex,
        /// The other.
        destination: MobileIndex,
        /// What.
        forgery: Forgery,
    },
    /// A node's acknowledgements say what is not so, for a while.
    Lie {
        /// Who lies.
        node: NodeIndex,
        /// Whose home it names, where it names a wrong one.
        third: MobileIndex,
        /// How.
        lie: Lie,
        /// How long.
        for_us: Micros,
    },
    /// An attacker acts on packets that go to a protected node, for a while.
    Attack {
        /// To whom.
        node: NodeIndex,
        /// How.
        attack: Attack,
        /// How long.
        for_us: Micros,
    },
    /// The operator changes all keys, node by node, in stages.
    ChangeKeys {
        /// The nodes take a stage within this time; so long and longer is it to the next one.
        apart_us: Micros,
    },
    /// The NAT before a node forgets its flows.
    Rebind {
        /// Which node.
        node: NodeIndex,
    },
    /// An operator takes a path down, at a node.
    PathRemove {
        /// Where.
        node: NodeIndex,
        /// One end.
        source: MobileIndex,
        /// The other.
        destination: MobileIndex,
    },
}

impl Operation {
    /// True for what no localized path could survive without a loss of its own making: crash, standstill,
    /// partition, lies and messages held back.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::Crash { .. }
                | Self::Freeze { .. }
                | Self::Partition { .. }
                | Self::Lie { .. }
                | Self::Attack {
                    attack: Attack::Delay,
                    ..
                }
        )
    }
}
