//! Runs on their way, as their journal tells it. The daemon's stream is the bell and says which line to read; what it says is read
//! where it stands, so that nothing is missed or told twice when the daemon goes and another comes.

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_retry::{AttemptNo, Decision, Event, Moment};

use super::Until;
use crate::api::{Heard, Lines, Problem};
use crate::cli::console::Console;
use crate::cli::countdown::Countdown;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::follow::{self, Line};
use crate::cli::narrator::Told;
use crate::cli::source::Source;
use crate::cli::text;
use crate::ids::RunId;
use crate::journal::{Happened, Step};
use crate::store::State;
use crate::store::view::{EventView, Events, RunRow};
use crate::sys::time::Boottime;

/// How long a line is listened for at a time where nothing is shown meanwhile.
const LONG: Duration = Duration::from_secs(3600);
/// How long what is shown stays as it is.
const SECOND: Duration = Duration::from_secs(1);

/// Runs that are waited for.
pub(super) struct Watch<'w> {
    source: &'w Source,
    until: Until,
    /// How many there are.
    all: usize,
    /// Those that are not over.
    pending: BTreeMap<RunId, Way>,
    /// The only one, if there is only one.
    only: Option<RunId>,
    /// The last line of the journal that was read.
    after: u64,
    is_quiet: bool,
    countdown: Countdown,
}

/// How far a run has come, as far as that was heard.
#[derive(Default)]
struct Way {
    /// When its first attempt began.
    first: Option<Moment>,
    /// The latest attempt, and when it began.
    attempt: Option<(AttemptNo, Moment)>,
    stands: Stands,
}

/// An attempt with its beginning, and that of its run's first.
struct Begun {
    number: AttemptNo,
    began: Moment,
    first: Moment,
}

/// What a run does now.
#[derive(Default)]
enum Stands {
    #[default]
    Queued,
    Running(u32),
    Waiting {
        next: u32,
        until: Moment,
        class: Option<String>,
    },
    Finishing,
}

impl<'w> Watch<'w> {
    /// Watches runs from a line of the journal on.
    pub(super) fn from(source: &'w Source, runs: &[RunId], until: Until, after: u64, is_quiet: bool) -> Self {
        let pending: BTreeMap<RunId, Way> = runs.iter().map(|run| (*run, Way::default())).collect();
        let only = runs.first().copied().filter(|_| pending.len() == 1);
        let countdown = Countdown::new(is_quiet);
        Self { source, until, all: pending.len(), pending, only, after, is_quiet, countdown }
    }

