use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_retry::Class;

use super::classes::{ClassDef, Classes};
use super::codes::ExitCodes;
use super::fact::{Act, Evidence, Fact, Rank, Request};
use super::systemd::setup_step;
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_delay: Option<Duration>,
    /// What the program asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// Every fact, in the order of the evidence, and what became of it.
    pub chain: Vec<Step>,
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
    /// The entry that it met, where that says more than the fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
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
    /// The attempt succeeded in spite of it.
    ExcusedBy(String),
    /// It is shown and decides nothing.
    Noted,
    /// It names no class.
    NamesNoClass,
}

/// A fact's claim to name the class.
struct Claim<'a> {
    at: usize,
    rank: Rank,
    role: Role,
    class: &'a Class,
    entry: Option<&'a When>,
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
    let claims: Vec<Option<Claim<'_>>> = (0..evidence.facts.len())
        .map(|at| claim(classes, evidence, at))
        .collect();
    let ended_well = |fact: &&Fact| matches!(fact, Fact::Exit(code) if success.contains(*code));
    let well = evidence.facts.iter().find(ended_well);
    let winner = claims
        .iter()
        .flatten()
        .filter(|claim| claim.role != Role::Note)
        .filter(|claim| well.is_none() || contradicts_success(&evidence.facts[claim.at], claim.role))
        .min_by_key(|claim| claim.order());
    let conclusion = match winner.map(|winner| &evidence.facts[winner.at]) {
        Some(fact) => conclusion_of(fact),
        None if well.is_some() => Conclusion::Succeeded,
        None if evidence.facts.is_empty() => Conclusion::Interrupted,
        None => Conclusion::Failed,
    };
    let fallback = last_resort(evidence);
    let class = match (winner, conclusion) {
        (Some(winner), _) => Some(winner.class.clone()),
        (None, Conclusion::Succeeded) => None,
        (None, Conclusion::Failed | Conclusion::Cancelled | Conclusion::Interrupted) => Some(fallback.1.clone()),
    };
    let step = |(at, claim): (usize, &Option<Claim<'_>>)| {
        let fact = &evidence.facts[at];
        let fate = match (claim, winner, well) {
            (Some(claim), _, _) if claim.role == Role::Note => Fate::Noted,
            (Some(claim), Some(winner), _) => fate_against(claim, winner, evidence),
            (Some(_), None, Some(well)) => Fate::ExcusedBy(well.to_string()),
            (None, None, None) if fallback.0 == Some(at) => Fate::FallsBack,
            (None, None, Some(well)) if well == fact => Fate::Decides,
            (Some(_) | None, _, _) => Fate::NamesNoClass,
        };
        let class = claim.as_ref().map(|claim| claim.class.clone());
        let class = if fate == Fate::FallsBack {
            Some(fallback.1.clone())
        } else {
            class
        };
        Step {
            fact: in_words(fact, class.as_ref()),
            class,
            by: claim.as_ref().and_then(|claim| grounds(claim, fact)),
            fate,
        }
    };
    let request = |fact: &Fact| {
        if let Fact::Request(request) = fact {
            Some(request.clone())
        } else {
            None
        }
    };
    let delay = |fact: &Fact| {
        if let Fact::RetryAfter(delay) = fact {
            Some(*delay)
        } else {
            None
        }
    };
    Verdict {
        conclusion,
        class,
        server_delay: evidence.facts.iter().rev().find_map(delay),
        requests: evidence.facts.iter().filter_map(request).collect(),
        chain: claims.iter().enumerate().map(step).collect(),
    }
}

/// Finds the class that a fact names: by the program's own naming, by the table, or because nothing may hide it.
fn claim<'a>(classes: &'a Classes, evidence: &Evidence, at: usize) -> Option<Claim<'a>> {
    let fact = &evidence.facts[at];
    let rank = fact.rank();
    if let Some(def) = named_by_report(classes, fact) {
        return Some(Claim {
            at,
            rank,
            role: Role::Root,
            class: &def.name,
            entry: None,
        });
    }
    let unmistakable = unmistakable(fact);
    let entries = classes
        .iter()
        .flat_map(|def| def.when.iter().map(move |when| (&def.name, when)));
    let mut met = entries.filter(|(_, when)| when.claims(at, evidence));
    match (met.next(), unmistakable) {
        (Some((class, entry)), None) => Some(Claim {
            at,
            rank,
            role: entry.role,
            class,
            entry: Some(entry),
        }),
        (Some((class, entry)), Some(_)) => Some(Claim {
            at,
            rank,
            role: Role::Root,
            class,
            entry: Some(entry),
        }),
        (None, Some(class)) => Some(Claim {
            at,
            rank,
            role: Role::Root,
            class,
            entry: None,
        }),
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

/// The class of an attempt whose evidence names none, and the fact that stands for it.
fn last_resort(evidence: &Evidence) -> (Option<usize>, &'static Class) {
    let class = |fact: &Fact| match fact {
        // A shell reports a signal of its child as 128 and the signal's number.
        Fact::Signal { .. } | Fact::Exit(129..=192) => Some(&SIGNAL_OTHER),
        Fact::Exit(_) => Some(&EXIT_NONZERO),
        _ => None,
    };
    let found = evidence
        .facts
        .iter()
        .enumerate()
        .find_map(|(at, fact)| Some((Some(at), class(fact)?)));
    found.unwrap_or((
        None,
        if evidence.facts.is_empty() {
            &SUPERVISE_LOST
        } else {
            &ERROR
        },
    ))
}

fn fate_against(claim: &Claim<'_>, winner: &Claim<'_>, evidence: &Evidence) -> Fate {
    let by = || short(&evidence.facts[winner.at]);
    if claim.at == winner.at {
        Fate::Decides
    } else if claim.role != winner.role {
        Fate::GivesWayTo(by())
    } else if claim.rank != winner.rank {
        Fate::OutrankedBy(by())
    } else {
        Fate::LaterThan(by())
    }
}

/// The entry that a fact met, unless it says the same as the fact.
fn grounds(claim: &Claim<'_>, fact: &Fact) -> Option<String> {
    let entry = match claim.entry {
        Some(entry) => entry.to_string(),
        None => return matches!(fact, Fact::Report { .. }).then(|| "its own name".to_string()),
    };
    (entry != fact.to_string()).then_some(entry)
}

fn in_words(fact: &Fact, class: Option<&Class>) -> String {
    match (fact, class) {
        (Fact::Exit(code), Some(class)) if class.as_str() == "exit-setup" => match setup_step(*code) {
            Some(step) => format!("{fact} ({step})"),
            None => fact.to_string(),
        },
        (Fact::Report { detail, .. }, _) if !detail.is_empty() => format!("{fact}: {detail}"),
        _ => fact.to_string(),
    }
}

/// A fact in few words, for the end of another's line.
fn short(fact: &Fact) -> String {
    match fact {
        Fact::Output { stream, line, .. } => {
            let cut: String = line.chars().take(60).collect();
            if cut.len() < line.len() {
                format!("{stream} `{cut}…`")
            } else {
                format!("{stream} `{cut}`")
            }
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
                write!(f, " by {by}")?;
            }
            f.write_str(", ")?;
        }
        self.fate.fmt(f)
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
            write!(f, ", the server asks for {delay:?}")?;
        }
        self.chain.iter().try_for_each(|step| write!(f, "\n  {step}"))
    }
}
