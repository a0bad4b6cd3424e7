//! What the evidence of one attempt comes to: the class, and whether it succeeded, failed or was lost. No evidence
//! is never a success. What follows from the class, the policy says.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_retry::{Class, Failure, Outcome, Pretty};

use super::chain::{Step, Weighed};
use super::classes::{ClassDef, Classes};
use super::codes::ExitCodes;
use super::fact::{Act, Evidence, Fact, Rank, Request};
use super::table::{Kind, Role, When};
use super::words::{HostEvent, Intent, Stall, words};

static INTENT_STOP: Class = Class::known("intent-stop");
static HOST_REBOOT: Class = Class::known("host-reboot");
static SUPERVISE_LOST: Class = Class::known("supervise-lost");
static EXIT_NONZERO: Class = Class::known("exit-nonzero");
static SIGNAL_OTHER: Class = Class::known("signal-other");
static ERROR: Class = Class::ERROR;

/// What the evidence of one attempt comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Verdict {
    /// How the attempt ended.
    pub conclusion: Conclusion,
    /// The class; present unless the attempt succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub class: Option<Class>,
    /// The delay that a server asked for, by the latest word of it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::span::optional")]
    #[schemars(with = "Option<String>")]
    pub server_delay: Option<Duration>,
    /// What the program asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// Every fact, in the order of the evidence, and what became of it.
    pub chain: Vec<Step>,
}

impl Verdict {
    /// Returns what the engine needs to know of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.conclusion {
            Conclusion::Succeeded => Outcome::Succeeded,
            Conclusion::Cancelled => Outcome::Cancelled,
            Conclusion::Interrupted => Outcome::Interrupted,
            Conclusion::Failed => {
                let class = self.class.clone().unwrap_or(Class::ERROR);
                Outcome::Failed(Failure { class, server_delay: self.server_delay })
            }
        }
    }
}

words! {
    /// How an attempt ended.
    Conclusion {
        /// Its exit status counts as success and nobody said otherwise.
        Succeeded = "succeeded",
        /// It failed, for a reason that has a class.
        Failed = "failed",
        /// Somebody wanted it to end.
        Cancelled = "cancelled",
        /// It was lost: the host or the watcher went down, or there is no evidence at all.
        Interrupted = "interrupted",
    }
}

/// A fact's claim to name the class.
pub(super) struct Claim<'a> {
    pub(super) at: usize,
    pub(super) rank: Rank,
    pub(super) role: Role,
    pub(super) class: &'a Class,
    /// The entry of the table that the fact met, if the table named the class.
    pub(super) entry: Option<&'a When>,
}

impl Claim<'_> {
    /// Sorts the winner first: causes before consequences, then by rank, then by time.
    fn order(&self) -> (u8, std::cmp::Reverse<Rank>, usize) {
        let role = match self.role {
            Role::Root => 0,
            Role::Cascade => 1,
            Role::Confirm => 2,
            Role::Note => 3,
        };
        (role, std::cmp::Reverse(self.rank), self.at)
    }
}

/// Weighs the evidence of one ended attempt against a table of classes.
///
/// `success` holds the exit codes that count as success. Such an exit is contradicted by what ranks above it and knows
/// better: the operator, the runner, the program's own report, a lost host. A kernel event or a line of output does not
/// contradict it: the program lived through that. An action without a process gives no evidence when it succeeds; so no
/// evidence at all means that the attempt was lost.
#[must_use]
pub fn classify(classes: &Classes, evidence: &Evidence, success: &ExitCodes) -> Verdict {
    let facts = &evidence.facts;
    let claims: Vec<Option<Claim<'_>>> = (0..facts.len()).map(|at| claim(classes, evidence, at)).collect();
    let well = facts.iter().position(|fact| matches!(fact, Fact::Exit(code) if success.contains(*code)));
    let winner = claims
        .iter()
        .flatten()
        .filter(|claim| claim.role != Role::Note)
        .filter(|claim| well.is_none() || contradicts_success(&facts[claim.at], claim.role))
        .min_by_key(|claim| claim.order());
    let (conclusion, class, decider) = match (winner, well) {
        (Some(winner), _) => (conclusion_of(&facts[winner.at]), Some(winner.class), Some(winner.at)),
        (None, Some(well)) => (Conclusion::Succeeded, None, Some(well)),
        (None, None) => last_resort(evidence),
    };
    let weighed = Weighed { evidence, winner, well, class, decider };
    let request = |fact: &Fact| {
        if let Fact::Request(request) = fact { Some(request.clone()) } else { None }
    };
    let delay = |fact: &Fact| {
        if let Fact::RetryAfter(delay) = fact { Some(*delay) } else { None }
    };
    Verdict {
        conclusion,
        class: class.cloned(),
        server_delay: facts.iter().rev().find_map(delay),
        requests: facts.iter().filter_map(request).collect(),
        chain: claims.iter().enumerate().map(|(at, claim)| weighed.step(at, claim.as_ref())).collect(),
    }
}

