//! From a running program to its last word: reaping, stopping, draining.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::Signal;

use super::Shim;
use super::attempt::{Leader, Over};
use super::claim;
use super::kin::identity;
use super::ladder::Ladder;
use super::wire::Record;
use crate::exec::{Act, Status, Witness, witness};
use crate::failpoint;
use crate::launch::{Leftovers, Rung};
use crate::sys::process::{self, Usage, Wait};
use crate::sys::time::{Boottime, Wall};
use crate::sys::{files, pidfd, proc};

/// How long pipes are read that somebody else holds open.
const DRAIN: Duration = Duration::from_secs(2);
/// How long the kernel may take to tell the exit of somebody else's child.
const TELL: Duration = Duration::from_secs(5);
/// How long killing may go on before it is told that it does not help.
const CLING: Duration = Duration::from_secs(10);
/// How many mailboxes are kept for programs to come.
const SPARE: usize = 64;

impl Shim {
    /// Takes every child that has ended.
    pub(super) fn reap(&mut self) {
        failpoint!("shim::reap::before");
        while let Some((pid, wait, usage)) = process::reap() {
            match self.leaders.get(&pid).copied() {
                Some(key) if self.attempts.get(&key).is_some_and(|attempt| attempt.over.is_none()) => {
                    self.leader_ended(key, wait.into(), usage, Witness::Parent);
                }
                Some(_) | None => drop(self.orphans.remove(&pid)),
            }
        }
        failpoint!("shim::reap::after");
        self.sort_orphans();
        let over = self.attempts.iter().filter(|(_, attempt)| attempt.over.is_some()).map(|(key, _)| *key);
        for key in over.collect::<Vec<_>>() {
            self.settle(key);
        }
    }

