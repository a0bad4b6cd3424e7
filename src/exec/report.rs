//! What the hands tell the daemon.

use super::witness::Testimony;
use super::{Exit, Notice, Status, Survivor};
use crate::ids::ShimId;
use crate::journal::Mark;
use crate::launch::Start;
use crate::shim::wire::Record;
use crate::sys::process::Identity;
use crate::sys::time::{Boottime, Wall};

/// Something that happened to a start, or to a shim.
///
/// Reports of one shim arrive in the order of its journal. A report may come twice after a crash, with the same start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The program runs.
    Started {
        /// Which.
        start: Start,
        /// Its first process.
        who: Identity,
        /// When it began.
        at: Wall,
        /// The same on the boot clock.
        up: Boottime,
        /// Where in which journal.
        mark: Mark,
    },
    /// The program said something.
    Notified {
        /// Which.
        start: Start,
        /// When it was read.
        at: Wall,
        /// What.
        notice: Notice,
        /// Where in which journal.
        mark: Mark,
    },
    /// Its first process has ended; something of it is still there, so the attempt is not over.
    LeaderEnded {
        /// Which.
        start: Start,
        /// When.
        at: Wall,
        /// How.
        status: Status,
        /// Where in which journal.
        mark: Mark,
    },
    /// Processes of it do not die, even of KILL.
    Clinging {
        /// Which.
        start: Start,
        /// The processes.
        survivors: Vec<Survivor>,
        /// Where in which journal.
        mark: Mark,
    },
    /// The last word. Commit the mark with it, then call [`super::Hands::acknowledge`].
    Ended {
        /// How, and everything that was seen.
        exit: Box<Exit>,
        /// Where in which journal.
        mark: Mark,
    },
    /// It will never start: the claim is void. It takes its number and is charged nothing.
    NeverStarted {
        /// Which.
        start: Start,
        /// Why not.
        why: String,
    },
    /// Its shim died, and somebody whom we cannot see holds its lock. Nothing may be started until the next word.
    Unclear {
        /// Which.
        start: Start,
        /// What the witnesses say.
        testimony: Testimony,
    },
    /// A shim is gone that still had something to do.
    ShimLost {
        /// Which.
        shim: ShimId,
        /// How many starts it held or was to hold.
        starts: usize,
        /// What it wrote to its stderr.
        complaints: String,
    },
}

/// What became of an expected start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs, or is about to: reports follow.
    Running {
        /// Its first process, if that is known.
        who: Option<Identity>,
    },
    /// It has ended; unknown ends are [`Status::Interrupted`].
    Ended {
        /// How.
        exit: Box<Exit>,
        /// Where in which journal.
        mark: Mark,
    },
    /// Nobody had claimed it, and now nobody can.
    NeverStarted,
    /// Nothing of it can be seen, but its lock is held. A report follows when that changes.
    Unclear {
        /// What the witnesses say.
        testimony: Testimony,
    },
}

/// Says what a record means to the daemon.
pub(super) fn of_record(record: Record, mark: Mark) -> Option<Report> {
    Some(match record {
        Record::Opened { .. } | Record::Adopted { .. } => return None,
        Record::Started { start, who, at, up, .. } => Report::Started { start, who, at, up, mark },
        Record::Notified { start, at, notice } => Report::Notified { start, at, notice, mark },
        Record::LeaderEnded { start, at, status } => Report::LeaderEnded { start, at, status, mark },
        Record::Clinging { start, survivors } => Report::Clinging { start, survivors, mark },
        Record::Ended(exit) => Report::Ended { exit, mark },
        Record::Voided { start } => {
            Report::NeverStarted { start, why: "it was void before its shim could claim it".to_owned() }
        }
    })
}
