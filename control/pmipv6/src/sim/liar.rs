//! A peer that lies: a node of the domain whose acknowledgements say what is not so, for a while.

use crate::wire::message::RoAck;
use crate::wire::{Message, MobilityOption};

use ipnet::IpNet;

use super::domain::Domain;
use super::layout::MobileIndex;
use super::network::{Micros, NodeIndex};

/// What a lying node makes of its acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Refuses what it does.
    Refuses,
    /// Says yes to what it refuses.
    Accepts,
    /// Names the home of a third MN as the destination.
    ThirdParty,
    /// Grants for ever what it grants for a while.
    ForEver,
}

impl Lie {
    /// Every lie.
    pub const ALL: [Self; 4] = [
        Self::Refuses,
        Self::Accepts,
        Self::ThirdParty,
        Self::ForEver,
    ];
}

/// A node that lies at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Liar {
    pub(super) until: Micros,
    pub(super) lie: Lie,
    /// Whose home it names.
    pub(super) third: MobileIndex,
}

/// Status 128: not allowed.
const REFUSAL: u8 = 128;
/// A lifetime for what was refused, seconds.
const LIFETIME: u16 = 24;

impl Domain<'_> {
    /// True while any node lies.
    pub(super) fn any_liar(&self) -> bool {
        self.liars.values().any(|liar| liar.until > self.now)
    }

    /// What a node makes of a message that its engine sends.
    pub(super) fn as_told(&self, node: NodeIndex, message: Message) -> Message {
        let liar = self.liars.get(&node).filter(|liar| liar.until > self.now);
        let (Some(liar), Message::RoAck(ack)) = (liar, &message) else {
            return message;
        };
        let home = self.mobiles[liar.third].homes.first().copied();
        Message::RoAck(twisted(ack.clone(), liar.lie, home))
    }

    /// Everybody tells the truth again.
    pub(super) fn end_lies(&mut self) {
        self.liars.clear();
    }
}

fn twisted(mut ack: RoAck, lie: Lie, home: Option<IpNet>) -> RoAck {
    match lie {
        Lie::Refuses => (ack.status, ack.lifetime) = (REFUSAL, 0),
        Lie::Accepts if ack.status >= REFUSAL => (ack.status, ack.lifetime) = (0, LIFETIME),
        Lie::Accepts => {}
        Lie::ForEver if ack.status < REFUSAL && ack.lifetime > 0 => ack.lifetime = u16::MAX,
        Lie::ForEver => {}
        Lie::ThirdParty => {
            let is_hnp =
                |o: &&mut MobilityOption| matches!(o, MobilityOption::HomeNetworkPrefix(_));
            let last = ack.options.iter_mut().rfind(is_hnp);
            if let (Some(option), Some(IpNet::V6(hnp))) = (last, home) {
                *option = MobilityOption::HomeNetworkPrefix(hnp);
            }
        }
    }
    ack
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::RoKind;

    fn ack(status: u8, lifetime: u16) -> RoAck {
        let hnp = |text: &str| MobilityOption::HomeNetworkPrefix(text.parse().unwrap());
        RoAck {
            kind: RoKind::Setup,
            sequence: 7,
            unsolicited: false,
            status,
            lifetime,
            options: vec![hnp("2001:db8:1::/64"), hnp("2001:db8:2::/64")],
        }
    }

    #[test]
    fn every_lie_says_what_is_not_so() {
        let third: IpNet = "2001:db8:3::/64".parse().unwrap();
        let told = |ack: RoAck, lie| twisted(ack, lie, Some(third));
        assert_eq!(told(ack(0, 24), Lie::Refuses), ack(REFUSAL, 0));
        assert_eq!(told(ack(129, 0), Lie::Accepts), ack(0, LIFETIME));
        assert_eq!(told(ack(0, 24), Lie::ForEver), ack(0, u16::MAX));
        let named = told(ack(0, 24), Lie::ThirdParty).options;
        assert_eq!(named[0], ack(0, 24).options[0]);
        assert_ne!(named[1], ack(0, 24).options[1]);
    }
}
