use steadfast_retry::Dice;

/// Everything random of one call, drawn from the bits that the input brought.
///
/// The generator is SplitMix64 (Steele, Lea and Flood 2014), so the same input always decides the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Draws 64 bits.
    pub(super) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws 128 bits.
    pub(super) const fn wide_bits(&mut self) -> u128 {
        (self.bits() as u128) << 64 | self.bits() as u128
    }

    /// Throws the engine's dice.
    pub(super) const fn dice(&mut self) -> Dice {
        Dice::thrown(self.bits())
    }
}
