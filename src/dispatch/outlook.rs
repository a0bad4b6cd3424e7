//! What people ask about the future: what a run still waits for, what a job is going to do.

use jiff::Timestamp;
use steadfast_retry::Moment;

use crate::ids::{Piece, RunId};
use crate::store::Place;

use super::{Dispatcher, Phase};

/// The run that somebody asks about, as its opening has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the lane.
    pub place: Place,
    /// Its lane.
    pub lane: String,
    /// Whether it waits until no other run of its job is under way.
    pub serial: bool,
}

/// What stands between a run and its next attempt, as far as other runs and the daemon are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Whether anything may begin.
    pub mood: Mood,
    /// Whether it is held.
    pub held: bool,
    /// Whether its job is held.
    pub job_held: bool,
    /// Attempts that hold a slot, and slots in all.
    pub slots: (usize, usize),
    /// The slots of its group, if that has a limit: its name, the runs that hold one, and slots in all.
    pub group: Option<(String, Vec<RunId>, u32)>,
    /// The other runs of its job that are under way, where it must be alone.
    pub others: Option<Vec<RunId>>,
    /// How many of its lane go first, if it waits for its turn.
    pub ahead: Option<Ahead>,
    /// The process that was announced and is not known to be gone.
    pub process: Option<Piece>,
    /// Whether finalizers are owed before anything else.
    pub follow_up: bool,
    /// Until when its delay lasts.
    pub until: Option<Moment>,
}

/// Whether anything may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Not before the files of jobs are read.
    Starting,
    /// Yes.
    Open,
    /// No, somebody wants it so.
    Draining,
    /// No, the daemon is going.
    Stopping,
}

/// How many go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// So many.
    Exactly(u64),
    /// So many or more: it is beyond what the dispatcher keeps in memory.
    AtLeast(u64),
}

/// What a job is going to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agenda {
    /// Whether it is held.
    pub held: bool,
    /// How many of its runs wait for their first attempt.
    pub waiting: u64,
    /// Its runs that have begun and are not over.
    pub under_way: Vec<RunId>,
    /// When its schedule is due next.
    pub due: Option<Timestamp>,
    /// Of the jobs that it comes after, those that it still waits for.
    pub waits_for: Vec<String>,
}

impl Dispatcher {
    /// Tells what stands between a run and its next attempt.
    #[must_use]
    pub fn outlook(&self, waiting: &Waiting) -> Outlook {
        let run = waiting.place.run;
        let live = self.live.get(&run);
        let job = waiting.lane.split_once('/').map_or("", |(_, job)| job);
        let queued = live.is_none() && !self.held.contains_key(&run);
        let asks = live.is_some_and(super::Live::wants_attempt);
        Outlook {
            mood: match self.phase {
                Phase::Starting { .. } => Mood::Starting,
                Phase::Open => Mood::Open,
                Phase::Draining => Mood::Draining,
                Phase::Stopping | Phase::Gone => Mood::Stopping,
            },
            held: live.map_or_else(|| self.held.contains_key(&run), |live| live.held),
            job_held: self.book.is_held(job),
            slots: (self.lanes.running(), self.settings.slots),
            group: self.lanes.group_of(&waiting.lane),
            others: (waiting.serial && queued).then(|| self.book.under_way(job)),
            ahead: (queued || asks).then(|| self.lanes.ahead(&waiting.lane, waiting.place)),
            process: live.and_then(|live| live.process).map(|process| process.piece),
            follow_up: live.is_some_and(|live| live.follow_up.is_some()),
            until: live.filter(|live| !live.delay_over).and_then(|live| live.state.waits_until()),
        }
    }

    /// Tells what each job is going to do that is loaded or has a past, by name.
    #[must_use]
    pub fn agendas(&self) -> Vec<(String, Agenda)> {
        self.book.agendas()
    }
}
