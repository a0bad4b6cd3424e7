//! The table `delay`: one shape, and the keys that go with it. The shapes themselves, and their arithmetic, are
//! [`Delay`](crate::Delay)'s.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use serde::Deserialize;

use super::PolicyErrorKind as Kind;
use super::error::Mistakes;
use super::{Located, forms};
use crate::{Delay, Factor, Jitter, Pretty};

/// The table `delay`, as written: exactly one shape, and the keys that this shape uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DelayTable {
    /// The same delay each time.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::duration"))]
    pub constant: Option<Located<Duration>>,
    /// A delay that grows by its first length each time: 1, 2, 3, 4.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::duration"))]
    pub linear: Option<Located<Duration>>,
    /// A delay that is multiplied by `factor` each time: 1, 2, 4, 8.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::duration"))]
    pub exponential: Option<Located<Duration>>,
    /// A delay that grows like Fibonacci's numbers: 1, 1, 2, 3, 5.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::duration"))]
    pub fibonacci: Option<Located<Duration>>,
    /// A delay picked between the first length and three times the last one.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::duration"))]
    pub decorrelated: Option<Located<Duration>>,
    /// Delays written out; the last one repeats.
    #[serde(default, deserialize_with = "forms::durations")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::durations"))]
    pub list: Option<Located<Vec<Duration>>>,
    /// What an exponential delay is multiplied by (2), in thousandths at the finest.
    #[serde(default, deserialize_with = "forms::factor")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::factor"))]
    pub factor: Option<Located<Factor>>,
    /// The longest delay of a growing shape (5m); it holds after jitter.
    #[serde(default, deserialize_with = "forms::duration")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::duration"))]
    pub cap: Option<Located<Duration>>,
    /// How chance spreads the delay: "none", "full", "equal" or a share from 0 to 1.
    #[serde(default, deserialize_with = "forms::jitter")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "super::schema::jitter"))]
    pub jitter: Option<Located<Jitter>>,
}

/// Makes a delay of its first length.
type Make = fn(Duration) -> Delay;

const SHAPES: &str = "constant, linear, exponential, fibonacci, decorrelated or list";

/// The one shape of a table, its first delay unless it is a list, and which other keys it uses.
struct Chosen {
    key: &'static str,
    delay: Delay,
    first: Option<Duration>,
    uses: &'static [&'static str],
}

impl DelayTable {
    /// Makes the delay, or notes what is wrong with it.
    pub(super) fn delay(&self, at: &Range<usize>, mistakes: &mut Mistakes<'_>) -> Option<Delay> {
        let Chosen { key, mut delay, first, uses } = self.shape(at, mistakes)?;
        let unused = [
            ("factor", self.factor.as_ref().map(|factor| &factor.span)),
            ("cap", self.cap.as_ref().map(|cap| &cap.span)),
            ("jitter", self.jitter.as_ref().map(|jitter| &jitter.span)),
        ];
        let mut fits = true;
        for (name, span) in unused {
            if let Some(span) = span.filter(|_| !uses.contains(&name)) {
                let help = match uses {
                    [] => format!("leave `{name}` out"),
                    uses => format!("leave `{name}` out; beside `{key}` may stand: {}", uses.join(", ")),
                };
                mistakes.add(Kind::Delay, span, format!("`{name}` is not used by the shape `{key}`"), Some(help));
                fits = false;
            }
        }
        if let Some(factor) = &self.factor {
            delay = delay.factor(factor.value);
        }
        if let Some(cap) = &self.cap {
            delay = delay.cap(cap.value);
        }
        if let Some(jitter) = &self.jitter {
            delay = delay.jitter(jitter.value);
        }
        if let (Some(first), Some(cap)) = (first, delay.longest())
            && first > cap
        {
            let whose = if self.cap.is_some() { "the cap" } else { "the default cap" };
            let place = self.cap.as_ref().map_or(at, |cap| &cap.span);
            mistakes.add(
                Kind::Delay,
                place,
                format!("the first delay, {}, is above {whose} of {}", Pretty(first), Pretty(cap)),
                Some(format!("set `cap` to at least {}", Pretty(first))),
            );
            fits = false;
        }
        fits.then_some(delay)
    }

    fn shape(&self, at: &Range<usize>, mistakes: &mut Mistakes<'_>) -> Option<Chosen> {
        let growing: &[&str] = &["cap", "jitter"];
        let singles: [(_, &Option<Located<Duration>>, Make, &[_]); 5] = [
            ("constant", &self.constant, Delay::constant, &["jitter"]),
            ("linear", &self.linear, Delay::linear, growing),
            ("exponential", &self.exponential, Delay::exponential, &["factor", "cap", "jitter"]),
            ("fibonacci", &self.fibonacci, Delay::fibonacci, growing),
            ("decorrelated", &self.decorrelated, Delay::decorrelated, &["cap"]),
        ];
        let mut chosen: Vec<(Chosen, &Range<usize>)> = Vec::new();
        for (key, written, make, uses) in singles {
            if let Some(first) = written {
                chosen.push((Chosen { key, delay: make(first.value), first: Some(first.value), uses }, &first.span));
            }
        }
        if let Some(list) = &self.list {
            if list.value.is_empty() {
                let help = "write for example [\"1s\", \"5s\", \"1m\"], whose last value repeats";
                mistakes.add(Kind::Delay, &list.span, "the list of delays is empty", Some(help.into()));
                return None;
            }
            let delay = Delay::list(Cow::Owned(list.value.clone()));
            chosen.push((Chosen { key: "list", delay, first: None, uses: &["jitter"] }, &list.span));
        }
        match chosen.len() {
            1 => chosen.pop().map(|(shape, _)| shape),
            0 => {
                mistakes.add(Kind::Delay, at, "the delay has no shape", Some(format!("give exactly one of {SHAPES}")));
                None
            }
            _ => {
                let (one, other) = (chosen[0].0.key, chosen[1].0.key);
                let message = format!("a delay has one shape, and here are `{one}` and `{other}`");
                mistakes.add(Kind::Delay, chosen[1].1, message, Some(format!("give exactly one of {SHAPES}")));
                None
            }
        }
    }
}
