//! The Security Policy Database: what must be protected, what may go in the clear, what may not go at
//! all. MH type and remote address are its selectors (RFC 4301 section 4.4.1.1, RFC 4877 section 5.1).

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What is done with a message (RFC 4301 section 4.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Only inside ESP.
    Protect,
    /// In the clear.
    Bypass,
    /// Not at all.
    Discard,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a peer.
    In,
    /// To a peer.
    Out,
}

/// One entry: the first that matches decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Remote addresses; empty: every one.
    pub peers: Vec<IpNet>,
    /// Which way; none: both.
    pub direction: Option<Direction>,
    /// MH types; empty: every one.
    pub mh_types: Vec<u8>,
    /// What is done.
    pub action: Action,
}

impl Rule {
    fn matches(&self, direction: Direction, remote: IpAddr, mh_type: u8) -> bool {
        self.direction.is_none_or(|of| of == direction)
            && (self.mh_types.is_empty() || self.mh_types.contains(&mh_type))
            && (self.peers.is_empty() || self.peers.iter().any(|peer| peer.contains(&remote)))
    }
}

/// The rules in their order; what none of them names is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityPolicyDatabase {
    rules: Vec<Rule>,
}

impl SecurityPolicyDatabase {
    /// A database of these rules.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// What is done with a message of this type to or from `remote`.
    #[must_use]
    pub fn decide(&self, direction: Direction, remote: IpAddr, mh_type: u8) -> Action {
        self.rules
            .iter()
            .find(|rule| rule.matches(direction, remote, mh_type))
            .map_or(Action::Protect, |rule| rule.action)
    }

    /// Whether anything at all is taken in the clear.
    #[must_use]
    pub fn lets_clear_in(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.action == Action::Bypass && rule.direction != Some(Direction::Out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_decides_and_none_means_protect() {
        let rule = |peer: &str, direction, mh_types: &[u8], action| Rule {
            peers: peer
                .split_whitespace()
                .map(|p| p.parse().unwrap())
                .collect(),
            direction,
            mh_types: mh_types.to_vec(),
            action,
        };
        let policy = SecurityPolicyDatabase::new(vec![
            rule("2001:db8::/32", Some(Direction::In), &[13], Action::Bypass),
            rule("2001:db8:f::1/128", None, &[], Action::Discard),
            rule("", Some(Direction::Out), &[5, 6], Action::Bypass),
        ]);
        let decide = |direction, remote: &str, mh_type| {
            policy.decide(direction, remote.parse().unwrap(), mh_type)
        };
        assert_eq!(decide(Direction::In, "2001:db8:f::1", 13), Action::Bypass);
        assert_eq!(decide(Direction::Out, "2001:db8:f::1", 13), Action::Discard);
        assert_eq!(decide(Direction::In, "2001:db8:f::2", 5), Action::Protect);
        assert_eq!(decide(Direction::Out, "2001:db8:f::2", 5), Action::Bypass);
        assert_eq!(decide(Direction::Out, "192.0.2.1", 6), Action::Bypass);
        assert_eq!(decide(Direction::In, "192.0.2.1", 6), Action::Protect);
        assert!(policy.lets_clear_in());
        assert!(!SecurityPolicyDatabase::default().lets_clear_in());
    }
}
