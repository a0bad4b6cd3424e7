//! A policy: loop, catch, delay and finally, checked once when it is built.

use alloc::borrow::Cow;
use alloc::string::String;
#[cfg(feature = "serde")]
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::{AttemptLimit, Class, Delay, Finalizer, Flaw, Limits, Rule};

/// How to go on after a failure: the four parts of every retry ever written by hand.
///
/// A policy is plain data. It never lacks an end, and no rule in it is unreachable by a zero: both are checked by
/// [`PolicyBuilder::build`], so the engine needs no error for them.
///
/// ```
/// use steadfast_retry::{Class, Delay, Policy, Rule};
/// use std::time::Duration;
///
/// let fetch = Policy::named("fetch")
///     .attempts(6)
///     .deadline(Duration::from_secs(90))
///     .delay(Delay::exponential(Duration::from_millis(200)).cap(Duration::from_secs(10)))
///     .catch(Rule::on(Class::known("not-found")).stop())
///     .build()?;
/// assert_eq!(fetch.name(), "fetch");
/// # Ok::<(), steadfast_retry::BadPolicy>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
pub struct Policy {
    name: Cow<'static, str>,
    #[cfg_attr(feature = "serde", serde(rename = "loop"))]
    limits: Limits,
    catch: Cow<'static, [Rule]>,
    delay: Delay,
    finally: Cow<'static, [Finalizer]>,
}

impl Policy {
    /// The policy of whoever names none: three attempts, exponential delay from one second with full jitter.
    pub const DEFAULT: Self = Self {
        name: Cow::Borrowed("default"),
        limits: Limits::DEFAULT,
        catch: Cow::Borrowed(&[]),
        delay: Delay::DEFAULT,
        finally: Cow::Borrowed(&[]),
    };

    /// Starts a policy with the defaults.
    pub fn named(name: impl Into<Cow<'static, str>>) -> PolicyBuilder {
        PolicyBuilder { policy: Self { name: name.into(), ..Self::DEFAULT } }
    }

    /// Makes a constant policy of so many attempts with one delay, for the simple cases.
    ///
    /// # Panics
    ///
    /// At compile time, when used in a constant, if `attempts` is zero or above the default ceiling of 1,000.
    #[must_use]
    pub const fn simple(name: &'static str, attempts: u32, delay: Delay) -> Self {
        assert!(attempts > 0 && attempts <= 1_000, "attempts counts calls, the first included, up to 1,000");
        let limits = Limits { attempts: AttemptLimit::AtMost(attempts), ..Limits::DEFAULT };
        Self { name: Cow::Borrowed(name), limits, catch: Cow::Borrowed(&[]), delay, finally: Cow::Borrowed(&[]) }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, shared where it is a literal.
    pub(crate) fn shared_name(&self) -> Cow<'static, str> {
        self.name.clone()
    }

    /// Returns the limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the rules in the order in which they are asked.
    #[must_use]
    pub fn catch(&self) -> &[Rule] {
        &self.catch
    }

    /// Returns the loop's delay.
    #[must_use]
    pub const fn delay(&self) -> &Delay {
        &self.delay
    }

    /// Returns the finalizers in file order.
    #[must_use]
    pub fn finally(&self) -> &[Finalizer] {
        &self.finally
    }

    /// Returns the finalizers that the library does not run; only the runner starts commands.
    #[must_use]
    pub fn unperformed(&self) -> &[Finalizer] {
        &self.finally
    }

    /// Returns how many first failures of whichever class can change nothing but a count: no rule, no delay, no time that runs out, and
    /// another attempt owed for sure.
    #[inline]
    pub(crate) fn calm_failures(&self) -> u32 {
        if self.limits.deadline.is_some() || !self.catch.is_empty() || !self.delay.is_zero() {
            return 0;
        }
        let most = match self.limits.attempts {
            AttemptLimit::AtMost(attempts) => attempts,
            AttemptLimit::Unlimited => u32::MAX,
        };
        most.min(self.limits.attempts_of_any_kind()).saturating_sub(1)
    }

    /// Finds the first rule that catches a class.
    #[must_use]
    pub fn rule_for(&self, class: &Class) -> Option<(usize, &Rule)> {
        self.catch.iter().enumerate().find(|(_, rule)| rule.matches(class))
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        self.limits.describe(f)?;
        write!(f, "; delay {}; {} rules", self.delay, self.catch.len())
    }
}

/// A policy in the making. Its methods set one thing each; [`PolicyBuilder::build`] checks them together.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct PolicyBuilder {
    policy: Policy,
}

