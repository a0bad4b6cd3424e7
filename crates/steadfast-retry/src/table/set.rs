//! Policies by name: read from texts, put together along `extends` when they are asked for. Laying one table over
//! another is [`resolve`](super::resolve)'s.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::PolicyErrorKind as Kind;
use super::{Located, PolicyError, PolicyErrors, PolicyTable, Refusal, Resolved, Site, Source};
use crate::class::is_kebab_case;
use crate::nearest::nearest;
use crate::{Class, ClassPattern, Policy};

/// Policies by name, from one file or many, as written; each is put together when it is asked for.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    entries: BTreeMap<String, Entry>,
    unread: Vec<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    table: PolicyTable,
    source: Source,
    span: Range<usize>,
}

/// The tables that belong to the runner. A library that reads the same file leaves them alone, and says so.
const RUNNERS: [&str; 8] = ["breaker", "budget", "class", "daemon", "group", "job", "notify", "trace"];

impl PolicySet {
    /// Makes a set without policies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads every `[policy.x]` of a text; `file` is its name in messages.
    ///
    /// A policy may extend one of another file: parents are looked for when a policy is asked for.
    ///
    /// # Errors
    ///
    /// Returns every mistake of the text: no TOML, an unknown key, a value of a wrong form. What can only be seen
    /// in the whole policy is told by [`PolicySet::check`] and [`PolicySet::get`].
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyErrors> {
        let source = Source::new(file, text);
        if let Some(refusal) = Refusal::of(text) {
            let kind = match refusal {
                Refusal::TooLong => Kind::TooLong,
                Refusal::TooDeep(_) | Refusal::TooManyBrackets(_) | Refusal::TooManyDots(_) => Kind::TooDeep,
            };
            let (message, help) = (format!("{refusal}"), refusal.help().into());
            return Err(PolicyErrors::one(PolicyError::new(kind, &source, None, &refusal.span(), message, Some(help))));
        }
        let root = DeTable::parse(text).map_err(|bad| PolicyErrors::one(spoken(&bad, &source, None, &(0..0))))?;
        let mut set = Self::new();
        let mut errors = Vec::new();
        for (key, value) in root.into_inner() {
            let span = key.span();
            match (key.get_ref().as_ref(), value.into_inner()) {
                ("policy", DeValue::Table(tables)) => {
                    for (name, table) in tables {
                        let (name, span) = (name.get_ref().clone().into_owned(), name.span());
                        match PolicyTable::deserialize(ValueDeserializer::from(table)) {
                            Ok(table) => errors.extend(set.insert(&name, table, source.clone(), span).err()),
                            Err(bad) => errors.push(spoken(&bad, &source, Some(&name), &span)),
                        }
                    }
                }
                (runners, _) if RUNNERS.contains(&runners) => set.unread.push(String::from(runners)),
                ("policy", _) => {
                    let help = Some("write `[policy.NAME]`".into());
                    errors.push(PolicyError::new(Kind::Form, &source, None, &span, "`policy` is no table", help));
                }
                (other, _) => {
                    let meant = nearest(other, RUNNERS.into_iter().chain(["policy"]));
                    let help = meant.map_or("policies are written as `[policy.NAME]`".into(), did_you_mean);
                    let message = format!("unknown key `{other}`");
                    errors.push(PolicyError::new(Kind::Form, &source, None, &span, message, Some(help)));
                }
            }
        }
        PolicyErrors::or(errors, set)
    }

    /// Adds one table that was decoded elsewhere; `span` is the place of its name.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyError`] if the name is not kebab-case, or the set has it already.
    pub fn insert(
        &mut self,
        name: &str,
        table: PolicyTable,
        source: Source,
        span: Range<usize>,
    ) -> Result<(), PolicyError> {
        if !is_kebab_case(name.as_bytes()) {
            let message = format!("`{name}` is no policy name: names are kebab-case, such as `model-download`");
            return Err(PolicyError::new(Kind::Name, &source, None, &span, message, None));
        }
        if let Some(there) = self.entries.get(name) {
            let first = there.source.origin(there.span.start);
            let help = Some("rename one of them".into());
            let message = format!("it is declared twice, first at {first}");
            return Err(PolicyError::new(Kind::Twice, &source, Some(name), &span, message, help));
        }
        self.entries.insert(name.into(), Entry { table, source, span });
        Ok(())
    }

    /// Adds all policies of another set.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyErrors`] if a name is in both; the other policies are added all the same.
    pub fn extend(&mut self, other: Self) -> Result<(), PolicyErrors> {
        let mut errors = Vec::new();
        for (name, Entry { table, source, span }) in other.entries {
            errors.extend(self.insert(&name, table, source, span).err());
        }
        self.unread.extend(other.unread);
        PolicyErrors::or(errors, ())
    }

    /// Adds those policies of another set whose names are not taken: shipped policies stand behind a user's own.
    pub fn stand_behind(&mut self, shipped: Self) {
        for (name, entry) in shipped.entries {
            self.entries.entry(name).or_insert(entry);
        }
    }