    fn leader_ended(&mut self, key: u32, status: Status, usage: Usage, witness: Witness) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let (now, at) = (attempt.asking.unwrap_or_else(Boottime::now), Wall::now());
        attempt.capture.read_rest(&mut self.buffer, at);
        let (ran, drain) = (now.since(attempt.up), now.after(DRAIN));
        let has_drained = false;
        attempt.over = Some(Over { status, at, up: now, ran, usage, witness, drain, has_drained, told: false });
    }

    /// Writes down that a first process ended and nobody knows how, and goes on to what it left.
    pub(super) fn lost_leader(&mut self, key: u32, why: &str) {
        let status = Status::Interrupted { why: why.to_owned() };
        self.leader_ended(key, status, Usage::default(), Witness::None);
        self.settle(key);
    }

    /// A process that is somebody else's child has ended: asks the kernel how.
    pub(super) fn foreign_ended(&mut self, key: u32) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let Leader::Foreign(_, handle) = &attempt.leader else {
            return;
        };
        if attempt.over.is_some() {
            return;
        }
        if let Some(wait) = pidfd::exit_of(handle) {
            self.poller.remove(handle);
            let status = match Status::from(wait) {
                Status::Signalled { signal: libc::SIGPIPE, .. } if attempt.lost_reader => {
                    Status::Interrupted { why: "its shim died, and with it the reader of its output".to_owned() }
                }
                status => status,
            };
            self.leader_ended(key, status, Usage::default(), Witness::Kernel);
            return self.settle(key);
        }
        // Ended and not reaped: readable for ever, so it is looked at by the clock from here on.
        self.poller.remove(handle);
        let now = Boottime::now();
        let since = *attempt.asking.get_or_insert(now);
        if now.since(since) >= TELL {
            return self.lost_leader(key, "its shim died, and the kernel does not tell how it ended");
        }
        attempt.look_again(now);
        self.rearm(key);
    }

    /// Does what the clock says is due.
    pub(super) fn tick(&mut self, key: u32, now: Boottime) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        attempt.capture.sample(now, Wall::now());
        let notices = attempt.mailbox.as_mut().map(|mailbox| mailbox.take_due(now)).unwrap_or_default();
        let is_late = now >= attempt.deadline();
        self.note(key, notices, now);
        if is_late {
            self.stop(key, Act::TimedOut, Rung::Ask);
        }
        self.descend(key, now);
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        if now >= attempt.look {
            attempt.look = Boottime::NEVER;
            if attempt.over.is_none() && attempt.asking.is_some() {
                self.foreign_ended(key);
            } else if attempt.ladder.as_ref().is_some_and(|ladder| ladder.rung() == Rung::Kill) {
                self.kill(key, now);
            }
        }
        self.sort_orphans();
        self.settle(key);
    }

    /// Begins to stop a program, or goes on faster.
    pub(super) fn stop(&mut self, key: u32, act: Act, from: Rung) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        if attempt.over.is_none() {
            attempt.act.get_or_insert(act);
        }
        self.go_down(key, from, Boottime::now());
    }

    /// Steps on a rung, unless the program is deeper already, and on from there while the graces are zero.
    fn go_down(&mut self, key: u32, rung: Rung, now: Boottime) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        // Without its leader, only the rungs for all are left.
        let rung = if attempt.over.is_some() { rung.max(Rung::All) } else { rung };
        let plan = &attempt.watch.stop;
        let moved = match &mut attempt.ladder {
            Some(ladder) => ladder.skip_to(rung, now, plan),
            None => {
                attempt.ladder = Some(Ladder::begin(rung, now, plan));
                true
            }
        };
        if moved {
            self.perform(key, rung, now);
        }
        self.descend(key, now);
    }

    /// Takes the steps that are due.
    fn descend(&mut self, key: u32, now: Boottime) {
        while let Some(attempt) = self.attempts.get_mut(&key)
            && (attempt.asking.is_none() || attempt.over.is_some())
            && let Some(rung) = attempt.ladder.as_mut().and_then(|ladder| ladder.step(now, &attempt.watch.stop))
        {
            self.perform(key, rung, now);
        }
        self.rearm(key);
    }

    fn perform(&mut self, key: u32, rung: Rung, now: Boottime) {
        failpoint!("shim::signal::before");
        match rung {
            Rung::Ask => self.ask(key),
            Rung::Leader => self.signal_leader(key),
            Rung::All => self.signal_all(key),
            Rung::Kill => self.kill(key, now),
        }
        failpoint!("shim::signal::after");
    }

    fn ask(&self, key: u32) {
        let Some(attempt) = self.attempts.get(&key) else { return };
        if let Some(mailbox) = &attempt.mailbox {
            mailbox.tell_stopping();
        }
        if let Some(file) = &attempt.watch.stop.file {
            if let Some(folder) = file.parent() {
                let _ = files::make_folder(folder);
            }
            let _ = std::fs::write(file, "stop\n");
        }
    }

    fn signal_leader(&self, key: u32) {
        let Some(attempt) = self.attempts.get(&key).filter(|attempt| attempt.over.is_none()) else {
            return;
        };
        for signal in [Signal::TERM, Signal::CONT] {
            failpoint!("shim::signal::leader");
            match &attempt.leader {
                Leader::Child(who) => drop(process::signal_child(who.pid, signal)),
                Leader::Foreign(_, handle) => drop(process::send(handle, signal)),
                Leader::Gone(_) => {}
            }
        }
    }

    fn signal_all(&mut self, key: u32) {
        self.sort_orphans();
        for stat in self.kin(key) {
            let who = identity(&stat);
            failpoint!("shim::signal::all");
            who.signal(Signal::TERM);
            who.signal(Signal::CONT);
        }
    }

    /// Kills everyone, again until nobody new appears, and sets the clock to look whether it helped.
    fn kill(&mut self, key: u32, now: Boottime) {
        failpoint!("shim::kill::before");
        if let Some(group) = self.attempts.get(&key).and_then(|attempt| attempt.cgroup.as_ref()) {
            group.kill();
        }
        let mut killed = HashSet::new();
        for _ in 0..64 {
            self.sort_orphans();
            let fresh: Vec<_> = self.kin(key).iter().map(identity).filter(|who| killed.insert(*who)).collect();
            if fresh.is_empty() {
                break;
            }
            for who in fresh {
                who.signal(Signal::KILL);
                failpoint!("shim::kill::between");
            }
        }
        failpoint!("shim::kill::after");
        self.tell_clinging(key, now);
        if let Some(attempt) = self.attempts.get_mut(&key) {
            attempt.look_again(now);
        }
        self.rearm(key);
    }

    fn tell_clinging(&mut self, key: u32, now: Boottime) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let (since, told) = attempt.killing.get_or_insert((now, false));
        if *told || now.since(*since) < CLING {
            return;
        }
        *told = true;
        let start = attempt.start;
        let survivors = self.kin(key).iter().map(|stat| witness::survivor(stat, true)).collect();
        self.record(&Record::Clinging { start, survivors });
    }

    /// After the leader's end: ends the attempt if nothing of it is left, else sees to what is. Orphans must have been sorted.
    pub(super) fn settle(&mut self, key: u32) {
        let kin = match self.attempts.get(&key) {
            Some(attempt) if attempt.over.is_some() => self.kin(key),
            Some(_) | None => return self.rearm(key),
        };
        let now = Boottime::now();
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let Some(over) = &mut attempt.over else { return };
        over.has_drained |= now >= over.drain;
        let is_drained = attempt.capture.is_drained() || over.has_drained;
        let stops = attempt.watch.leftovers == Leftovers::Stop;
        // Somebody whom we cannot see, another user's process for example, may hold on to an adopted program's claim.
        let is_held =
            stops && attempt.leader.is_adopted() && witness::is_held(&claim::path(&self.claims, &attempt.start));
        if is_drained && ((kin.is_empty() && !is_held) || !stops) {
            return self.finish(key, &kin);
        }
        self.tell_leader_ended(key);
        if (!kin.is_empty() || is_held) && stops {
            let Some(attempt) = self.attempts.get_mut(&key) else {
                return;
            };
            if attempt.look == Boottime::NEVER && (attempt.leader.is_adopted() || attempt.cgroup.is_some()) {
                // Nobody tells us when a process ends that is not our child.
                attempt.look_again(now);
            }
            self.go_down(key, Rung::All, now);
        }
        self.rearm(key);
    }

    fn tell_leader_ended(&mut self, key: u32) {
        let Some(attempt) = self.attempts.get_mut(&key) else {
            return;
        };
        let Some(over) = attempt.over.as_mut().filter(|over| !over.told) else {
            return;
        };
        over.told = true;
        let record = Record::LeaderEnded { start: attempt.start, at: over.at, status: over.status.clone() };
        self.record(&record);
    }

    fn finish(&mut self, key: u32, left: &[proc::Stat]) {
        let mut survivors: Vec<_> = left.iter().map(|stat| witness::survivor(stat, true)).collect();
        survivors.extend(self.doubtful());
        let Some(mut attempt) = self.attempts.remove(&key) else {
            return;
        };
        let at = Wall::now();
        attempt.capture.read_rest(&mut self.buffer, at);
        if let Some(mut mailbox) = attempt.mailbox.take() {
            let mut notices = mailbox.read(&mut attempt.said, Boottime::now());
            notices.extend(mailbox.take_rest());
            for notice in notices {
                let start = attempt.start;
                self.journal.append(&Record::Notified { start, at, notice });
            }
            self.poller.remove(&mailbox);
            if survivors.is_empty() && self.mailboxes.len() < SPARE && mailbox.empty() {
                self.mailboxes.push(mailbox);
            }
        }
        self.timers.remove(&(attempt.armed, key));
        self.tokens.remove(&attempt.start.token);
        if let Some(first) = attempt.leader.session()
            && self.leaders.get(&first.pid) == Some(&key)
        {
            self.leaders.remove(&first.pid);
        }
        self.release(key);
        if let Some(file) = attempt.ladder.as_ref().and(attempt.watch.stop.file.as_ref()) {
            let _ = std::fs::remove_file(file);
        }
        let output = attempt.capture.finish(at);
        if let Some(exit) = attempt.exit(output, survivors) {
            self.record_end(exit);
        }
    }
}

impl From<Wait> for Status {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Exited(code) => Self::Exited { code },
            Wait::Signalled { signal, core } => Self::Signalled { signal, core },
        }
    }
}