/// Finds the class that a fact names: by the program's own naming, by the table, or because nothing may hide it.
fn claim<'a>(classes: &'a Classes, evidence: &Evidence, at: usize) -> Option<Claim<'a>> {
    let fact = &evidence.facts[at];
    let rank = fact.rank();
    if let Some(def) = named_by_report(classes, fact) {
        return Some(Claim { at, rank, role: Role::Root, class: &def.name, entry: None });
    }
    let unmistakable = unmistakable(fact);
    let entries = classes.iter().flat_map(|def| def.when.iter().map(move |when| (&def.name, when)));
    let mut met = entries.filter(|(_, when)| when.claims(at, evidence));
    match (met.next(), unmistakable) {
        (Some((class, entry)), None) => Some(Claim { at, rank, role: entry.role, class, entry: Some(entry) }),
        (Some((class, entry)), Some(_)) => Some(Claim { at, rank, role: Role::Root, class, entry: Some(entry) }),
        (None, Some(class)) => Some(Claim { at, rank, role: Role::Root, class, entry: None }),
        (None, None) => None,
    }
}

/// A program may name a class itself, though not one that speaks of somebody's will.
fn named_by_report<'a>(classes: &'a Classes, fact: &Fact) -> Option<&'a ClassDef> {
    match fact {
        Fact::Report { word, .. } => classes.describe(word).filter(|def| def.kind != Kind::Intent),
        Fact::Intent(_)
        | Fact::Act(_)
        | Fact::OomKill(_)
        | Fact::Xid(_)
        | Fact::Gpu(_)
        | Fact::Host(_)
        | Fact::Request(_)
        | Fact::RetryAfter(_)
        | Fact::Status(_)
        | Fact::Error(_)
        | Fact::NotStarted { .. }
        | Fact::Exit(_)
        | Fact::Signal { .. }
        | Fact::Output { .. } => None,
    }
}

/// The classes of facts that no table can take out of the verdict: a will, a reboot, a lost attempt.
fn unmistakable(fact: &Fact) -> Option<&'static Class> {
    match fact {
        Fact::Intent(Intent::Stop | Intent::Cancel | Intent::Withdrawn) => Some(&INTENT_STOP),
        Fact::Host(HostEvent::Rebooted) => Some(&HOST_REBOOT),
        Fact::Host(HostEvent::Lost) => Some(&SUPERVISE_LOST),
        Fact::Intent(Intent::Drain)
        | Fact::Host(HostEvent::Preempted | HostEvent::TimeLimit)
        | Fact::Act(_)
        | Fact::OomKill(_)
        | Fact::Xid(_)
        | Fact::Gpu(_)
        | Fact::Request(_)
        | Fact::Report { .. }
        | Fact::RetryAfter(_)
        | Fact::Status(_)
        | Fact::Error(_)
        | Fact::NotStarted { .. }
        | Fact::Exit(_)
        | Fact::Signal { .. }
        | Fact::Output { .. } => None,
    }
}

fn conclusion_of(fact: &Fact) -> Conclusion {
    match unmistakable(fact) {
        Some(class) if *class == INTENT_STOP => Conclusion::Cancelled,
        Some(_) => Conclusion::Interrupted,
        None => Conclusion::Failed,
    }
}

fn contradicts_success(fact: &Fact, role: Role) -> bool {
    match fact {
        // The leader was done; what stayed is swept away, and the result stands.
        Fact::Act(Act::Stalled { what: Stall::Exit, .. }) => false,
        Fact::Host(_) => unmistakable(fact).is_some(),
        Fact::Output { .. } => false,
        _ => match fact.rank() {
            Rank::Intent | Rank::Act | Rank::Request | Rank::Report => role == Role::Root,
            Rank::Kernel | Rank::Exit | Rank::Output | Rank::Fallback => false,
        },
    }
}

/// What an attempt comes to whose evidence names no class, and the fact that stands for it.
fn last_resort(evidence: &Evidence) -> (Conclusion, Option<&'static Class>, Option<usize>) {
    let class = |fact: &Fact| match fact {
        // A shell reports a signal of its child as 128 and the signal's number.
        Fact::Signal { .. } | Fact::Exit(129..=192) => Some(&SIGNAL_OTHER),
        Fact::Exit(_) => Some(&EXIT_NONZERO),
        _ => None,
    };
    match evidence.facts.iter().enumerate().find_map(|(at, fact)| Some((at, class(fact)?))) {
        Some((at, class)) => (Conclusion::Failed, Some(class), Some(at)),
        None if evidence.facts.is_empty() => (Conclusion::Interrupted, Some(&SUPERVISE_LOST), None),
        None => (Conclusion::Failed, Some(&ERROR), None),
    }
}

/// The lines of `steadfast why`: the conclusion, then one line per fact.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.conclusion.fmt(f)?;
        if let Some(class) = &self.class {
            write!(f, ": {class}")?;
        }
        if let Some(delay) = self.server_delay {
            write!(f, ", the server asks for {}", Pretty(delay))?;
        }
        self.chain.iter().try_for_each(|step| write!(f, "\n  {step}"))
    }
}
