//! One process of a run: started, watched, ended.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::lookout::{Lookout, Sight};
use super::post::Post;
use super::wiring::{Lead, Wiring};
use crate::evidence::{Classes, Fact};
use crate::exec::{Act, Notice, Status, witness};
use crate::journal::Usage;
use crate::launch::{Output, Rung, StopLadder};
use crate::shim::ladder::Ladder;
use crate::shim::program;
use crate::sys::poll::Taken;
use crate::sys::proc;
use crate::sys::process::{self, Identity, Wait};
use crate::sys::spawn::{Program, Session, Stdio, spawn};
use crate::sys::time::Boottime;

/// What is started.
pub(super) struct Order<'a> {
    pub(super) argv: &'a [CString],
    pub(super) env: &'a [CString],
    /// Where a program without a slash in its name is looked for.
    pub(super) path: &'a OsStr,
    pub(super) folder: &'a PathBuf,
    pub(super) limit: Option<Duration>,
    pub(super) stop: &'a StopLadder,
    /// Whether processes that it leaves behind are let go.
    pub(super) leaves: bool,
    pub(super) lead: Lead,
    pub(super) log: Option<Output>,
    pub(super) post: Option<&'a mut Post>,
}

/// How a child ended.
pub(super) struct Ended {
    pub(super) status: Status,
    /// What we did to it.
    pub(super) act: Option<Act>,
    pub(super) usage: Usage,
    /// What its output says.
    pub(super) output: Vec<Fact>,
    /// Whether the reader of our stdout has gone away.
    pub(super) is_unread: bool,
}

impl Ended {
    fn not_started(status: Status) -> Self {
        Self { status, act: None, usage: Usage::default(), output: Vec::new(), is_unread: false }
    }
}

/// What comes of watching a child.
pub(super) enum Event {
    /// It runs.
    Started(u32),
    /// It has run for a while.
    Lasts,
    /// It says something of itself.
    Said(Notice),
    /// Somebody wants it to end.
    Asked(Taken),
    /// It is over, with all that it had started.
    Over,
}

/// How long output is waited for after the last process of a child has gone.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// After how long a child is worth a word of its own; most are over before.
const WORTH_A_WORD: Duration = Duration::from_millis(200);
/// How often processes are killed again that do not go.
const AGAIN: Duration = Duration::from_millis(100);

/// A child that was started.
pub(super) struct Child<'a> {
    order: Order<'a>,
    leader: i32,
    began: Boottime,
    wiring: Wiring,
    ended: Option<(Wait, process::Usage, Boottime)>,
    act: Option<Act>,
    ladder: Option<Ladder>,
    /// What it left behind when it ended by itself.
    stopped: Vec<String>,
    word: Boottime,
    again: Boottime,
    /// Until when output is waited for.
    patience: Boottime,
}

