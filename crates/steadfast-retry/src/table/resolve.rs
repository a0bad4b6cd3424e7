//! Laying a table over its parent.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use super::PolicyErrorKind as Kind;
use super::error::Mistakes;
use super::{FinalizerTable, Located, LoopTable, PolicyErrors, PolicyTable, RuleTable, Site};
use crate::{Finalizer, Flaw, Limits, Origin, Policy, Rule};

/// A checked policy, and where each of its values was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The policy.
    pub policy: Policy,
    /// The place of every value that some table named, by its key: `loop.attempts`, `delay`, `catch.1`, `finally.2`.
    /// What is missing here is a default.
    pub origins: BTreeMap<String, Origin>,
}

impl PolicyTable {
    /// Lays this table over its parent, key by key, and checks the policy that comes of it.
    ///
    /// The loop is merged key by key; the delay is replaced whole; own rules stand before the parent's; finalizers are
    /// appended, unless `inherit-finally = false` drops the parent's. `extends` is not looked at: the caller has found the parent,
    /// [`Resolved::default`] where there is none.
    ///
    /// # Errors
    ///
    /// Returns every mistake found in this table, and none of the parent's.
    pub fn over(&self, parent: &Resolved, site: &Site<'_>) -> Result<Resolved, PolicyErrors> {
        let mut mistakes = Mistakes::at(site);
        let mut origins = parent.origins.clone();
        origins.retain(|key, _| !key.starts_with("catch.") && !key.starts_with("finally."));
        let mut limits = parent.policy.limits().clone();
        if let Some(written) = &self.limits {
            written.lay_over(&mut limits, &mut |key, span| {
                origins.insert(format!("loop.{key}"), site.source.origin(span.start));
            });
        }
        let mut delay = parent.policy.delay().clone();
        if let Some(written) = &self.delay {
            origins.insert("delay".into(), site.source.origin(written.span.start));
            if let Some(own) = written.value.delay(&written.span, &mut mistakes) {
                delay = own;
            }
        }
        let own_rules = self.catch.iter().filter_map(|written| written.value.rule(&written.span, &mut mistakes));
        let catch: Vec<Rule> = own_rules.chain(parent.policy.catch().iter().cloned()).collect();
        let inherits = self.inherit_finally.as_ref().is_none_or(|written| written.value);
        let inherited = parent.policy.finally().iter().filter(|_| inherits).cloned();
        let mut finally: Vec<Finalizer> = inherited.collect();
        finally.extend(self.finally.iter().filter_map(|written| written.value.finalizer(&written.span, &mut mistakes)));
        note_places(&mut origins, "catch", catch.iter().map(|rule| rule.origin.as_ref()));
        note_places(&mut origins, "finally", finally.iter().map(|finalizer| finalizer.origin.as_ref()));

        let mut builder = Policy::named(String::from(site.name)).limits(limits).delay(delay);
        builder = catch.into_iter().fold(builder, |builder, rule| builder.catch(rule));
        builder = finally.into_iter().fold(builder, |builder, finalizer| builder.finally(finalizer));
        match builder.build() {
            Ok(policy) => PolicyErrors::or(mistakes.found, Resolved { policy, origins }),
            Err(bad) => {
                let flaw = bad.flaw();
                let written = self.limits.as_ref().and_then(|written| written.place_of(flaw));
                mistakes.flaw(flaw, &written.unwrap_or(site.span.clone()));
                PolicyErrors::or(mistakes.found, Resolved::default())
            }
        }
    }
}

fn note_places<'a>(
    origins: &mut BTreeMap<String, Origin>,
    key: &str,
    places: impl Iterator<Item = Option<&'a Origin>>,
) {
    for (index, origin) in places.enumerate() {
        if let Some(origin) = origin {
            origins.insert(format!("{key}.{}", index + 1), origin.clone());
        }
    }
}

