//! The one file of the library where chance comes from.

use crate::Dice;

/// A stream of dice from one 64-bit word: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn throw(&mut self) -> Dice {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Dice::thrown(bits ^ (bits >> 31))
    }
}

/// A seed from the keys that the standard library draws for its hash maps: random per thread, different at every call.
#[cfg(feature = "std")]
#[expect(clippy::disallowed_methods, reason = "this is where chance comes from")]
pub(super) fn seed() -> u64 {
    use core::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::Chance;
    use crate::Dice;

    #[test]
    fn the_stream_is_that_of_the_published_generator() {
        let mut chance = Chance::seeded(1_234_567);
        let thrown = [chance.throw(), chance.throw()];
        assert_eq!(thrown, [Dice::thrown(6_457_827_717_110_365_317), Dice::thrown(3_203_168_211_198_807_973)]);
    }

    #[cfg(feature = "std")]
    #[test]
    fn seeds_differ_from_call_to_call() {
        assert_ne!(super::seed(), super::seed());
    }
}
