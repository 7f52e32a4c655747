//! The same random order for the same seed.

/// SplitMix64: small, and good enough to defeat a cache's guesses.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The numbers below `count`, each once, in an order that the seed decides (Fisher and Yates).
#[must_use]
pub fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let mut random = SplitMix64(seed);
    let mut numbers = (0..count).collect::<Vec<_>>();
    for last in (1..numbers.len()).rev() {
        let other = random.next() % (last as u64 + 1);
        numbers.swap(last, other as usize);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::shuffled;

    #[test]
    fn every_number_comes_once_and_the_seed_decides_when() {
        let mut one = shuffled(1000, 1);
        assert_eq!(one, shuffled(1000, 1));
        assert_ne!(one, shuffled(1000, 2));
        one.sort_unstable();
        assert_eq!(one, (0..1000).collect::<Vec<_>>());
        assert!(shuffled(0, 1).is_empty());
    }
}