impl LoopTable {
    fn lay_over(&self, limits: &mut Limits, note: &mut impl FnMut(&str, &Range<usize>)) {
        fn set<T: Copy>(
            key: &str,
            written: &Option<Located<T>>,
            value: &mut T,
            note: &mut impl FnMut(&str, &Range<usize>),
        ) {
            if let Some(written) = written {
                *value = written.value;
                note(key, &written.span);
            }
        }
        fn set_some<T: Copy>(
            key: &str,
            written: &Option<Located<T>>,
            value: &mut Option<T>,
            note: &mut impl FnMut(&str, &Range<usize>),
        ) {
            if let Some(written) = written {
                *value = Some(written.value);
                note(key, &written.span);
            }
        }
        set("attempts", &self.attempts, &mut limits.attempts, note);
        set_some("deadline", &self.deadline, &mut limits.deadline, note);
        set_some("attempt-timeout", &self.attempt_timeout, &mut limits.attempt_timeout, note);
        set("attempt-min", &self.attempt_min, &mut limits.attempt_min, note);
        set("interruptions", &self.interruptions, &mut limits.interruptions, note);
        set_some("ceiling", &self.ceiling, &mut limits.ceiling, note);
        set("free-guard", &self.free_guard, &mut limits.free_guard, note);
        set("without-progress", &self.without_progress, &mut limits.without_progress, note);
        set("obey-server", &self.obey_server, &mut limits.obey_server, note);
    }

    /// The place of what the check of a whole policy found at fault, where that stands in the loop.
    fn place_of(&self, flaw: Flaw) -> Option<Range<usize>> {
        let duration = |written: &Option<Located<Duration>>| written.as_ref().map(|written| written.span.clone());
        match flaw {
            Flaw::NoAttempts | Flaw::AttemptsAboveCeiling | Flaw::NoEnd => {
                self.attempts.as_ref().map(|written| written.span.clone())
            }
            Flaw::NoCeiling => self.ceiling.as_ref().map(|written| written.span.clone()),
            Flaw::AttemptMinBeyondDeadline => duration(&self.attempt_min),
            Flaw::NoTimeout => duration(&self.attempt_timeout),
            Flaw::NoDeadline => duration(&self.deadline),
            Flaw::TooManyRules
            | Flaw::RuleWithoutClass
            | Flaw::RuleWithoutAttempts
            | Flaw::StopAndMore
            | Flaw::FinalizerWithoutAttempts => None,
        }
    }
}

impl RuleTable {
    fn rule(&self, at: &Range<usize>, mistakes: &mut Mistakes<'_>) -> Option<Rule> {
        let delay = match &self.delay {
            Some(written) => Some(written.value.delay(&written.span, mistakes)?),
            None => None,
        };
        let rule = Rule {
            classes: self.class.0.iter().map(|pattern| pattern.value.clone()).collect(),
            attempts: self.attempts.as_ref().map(|written| written.value),
            delay,
            stops: self.stop.as_ref().is_some_and(|written| written.value),
            free: self.free.as_ref().is_some_and(|written| written.value),
            obey_server: self.obey_server.as_ref().map(|written| written.value),
            origin: Some(mistakes.site.source.origin(at.start)),
        };
        let Some(flaw) = rule.flaw() else { return Some(rule) };
        let attempts =
            self.attempts.as_ref().filter(|_| flaw == Flaw::RuleWithoutAttempts).map(|written| &written.span);
        let stop = self.stop.as_ref().filter(|_| flaw == Flaw::StopAndMore).map(|written| &written.span);
        mistakes.flaw(flaw, attempts.or(stop).unwrap_or(at));
        None
    }
}

impl FinalizerTable {
    fn finalizer(&self, at: &Range<usize>, mistakes: &mut Mistakes<'_>) -> Option<Finalizer> {
        let run = &self.run;
        if run.value.first().is_none_or(String::is_empty) {
            let help = "write the program and its arguments, such as [\"scripts/page.sh\", \"{job}\"]";
            mistakes.add(Kind::NoProgram, &run.span, "`run` names no program", Some(help.into()));
            return None;
        }
        if let Some(attempts) = self.attempts.as_ref().filter(|written| written.value == 0) {
            let (flaw, span) = (Flaw::FinalizerWithoutAttempts, &attempts.span);
            mistakes.add(Kind::Flaw(flaw), span, format!("`attempts`: {}", flaw.why()), None);
            return None;
        }
        let mut finalizer = Finalizer::new(self.on.value, run.value.clone());
        if let Some(timeout) = &self.timeout {
            finalizer.timeout = timeout.value;
        }
        if let Some(attempts) = &self.attempts {
            finalizer.attempts = attempts.value;
        }
        if let Some(delay) = &self.delay {
            finalizer.delay = delay.value;
        }
        finalizer.origin = Some(mistakes.site.source.origin(at.start));
        Some(finalizer)
    }
}
