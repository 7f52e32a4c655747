//! Which algorithms protect a packet, and the lengths that follow.

use serde::{Deserialize, Serialize};

/// Encryption and integrity of an SA; those of RFC 8221 sections 5 and 6 that signalling needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// AES-GCM with a 16-octet ICV and a key of 128 bits (RFC 4106).
    #[serde(rename = "aes-128-gcm-16")]
    Aes128Gcm16,
    /// AES-GCM with a 16-octet ICV and a key of 256 bits (RFC 4106).
    #[serde(rename = "aes-256-gcm-16")]
    Aes256Gcm16,
    /// AES-CBC with a key of 128 bits (RFC 3602), HMAC-SHA2-256-128 (RFC 4868).
    #[serde(rename = "aes-128-cbc-hmac-sha2-256-128")]
    Aes128CbcHmacSha256,
    /// AES-CBC with a key of 256 bits (RFC 3602), HMAC-SHA2-256-128 (RFC 4868).
    #[serde(rename = "aes-256-cbc-hmac-sha2-256-128")]
    Aes256CbcHmacSha256,
    /// No encryption (RFC 2410), HMAC-SHA2-256-128 (RFC 4868).
    #[serde(rename = "null-hmac-sha2-256-128")]
    NullHmacSha256,
}

/// Octets of the ICV of every suite: AES-GCM-16 and HMAC-SHA2-256-128 agree.
pub(super) const ICV_LEN: usize = 16;
/// Octets of an AES block, and of the IV of AES-CBC (RFC 3602 section 2).
pub(super) const AES_BLOCK_LEN: usize = 16;
/// Octets of the IV of AES-GCM on the wire (RFC 4106 section 3.1).
pub(super) const GCM_IV_LEN: usize = 8;
/// Octets of the salt of AES-GCM (RFC 4106 section 4).
pub(super) const GCM_SALT_LEN: usize = 4;
/// Octets of the key of HMAC-SHA2-256-128 (RFC 4868 section 2.1.1).
pub(super) const HMAC_KEY_LEN: usize = 32;
/// The trailer ends on a boundary of so many octets, whatever the cipher (RFC 4303 section 2.4).
const TRAILER_ALIGN: usize = 4;

impl Suite {
    /// Every suite.
    pub const ALL: [Self; 5] = [
        Self::Aes128Gcm16,
        Self::Aes256Gcm16,
        Self::Aes128CbcHmacSha256,
        Self::Aes256CbcHmacSha256,
        Self::NullHmacSha256,
    ];

    /// Its name in configurations and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Gcm16 => "aes-128-gcm-16",
            Self::Aes256Gcm16 => "aes-256-gcm-16",
            Self::Aes128CbcHmacSha256 => "aes-128-cbc-hmac-sha2-256-128",
            Self::Aes256CbcHmacSha256 => "aes-256-cbc-hmac-sha2-256-128",
            Self::NullHmacSha256 => "null-hmac-sha2-256-128",
        }
    }

    /// Octets of the encryption key alone.
    pub(super) const fn cipher_key_len(self) -> usize {
        match self {
            Self::Aes128Gcm16 | Self::Aes128CbcHmacSha256 => 16,
            Self::Aes256Gcm16 | Self::Aes256CbcHmacSha256 => 32,
            Self::NullHmacSha256 => 0,
        }
    }

    /// Octets of keying material: the encryption key, then the salt (RFC 4106 section 8.1) or the
    /// integrity key (RFC 7296 section 2.17).
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.cipher_key_len()
            + match self {
                Self::Aes128Gcm16 | Self::Aes256Gcm16 => GCM_SALT_LEN,
                _ => HMAC_KEY_LEN,
            }
    }

    /// Octets of the IV on the wire.
    pub(super) const fn iv_len(self) -> usize {
        match self {
            Self::Aes128Gcm16 | Self::Aes256Gcm16 => GCM_IV_LEN,
            Self::Aes128CbcHmacSha256 | Self::Aes256CbcHmacSha256 => AES_BLOCK_LEN,
            Self::NullHmacSha256 => 0,
        }
    }

    /// What the length of payload and trailer is a multiple of.
    pub(super) const fn align(self) -> usize {
        match self {
            Self::Aes128CbcHmacSha256 | Self::Aes256CbcHmacSha256 => AES_BLOCK_LEN,
            _ => TRAILER_ALIGN,
        }
    }

    /// Whether what it protects is secret too (L-70).
    #[must_use]
    pub const fn encrypts(self) -> bool {
        !matches!(self, Self::NullHmacSha256)
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_configuration_and_lengths_those_of_the_rfcs() {
        let lengths = [20, 36, 48, 64, 32];
        for (suite, length) in Suite::ALL.into_iter().zip(lengths) {
            assert_eq!(suite.key_len(), length, "{suite}");
            assert_eq!(serde_json::to_value(suite).unwrap(), suite.name());
        }
    }
}
