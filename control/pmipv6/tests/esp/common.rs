//! What the tests share.

use pmipv6::esp::{Entropy, KeyMaterial, NoEntropy, Suite};

/// The same octets again and again.
pub(crate) struct Fixed(pub(crate) Vec<u8>);

impl Entropy for Fixed {
    fn fill(&mut self, octets: &mut [u8]) -> Result<(), NoEntropy> {
        let given = self.0.get(..octets.len()).ok_or(NoEntropy)?;
        octets.copy_from_slice(given);
        Ok(())
    }
}

/// Octets enough for every IV.
pub(crate) fn entropy() -> Fixed {
    Fixed((0..16).collect())
}

/// A key for a suite; another `seed`, another key.
pub(crate) fn key(suite: Suite, seed: u8) -> KeyMaterial {
    let octets: Vec<u8> = (0..suite.key_len())
        .map(|at| seed.wrapping_mul(31).wrapping_add(at as u8))
        .collect();
    KeyMaterial::new(&octets)
}

/// A Mobility Header as far as ESP looks.
pub(crate) fn message(mh_type: u8) -> Vec<u8> {
    let mut octets = vec![59, 1, mh_type, 0, 0xaa, 0xbb];
    octets.extend(0..10);
    octets
}
