//! Entries of runs that were told by hand, for the tests of everything that reads entries. Decisions are the engine's own.

use std::time::Duration;

use steadfast_retry::{Class, Delay, Dice, Ending, Event, Finalizer, Moment, On, Origin, Policy, Rule, RunState};

use crate::evidence::{Classes, Evidence, ExitCodes, Fact, HostEvent, Intent, Stream, classify};
use crate::ids::{Digest, Piece, RunId, SpanId, Token, TraceId};
use crate::journal::{
    DaemonHappened, End, Entry, FinalizerResult, Happened, JobHappened, Opening, Start, Step, TickFate, Told, Trigger,
    Usage,
};

/// 2026-11-23 12:04:00 UTC.
pub(super) const BEGIN: Moment = Moment::from_nanos(1_795_435_440_000_000_000);

/// A run that is being told.
pub(super) struct Story {
    run: RunId,
    policy: Policy,
    state: RunState,
    at: Moment,
    pub(super) entries: Vec<Entry>,
}

fn opening(run: u64, job: &str) -> Opening {
    Opening {
        job: job.to_owned(),
        definition: Digest(7),
        classes: Digest(8),
        point: None,
        parameters: [("day".to_owned(), "2026-11-23".to_owned())].into(),
        trigger: Trigger::Asked,
        by: "ada".to_owned(),
        priority: 0,
        lane: format!("/{job}"),
        key: None,
        origin: RunId(run),
        sweep: None,
        serial: false,
        trace: TraceId(0xace << 96 | u128::from(run)),
        span: SpanId(0x5ba0_0000 | run << 8),
        parent_span: None,
    }
}

/// The opening of a run, as an entry.
pub(super) fn opened(run: u64, job: &str) -> Entry {
    Entry::of_run(BEGIN, RunId(run), Happened::Opened(Box::new(opening(run, job))))
}

/// A policy with a rule of each kind.
pub(super) fn policy() -> Policy {
    let mut busy = Rule::on(Class::known("http-busy")).attempts(30).obey_server(Duration::from_secs(3_600));
    busy.origin = Some(Origin { file: "jobs/papers.toml".into(), line: 14 });
    Policy::named("polite-http")
        .attempts(3)
        .delay(Delay::constant(Duration::from_secs(10)))
        .catch(busy)
        .catch(Rule::on(Class::known("not-found")).stop())
        .finally(Finalizer::new(On::Always, vec!["scripts/clean.sh".to_owned()]))
        .build()
        .expect("the policy of the story is right")
}

impl Story {
    pub(super) fn of(run: u64, job: &str) -> Self {
        let entries = vec![opened(run, job)];
        Self { run: RunId(run), policy: policy(), state: RunState::new(), at: BEGIN, entries }
    }

    /// Lets so many milliseconds pass.
    pub(super) fn after(&mut self, millis: u64) -> &mut Self {
        self.at = self.at + Duration::from_millis(millis);
        self
    }

    /// Adds whatever happened.
    pub(super) fn and(&mut self, happened: Happened) -> &mut Self {
        self.entries.push(Entry::of_run(self.at, self.run, happened));
        self
    }

    fn piece(&self) -> Piece {
        Piece::Attempt(self.state.last_attempt().expect("an attempt has begun"))
    }

    /// Lets the engine decide about an event.
    pub(super) fn step(&mut self, event: Event, end: Option<End>) -> &mut Self {
        let decision = self.state.step(&self.policy, &event).expect("the story is told in order");
        let number = u64::from(self.state.last_attempt().map_or(0, steadfast_retry::AttemptNo::get));
        let begins = matches!(event, Event::Due { .. });
        let start = begins.then_some(Start { token: Token(99), span: SpanId(self.run.0 << 16 | number) });
        self.and(Happened::Stepped(Box::new(Step { event, decision, start, end: end.map(Box::new), by: None })))
    }

    pub(super) fn begins(&mut self) -> &mut Self {
        let at = self.at;
        self.step(Event::Due { at }, None);
        let piece = self.piece();
        self.and(Happened::Started { piece, pid: 4_242 })
    }

    pub(super) fn tells(&mut self, word: Told) -> &mut Self {
        let piece = self.piece();
        self.and(Happened::Told { piece, word })
    }

    /// Ends the attempt with these facts, after so many milliseconds of work.
    pub(super) fn ends(&mut self, millis: u64, facts: &[Fact]) -> &mut Self {
        let mut evidence = Evidence::of_program("/usr/bin/fetch");
        facts.iter().for_each(|fact| evidence.push(fact.clone()));
        let verdict = classify(Classes::shipped(), &evidence, &ExitCodes::one(0));
        let outcome = verdict.outcome();
        let took = Duration::from_millis(millis);
        let usage = Usage { took, cpu: took / 2, peak_bytes: 12 << 20, output_bytes: 4_711, ..Usage::default() };
        self.after(millis);
        let at = self.at;
        let end = End { evidence, verdict, usage, mark: None };
        self.step(Event::Ended { at, outcome, progress: None, dice: Dice::NONE }, Some(end))
    }