    /// Returns the names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Returns a policy's table as written, and its place.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<(&PolicyTable, Site<'_>)> {
        let (name, Entry { table, source, span }) = self.entries.get_key_value(name)?;
        Some((table, Site { name, source, span: span.clone() }))
    }

    /// Returns the tables of the runner that were seen and left alone, such as `job` and `class`.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Puts a policy together: the tables that it extends, laid over one another.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyErrors`] if the name or a parent is unknown, if the parents form a cycle, or if the policy could never
    /// end, never begin or holds something that never matters.
    pub fn get(&self, name: &str) -> Result<Policy, PolicyErrors> {
        self.resolve(name).map(|resolved| resolved.policy)
    }

    /// Puts a policy together and keeps where each value was written.
    ///
    /// # Errors
    ///
    /// As [`PolicySet::get`].
    pub fn resolve(&self, name: &str) -> Result<Resolved, PolicyErrors> {
        let mut chain: Vec<(&str, &Entry)> = Vec::new();
        let mut next = Some(Located::new(name, 0..0));
        while let Some(wanted) = next {
            let Some((name, entry)) = self.entries.get_key_value(wanted.value) else {
                return Err(PolicyErrors::one(self.unknown(&wanted, chain.last())));
            };
            if let Some((child, Entry { source, .. })) = chain.last()
                && let Some(start) = chain.iter().position(|(seen, _)| seen == name)
            {
                let round: Vec<&str> = chain[start..].iter().map(|(seen, _)| *seen).collect();
                let message = format!("`extends` goes in a circle: {} -> {name}", round.join(" -> "));
                let help = Some("remove one `extends` of them".into());
                let kind = Kind::Circle(round.into_iter().map(String::from).collect());
                return Err(PolicyErrors::one(PolicyError::new(
                    kind,
                    source,
                    Some(child),
                    &wanted.span,
                    message,
                    help,
                )));
            }
            chain.push((name, entry));
            next = entry.table.extends.as_ref().map(|parent| Located::new(parent.value.as_str(), parent.span.clone()));
        }
        chain.iter().rev().try_fold(Resolved::default(), |parent, (name, Entry { table, source, span })| {
            table.over(&parent, &Site { name, source, span: span.clone() })
        })
    }

    fn unknown(&self, wanted: &Located<&str>, child: Option<&(&str, &Entry)>) -> PolicyError {
        let name = wanted.value;
        let help = nearest(name, self.names()).map_or_else(|| self.listed(), did_you_mean);
        let kind = Kind::Unknown(String::from(name));
        match child {
            Some((child, Entry { source, .. })) => {
                let message = format!("it extends `{name}`, which is no policy");
                PolicyError::new(kind, source, Some(child), &wanted.span, message, Some(help))
            }
            None => {
                let asked = Source::new("(asked for)", "");
                let message = format!("no policy is named `{name}`");
                PolicyError::new(kind, &asked, None, &(0..0), message, Some(help))
            }
        }
    }

    fn listed(&self) -> String {
        let names: Vec<&str> = self.names().take(20).collect();
        if names.is_empty() { "no policy is declared".into() } else { format!("declared are: {}", names.join(", ")) }
    }

    /// Puts every policy together and returns all that is wrong with any of them, each mistake once.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyErrors`] with at least one mistake.
    pub fn check(&self) -> Result<(), PolicyErrors> {
        let mut errors: Vec<PolicyError> = Vec::new();
        for error in self.names().filter_map(|name| self.resolve(name).err()).flatten() {
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        PolicyErrors::or(errors, ())
    }

    /// Checks that every pattern in `catch` matches at least one of the known classes.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyErrors`] with each pattern that could never catch anything, and the nearest known name.
    pub fn check_classes(&self, known: &[Class]) -> Result<(), PolicyErrors> {
        let tables = self.entries.iter().map(|(name, Entry { table, source, span })| {
            let site = Site { name, source, span: span.clone() };
            table.check_classes(&site, known)
        });
        PolicyErrors::or(tables.filter_map(Result::err).flatten().collect(), ())
    }
}

impl PolicyTable {
    /// Returns every pattern of `catch` with its place.
    pub fn class_patterns(&self) -> impl Iterator<Item = &Located<ClassPattern>> {
        self.catch.iter().flat_map(|rule| rule.value.class.0.iter())
    }

    /// Checks that every pattern in `catch` matches at least one of the known classes.
    ///
    /// # Errors
    ///
    /// Returns [`PolicyErrors`] with each pattern that could never catch anything, and the nearest known name.
    pub fn check_classes(&self, site: &Site<'_>, known: &[Class]) -> Result<(), PolicyErrors> {
        let strays = self.class_patterns().filter(|pattern| !known.iter().any(|class| pattern.value.matches(class)));
        let errors = strays.map(|pattern| {
            let meant = nearest(pattern.value.as_str(), known.iter().map(Class::as_str));
            let message = format!("the pattern `{}` matches no known class", pattern.value);
            PolicyError::new(
                Kind::NoClass,
                site.source,
                Some(site.name),
                &pattern.span,
                message,
                meant.map(did_you_mean),
            )
        });
        PolicyErrors::or(errors.collect(), ())
    }
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// The parser's error in our words: what serde calls a field is a key, and the nearest known one is the remedy.
fn spoken(bad: &toml::de::Error, source: &Source, policy: Option<&str>, table: &Range<usize>) -> PolicyError {
    let span = bad.span().unwrap_or(table.clone());
    let message = bad.message();
    let Some(rest) = message.strip_prefix("unknown field ") else {
        let message = message.replace("missing field ", "missing key ");
        return PolicyError::new(Kind::Form, source, policy, &span, message, None);
    };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let typed = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let listed = || format!("known keys are: {}", known.join(", "));
    let help = nearest(typed, known.iter().copied()).map_or_else(listed, did_you_mean);
    PolicyError::new(Kind::Form, source, policy, &span, format!("unknown key `{typed}`"), Some(help))
}
