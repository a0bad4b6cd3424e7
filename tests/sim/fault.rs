//! Bugs planted on purpose, each of which breaks one rule: whoever checks must find every one of them.
//!
//! The dispatcher stays as it is. The faults lie in the world around it, where a wrong daemon would have to act too: in what
//! becomes durable and when, in what is told, and in what is started.

use std::panic::catch_unwind;

use steadfast::evidence::{Fact, HostEvent};
use steadfast::ids::{Piece, RunId, Token};
use steadfast::journal::{About, Entry, Happened, Step};
use steadfast::store::Batch;
use steadfast_retry::{AttemptNo, Decision};

use crate::chance::Chance;
use crate::hands::Report;
use crate::play;

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A batch is told to be durable before it is.
    LaunchBeforeDurable,
    /// A report of an end that was told before is taken for the end of what runs now.
    ReportTakenTwice,
    /// An end is told to nobody, so that its slot is never free again.
    SlotLeaked,
    /// The dispatcher counts one slot too many.
    SlotTooMany,
    /// An attempt bears the number of the one before it.
    NumberReused,
    /// A start is acknowledged and not kept.
    StartLost,
    /// A lost attempt is told as a success.
    SuccessMadeUp,
    /// A shim starts what was declared void.
    VoidStarted,
    /// A recorded decision is another one than was decided.
    DecisionForged,
}

/// Each fault with what an auditor says of it.
const FINDINGS: [(Fault, &str); 9] = [
    (Fault::LaunchBeforeDurable, "is launched and"),
    (Fault::ReportTakenTwice, "succeeded without evidence"),
    (Fault::SlotLeaked, "is never closed"),
    (Fault::SlotTooMany, "slots"),
    (Fault::NumberReused, "skips or repeats a number"),
    (Fault::StartLost, "was acknowledged and is not durable"),
    (Fault::SuccessMadeUp, "succeeded without evidence"),
    (Fault::VoidStarted, "begins while"),
    (Fault::DecisionForged, "would be decided otherwise from its journal"),
];

impl Fault {
    /// Returns what is written instead of a batch.
    pub(crate) fn in_batch(self, mut batch: Batch) -> Batch {
        if self == Self::DecisionForged {
            for step in batch.entries.iter_mut().filter_map(step_of) {
                if let Decision::Finish { because, .. } = &mut step.decision {
                    because.account = None;
                }
            }
        }
        batch
    }

    /// Returns what an auditor sees instead of a batch, as if the store had taken it.
    pub(crate) fn in_books(self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        if self == Self::NumberReused {
            for step in batch.entries.iter_mut().filter_map(step_of) {
                if let Decision::Attempt { number, .. } = &mut step.decision {
                    *number = AttemptNo::new(number.get() - 1).unwrap_or(*number);
                }
            }
        }
        batch
    }

    /// Returns what the daemon is told instead of a report.
    pub(crate) fn in_report(
        self,
        report: Report,
        announced: impl Fn(RunId) -> Option<(Piece, Token)>,
        chance: &mut Chance,
    ) -> Option<Report> {
        let Report::Ended { mut start, mut evidence, progress, mark } = report else { return Some(report) };
        match self {
            Self::SlotLeaked if chance.percent(5) => return None,
            Self::ReportTakenTwice => {
                if let Some((piece, token)) = announced(start.run) {
                    (start.piece, start.token) = (piece, token);
                }
            }
            Self::SuccessMadeUp if evidence.facts.contains(&Fact::Host(HostEvent::Lost)) => {
                evidence.facts = vec![Fact::Exit(0)];
            }
            _ => {}
        }
        Some(Report::Ended { start, evidence, progress, mark })
    }
}

fn step_of(entry: &mut Entry) -> Option<&mut Step> {
    match &mut entry.about {
        About::Run(_, Happened::Stepped(step)) => Some(step),
        About::Run(..) | About::Job(..) | About::Daemon(_) => None,
    }
}

/// So many seeds must be enough.
const SEEDS: u64 = 500;

#[test]
fn whoever_checks_finds_every_planted_fault() {
    let found = super::quietly(|| FINDINGS.map(|(fault, finding)| first_finding(fault, finding)));
    for ((fault, finding), seed) in FINDINGS.into_iter().zip(found) {
        let seed = seed.unwrap_or_else(|others| panic!("{SEEDS} seeds, and nobody finds {fault:?}; found: {others:?}"));
        println!("{fault:?} is found in seed {seed}: {finding}");
    }
}

/// Returns the first seed in which a fault is found as it should be, or what was found instead.
fn first_finding(fault: Fault, finding: &str) -> Result<u64, Vec<String>> {
    let mut others = Vec::new();
    for seed in 1..=SEEDS {
        let Err(why) = catch_unwind(|| play::play(seed, Some(fault))) else { continue };
        let why = super::text_of(&*why);
        if why.contains(finding) {
            return Ok(seed);
        }
        others.push(why.chars().take(100).collect());
        others.truncate(5);
    }
    Err(others)
}
