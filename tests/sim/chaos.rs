//! What people, machines and bad luck do to a daemon.

use std::sync::Arc;
use std::time::Duration;

use steadfast::ids::RunId;

use crate::agenda::{Event, Letter};
use crate::client::{Request, Wish};
use crate::log::note;
use crate::play::Play;
use crate::world::{self, NAMES};

impl Play {
    /// Does one thing, and plans the next.
    pub(crate) fn chaos(&mut self) {
        if self.profile.deeds == 0 {
            return self.agenda.after(Duration::from_secs(1), Event::Calm);
        }
        self.profile.deeds -= 1;
        self.deed();
        let pause = self.chance.time(Duration::from_millis(1), self.profile.pace);
        self.agenda.after(pause, Event::Chaos);
    }

    fn deed(&mut self) {
        match self.chance.below(100) {
            0..=29 => self.wish_for_runs(),
            30..=42 => self.cancel_something(),
            43..=54 => self.hold_something(),
            55..=60 => self.edit_files(),
            61..=64 => {
                let drain = self.chance.percent(50);
                self.ask(Request::Drain(drain));
            }
            65..=67 => {
                let take_jobs = self.chance.percent(50);
                self.ask(Request::Stop { take_jobs });
            }
            68..=79 => {
                if let Some(daemon) = &self.daemon {
                    let life = daemon.life;
                    let pause = self.chance.time(Duration::from_micros(1), Duration::from_millis(30));
                    self.agenda.after(pause, Event::Kill { life });
                }
            }
            80..=81 => self.reboot(),
            82..=86 => {
                if let Some(shim) = self.hands.some_shim(&mut self.chance) {
                    self.agenda.after(Duration::ZERO, Event::ShimDies(shim));
                }
            }
            87..=90 => self.set_clock(),
            91..=93 => self.repeat_report(),
            94..=95 => self.profile.slots = self.chance.between(1, 4) as usize,
            _ => {}
        }
    }

    /// Sends a request to the daemon that lives now, if one does.
    pub(crate) fn ask(&mut self, request: Request) {
        let Some(life) = self.daemon.as_ref().map(|daemon| daemon.life) else { return };
        if let Request::Start { id, .. }
        | Request::Cancel { id, .. }
        | Request::HoldRun { id, .. }
        | Request::HoldJob { id, .. } = &request
        {
            self.clients.ask(*id, &request);
        }
        let latency = self.chance.time(Duration::from_micros(10), Duration::from_millis(10));
        self.agenda.after(latency, Event::Letter { life, letter: Letter::Request(request) });
    }

    fn wish_for_runs(&mut self) {
        let many = if self.chance.percent(15) { self.chance.between(2, self.profile.bulk) } else { 1 };
        let mut orders = Vec::new();
        let job = (*self.chance.pick(&NAMES)).to_owned();
        for _ in 0..many {
            let mut wish = Wish { job: job.clone(), ..Wish::default() };
            if many == 1 {
                self.decorate(&mut wish);
            } else if self.chance.percent(20) {
                wish.priority = Some(self.chance.between(0, 20) as i32 - 10);
            }
            orders.push(wish);
        }
        let id = self.clients.number();
        self.ask(Request::Start { id, orders });
    }

    fn decorate(&mut self, wish: &mut Wish) {
        if self.chance.percent(40) {
            wish.key = Some(format!("key-{}", self.chance.below(6)));
            wish.point = self.files.jobs.get(&wish.job).filter(|job| !job.definition.matrix.is_empty()).map(|_| 0);
        } else if self.chance.percent(20) {
            wish.point = Some(self.chance.below(3) as u32);
        }
        if self.chance.percent(15) {
            wish.priority = Some(self.chance.between(0, 20) as i32 - 10);
        }
        if wish.key.is_none() && self.chance.percent(20) {
            wish.retry = self.some_run();
            if let Some(run) = wish.retry
                && let Some((opening, _)) = self.opening_of(run)
            {
                wish.job = opening.job;
                wish.point = None;
            }
        }
    }

