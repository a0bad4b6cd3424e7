/// The chance that one event brings along: thrown by a driver, used by the engine.
///
/// Because dice ride inside events, a recorded run replays to the nanosecond. [`Dice::NONE`] takes every delay at its
/// nominal length; [`Dice::LOWEST`] and [`Dice::HIGHEST`] take the ends of the jitter's range, which is what a forecast shows.
///
/// ```
/// use steadfast_retry::{Delay, Dice, Jitter};
/// use std::time::Duration;
///
/// let delay = Delay::constant(Duration::from_secs(4)).jitter(Jitter::Equal);
/// assert_eq!(delay.after_failures(1, Dice::NONE), Duration::from_secs(4));
/// assert_eq!(delay.after_failures(1, Dice::LOWEST), Duration::from_secs(2));
/// assert_eq!(delay.after_failures(1, Dice::thrown(77)), delay.after_failures(1, Dice::thrown(77)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Dice(Option<u64>);

impl Dice {
    /// No chance at all: delays take their nominal length.
    pub const NONE: Self = Self(None);
    /// The lower end of every range.
    pub const LOWEST: Self = Self(Some(0));
    /// The upper end of every range.
    pub const HIGHEST: Self = Self(Some(u64::MAX));

    /// Makes dice from 64 random bits.
    #[must_use]
    pub const fn thrown(bits: u64) -> Self {
        Self(Some(bits))
    }

    /// Picks from `low..=high`, or `nominal` where no dice were thrown.
    pub(crate) const fn pick(self, nominal: u64, low: u64, high: u64) -> u64 {
        match self.0 {
            None => nominal,
            Some(bits) => {
                let width = high.saturating_sub(low) as u128 + 1;
                low + ((bits as u128 * width) >> 64) as u64
            }
        }
    }
}