    pub(super) fn finalizer(&mut self, tried: u16, result: FinalizerResult, sentence: &str) -> &mut Self {
        let piece = Piece::Finalizer { after: None, index: 0, tried };
        self.and(Happened::FinalizerBegan { piece, token: Token(7) }).and(Happened::Started { piece, pid: 77 });
        let sentence = sentence.to_owned();
        self.after(300).and(Happened::FinalizerEnded { piece, result, sentence, mark: None })
    }

    pub(super) fn closes(&mut self) -> &mut Self {
        let ending = self.state.ending().expect("only what is over is closed");
        self.and(Happened::Closed { ending, because: None })
    }
}

fn busy(asked: u64) -> [Fact; 3] {
    let line = "HTTP 429 \u{1b}]0;owned\u{7} Too Many Requests".to_owned();
    let output = Fact::Output { stream: Stream::Stderr, line, patterns: Vec::new() };
    [Fact::Status(429), Fact::RetryAfter(Duration::from_secs(asked)), output]
}

/// A run that succeeds at its fourth attempt, after nearly everything that can happen on the way.
pub(super) fn told() -> Vec<Entry> {
    let mut story = Story::of(42, "daily-papers");
    story.after(1_500).begins().ends(2_104, &busy(60));
    story.after(61_000).begins().after(100).tells(Told::Ready).tells(Told::Phase("download".to_owned()));
    story.after(900).tells(Told::Inner("fetch 1 failed class=net-reset took=350ms delay=1s".to_owned()));
    story.after(1_500).tells(Told::Inner("fetch 2 succeeded took=500ms".to_owned()));
    story.tells(Told::Phase("parse".to_owned())).tells(Told::Step { at: 7, of: Some(40) });
    story.after(400).tells(Told::Checkpoint { id: "page-7".to_owned(), step: 7 });
    story.tells(Told::Status("\u{202e}parsing\u{9b}2J".to_owned())).ends(800, &[Fact::Host(HostEvent::Lost)]);
    let at = story.after(5).begins().after(40).at;
    story.step(Event::Voided { at }, None).after(3).begins().ends(3_400, &[Fact::Exit(0)]);
    story.finalizer(1, FinalizerResult::Failed, "exit 1").after(5_000);
    story.finalizer(2, FinalizerResult::Done, "exit 0").closes();
    story.entries
}

/// A run that a rule ends at once.
pub(super) fn stopped() -> Vec<Entry> {
    let mut story = Story::of(43, "fetch-digits");
    story.after(20).begins().ends(700, &[Fact::Status(404)]).after(10).closes();
    story.entries
}

/// A run that gives up, and one that somebody ends.
pub(super) fn given_up_and_cancelled() -> Vec<Entry> {
    let mut story = Story::of(44, "sweep");
    for _ in 0..3 {
        story.after(10_000).begins().ends(15, &[Fact::Exit(1)]);
    }
    story.closes();
    let mut other = Story::of(45, "sweep");
    let at = other.begins().after(50).at;
    let facts = [Fact::Intent(Intent::Cancel), Fact::Signal { number: 15, core: false }];
    other.step(Event::CancelAsked { at }, None).ends(900, &facts).closes();
    story.entries.append(&mut other.entries);
    story.entries
}

/// Every kind of entry at least once, in no order that a run could have.
pub(super) fn everything() -> Vec<Entry> {
    let mut all = told();
    all.extend(stopped());
    all.extend(given_up_and_cancelled());
    let mut story = Story::of(50, "odd");
    let by = || "ada".to_owned();
    story.and(Happened::Held { by: by() }).and(Happened::Released { by: by() });
    story.and(Happened::Crossed { deaths: 2 }).and(Happened::Crossed { deaths: 0 });
    let at = story.begins().at;
    let piece = story.piece();
    let today = Box::new(RunState::new().step(&policy(), &Event::Due { at }).expect("a new run may begin"));
    story.and(Happened::Diverged { today });
    story.and(Happened::Late { piece, token: Token(1), sentence: "exit 0".to_owned(), mark: None });
    story.step(Event::Quarantined { at }, None).finalizer(1, FinalizerResult::Lost, "lost").closes();
    let mut skipped = Story::of(51, "after-all");
    let because = Some("job `odd` did not succeed".to_owned());
    skipped.and(Happened::Closed { ending: Ending::Skipped, because });
    all.append(&mut story.entries);
    all.append(&mut skipped.entries);
    let due = BEGIN.as_nanos() as i64;
    for happened in [
        JobHappened::Ticked { due, fate: TickFate::Opened(RunId(42)) },
        JobHappened::Ticked { due, fate: TickFate::Overlapped },
        JobHappened::Evaluated { until: due, missed: 0 },
        JobHappened::Evaluated { until: due, missed: 3 },
        JobHappened::Held { by: by() },
        JobHappened::Released { by: by() },
    ] {
        all.push(Entry::of_job(BEGIN, "daily-papers".to_owned(), happened));
    }
    for happened in [
        DaemonHappened::Woke { version: "0.1.0".to_owned(), boot: "b007".to_owned(), clean: true },
        DaemonHappened::Woke { version: "0.1.0".to_owned(), boot: "b007".to_owned(), clean: false },
        DaemonHappened::Loaded { jobs: 3, difference: "1 added".to_owned() },
        DaemonHappened::Recovered { sentence: "the store's disk was full".to_owned() },
        DaemonHappened::Slept,
    ] {
        all.push(Entry::of_daemon(BEGIN, happened));
    }
    all
}
