//! Keying material: wiped when it goes, never shown.

use zeroize::{Zeroize, Zeroizing};

/// Longest keying material of any suite, octets.
const MAX_KEY_LEN: usize = 64;

/// Keying material of one direction of one association, in the order of RFC 7296 section 2.17: the
/// encryption key, then the salt or the integrity key. Wiped when dropped; `Debug` does not show it.
#[derive(Clone, Default)]
pub struct KeyMaterial(Zeroizing<Vec<u8>>);

/// Why a text is no key. It does not say what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not an even number of hexadecimal digits.
    #[error("not an even number of hexadecimal digits")]
    NotHex,
    /// Longer than the keys of any suite.
    #[error("longer than the keys of any suite, {MAX_KEY_LEN} octets")]
    TooLong,
}

impl KeyMaterial {
    /// Keying material as octets.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.to_vec()))
    }

    /// Keying material as hexadecimal digits; white space around it is left out.
    ///
    /// # Errors
    ///
    /// Not hexadecimal, or too long.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_ascii().as_bytes();
        if text.len() > 2 * MAX_KEY_LEN {
            return Err(KeyError::TooLong);
        }
        let (pairs, []) = text.as_chunks::<2>() else {
            return Err(KeyError::NotHex);
        };
        // Room for all at once: growing would leave a copy behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for [high, low] in pairs {
            octets.push(digit(*high)? << 4 | digit(*low)?);
        }
        Ok(Self(octets))
    }

    /// Octets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, or it was forgotten.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Wipes it now.
    pub fn forget(&mut self) {
        self.0.zeroize();
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// In constant time.
impl PartialEq for KeyMaterial {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for KeyMaterial {}

impl std::fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyMaterial({} octets)", self.len())
    }
}

fn digit(character: u8) -> Result<u8, KeyError> {
    let digit = char::from(character).to_digit(16).ok_or(KeyError::NotHex)?;
    Ok(digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_become_octets_and_are_never_shown() {
        let key = KeyMaterial::from_hex(" 00fFa5\n").unwrap();
        assert_eq!(key.octets(), [0x00, 0xff, 0xa5]);
        assert_eq!(format!("{key:?}"), "KeyMaterial(3 octets)");
        assert!(key == KeyMaterial::new(&[0, 255, 165]) && key != KeyMaterial::new(&[0, 255, 164]));
        for wrong in ["0", "0g", "0x10", "é"] {
            assert_eq!(
                KeyMaterial::from_hex(wrong),
                Err(KeyError::NotHex),
                "{wrong}"
            );
        }
        let long = "00".repeat(MAX_KEY_LEN + 1);
        assert_eq!(KeyMaterial::from_hex(&long), Err(KeyError::TooLong));
    }

    #[test]
    fn a_forgotten_key_is_empty() {
        let mut key = KeyMaterial::new(&[1, 2, 3]);
        key.forget();
        assert!(key.is_empty());
    }
}