impl PolicyBuilder {
    /// Sets how many charged failures end the run (the first call counts).
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.policy.limits.attempts = AttemptLimit::AtMost(attempts);
        self
    }

    /// Sets how long the run may take in all, waits included.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.policy.limits.deadline = Some(deadline);
        self
    }

    /// Sets how long one attempt may take.
    pub const fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.policy.limits.attempt_timeout = Some(timeout);
        self
    }

    /// Sets the least time that an attempt needs before the deadline.
    pub const fn attempt_min(mut self, least: Duration) -> Self {
        self.policy.limits.attempt_min = least;
        self
    }

    /// Sets how many attempts of any kind there may be.
    pub const fn ceiling(mut self, ceiling: u32) -> Self {
        self.policy.limits.ceiling = Some(ceiling);
        self
    }

    /// Charges nothing: only a deadline or a ceiling, which must be named, ends the run.
    pub const fn unlimited(mut self) -> Self {
        self.policy.limits.attempts = AttemptLimit::Unlimited;
        self
    }

    /// Replaces all limits.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.policy.limits = limits;
        self
    }

    /// Sets the delay.
    pub fn delay(mut self, delay: Delay) -> Self {
        self.policy.delay = delay;
        self
    }

    /// Adds a rule behind those already there.
    pub fn catch(mut self, rule: Rule) -> Self {
        self.policy.catch.to_mut().push(rule);
        self
    }

    /// Adds a finalizer behind those already there.
    pub fn finally(mut self, finalizer: Finalizer) -> Self {
        self.policy.finally.to_mut().push(finalizer);
        self
    }

    /// Checks the policy.
    ///
    /// # Errors
    ///
    /// Returns [`BadPolicy`] if something in it could never end, never begin or never matter.
    pub fn build(self) -> Result<Policy, BadPolicy> {
        let policy = self.policy;
        match policy.flaw() {
            None => Ok(policy),
            Some(flaw) => Err(BadPolicy { policy: policy.name.into_owned(), flaw }),
        }
    }
}

impl Policy {
    /// Finds what keeps it from ending, from beginning, or a part of it from mattering.
    fn flaw(&self) -> Option<Flaw> {
        let limits = &self.limits;
        if limits.ceiling == Some(0) {
            return Some(Flaw::NoCeiling);
        }
        match limits.attempts {
            AttemptLimit::AtMost(0) => return Some(Flaw::NoAttempts),
            AttemptLimit::AtMost(attempts) if attempts > limits.attempts_of_any_kind() => {
                return Some(Flaw::AttemptsAboveCeiling);
            }
            AttemptLimit::AtMost(_) => {}
            AttemptLimit::Unlimited if limits.deadline.is_none() && limits.ceiling.is_none() => {
                return Some(Flaw::NoEnd);
            }
            AttemptLimit::Unlimited => {}
        }
        if limits.deadline.is_some_and(|deadline| deadline.is_zero()) {
            return Some(Flaw::NoDeadline);
        }
        if limits.deadline.is_some_and(|deadline| limits.attempt_min > deadline) {
            return Some(Flaw::AttemptMinBeyondDeadline);
        }
        if limits.attempt_timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Some(Flaw::NoTimeout);
        }
        if self.catch.len() > MOST_RULES {
            return Some(Flaw::TooManyRules);
        }
        let of_finalizers = self.finally.iter().any(|finalizer| finalizer.attempts == 0);
        let of_finalizers = of_finalizers.then_some(Flaw::FinalizerWithoutAttempts);
        self.catch.iter().find_map(Rule::flaw).or(of_finalizers)
    }
}

/// More would be a mistake of a program that writes policies, and every failure asks the rules one after another.
const MOST_RULES: usize = 1_000;

/// A policy that could never end, never begin, or holds a rule that could never matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPolicy {
    policy: String,
    flaw: Flaw,
}

impl BadPolicy {
    /// Returns what is wrong, for whoever wants to match on it.
    #[must_use]
    pub const fn flaw(&self) -> Flaw {
        self.flaw
    }

    /// Returns the TOML key that is at fault.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.flaw.key()
    }

    /// Returns what is wrong with it.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        self.flaw.why()
    }
}

impl fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy `{}`, `{}`: {}", self.policy, self.key(), self.why())
    }
}

impl core::error::Error for BadPolicy {}

/// A stored policy is checked again when it is read: a file may have been edited.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Policy {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Stored {
            name: String,
            #[serde(rename = "loop")]
            limits: Limits,
            catch: Vec<Rule>,
            delay: Delay,
            finally: Vec<Finalizer>,
        }
        let Stored { name, limits, catch, delay, finally } = Stored::deserialize(from)?;
        let policy =
            Self { name: Cow::Owned(name), limits, catch: Cow::Owned(catch), delay, finally: Cow::Owned(finally) };
        PolicyBuilder { policy }.build().map_err(serde::de::Error::custom)
    }
}
