use std::time::Duration;

/// Everything random of one seed, drawn in one order, so that the same seed plays the same.
///
/// The generator is SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn of_seed(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Draws a number below `end`.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        ((self.bits() as u128 * end as u128) >> 64) as u64
    }

    /// Draws a number from `low..=high`.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Says yes so many times in a thousand.
    pub(crate) const fn permille(&mut self, share: u64) -> bool {
        self.below(1_000) < share
    }

    /// Says yes so many times in a hundred.
    pub(crate) const fn percent(&mut self, share: u64) -> bool {
        self.permille(share * 10)
    }

    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.below(among.len() as u64) as usize]
    }

    /// Draws a time from `low` to `high`, short ones as often as long ones: evenly on a scale of doublings.
    pub(crate) fn time(&mut self, low: Duration, high: Duration) -> Duration {
        let low = low.as_nanos().max(1) as u64;
        let doublings = u64::from((high.as_nanos() as u64 / low).max(1).ilog2());
        let doubled = low.saturating_mul(1 << self.below(doublings + 1));
        Duration::from_nanos(self.between(doubled, doubled.saturating_mul(2) - 1)).min(high)
    }
}