/// Starts a child and tells what happens to it until it is over.
pub(super) fn watch(
    order: Order<'_>,
    classes: &Classes,
    lookout: &mut Lookout,
    mut told: impl FnMut(Event, &mut Child<'_>),
) -> io::Result<Ended> {
    let mut child = match Child::start(order, lookout)? {
        Ok(child) => child,
        Err(status) => return Ok(Ended::not_started(status)),
    };
    told(Event::Started(child.leader.unsigned_abs()), &mut child);
    while !child.is_over() {
        for sight in lookout.wait(child.due())? {
            match sight {
                Sight::Asked(taken) => told(Event::Asked(taken), &mut child),
                Sight::Child => child.reap(),
                Sight::Resized => child.wiring.resize(),
                Sight::Time => {}
                Sight::End(which) => child.wiring.read(which, lookout),
                Sight::Outlet(which) => child.wiring.flush(which, lookout),
                Sight::Mail => {
                    let notices = child.order.post.as_mut().map(|post| post.read()).unwrap_or_default();
                    notices.into_iter().for_each(|notice| told(Event::Said(notice), &mut child));
                }
            }
        }
        let now = Boottime::now();
        child.tick(now, lookout);
        if now >= child.word {
            child.word = Boottime::NEVER;
            told(Event::Lasts, &mut child);
        }
    }
    child.wiring.cut(lookout);
    told(Event::Over, &mut child);
    Ok(child.finish(classes))
}

impl<'a> Child<'a> {
    fn start(mut order: Order<'a>, lookout: &Lookout) -> io::Result<Result<Self, Status>> {
        let name = OsStr::from_bytes(order.argv.first().map_or(b"", |name| name.as_bytes()));
        let file = match program::find(name, order.path, order.folder) {
            Ok(file) => CString::new(file.into_os_string().into_encoded_bytes())?,
            Err(status) => return Ok(Err(status)),
        };
        let (wiring, given) = Wiring::lay(order.lead, order.log.take(), lookout)?;
        let began = Boottime::now();
        let spawned = spawn(&Program {
            file: &file,
            argv: order.argv,
            env: order.env,
            workdir: None,
            stdio: [Stdio::To(rustix::stdio::stdin()), Stdio::To(given.out.as_fd()), Stdio::To(given.err.as_fd())],
            session: Session::Ours,
            inherit: &[],
        });
        let leader = match spawned {
            Ok(pid) => pid,
            Err(error) => return Ok(Err(program::explain(&error, name, order.folder))),
        };
        let never = Boottime::NEVER;
        let (ended, act, ladder, word) = (None, None, None, began.after(WORTH_A_WORD));
        let (again, patience, stopped) = (never, never, Vec::new());
        Ok(Ok(Self { order, leader, began, wiring, ended, act, ladder, stopped, word, again, patience }))
    }

    /// Says whether the last line on the terminal has no end yet.
    pub(super) fn is_mid_line(&self) -> bool {
        self.wiring.is_mid_line()
    }

    /// Passes on that somebody wants the program to end. A key of the terminal has reached it already; a second
    /// interrupt kills.
    pub(super) fn ask(&mut self, asked: Taken) {
        let now = Boottime::now();
        match &mut self.ladder {
            Some(ladder) if asked.signal == libc::SIGINT => {
                if ladder.skip_to(Rung::Kill, now, self.order.stop) {
                    self.perform(Rung::Kill, now);
                }
            }
            Some(_) => {}
            None => {
                self.act.get_or_insert(Act::Stopped);
                self.ladder = Some(Ladder::begin(Rung::Leader, now, self.order.stop));
                if !asked.is_the_kernels
                    && let Some(signal) = Signal::from_named_raw(asked.signal)
                {
                    self.signal_leader(signal);
                }
            }
        }
    }

    fn signal_leader(&self, signal: Signal) {
        // Not reaped yet, so the number is nobody else's.
        if self.ended.is_none() {
            process::signal_child(self.leader, signal);
        }
    }

    /// Takes children that have ended; orphans of the program come to us as well.
    fn reap(&mut self) {
        while let Some((pid, wait, usage)) = process::reap() {
            if pid == self.leader && self.ended.is_none() {
                self.ended = Some((wait, usage, Boottime::now()));
            }
        }
    }

    /// Does what is due.
    fn tick(&mut self, now: Boottime, lookout: &Lookout) {
        if self.ended.is_none() && self.ladder.is_none() && now >= self.limit() {
            self.act = Some(Act::TimedOut);
            self.ladder = Some(Ladder::begin(Rung::Leader, now, self.order.stop));
            self.perform(Rung::Leader, now);
        }
        if let Some(ladder) = &mut self.ladder
            && let Some(rung) = ladder.step(now, self.order.stop)
        {
            self.perform(rung, now);
        }
        if now >= self.again {
            self.perform(Rung::Kill, now);
        }
        if self.ended.is_none() {
            return;
        }
        let has_kin = !self.order.leaves && !kin().is_empty();
        if has_kin {
            self.patience = Boottime::NEVER;
            let is_new = self.ladder.as_ref().is_none_or(|ladder| ladder.rung() < Rung::All);
            if is_new {
                if self.ladder.is_none() {
                    self.stopped = names();
                }
                self.ladder = Some(Ladder::begin(Rung::All, now, self.order.stop));
                self.perform(Rung::All, now);
            }
        } else if self.patience == Boottime::NEVER {
            self.patience = now.after(LAST_WORDS);
        } else if now >= self.patience {
            // Somebody who is no descendant holds the other end.
            self.wiring.cut(lookout);
        }
    }

    fn perform(&mut self, rung: Rung, now: Boottime) {
        match rung {
            Rung::Ask => {}
            Rung::Leader => self.signal_leader(Signal::TERM),
            Rung::All => signal_all(Signal::TERM),
            Rung::Kill => {
                signal_all(Signal::KILL);
                self.again = now.after(AGAIN);
            }
        }
    }

    fn limit(&self) -> Boottime {
        self.order.limit.map_or(Boottime::NEVER, |limit| self.began.after(limit))
    }

    /// The moment at which something is due whatever happens.
    fn due(&self) -> Boottime {
        let limit = if self.ended.is_none() && self.ladder.is_none() { self.limit() } else { Boottime::NEVER };
        let ladder = self.ladder.as_ref().map_or(Boottime::NEVER, Ladder::due);
        limit.min(ladder).min(self.word).min(self.again).min(self.patience)
    }

    fn is_over(&self) -> bool {
        self.ended.is_some() && self.wiring.is_done() && (self.order.leaves || kin().is_empty())
    }

    fn finish(mut self, classes: &Classes) -> Ended {
        let (wait, used, at) = self.ended.expect("a child is over when it has ended");
        let (output_bytes, dropped_bytes) = self.wiring.finish();
        let usage = Usage {
            took: at.since(self.began),
            cpu: used.processor(),
            peak_bytes: used.max_rss_kib.saturating_mul(1024),
            output_bytes,
            dropped_bytes,
            survivors: if self.order.leaves { names() } else { Vec::new() },
            stopped: self.stopped,
            unenforced: Vec::new(),
        };
        let status = match wait {
            Wait::Exited(code) => Status::Exited { code },
            Wait::Signalled { signal, core } => Status::Signalled { signal, core },
        };
        let output = classes.search(&self.wiring.parts());
        Ended { status, act: self.act, usage, output, is_unread: self.wiring.is_unread() }
    }
}

/// Every living process that descends from this one, which holds one program at a time.
fn kin() -> Vec<proc::Stat> {
    let own = process::own_pid();
    let children = proc::own_children().unwrap_or_else(|| proc::by_parent().get(&own).cloned().unwrap_or_default());
    if children.is_empty() { Vec::new() } else { proc::family(&children) }
}

fn signal_all(signal: Signal) {
    for stat in kin() {
        Identity { pid: stat.pid, ticks: stat.ticks }.signal(signal);
    }
}

fn names() -> Vec<String> {
    kin().iter().map(|stat| witness::survivor(stat, true).to_string()).collect()
}