    /// Picks a run, mostly one that is not over.
    fn some_run(&mut self) -> Option<RunId> {
        let open: Vec<RunId> = self.audit.open_runs().collect();
        if !open.is_empty() && self.chance.percent(85) {
            return Some(*self.chance.pick(&open));
        }
        let newest = open.last().map_or(3, |run| run.0);
        Some(RunId(self.chance.between(1, newest + 1)))
    }

    fn cancel_something(&mut self) {
        let Some(run) = self.some_run() else { return };
        for _ in 0..self.chance.between(1, 2) {
            let id = self.clients.number();
            self.ask(Request::Cancel { id, run });
        }
    }

    fn hold_something(&mut self) {
        let hold = self.chance.percent(60);
        let id = self.clients.number();
        if self.chance.percent(50) {
            let Some(run) = self.some_run() else { return };
            self.ask(Request::HoldRun { id, run, hold });
        } else {
            let job = (*self.chance.pick(&NAMES)).to_owned();
            self.ask(Request::HoldJob { id, job, hold });
        }
    }

    fn edit_files(&mut self) {
        self.files = Arc::new(world::edited(&mut self.chance, &self.files));
        self.ask(Request::Load);
    }

    /// Somebody sets the wall clock, or it is corrected.
    fn set_clock(&mut self) {
        let minutes = |minutes: i64| minutes * 60_000_000_000;
        self.ahead += *self.chance.pick(&[minutes(-30), minutes(-1), minutes(1), minutes(45), minutes(60 * 26)]);
        note!("the clock is set to {}", self.wall());
        self.hand_over(steadfast::dispatch::Input::Tick);
    }

    /// A report comes a second time, long after, or of a start that is not ours; it overtakes none that is on its way.
    fn repeat_report(&mut self) {
        let strange = self.chance.percent(50);
        let chance = &mut self.chance;
        let report = if strange { self.hands.strange_report(chance) } else { self.hands.old_report(chance) };
        if let Some(report) = report {
            self.hands.send(&mut self.agenda, chance, report);
        }
    }

    /// Lets the world come to rest: nothing breaks any more, and whatever is held or endless is let go.
    pub(crate) fn calm_down(&mut self) {
        if !std::mem::replace(&mut self.calm, true) {
            // Whatever was due while the world was unkind is dealt with in a while.
            self.hands.calm = true;
            self.store.break_down(None);
            self.agenda.after(Duration::ZERO, Event::Wake);
            return self.agenda.after(Duration::from_secs(20), Event::Calm);
        }
        let ready = self.daemon.as_ref().is_some_and(|daemon| daemon.dispatcher.is_some() && !daemon.stopping);
        let ended_by_itself = self.profile.until_idle && self.daemon.is_none();
        if !ready && !ended_by_itself {
            self.agenda.after(Duration::from_secs(1), Event::Wake);
            return self.agenda.after(Duration::from_secs(30), Event::Calm);
        }
        if !self.quiet {
            self.fall_quiet(ready);
        }
        let endless: Vec<RunId> = self.hands.endless().collect();
        if !endless.is_empty() {
            for run in endless {
                let id = self.clients.number();
                self.ask(Request::Cancel { id, run });
            }
            self.agenda.after(Duration::from_secs(60), Event::Calm);
        }
    }

    /// Nobody asks for anything any more, and no schedule is due.
    fn fall_quiet(&mut self, ready: bool) {
        note!("the world calms down");
        if ready {
            self.audit.no_tick_is_asleep(self.wall());
        }
        self.quiet = true;
        self.files = Arc::new(world::without_schedules(&self.files));
        if !ready {
            self.agenda.after(Duration::ZERO, Event::Wake);
        }
        self.ask(Request::Load);
        self.ask(Request::Drain(false));
        if !self.profile.leaves_held {
            self.release_all();
        }
    }

    fn release_all(&mut self) {
        let held = self.audit.held();
        for run in held.0 {
            let id = self.clients.number();
            self.ask(Request::HoldRun { id, run, hold: false });
        }
        for job in held.1 {
            let id = self.clients.number();
            self.ask(Request::HoldJob { id, job, hold: false });
        }
    }
}
