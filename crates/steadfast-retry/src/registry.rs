//! Policies by name for a whole process, replaced while it runs.
//!
//! # Theory of operation
//!
//! A name stands for a policy that is shared and never changes. Installing puts another one in its place: a call that is under way holds
//! the one it began with to its end, the next call takes the new one. Nobody waits for a call to end, and none sees half of a change.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::Policy;
use crate::nearest::nearest;

/// Policies by name.
///
/// Most programs want the one of the process, [`registry`], which `retry!("fetch", …)` asks.
///
/// ```
/// use steadfast_retry::{Delay, Policy, registry, retry};
///
/// registry().install([Policy::simple("fetch", 3, Delay::ZERO)]);
/// let mut calls = 0;
/// let value = retry!("fetch", { calls += 1; if calls < 3 { Err("not yet") } else { Ok(7) } })?;
/// assert_eq!((value, calls), (7, 3));
///
/// // Another file was read: calls that begin from now on have one attempt.
/// let changes = registry().install([Policy::simple("fetch", 1, Delay::ZERO)]);
/// assert_eq!(changes.to_string(), "changed `fetch`");
/// # Ok::<(), steadfast_retry::GaveUp<&str>>(())
/// ```
#[derive(Debug, Default)]
pub struct Registry {
    policies: RwLock<BTreeMap<String, Arc<Policy>>>,
}

/// Returns the policies of this process.
#[must_use]
pub fn registry() -> &'static Registry {
    static REGISTRY: Registry = Registry::new();
    &REGISTRY
}

impl Registry {
    /// Makes one without policies.
    #[must_use]
    pub const fn new() -> Self {
        Self { policies: RwLock::new(BTreeMap::new()) }
    }

    /// Puts policies in place of all that were there; of two with one name the last counts.
    pub fn install(&self, policies: impl IntoIterator<Item = Policy>) -> Changes {
        let wanted = policies.into_iter().map(|policy| (String::from(policy.name()), Arc::new(policy)));
        let mut wanted: BTreeMap<String, Arc<Policy>> = wanted.collect();
        let mut there = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes::default();
        for (name, policy) in &mut wanted {
            match there.remove(name) {
                // What is the same stays the same, so that whoever compares pointers sees no change.
                Some(before) if before == *policy => *policy = before,
                Some(_) => changes.changed.push(name.clone()),
                None => changes.added.push(name.clone()),
            }
        }
        changes.removed = core::mem::replace(&mut *there, wanted).into_keys().collect();
        changes
    }

    /// Puts the policies of a file in place of all that were there. If one of them is wrong, everything stays as it was.
    ///
    /// # Errors
    ///
    /// Returns every mistake of the set.
    #[cfg(feature = "toml")]
    pub fn load(&self, set: &crate::table::PolicySet) -> Result<Changes, crate::table::PolicyErrors> {
        set.check()?;
        let policies = set.names().map(|name| set.get(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.install(policies))
    }

    /// Returns the policy of a name.
    ///
    /// # Errors
    ///
    /// Returns [`NoPolicy`] if there is none.
    pub fn get(&self, name: &str) -> Result<Arc<Policy>, NoPolicy> {
        let there = self.read();
        there.get(name).cloned().ok_or_else(|| NoPolicy::new(name, &there))
    }

    /// Makes sure that every name that a program will use has a policy; for its beginning, where a mistake is seen.
    ///
    /// # Errors
    ///
    /// Returns [`NoPolicy`] for the first name that has none.
    pub fn require<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), NoPolicy> {
        let there = self.read();
        let missing = names.into_iter().find(|name| !there.contains_key(*name));
        missing.map_or(Ok(()), |name| Err(NoPolicy::new(name, &there)))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Policy>>> {
        // The map is changed in one step, so a panic of somebody who held it does no harm.
        self.policies.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`Registry::install`] has changed, each by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Names that had no policy.
    pub added: Vec<String>,
    /// Names with another policy than before.
    pub changed: Vec<String>,
    /// Names that have no policy any more; calls under way end with the one they have.
    pub removed: Vec<String>,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [("added", &self.added), ("changed", &self.changed), ("removed", &self.removed)];
        let mut between = "";
        for (word, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{between}{word} ")?;
            for (at, name) in names.iter().enumerate() {
                write!(f, "{}`{name}`", if at == 0 { "" } else { ", " })?;
            }
            between = "; ";
        }
        if between.is_empty() { f.write_str("nothing changed") } else { Ok(()) }
    }
}