    /// Takes note of how far the runs have come already.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        let runs: Vec<RunId> = self.pending.keys().copied().collect();
        for run in runs {
            let row = self.source.row(run)?;
            if row.state == State::Closed {
                self.pending.remove(&run);
            } else if let Some(way) = self.pending.get_mut(&run) {
                way.stands = stands(&row);
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        match self.until {
            Until::All => self.pending.is_empty(),
            Until::Any => self.pending.len() < self.all,
        }
    }

    /// Waits until enough of them are over, or until a time.
    pub(super) fn wait(&mut self, line: &mut Line<'_>, end: Boottime, console: &mut Console) -> Result<(), Failure> {
        let waited = self.wait_on(line, end, console);
        self.countdown.clear();
        waited
    }

    fn wait_on(&mut self, line: &mut Line<'_>, end: Boottime, console: &mut Console) -> Result<(), Failure> {
        loop {
            // What the last daemon wrote before it went stands in the store, and no other is needed to read it.
            self.catch_up(console)?;
            if self.is_done() || Boottime::now() >= end {
                return Ok(());
            }
            let problem = match line.client().follow_events(self.only, Some(self.after)) {
                Ok(mut lines) => match self.listen(&mut lines, end, console)? {
                    Some(problem) => {
                        drop(lines);
                        line.answers();
                        problem
                    }
                    None => return Ok(()),
                },
                Err(problem) => problem,
            };
            self.countdown.clear();
            line.again(problem, end, console)?;
        }
    }

    /// Listens to a daemon; returns why it cannot go on, or nothing if it need not.
    fn listen(
        &mut self,
        lines: &mut Lines<'_, EventView>,
        end: Boottime,
        console: &mut Console,
    ) -> Result<Option<Problem>, Failure> {
        let most = if self.countdown.is_watched() { SECOND } else { LONG };
        loop {
            let left = end.since(Boottime::now()).min(most);
            if self.is_done() || left.is_zero() {
                return Ok(None);
            }
            self.show();
            match lines.next_within(left) {
                Heard::Line(Ok(event)) => self.hear(&event, console)?,
                Heard::Line(Err(problem)) => return Ok(Some(problem)),
                Heard::End => return Ok(Some(follow::ended())),
                Heard::Nothing => {}
            }
        }
    }

    /// Reads what stands in the journal behind the last line that was read.
    fn catch_up(&mut self, console: &mut Console) -> Result<(), Failure> {
        while !self.is_done() {
            let page = self.source.events(&Events { after: self.after, limit: 1000, run: self.only })?;
            for event in &page.events {
                self.take(event, console)?;
            }
            self.after = page.next;
            if !page.more {
                break;
            }
        }
        Ok(())
    }

    /// Takes a line of which the daemon told.
    fn hear(&mut self, told: &EventView, console: &mut Console) -> Result<(), Failure> {
        let concerns = told.run.filter(|run| self.pending.contains_key(run));
        match concerns {
            // The daemon shows numbers and times as people want them; the entry itself stands in the store.
            Some(_) if told.kind == "stepped" => {
                let wanted = Events { after: told.seq.saturating_sub(1), limit: 1, run: told.run };
                for event in &self.source.events(&wanted)?.events {
                    self.take(event, console)?;
                }
            }
            Some(_) => self.take(told, console)?,
            None => {}
        }
        self.after = self.after.max(told.seq);
        Ok(())
    }

    fn take(&mut self, event: &EventView, console: &mut Console) -> Result<(), Failure> {
        let Some(run) = event.run.filter(|run| self.pending.contains_key(run)) else { return Ok(()) };
        match event.kind.as_str() {
            "closed" => {
                self.pending.remove(&run);
            }
            "stepped" => {
                if let Ok(Happened::Stepped(step)) = serde_json::from_value(event.entry.clone()) {
                    if let Some(line) = self.step(run, event.at.moment(), &step)? {
                        self.say(run, &line, console);
                    }
                } else {
                    let seq = event.seq;
                    return Err(Failure::new(Exit::FAILED, format_args!("line {seq} of the journal cannot be read")));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Follows a step; returns what is said of it.
    fn step(&mut self, run: RunId, at: Moment, step: &Step) -> Result<Option<String>, Failure> {
        let line = match &step.event {
            Event::Ended { .. } if !self.is_quiet => self.ended(run, at, step)?,
            Event::Ended { .. }
            | Event::Due { .. }
            | Event::Voided { .. }
            | Event::CancelAsked { .. }
            | Event::Quarantined { .. } => None,
        };
        let Some(way) = self.pending.get_mut(&run) else { return Ok(line) };
        match &step.decision {
            Decision::Attempt { number, .. } => {
                if *number == AttemptNo::FIRST {
                    way.first = Some(at);
                }
                way.attempt = Some((*number, at));
                way.stands = Stands::Running(number.get());
            }
            Decision::Wait { until, because } => {
                let class = because.class.as_ref().map(|class| class.as_str().to_owned());
                let next = match (&way.stands, way.attempt) {
                    (_, Some((number, _))) => number.next().get(),
                    (Stands::Running(number), None) => number + 1,
                    (Stands::Queued | Stands::Waiting { .. } | Stands::Finishing, None) => 1,
                };
                way.stands = Stands::Waiting { next, until: *until, class };
            }
            Decision::Finish { .. } => way.stands = Stands::Finishing,
            Decision::Cut { .. } => {}
        }
        Ok(line)
    }

    /// Says how an attempt ended and what follows.
    fn ended(&self, run: RunId, at: Moment, step: &Step) -> Result<Option<String>, Failure> {
        let heard = self.pending.get(&run).and_then(|way| {
            let (number, began) = way.attempt?;
            Some(Begun { number, began, first: way.first? })
        });
        let found = if heard.is_some() { heard } else { self.read(run, at)? };
        let Some(Begun { number, began, first }) = found else { return Ok(None) };
        let told = match &step.end {
            Some(end) => Told::judged(number, end.usage.ran(began, at), &end.verdict),
            None => Told::plain(number, at.since(began), "ended"),
        };
        let wait = match &step.decision {
            Decision::Wait { until, .. } => until.since(at),
            Decision::Attempt { .. } | Decision::Cut { .. } | Decision::Finish { .. } => Duration::ZERO,
        };
        Ok(told.line(&step.decision, wait, number.get(), at.since(first)))
    }

    /// Finds the attempt that ended at a moment, where its beginning was not heard.
    fn read(&self, run: RunId, at: Moment) -> Result<Option<Begun>, Failure> {
        let view = self.source.run(run)?;
        let ended = view.attempts.iter().find(|attempt| attempt.ended_at.is_some_and(|ended| ended.moment() == at));
        let first = view.began_at.map(|began| began.moment());
        Ok(ended.zip(first).and_then(|(attempt, first)| {
            Some(Begun { number: AttemptNo::new(attempt.number)?, began: attempt.began_at.moment(), first })
        }))
    }

    fn say(&mut self, run: RunId, line: &str, console: &mut Console) {
        self.countdown.clear();
        let faint = text::FAINT;
        console.say(format_args!("{faint}run {run}:{faint:#} {line}"));
    }

    /// Shows how it stands, if somebody watches.
    fn show(&mut self) {
        if !self.countdown.is_watched() {
            return;
        }
        let now = self.source.now().moment();
        let line = match self.pending.iter().next() {
            Some((run, way)) if self.pending.len() == 1 && self.all == 1 => format!("run {run}{}", way.told(now)),
            _ => self.several(now),
        };
        self.countdown.show(format_args!("{line}; Ctrl-C ends the waiting, not the run"));
    }

    fn several(&self, now: Moment) -> String {
        let over = self.all - self.pending.len();
        let running = self.pending.values().filter(|way| matches!(way.stands, Stands::Running(_))).count();
        let due = |way: &Way| match &way.stands {
            Stands::Waiting { until, .. } => Some(*until),
            Stands::Queued | Stands::Running(_) | Stands::Finishing => None,
        };
        let next = self.pending.iter().filter_map(|(run, way)| Some((due(way)?, run, way))).min_by_key(|next| next.0);
        let next = next.map_or_else(String::new, |(_, run, way)| format!(", run {run}{}", way.told(now)));
        format!("{over} of {} over, {running} running{next}", self.all)
    }
}

impl Way {
    fn told(&self, now: Moment) -> String {
        match (&self.stands, self.attempt) {
            (Stands::Queued, _) => " waits for its first attempt".to_owned(),
            (Stands::Running(number), Some((_, began))) => {
                format!(": #{number} runs for {}", Countdown::whole(now.since(began)))
            }
            (Stands::Running(number), None) => format!(": #{number} runs"),
            (Stands::Waiting { next, until, class }, _) => {
                let class = class.as_deref().map_or_else(String::new, |class| format!(" after {class}"));
                format!(": #{next} in {}{class}", Countdown::whole(until.since(now)))
            }
            (Stands::Finishing, _) => " is finishing".to_owned(),
        }
    }
}

fn stands(row: &RunRow) -> Stands {
    match (row.state, row.due_at) {
        (State::Running, _) => Stands::Running(row.attempts),
        (State::Waiting, Some(due)) => {
            Stands::Waiting { next: row.attempts + 1, until: due.moment(), class: row.class.clone() }
        }
        (State::Finishing | State::Closed, _) => Stands::Finishing,
        (State::Queued, _) | (State::Waiting, None) => Stands::Queued,
    }
}
