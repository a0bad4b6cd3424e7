//! What a campaign came to: how often each thing happened that the auditors are there for.
//!
//! A simulator that no longer reaches what it is to check would pass for ever.

use std::collections::BTreeMap;
use std::fmt;

/// Something that breaks, or comes at the wrong time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    StoreFailure,
    StoreStaysBroken,
    DaemonDeath,
    DeathInRecovery,
    ShimDeath,
    Reboot,
    VoidedStart,
    LateReport,
}

impl Reached {
    const ALL: [Self; 8] = [
        Self::StoreFailure,
        Self::StoreStaysBroken,
        Self::DaemonDeath,
        Self::DeathInRecovery,
        Self::ShimDeath,
        Self::Reboot,
        Self::VoidedStart,
        Self::LateReport,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::StoreFailure => "store failures",
            Self::StoreStaysBroken => "daemons that met a broken store",
            Self::DaemonDeath => "deaths of a daemon",
            Self::DeathInRecovery => "deaths inside recovery's effects",
            Self::ShimDeath => "deaths of a shim",
            Self::Reboot => "reboots",
            Self::VoidedStart => "voided starts",
            Self::LateReport => "late reports",
        }
    }
}

/// Every ending that a run may have.
const ENDINGS: [&str; 6] = ["succeeded", "gave-up", "stopped", "cancelled", "skipped", "quarantined"];

/// What one seed, or all of them together, came to.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    pub(crate) events: u64,
    pub(crate) lives: u64,
    /// Decisions that were decided again from the journal, at rest.
    pub(crate) replayed: u64,
    /// How many runs were closed with each ending.
    pub(crate) closed: BTreeMap<&'static str, u64>,
    reached: BTreeMap<Reached, u64>,
}

impl Reach {
    pub(crate) fn note(&mut self, reached: Reached) {
        *self.reached.entry(reached).or_default() += 1;
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.events += more.events;
        self.lives += more.lives;
        self.replayed += more.replayed;
        for (ending, count) in more.closed {
            *self.closed.entry(ending).or_default() += count;
        }
        for (reached, count) in more.reached {
            *self.reached.entry(reached).or_default() += count;
        }
    }

    /// Fails if something never happened that many seeds must come to.
    pub(crate) fn is_whole(&self, seeds: u64) {
        for ending in ENDINGS {
            assert!(self.closed.contains_key(ending), "no run of {seeds} seeds was closed as {ending}");
        }
        for reached in Reached::ALL {
            assert!(self.reached.contains_key(&reached), "{seeds} seeds came to no {}", reached.as_str());
        }
        assert!(self.replayed > 0, "{seeds} seeds came to no decision that could be replayed");
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events, {} lives of a daemon, {} decisions replayed", self.events, self.lives, self.replayed)?;
        write!(f, "\nruns closed: {:?}", self.closed)?;
        for reached in Reached::ALL {
            write!(f, "\n{:>9} {}", self.reached.get(&reached).unwrap_or(&0), reached.as_str())?;
        }
        Ok(())
    }
}