/// A name has no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPolicy {
    name: String,
    meant: Option<String>,
}

impl NoPolicy {
    fn new(name: &str, there: &BTreeMap<String, Arc<Policy>>) -> Self {
        let meant = nearest(name, there.keys().map(String::as_str)).map(String::from);
        Self { name: name.into(), meant }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NoPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no policy is called `{}`", self.name)?;
        match &self.meant {
            Some(meant) => write!(f, "\nhelp: did you mean `{meant}`?"),
            None => f.write_str("\nhelp: install it first: `registry().install([…])`"),
        }
    }
}

impl Error for NoPolicy {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::sync::Arc;
    use core::cell::Cell;

    use super::Registry;
    use crate::{Delay, Policy, retry};

    fn policy(name: &'static str, attempts: u32) -> Policy {
        Policy::simple(name, attempts, Delay::ZERO)
    }

    #[test]
    fn what_is_the_same_stays_and_changes_are_told() {
        let registry = Registry::new();
        assert_eq!(registry.install([policy("a", 1), policy("b", 1)]).to_string(), "added `a`, `b`");
        let (a, b) = (registry.get("a").unwrap(), registry.get("b").unwrap());
        let changes = registry.install([policy("a", 1), policy("b", 2), policy("c", 1)]);
        assert_eq!(changes.to_string(), "added `c`; changed `b`");
        assert!(Arc::ptr_eq(&a, &registry.get("a").unwrap()) && !Arc::ptr_eq(&b, &registry.get("b").unwrap()));
        assert_eq!(registry.install([policy("c", 1)]).to_string(), "removed `a`, `b`");
        assert_eq!(registry.install([policy("c", 1)]).to_string(), "nothing changed");
    }

    #[test]
    fn a_name_that_nobody_knows_is_told_with_the_one_that_was_meant() {
        let registry = Registry::new();
        registry.install([policy("model-download", 1)]);
        assert!(registry.require(["model-download"]).is_ok());
        let missing = registry.require(["model-download", "model-downlaod"]).unwrap_err();
        assert_eq!(missing.to_string(), "no policy is called `model-downlaod`\nhelp: did you mean `model-download`?");
        assert!(registry.get("x").unwrap_err().to_string().ends_with("install it first: `registry().install([…])`"));
    }

    #[test]
    fn a_call_under_way_ends_on_the_policy_that_it_began_with() {
        let registry = Registry::new();
        registry.install([policy("fetch", 3)]);
        let calls = Cell::new(0);
        let gave_up = retry!(registry.get("fetch").unwrap(), {
            registry.install([policy("fetch", 1)]);
            calls.set(calls.get() + 1);
            Err::<(), _>("no")
        });
        assert_eq!((gave_up.unwrap_err().report().attempts(), calls.get()), (3, 3));
        assert_eq!(registry.get("fetch").unwrap().limits().attempts.to_string(), "1");
    }

    #[cfg(feature = "toml")]
    #[test]
    fn a_file_with_a_mistake_changes_nothing() {
        use crate::table::PolicySet;
        let set = |text: &str| PolicySet::parse(text, "policies.toml").unwrap();
        let registry = Registry::new();
        let loaded = registry.load(&set("[policy.fetch]\nloop.attempts = 4\n")).unwrap();
        assert_eq!(loaded.to_string(), "added `fetch`");
        let wrong = registry.load(&set("[policy.fetch]\nloop.attempts = 5\n[policy.other]\nextends = \"nobody\"\n"));
        assert!(wrong.unwrap_err().to_string().contains("nobody"));
        assert_eq!(registry.get("fetch").unwrap().limits().attempts.to_string(), "4");
        assert!(registry.get("other").is_err());
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn an_async_call_by_name_can_be_sent() {
        let call = async { retry!("sent", async { Ok::<_, &str>(1) }) };
        fn is_send<T: Send>(value: T) -> T {
            value
        }
        drop(is_send(call));
    }
}
