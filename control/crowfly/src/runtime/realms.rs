//! ICMP errors about packets of realms: told in their realm, or not at all.

use std::net::Ipv4Addr;

use dataplane::{BY_DESTINATION, Realm, by_destination};

use super::control::Control;
use crate::net::Action;

/// Offset of the IP packet in a frame that goes by its destination.
const IP: usize = 14;
/// Offsets of an IPv4 header's destination, and of the packet that an ICMP error quotes behind one.
const DESTINATION: usize = 16;
const QUOTED: usize = 20 + 8;

/// What goes by its destination goes by it in a realm.
pub(super) fn keep_within(realm: Option<Realm>, actions: &mut [Action]) {
    for action in actions {
        if let Action::Transmit { port, .. } = action
            && *port == BY_DESTINATION
        {
            *port = by_destination(realm);
        }
    }
}

impl Control {
    /// An ICMP error about a tunnel packet does not say of which realm the packet in it was. Where either end of
    /// that is a home of some realm, the answer might come to another MN, or to another network: it is dropped,
    /// and counted.
    pub(super) fn drop_of_unknown_realm(&mut self, answers: Vec<usize>) {
        for at in answers.into_iter().rev() {
            let Some(Action::Transmit { port, frame }) = self.actions.get(at) else {
                continue;
            };
            let mut ends = told_and_quoted(frame).into_iter().flatten();
            if *port == BY_DESTINATION && ends.any(|end| self.program.is_in_a_realm(end)) {
                self.actions.remove(at);
                self.realm_unknown += 1;
            }
        }
    }
}

/// Where an ICMPv4 error goes, and where the packet went that it quotes.
fn told_and_quoted(frame: &[u8]) -> [Option<Ipv4Addr>; 2] {
    let Some(packet) = frame.get(IP..).filter(|ip| ip.first() == Some(&0x45)) else {
        return [None; 2];
    };
    [DESTINATION, QUOTED + DESTINATION].map(|at| {
        let octets: &[u8; 4] = packet.get(at..)?.first_chunk()?;
        Some(Ipv4Addr::from(*octets))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_for_whom_it_is_told_and_whom_it_quotes() {
        let mut frame = vec![0; IP];
        let mut packet = vec![0x45; 1];
        packet.resize(QUOTED + 20, 0);
        packet[DESTINATION..DESTINATION + 4].copy_from_slice(&[10, 0, 0, 1]);
        packet[QUOTED + DESTINATION..].copy_from_slice(&[10, 0, 0, 2]);
        frame.extend(&packet);
        let ends = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|end| Some(Ipv4Addr::from(end)));
        assert_eq!(told_and_quoted(&frame), ends);
        assert_eq!(told_and_quoted(&frame[..IP + QUOTED]), [ends[0], None]);
        frame[IP] = 0x60;
        assert_eq!(told_and_quoted(&frame), [None, None]);
        assert_eq!(told_and_quoted(&[]), [None, None]);
    }

    #[test]
    fn what_goes_by_its_destination_goes_in_its_realm() {
        let frame = || Action::Transmit {
            port: BY_DESTINATION,
            frame: Vec::new(),
        };
        let by_port = Action::Transmit {
            port: 1,
            frame: Vec::new(),
        };
        let realm = Realm::new(7);
        let mut actions = [frame(), by_port.clone()];
        keep_within(realm, &mut actions);
        let within = Action::Transmit {
            port: by_destination(realm),
            frame: Vec::new(),
        };
        assert_eq!(actions, [within, by_port]);
        let mut actions = [frame()];
        keep_within(None, &mut actions);
        assert_eq!(actions, [frame()]);
    }
}
