//! What became of each fact when the evidence was weighed, for `steadfast why`. It tells; the weighing is
//! [`verdict`](super::verdict)'s.

use std::fmt;

use serde::{Deserialize, Serialize};
use steadfast_retry::Class;

use super::fact::{Evidence, Fact};
use super::systemd::setup_step;
use super::table::Role;
use super::verdict::Claim;

/// One fact and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The fact, in words.
    pub fact: String,
    /// The class that it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub class: Option<Class>,
    /// What the naming rests on, where that says more than the fact: a pattern, other facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Whether it is a cause, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What became of it.
    pub fate: Fate,
}

/// Why a fact won or lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It names the verdict's class.
    Decides,
    /// No fact names a class; this one ended the attempt.
    FallsBack,
    /// A fact of a higher rank won.
    OutrankedBy(String),
    /// An earlier fact of the same rank won.
    LaterThan(String),
    /// It is a consequence or a mere sign, and a cause won.
    GivesWayTo(String),
    /// It names no class alone and was needed for the one that won.
    Supports(String),
    /// The attempt succeeded in spite of it.
    ExcusedBy(String),
    /// It is shown and decides nothing.
    Noted,
    /// It names no class.
    NamesNoClass,
}

/// The weighing's result, from which each fact's step is told.
pub(super) struct Weighed<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) winner: Option<&'a Claim<'a>>,
    /// The exit that counts as success.
    pub(super) well: Option<usize>,
    pub(super) class: Option<&'a Class>,
    /// The fact that decided, with or without a claim.
    pub(super) decider: Option<usize>,
}

impl Weighed<'_> {
    /// Tells what became of the fact at `at`.
    pub(super) fn step(&self, at: usize, claim: Option<&Claim<'_>>) -> Step {
        let fact = &self.evidence.facts[at];
        let fate = claim.map_or_else(|| self.fate_without_claim(at), |claim| self.fate(claim));
        let class = if fate == Fate::FallsBack { self.class } else { claim.map(|claim| claim.class) };
        let plain = |claim: &&Claim<'_>| match claim.role {
            Role::Root => !matches!(fact, Fact::Output { .. }),
            Role::Cascade | Role::Confirm => false,
            Role::Note => true,
        };
        Step {
            fact: in_words(fact, class),
            class: class.cloned(),
            by: claim.and_then(|claim| grounds(claim, self.evidence)),
            role: claim.filter(|claim| !plain(claim)).map(|claim| claim.role),
            fate,
        }
    }

    fn fate(&self, claim: &Claim<'_>) -> Fate {
        let other = |at: usize| short(&self.evidence.facts[at]);
        match (self.winner, self.well) {
            _ if claim.role == Role::Note => Fate::Noted,
            (Some(winner), _) if claim.at == winner.at => Fate::Decides,
            (Some(winner), _) if claim.role != winner.role => Fate::GivesWayTo(other(winner.at)),
            (Some(winner), _) if claim.rank != winner.rank => Fate::OutrankedBy(other(winner.at)),
            (Some(winner), _) => Fate::LaterThan(other(winner.at)),
            (None, Some(well)) => Fate::ExcusedBy(other(well)),
            (None, None) => Fate::NamesNoClass,
        }
    }

    fn fate_without_claim(&self, at: usize) -> Fate {
        let fact = &self.evidence.facts[at];
        match (self.winner, self.well) {
            (Some(winner), _) if winner.entry.is_some_and(|entry| entry.uses(fact)) => {
                Fate::Supports(short(&self.evidence.facts[winner.at]))
            }
            (None, Some(well)) if well == at => Fate::Decides,
            (None, None) if self.decider == Some(at) => Fate::FallsBack,
            (Some(_) | None, _) => Fate::NamesNoClass,
        }
    }
}

/// What the naming rests on, where that says more than the fact itself.
fn grounds(claim: &Claim<'_>, evidence: &Evidence) -> Option<String> {
    let fact = &evidence.facts[claim.at];
    match claim.entry {
        Some(entry) => entry.grounds(claim.at, evidence),
        None => matches!(fact, Fact::Report { .. }).then(|| "by its name".to_string()),
    }
}

fn in_words(fact: &Fact, class: Option<&Class>) -> String {
    match (fact, class) {
        (Fact::Exit(code), Some(class)) if class.as_str() == "exit-setup" => match setup_step(*code) {
            Some(step) => format!("{fact} ({step})"),
            None => fact.to_string(),
        },
        (Fact::Report { detail, .. }, _) if !detail.is_empty() => format!("{fact} ({detail})"),
        _ => fact.to_string(),
    }
}

/// A fact in few words, for the end of another's line.
fn short(fact: &Fact) -> String {
    match fact {
        Fact::Output { stream, line, .. } => {
            let cut: String = line.chars().take(60).collect();
            if cut.len() < line.len() { format!("{stream} `{cut}…`") } else { format!("{stream} `{cut}`") }
        }
        _ => fact.to_string(),
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decides => f.write_str("decides"),
            Self::FallsBack => f.write_str("decides, for want of better evidence"),
            Self::OutrankedBy(other) => write!(f, "outranked by {other}"),
            Self::LaterThan(other) => write!(f, "later than {other}"),
            Self::GivesWayTo(other) => write!(f, "gives way to {other}"),
            Self::Supports(other) => write!(f, "counts together with {other}"),
            Self::ExcusedBy(other) => write!(f, "excused by {other}"),
            Self::Noted => f.write_str("noted"),
            Self::NamesNoClass => f.write_str("names no class"),
        }
    }
}

/// One line of `steadfast why`: ``exit 75: yielded, decides``.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact)?;
        f.write_str(": ")?;
        if let Some(class) = &self.class {
            class.fmt(f)?;
            if let Some(by) = &self.by {
                write!(f, ", {by}")?;
            }
            if let Some(role) = &self.role {
                write!(f, " ({role})")?;
            }
            f.write_str(", ")?;
        }
        self.fate.fmt(f)
    }
}
