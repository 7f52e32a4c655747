//! Security associations: one direction, one key, one row of sequence numbers (RFC 4301 section 4.1).

use super::cipher::{Opener, Sealer};
use super::config::ConfigError;
use super::discard::Discard;
use super::frame::{self, HEADER_LEN};
use super::key::KeyMaterial;
use super::replay::ReplayWindow;
use super::suite::Suite;
use super::{LAST_RESERVED_SPI, Spi};

/// Last number of an SA whose sequence numbers have 32 bits.
const LAST_SHORT: u64 = u32::MAX as u64;

/// What makes a security association.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    /// Security Parameters Index: the receiver chose it.
    pub spi: Spi,
    /// Algorithms.
    pub suite: Suite,
    /// Keying material, [`Suite::key_len`] octets.
    pub key: &'a KeyMaterial,
    /// Sequence numbers have 64 bits, of which the low half is on the wire (RFC 4303 section 2.2.1).
    pub extended_sequence_numbers: bool,
}

impl Parameters<'_> {
    fn check(&self) -> Result<(), ConfigError> {
        if self.spi <= LAST_RESERVED_SPI {
            return Err(ConfigError::ReservedSpi(self.spi));
        }
        Ok(())
    }
}

/// Where unpredictable octets come from: the IV of AES-CBC needs them (RFC 3602 section 3).
pub trait Entropy {
    /// Fills `octets`.
    ///
    /// # Errors
    ///
    /// There is no randomness to be had.
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoEntropy>;
}

/// There is no randomness to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no randomness to be had")]
pub struct NoEntropy;

/// What was inside an ESP packet, without padding and trailer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Next header: 135 Mobility Header, 17 UDP.
    pub next_header: u8,
    /// From that header on.
    pub payload: Vec<u8>,
}

/// An SA that packets come in by.
pub struct InboundAssociation {
    spi: Spi,
    suite: Suite,
    extended: bool,
    opener: Opener,
    window: ReplayWindow,
}

impl InboundAssociation {
    /// An SA with a window of `replay_window` packets, before its first packet.
    ///
    /// # Errors
    ///
    /// A reserved SPI, or a key of the wrong length.
    pub fn new(parameters: Parameters<'_>, replay_window: u32) -> Result<Self, ConfigError> {
        parameters.check()?;
        Ok(Self {
            spi: parameters.spi,
            suite: parameters.suite,
            extended: parameters.extended_sequence_numbers,
            opener: Opener::new(parameters.suite, parameters.key)?,
            window: ReplayWindow::new(replay_window),
        })
    }

    /// Goes on after sequence number `top`: everything up to it counts as seen.
    pub fn resume(&mut self, replay_window: u32, top: u64) {
        self.window = ReplayWindow::resumed(replay_window, top);
    }

    /// Goes on with a window of another size; what it forgets counts as seen.
    pub fn set_replay_window(&mut self, replay_window: u32) {
        if self.window.size() != replay_window {
            self.window = ReplayWindow::resumed(replay_window, self.window.top());
        }
    }

    /// Opens a packet, from its ESP header on, in the order of RFC 4303 section 3.4: sequence number,
    /// ICV, window, decryption, trailer.
    ///
    /// # Errors
    ///
    /// Why it is discarded; the window moves only for packets whose ICV is right.
    pub fn open(&mut self, packet: &[u8]) -> Result<Opened, Discard> {
        let (spi, low) = frame::header(packet)?;
        if spi != self.spi {
            return Err(Discard::UnknownSpi);
        }
        frame::body(self.suite, packet)?;
        let number = if self.extended {
            self.window.extend(low).ok_or(Discard::Replayed)?
        } else {
            u64::from(low)
        };
        if !self.window.allows(number) {
            return Err(Discard::Replayed);
        }
        let high = high_half(self.extended, number);
        let mut payload = self.opener.open(self.suite, packet, high)?;
        self.window.accept(number);
        let next_header = frame::take_trailer(&mut payload)?;
        Ok(Opened {
            next_header,
            payload,
        })
    }

