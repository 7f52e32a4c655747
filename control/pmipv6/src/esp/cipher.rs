//! The cryptography of the suites, by aws-lc: the only file that knows that library's ciphers. It wipes
//! its key schedules when they go.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{constant_time, hmac};

use super::config::ConfigError;
use super::discard::Discard;
use super::frame::{self, HEADER_LEN};
use super::key::KeyMaterial;
use super::suite::{AES_BLOCK_LEN, GCM_IV_LEN, GCM_SALT_LEN, ICV_LEN, Suite};

/// High half of an extended sequence number: covered by the ICV, not on the wire (RFC 4303 section
/// 2.2.1). None where the SA does not extend.
pub(super) type HighHalf = Option<u32>;

/// AES-GCM: one key, both ways.
struct Gcm {
    key: LessSafeKey,
    salt: [u8; GCM_SALT_LEN],
}

/// Seals packets.
pub(super) struct Sealer(Sealing);

enum Sealing {
    Gcm(Gcm),
    Cbc(Box<(EncryptingKey, hmac::Key)>),
    Null(Box<hmac::Key>),
}

/// Opens packets.
pub(super) struct Opener(Opening);

enum Opening {
    Gcm(Gcm),
    Cbc(Box<(DecryptingKey, hmac::Key)>),
    Null(Box<hmac::Key>),
}

impl Sealer {
    pub(super) fn new(suite: Suite, key: &KeyMaterial) -> Result<Self, ConfigError> {
        let (cipher, rest) = split(suite, key)?;
        Ok(Self(match suite {
            Suite::Aes128Gcm16 | Suite::Aes256Gcm16 => Sealing::Gcm(Gcm::new(cipher, rest)?),
            Suite::NullHmacSha256 => Sealing::Null(Box::new(mac_key(rest))),
            Suite::Aes128CbcHmacSha256 | Suite::Aes256CbcHmacSha256 => {
                let key = block_key(cipher)?;
                let key = EncryptingKey::cbc(key).map_err(|Unspecified| ConfigError::Key)?;
                Sealing::Cbc(Box::new((key, mac_key(rest))))
            }
        }))
    }

    /// Encrypts what follows the IV, which stands in `packet` already, and appends the ICV.
    pub(super) fn seal(
        &self,
        suite: Suite,
        packet: &mut Vec<u8>,
        high: HighHalf,
    ) -> Result<(), Discard> {
        let (head, body) = packet.split_at_mut(HEADER_LEN + suite.iv_len());
        // Nothing here fails: keys, IVs and lengths are right by construction.
        let icv = match &self.0 {
            Sealing::Gcm(gcm) => gcm.seal(head, body, high),
            Sealing::Cbc(keys) => {
                let (key, mac) = &**keys;
                let context = iv(head).map(|iv| EncryptionContext::Iv128(iv.into()));
                context
                    .and_then(|context| key.less_safe_encrypt(body, context))
                    .map(|_| sign(mac, packet, high))
            }
            Sealing::Null(mac) => Ok(sign(mac, packet, high)),
        };
        packet.extend_from_slice(&icv.map_err(|Unspecified| Discard::TooLong)?);
        Ok(())
    }
}

impl Opener {
    pub(super) fn new(suite: Suite, key: &KeyMaterial) -> Result<Self, ConfigError> {
        let (cipher, rest) = split(suite, key)?;
        Ok(Self(match suite {
            Suite::Aes128Gcm16 | Suite::Aes256Gcm16 => Opening::Gcm(Gcm::new(cipher, rest)?),
            Suite::NullHmacSha256 => Opening::Null(Box::new(mac_key(rest))),
            Suite::Aes128CbcHmacSha256 | Suite::Aes256CbcHmacSha256 => {
                let key = block_key(cipher)?;
                let key = DecryptingKey::cbc(key).map_err(|Unspecified| ConfigError::Key)?;
                Opening::Cbc(Box::new((key, mac_key(rest))))
            }
        }))
    }

