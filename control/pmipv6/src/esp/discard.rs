//! Why a packet does not pass the boundary: the auditable events of RFC 4303 and RFC 4301, one counter
//! each.

macro_rules! discards {
    ($($(#[$doc:meta])* $name:ident = $counter:literal, $text:literal;)*) => {
        /// Why a packet does not pass the boundary.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
        pub enum Discard {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl Discard {
            /// Every reason, in the order of its counters.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Dotted name of the counter.
            #[must_use]
            pub const fn counter(self) -> &'static str {
                match self {
                    $(Self::$name => $counter,)*
                }
            }
        }
    };
}

discards! {
    /// Shorter than header, IV, trailer and ICV of its SA, or not a whole number of cipher blocks.
    Truncated = "esp.drop.truncated", "shorter than an ESP packet of its association, or cut inside a block";
    /// SPI 0 to 255 (RFC 4303 section 2.1).
    ReservedSpi = "esp.drop.reserved-spi", "its SPI is reserved (RFC 4303 section 2.1)";
    /// No inbound SA has the SPI (RFC 4303 section 3.4.2).
    UnknownSpi = "esp.drop.unknown-spi", "no security association has its SPI";
    /// Seen before, left of the window, or sequence number 0 (RFC 4303 section 3.4.3).
    Replayed = "esp.drop.replayed", "its sequence number was used before, or is older than the anti-replay window";
    /// The ICV is wrong (RFC 4303 section 3.4.4).
    BadIcv = "esp.drop.bad-icv", "its integrity check value is wrong: another key, or it was changed on the way";
    /// The padding is not 1, 2, 3 ... or longer than the packet (RFC 4303 section 2.4).
    BadPadding = "esp.drop.bad-padding", "its padding is not 1, 2, 3 and so on";
    /// A dummy packet (RFC 4303 section 2.6).
    Dummy = "esp.drop.dummy", "a dummy packet (RFC 4303 section 2.6)";
    /// What is inside is not signalling: the SA's selectors do not match (RFC 4301 section 5.2).
    Selectors = "esp.drop.selectors", "what it protects is not a Mobility Header, nor UDP port 5436 over IPv4";
    /// The source address is not one of the peer that holds the SA (RFC 4301 section 4.4.3.4).
    WrongSource = "esp.drop.wrong-source", "its source is not an address of the peer that holds the association";
    /// Policy wants it protected, and it came in the clear (L-67).
    Unprotected = "esp.drop.unprotected", "it came in the clear, and policy wants it protected";
    /// Policy: discard.
    Policy = "esp.drop.policy", "policy discards messages of this type of this peer";
    /// The peer's roles do not say that (L-74).
    Role = "esp.drop.role", "the peer may not send this message: it does not have the role";
    /// The peer may not speak for these homes (L-74).
    Home = "esp.drop.home", "the peer may not speak for the home network prefix or address it names";
    /// Out: policy wants protection, and no SA leads to the peer (L-11).
    NoAssociation = "esp.drop.no-association", "no active security association leads to the destination";
    /// Out: every sequence number of the SA is used up (RFC 4303 section 3.3.3).
    SequenceExhausted = "esp.drop.sequence-exhausted", "the sequence numbers of the association are used up: new keys are needed";
    /// Out: sequence numbers could not be reserved, so using one might repeat it after a restart.
    NotReserved = "esp.drop.sequence-not-reserved", "sequence numbers could not be saved, so that using one might repeat it after a restart";
    /// Out: no randomness for the IV.
    NoEntropy = "esp.drop.no-entropy", "there was no randomness for its initialization vector";
    /// Out: too long for a packet.
    TooLong = "esp.drop.too-long", "it does not fit into a packet";
}

/// One number for each reason.
#[derive(Debug, Clone, Default)]
pub(super) struct Discards([u64; Discard::ALL.len()]);

impl Discards {
    pub(super) fn count(&mut self, discard: Discard) {
        self.0[discard as usize] += 1;
    }

    #[cfg(test)]
    pub(super) fn get(&self, discard: Discard) -> u64 {
        self.0[discard as usize]
    }

    pub(super) fn list(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Discard::ALL
            .iter()
            .map(|discard| (discard.counter(), self.0[*discard as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let mut discards = Discards::default();
        for (times, discard) in Discard::ALL.iter().enumerate() {
            for _ in 0..=times {
                discards.count(*discard);
            }
        }
        let names: std::collections::BTreeSet<_> = discards.list().map(|(name, _)| name).collect();
        assert_eq!(names.len(), Discard::ALL.len());
        for (times, discard) in Discard::ALL.iter().enumerate() {
            assert_eq!(discards.get(*discard), times as u64 + 1, "{discard:?}");
        }
    }
}
