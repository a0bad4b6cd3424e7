//! One program that a shim holds.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::capture::Capture;
use super::cgroup::Cgroup;
use super::ladder::Ladder;
use super::mailbox::Mailbox;
use crate::exec::{Act, Exit, OutputSummary, Said, Status, Survivor, Witness};
use crate::launch::{Start, Watch};
use crate::sys::process::{Identity, Usage};
use crate::sys::time::{Boottime, Wall};

/// A program from its spawn to its last word.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) start: Start,
    pub(crate) watch: Watch,
    pub(crate) leader: Leader,
    pub(crate) began: Option<Wall>,
    pub(crate) up: Boottime,
    pub(crate) capture: Capture,
    pub(crate) mailbox: Option<Mailbox>,
    pub(crate) cgroup: Option<Cgroup>,
    pub(crate) unenforced: Vec<String>,
    pub(crate) said: Said,
    pub(crate) ladder: Option<Ladder>,
    pub(crate) act: Option<Act>,
    pub(crate) over: Option<Over>,
    /// Processes of an adopted program that nothing but the lock they hold tells from others.
    pub(crate) others: Vec<Identity>,
    /// What it left behind when its leader ended by itself, and what is stopped therefore.
    pub(crate) stopped: Vec<Survivor>,
    /// Whether it wrote into a pipe or a terminal that broke when its shim died.
    pub(crate) lost_reader: bool,
    /// When to look again at what sends no signal when it ends.
    pub(crate) look: Boottime,
    pub(crate) looks: u32,
    /// When killing began, and whether it was told that it does not help.
    pub(crate) killing: Option<(Boottime, bool)>,
    /// Since when the kernel has been asked how a foreign leader ended.
    pub(crate) asking: Option<Boottime>,
    /// The timer that is set for this attempt.
    pub(crate) armed: Boottime,
}

/// The first process of a program.
#[derive(Debug)]
pub(crate) enum Leader {
    /// Our child: its pid stays its own until we reap it.
    Child(Identity),
    /// The child of a shim that died; the handle was verified when it was opened.
    Foreign(Identity, OwnedFd),
    /// It was gone when we came. Its session may have members.
    Gone(Option<Identity>),
}

impl Leader {
    /// Returns the first process of the session that the program began in.
    pub(crate) const fn session(&self) -> Option<Identity> {
        match self {
            Self::Child(who) | Self::Foreign(who, _) => Some(*who),
            Self::Gone(session) => *session,
        }
    }

    /// Says whether this shim is no ancestor of the program.
    pub(crate) const fn is_adopted(&self) -> bool {
        match self {
            Self::Child(_) => false,
            Self::Foreign(..) | Self::Gone(_) => true,
        }
    }
}

/// The end of the first process.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) status: Status,
    pub(crate) at: Wall,
    pub(crate) up: Boottime,
    pub(crate) ran: Duration,
    pub(crate) usage: Usage,
    pub(crate) witness: Witness,
    /// Until when pipes are read that somebody else holds open.
    pub(crate) drain: Boottime,
    /// Whether that time has passed. Then nothing of it is due any more, however long a leftover holds the pipe.
    pub(crate) has_drained: bool,
    /// Whether the record of it is written.
    pub(crate) told: bool,
}

impl Attempt {
    /// Makes the state of a program that has just begun.
    pub(crate) fn new(start: Start, watch: Watch, leader: Leader, up: Boottime, capture: Capture) -> Self {
        Self {
            start,
            watch,
            leader,
            began: None,
            up,
            capture,
            mailbox: None,
            cgroup: None,
            unenforced: Vec::new(),
            said: Said::default(),
            ladder: None,
            act: None,
            over: None,
            others: Vec::new(),
            stopped: Vec::new(),
            lost_reader: false,
            look: Boottime::NEVER,
            looks: 0,
            killing: None,
            asking: None,
            armed: Boottime::NEVER,
        }
    }

    /// Returns when its time is up.
    pub(crate) fn deadline(&self) -> Boottime {
        if self.over.is_some() || self.act.is_some() || self.asking.is_some() {
            return Boottime::NEVER;
        }
        self.watch.limit.map_or(Boottime::NEVER, |limit| self.up.after(limit))
    }

    /// Returns when something is due.
    pub(crate) fn due(&self) -> Boottime {
        let drain = self
            .over
            .as_ref()
            .filter(|over| !over.has_drained && !self.capture.is_drained())
            .map_or(Boottime::NEVER, |over| over.drain);
        // A leader that is dead, and whose exit is being asked for, needs no signals.
        let is_asking = self.asking.is_some() && self.over.is_none();
        let ladder = self.ladder.as_ref().filter(|_| !is_asking).map_or(Boottime::NEVER, Ladder::due);
        let mailbox = self.mailbox.as_ref().map_or(Boottime::NEVER, Mailbox::due);
        [self.deadline(), drain, ladder, mailbox, self.capture.due(), self.look]
            .into_iter()
            .min()
            .unwrap_or(Boottime::NEVER)
    }

    /// Sets the next look, later each time: 10 ms first, 1 s in the end.
    pub(crate) fn look_again(&mut self, now: Boottime) {
        let millis = 10_u64 << self.looks.min(7);
        self.looks += 1;
        self.look = now.after(Duration::from_millis(millis.min(1000)));
    }

    /// Makes the last word.
    pub(crate) fn exit(mut self, output: OutputSummary, survivors: Vec<Survivor>) -> Option<Exit> {
        let over = self.over.take()?;
        Some(Exit {
            start: self.start,
            status: over.status,
            act: self.act,
            rung: self.ladder.as_ref().map(Ladder::rung),
            began: self.began,
            ended: over.at,
            ended_up: over.up,
            ran: over.ran,
            usage: over.usage,
            output,
            survivors,
            stopped: self.stopped,
            said: self.said,
            oom_kills: self.cgroup.as_ref().and_then(Cgroup::oom_kills),
            unenforced: self.unenforced,
            witness: over.witness,
        })
    }
}
