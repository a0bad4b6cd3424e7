//! The spacing between attempts, as data.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use crate::moment::nanos;
use crate::{Dice, Pretty};

/// The spacing between a failed attempt and the next one.
///
/// A delay is data: the same failure count and the same [`Dice`] always give the same duration, so a recorded run
/// can be replayed to the nanosecond. The cap holds after jitter. All arithmetic is in integer nanoseconds and saturates.
///
/// Growing shapes start with full jitter and a cap of five minutes; constants and lists start with neither.
///
/// ```
/// use steadfast_retry::{Delay, Dice};
/// use std::time::Duration;
///
/// let delay = Delay::exponential(Duration::from_secs(2)).cap(Duration::from_secs(60));
/// assert_eq!(delay.after_failures(3, Dice::NONE), Duration::from_secs(8));
/// assert_eq!(delay.after_failures(99, Dice::NONE), Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Delay {
    shape: Shape,
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none", with = "crate::duration::optional")
    )]
    cap: Option<Duration>,
    jitter: Jitter,
}

/// The curve of a delay, before jitter and cap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Shape {
    /// The same delay each time.
    Constant(#[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))] Duration),
    /// A delay that grows by its first length each time: 1, 2, 3, 4 …
    Linear(#[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))] Duration),
    /// A delay that is multiplied each time: 1, 2, 4, 8 …
    Exponential {
        /// The first delay.
        #[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))]
        first: Duration,
        /// What each delay is multiplied by to give the next.
        factor: Factor,
    },
    /// A delay that grows like Fibonacci's numbers: 1, 1, 2, 3, 5 …
    Fibonacci(#[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))] Duration),
    /// A delay picked between the first length and three times the last delay ("decorrelated jitter", Marc Brooker 2015).
    Decorrelated(#[cfg_attr(feature = "serde", serde(with = "crate::duration::text"))] Duration),
    /// Delays written out; the last one repeats.
    List(#[cfg_attr(feature = "serde", serde(with = "crate::duration::list"))] Cow<'static, [Duration]>),
}

/// A multiplier in thousandths, at least 1: integer, so that curves do not drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Factor(u32);

impl Factor {
    /// The factor two.
    pub const TWO: Self = Self(2_000);

    /// Makes a factor from thousandths, `None` below one.
    #[must_use]
    pub const fn thousandths(thousandths: u32) -> Option<Self> {
        if thousandths < 1_000 { None } else { Some(Self(thousandths)) }
    }

    /// Returns the factor in thousandths.
    #[must_use]
    pub const fn as_thousandths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        thousandths(f, self.0)
    }
}

/// How chance spreads a delay, so that many callers do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Jitter {
    /// No chance.
    None,
    /// Anything from zero to the delay.
    Full,
    /// Anything from half the delay to the delay.
    Equal,
    /// The delay plus or minus a share of it, in thousandths (`250` is ± 25 %).
    Fraction(u16),
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Full => f.write_str("full"),
            Self::Equal => f.write_str("equal"),
            Self::Fraction(share) => thousandths(f, u32::from(*share)),
        }
    }
}

const CAP: Option<Duration> = Some(Duration::from_secs(300));

impl Delay {
    /// The delay of a policy that names none: exponential from one second, factor 2, cap five minutes, full jitter.
    pub const DEFAULT: Self = Self::exponential(Duration::from_secs(1));
    /// No delay at all; it never touches a timer.
    pub const ZERO: Self = Self::constant(Duration::ZERO);

    /// Makes a delay that is the same each time, without jitter.
    #[must_use]
    pub const fn constant(delay: Duration) -> Self {
        Self { shape: Shape::Constant(delay), cap: None, jitter: Jitter::None }
    }

    /// Makes a delay that grows by its first length each time.
    #[must_use]
    pub const fn linear(first: Duration) -> Self {
        Self { shape: Shape::Linear(first), cap: CAP, jitter: Jitter::Full }
    }

    /// Makes a delay that doubles each time; [`Delay::factor`] changes the multiplier.
    #[must_use]
    pub const fn exponential(first: Duration) -> Self {
        Self { shape: Shape::Exponential { first, factor: Factor::TWO }, cap: CAP, jitter: Jitter::Full }
    }

    /// Makes a delay that grows like Fibonacci's numbers.
    #[must_use]
    pub const fn fibonacci(first: Duration) -> Self {
        Self { shape: Shape::Fibonacci(first), cap: CAP, jitter: Jitter::Full }
    }

    /// Makes a delay picked between `first` and three times the last one; it has no other jitter.
    #[must_use]
    pub const fn decorrelated(first: Duration) -> Self {
        Self { shape: Shape::Decorrelated(first), cap: CAP, jitter: Jitter::None }
    }

    /// Makes a delay from a list whose last value repeats; an empty list means no delay.
    #[must_use]
    pub const fn list(delays: Cow<'static, [Duration]>) -> Self {
        Self { shape: Shape::List(delays), cap: None, jitter: Jitter::None }
    }

    /// Sets the longest delay; it holds after jitter.
    #[must_use]
    pub const fn cap(mut self, cap: Duration) -> Self {
        self.cap = Some(cap);
        self
    }

    /// Removes the cap.
    #[must_use]
    pub const fn uncapped(mut self) -> Self {
        self.cap = None;
        self
    }

