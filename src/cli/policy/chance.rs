use steadfast_retry::Dice;

/// Chance that is the same each time: for forecasts, which nobody should have to run twice to compare.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn of_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Throws the next dice (the mixer is SplitMix64, Steele, Lea and Flood 2014).
    pub(super) fn throw(&mut self) -> Dice {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Dice::thrown(bits ^ (bits >> 31))
    }
}