    /// Security Parameters Index.
    #[must_use]
    pub const fn spi(&self) -> Spi {
        self.spi
    }

    /// Highest sequence number accepted.
    #[must_use]
    pub const fn top(&self) -> u64 {
        self.window.top()
    }
}

/// An SA that packets go out by.
pub struct OutboundAssociation {
    spi: Spi,
    suite: Suite,
    extended: bool,
    sealer: Sealer,
    /// Upper half of the IVs of AES-GCM, differing from one run of the sender to the next.
    epoch: u32,
    /// Number of the last packet; 0 before the first.
    last: u64,
    /// Numbers up to this one are safe to use: after a restart none of them is used again.
    reserved: u64,
}

impl OutboundAssociation {
    /// An SA before its first packet. `epoch` differs from one run of this sender to the next, the start
    /// time in seconds for instance: it keeps the IVs of AES-GCM apart (RFC 4106 section 3.1) even if the
    /// sequence numbers were to begin again.
    ///
    /// # Errors
    ///
    /// A reserved SPI, or a key of the wrong length.
    pub fn new(parameters: Parameters<'_>, epoch: u32) -> Result<Self, ConfigError> {
        parameters.check()?;
        Ok(Self {
            spi: parameters.spi,
            suite: parameters.suite,
            extended: parameters.extended_sequence_numbers,
            sealer: Sealer::new(parameters.suite, parameters.key)?,
            epoch,
            last: 0,
            reserved: 0,
        })
    }

    /// Goes on after sequence number `last`, if it is not there yet.
    pub fn resume(&mut self, last: u64) {
        self.last = self.last.max(last);
    }

    /// Allows the use of sequence numbers up to `number`.
    pub fn reserve(&mut self, number: u64) {
        self.reserved = self.reserved.max(number);
    }

    /// Makes the ESP packet around `payload`, whose first header is `next_header`.
    ///
    /// # Errors
    ///
    /// Why it cannot be sent; no sequence number is used then.
    pub fn seal(
        &mut self,
        next_header: u8,
        payload: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, Discard> {
        let number = self.next()?;
        let mut packet = frame::plain(self.suite, self.spi, number, next_header, payload)?;
        let iv = &mut packet[HEADER_LEN..HEADER_LEN + self.suite.iv_len()];
        match self.suite {
            Suite::Aes128Gcm16 | Suite::Aes256Gcm16 => {
                let unique = (u64::from(self.epoch) << 32).wrapping_add(number);
                iv.copy_from_slice(&unique.to_be_bytes());
            }
            Suite::Aes128CbcHmacSha256 | Suite::Aes256CbcHmacSha256 => {
                entropy.fill(iv).map_err(|NoEntropy| Discard::NoEntropy)?;
            }
            Suite::NullHmacSha256 => {}
        }
        let high = high_half(self.extended, number);
        self.sealer.seal(self.suite, &mut packet, high)?;
        self.last = number;
        Ok(packet)
    }

    /// The next number: one more than the last, never a cycle (RFC 4303 section 3.3.3).
    fn next(&self) -> Result<u64, Discard> {
        let end = if self.extended { u64::MAX } else { LAST_SHORT };
        let number = self.last.checked_add(1).filter(|number| *number <= end);
        let number = number.ok_or(Discard::SequenceExhausted)?;
        if number > self.reserved {
            return Err(Discard::NotReserved);
        }
        Ok(number)
    }

    /// Security Parameters Index.
    #[must_use]
    pub const fn spi(&self) -> Spi {
        self.spi
    }

    /// Sequence number of the last packet.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Numbers up to this one may be used.
    #[must_use]
    pub const fn reserved(&self) -> u64 {
        self.reserved
    }
}

/// The half that is not on the wire.
fn high_half(extended: bool, number: u64) -> Option<u32> {
    extended.then_some((number >> 32) as u32)
}

/// What a key makes is as secret as the key.
macro_rules! opaque {
    ($($name:ident),*) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:#010x}, {})"), self.spi, self.suite)
            }
        })*
    };
}

opaque!(InboundAssociation, OutboundAssociation);