    /// Sets the jitter. A decorrelated delay keeps its own.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        if !matches!(self.shape, Shape::Decorrelated(_)) {
            self.jitter = jitter;
        }
        self
    }

    /// Sets the multiplier of an exponential delay; other shapes have none and stay as they are.
    #[must_use]
    pub const fn factor(mut self, to: Factor) -> Self {
        if let Shape::Exponential { factor, .. } = &mut self.shape {
            *factor = to;
        }
        self
    }

    /// Returns the curve.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Says whether it is never anything but zero.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        matches!(self.shape, Shape::Constant(Duration::ZERO))
    }

    /// Returns the longest delay, if there is one.
    #[must_use]
    pub const fn longest(&self) -> Option<Duration> {
        self.cap
    }

    /// Returns the jitter.
    #[must_use]
    pub const fn jitters(&self) -> Jitter {
        self.jitter
    }

    /// Computes the delay after so many failures (1 is the first), where the one before took its nominal length.
    ///
    /// After zero failures there is no delay.
    #[must_use]
    pub fn after_failures(&self, failures: u32, dice: Dice) -> Duration {
        let previous = match self.shape {
            Shape::Decorrelated(first) => {
                let grown = (2..failures).try_fold(nanos(first), |last, _| self.below_cap(last).checked_mul(3));
                Duration::from_nanos(grown.unwrap_or(u64::MAX))
            }
            _ => Duration::ZERO,
        };
        self.next(failures, previous, dice)
    }

    /// Computes the delay after so many failures, given the delay before (which only the decorrelated shape looks at).
    #[must_use]
    pub fn next(&self, failures: u32, previous: Duration, dice: Dice) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        if let Shape::Decorrelated(first) = self.shape {
            let low = self.below_cap(nanos(first));
            let high = self.below_cap(nanos(previous).saturating_mul(3)).max(low);
            let nominal = if failures == 1 { low } else { high };
            return Duration::from_nanos(dice.pick(nominal, low, if failures == 1 { low } else { high }));
        }
        let nominal = self.below_cap(self.curve(failures));
        let (low, high) = match self.jitter {
            Jitter::None => (nominal, nominal),
            Jitter::Full => (0, nominal),
            Jitter::Equal => (nominal / 2, nominal),
            Jitter::Fraction(share) => {
                let spread = (u128::from(nominal) * u128::from(share) / 1_000) as u64;
                (nominal.saturating_sub(spread), nominal.saturating_add(spread))
            }
        };
        Duration::from_nanos(self.below_cap(dice.pick(nominal, low, high)))
    }

    /// The curve's nanoseconds after so many failures, at least one.
    fn curve(&self, failures: u32) -> u64 {
        match &self.shape {
            Shape::Constant(delay) | Shape::Decorrelated(delay) => nanos(*delay),
            Shape::Linear(first) => nanos(*first).saturating_mul(u64::from(failures)),
            Shape::Exponential { first, factor } => self.exponential_curve(nanos(*first), *factor, failures),
            Shape::Fibonacci(first) => self.fibonacci_curve(nanos(*first), failures),
            Shape::List(delays) => {
                let last = delays.len().saturating_sub(1);
                delays.get((failures as usize - 1).min(last)).map_or(0, |delay| nanos(*delay))
            }
        }
    }

    /// Multiplies step by step and ends where the cap is reached or nothing grows, so a huge count costs little.
    fn exponential_curve(&self, first: u64, factor: Factor, failures: u32) -> u64 {
        let mut delay = first;
        for _ in 1..failures {
            let grown = u128::from(delay) * u128::from(factor.0) / 1_000;
            let grown = u64::try_from(grown).unwrap_or(u64::MAX);
            if grown == delay || self.below_cap(grown) < grown {
                return grown;
            }
            delay = grown;
        }
        delay
    }

    fn fibonacci_curve(&self, first: u64, failures: u32) -> u64 {
        let (mut delay, mut next) = (first, first);
        for _ in 1..failures {
            (delay, next) = (next, delay.saturating_add(next));
            if delay == next || self.below_cap(delay) < delay {
                return delay;
            }
        }
        delay
    }

    fn below_cap(&self, delay: u64) -> u64 {
        self.cap.map_or(delay, |cap| delay.min(nanos(cap)))
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shape {
            Shape::Constant(delay) => write!(f, "constant {}", Pretty(*delay))?,
            Shape::Linear(first) => write!(f, "linear {}", Pretty(*first))?,
            Shape::Exponential { first, factor } => write!(f, "exponential {}, factor {factor}", Pretty(*first))?,
            Shape::Fibonacci(first) => write!(f, "fibonacci {}", Pretty(*first))?,
            Shape::Decorrelated(first) => write!(f, "decorrelated {}", Pretty(*first))?,
            Shape::List(delays) => {
                f.write_str("list")?;
                for delay in delays.iter() {
                    write!(f, " {}", Pretty(*delay))?;
                }
            }
        }
        if let Some(cap) = self.cap {
            write!(f, ", cap {}", Pretty(cap))?;
        }
        match self.jitter {
            Jitter::None => Ok(()),
            jitter => write!(f, ", jitter {jitter}"),
        }
    }
}

fn thousandths(f: &mut fmt::Formatter<'_>, value: u32) -> fmt::Result {
    write!(f, "{}", value / 1_000)?;
    match value % 1_000 {
        0 => Ok(()),
        rest if rest % 100 == 0 => write!(f, ".{}", rest / 100),
        rest if rest % 10 == 0 => write!(f, ".{:02}", rest / 10),
        rest => write!(f, ".{rest:03}"),
    }
}

#[cfg(test)]
mod tests;