    /// Verifies the ICV, then decrypts (RFC 4303 section 3.4.4): payload and trailer.
    pub(super) fn open(
        &self,
        suite: Suite,
        packet: &[u8],
        high: HighHalf,
    ) -> Result<Vec<u8>, Discard> {
        let body = frame::body(suite, packet)?;
        let (head, icv) = (&packet[..body.start], &packet[body.end..]);
        let mut inside = packet[body.clone()].to_vec();
        match &self.0 {
            Opening::Gcm(gcm) => gcm.open(head, &mut inside, icv, high)?,
            Opening::Null(mac) => verify(mac, &packet[..body.end], icv, high)?,
            Opening::Cbc(keys) => {
                let (key, mac) = &**keys;
                verify(mac, &packet[..body.end], icv, high)?;
                let context = iv(head).map(|iv| DecryptionContext::Iv128(iv.into()));
                context
                    .and_then(|context| key.decrypt(&mut inside, context).map(drop))
                    .map_err(|Unspecified| Discard::Truncated)?;
            }
        }
        Ok(inside)
    }
}

impl Gcm {
    fn new(key: &[u8], salt: &[u8]) -> Result<Self, ConfigError> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            _ => &AES_256_GCM,
        };
        let unbound = UnboundKey::new(algorithm, key).map_err(|Unspecified| ConfigError::Key)?;
        Ok(Self {
            key: LessSafeKey::new(unbound),
            salt: salt.try_into().map_err(|_| ConfigError::Key)?,
        })
    }

    /// Salt, then the IV of the packet (RFC 4106 section 4).
    fn nonce(&self, head: &[u8]) -> Result<Nonce, Unspecified> {
        let mut nonce = [0; GCM_SALT_LEN + GCM_IV_LEN];
        nonce[..GCM_SALT_LEN].copy_from_slice(&self.salt);
        let iv = head.get(HEADER_LEN..).ok_or(Unspecified)?;
        nonce[GCM_SALT_LEN..].copy_from_slice(iv);
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    fn seal(
        &self,
        head: &[u8],
        body: &mut [u8],
        high: HighHalf,
    ) -> Result<[u8; ICV_LEN], Unspecified> {
        let nonce = self.nonce(head)?;
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, aad(head, high), body)?;
        tag.as_ref().try_into().map_err(|_| Unspecified)
    }

    fn open(
        &self,
        head: &[u8],
        body: &mut [u8],
        icv: &[u8],
        high: HighHalf,
    ) -> Result<(), Discard> {
        self.nonce(head)
            .and_then(|nonce| {
                let aad = aad(head, high);
                self.key
                    .open_in_place_separate_tag(nonce, aad, icv, body)
                    .map(drop)
            })
            .map_err(|Unspecified| Discard::BadIcv)
    }
}

/// SPI, high half if extended, low half (RFC 4106 section 5).
fn aad(head: &[u8], high: HighHalf) -> Aad<Vec<u8>> {
    let mut octets = Vec::with_capacity(HEADER_LEN + 4);
    octets.extend_from_slice(&head[..4]);
    octets.extend(high.iter().flat_map(|high| high.to_be_bytes()));
    octets.extend_from_slice(&head[4..HEADER_LEN]);
    Aad::from(octets)
}

/// The encryption key, and the salt or integrity key behind it.
fn split(suite: Suite, key: &KeyMaterial) -> Result<(&[u8], &[u8]), ConfigError> {
    let (needed, found) = (suite.key_len(), key.len());
    if needed != found {
        return Err(ConfigError::KeyLength {
            suite,
            needed,
            found,
        });
    }
    Ok(key.octets().split_at(suite.cipher_key_len()))
}

fn block_key(key: &[u8]) -> Result<UnboundCipherKey, ConfigError> {
    let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
    UnboundCipherKey::new(algorithm, key).map_err(|Unspecified| ConfigError::Key)
}

fn mac_key(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

fn iv(head: &[u8]) -> Result<[u8; AES_BLOCK_LEN], Unspecified> {
    head[HEADER_LEN..].try_into().map_err(|_| Unspecified)
}

/// HMAC-SHA2-256-128 over the packet without its ICV, the high half at the end (RFC 4303 section 2.8).
fn sign(key: &hmac::Key, covered: &[u8], high: HighHalf) -> [u8; ICV_LEN] {
    let mut context = hmac::Context::with_key(key);
    context.update(covered);
    if let Some(high) = high {
        context.update(&high.to_be_bytes());
    }
    let mut icv = [0; ICV_LEN];
    icv.copy_from_slice(&context.sign().as_ref()[..ICV_LEN]);
    icv
}

fn verify(key: &hmac::Key, covered: &[u8], icv: &[u8], high: HighHalf) -> Result<(), Discard> {
    constant_time::verify_slices_are_equal(&sign(key, covered, high), icv)
        .map_err(|Unspecified| Discard::BadIcv)
}
