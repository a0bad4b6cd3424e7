//! The simulated hands: shims and programs, which live on when the daemon dies.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use steadfast::evidence::{Act, Evidence, Fact, HostEvent};
use steadfast::ids::{Piece, RunId, ShimId, Token};
use steadfast::journal::{Mark, Told};
use steadfast::launch::{Expected, Launch, ShimKind, Start};

use crate::agenda::{Agenda, Event, Letter};
use crate::chance::Chance;
use crate::log::note;
use crate::world::REPORTS;

/// What the hands tell a daemon.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    Started { start: Start, pid: u32 },
    Told { start: Start, word: Told },
    Ended { start: Start, evidence: Evidence, progress: Option<u64>, mark: Option<Mark> },
    Voided { start: Start },
}

/// Everything outside the daemon that holds programs.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    shims: BTreeMap<ShimId, Shim>,
    programs: BTreeMap<Token, Program>,
    claims: HashMap<Token, Claim>,
    pool: Option<ShimId>,
    /// The daemon that is listened to, once it has said what it expects.
    listener: Option<u64>,
    told_until: u64,
    next_pid: u32,
    /// Whether programs that never end by themselves are started no more.
    pub(crate) calm: bool,
    /// Whether shims start what was declared void: a planted fault.
    pub(crate) void_starts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Shim,
    Void,
}

/// A shim: alive or not, and its journal, which stays.
#[derive(Debug)]
struct Shim {
    alive: bool,
    journal: Vec<Record>,
    /// How much of the journal the present daemon was told.
    told: usize,
}

#[derive(Clone, Debug)]
struct Record {
    start: Start,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Started(u32),
    Told(Told),
    Ended(Evidence, Option<u64>),
}

/// One start of one program, whatever became of it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) start: Start,
    shim: ShimId,
    pub(crate) phase: Phase,
    limit: Option<Duration>,
    cut: bool,
    /// Whether it never ends on its own.
    pub(crate) endless: bool,
    plan: u32,
    verdict: Vec<Fact>,
    progress: Option<u64>,
    /// Whether somebody watches from outside what a dead shim left behind.
    watched: bool,
    /// Whether the shim wrote down how it ended.
    recorded: bool,
    rebooted: bool,
    pid: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Requested,
    Claimed,
    Running,
    Gone,
}

/// What came of an event of the hands, for whoever checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Nothing,
    Began(Start),
    Went(Start),
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

impl Hands {
    /// Forgets the daemon that was listened to.
    pub(crate) fn hang_up(&mut self) {
        self.listener = None;
    }

    /// A daemon has come up and knows how far each shim's journal is settled.
    pub(crate) fn open(&mut self, marks: &[(ShimId, u64)]) {
        for (id, shim) in &mut self.shims {
            let mark = marks.iter().find(|(marked, _)| marked == id).map_or(0, |(_, offset)| *offset as usize);
            shim.told = mark.min(shim.journal.len());
        }
    }

    /// Returns a program by the secret of its start.
    pub(crate) fn program(&self, token: Token) -> Option<&Program> {
        self.programs.get(&token)
    }

    /// Goes through the runs of which a program runs that never ends.
    pub(crate) fn endless(&self) -> impl Iterator<Item = RunId> + '_ {
        let running = |program: &&Program| program.endless && program.phase != Phase::Gone;
        self.programs.values().filter(running).map(|program| program.start.run)
    }

    /// Picks a shim that lives.
    pub(crate) fn some_shim(&self, chance: &mut Chance) -> Option<ShimId> {
        let alive: Vec<ShimId> = self.shims.iter().filter(|(_, shim)| shim.alive).map(|(id, _)| *id).collect();
        (!alive.is_empty()).then(|| *chance.pick(&alive))
    }

    /// Picks an end that was told before.
    pub(crate) fn old_report(&self, chance: &mut Chance) -> Option<Report> {
        let shims: Vec<_> = self.shims.iter().filter(|(_, shim)| shim.told > 0).collect();
        let (id, shim) = if shims.is_empty() { return None } else { *chance.pick(&shims) };
        let offset = chance.below(shim.told as u64) as usize;
        report(*id, offset, &shim.journal[offset])
    }

    /// Makes up the end of a start that bears the number of one that runs and another secret: of a store that was restored.
    pub(crate) fn strange_report(&self, chance: &mut Chance) -> Option<Report> {
        let running: Vec<Start> = self
            .programs
            .values()
            .filter(|program| program.phase == Phase::Running)
            .map(|program| program.start)
            .collect();
        let start = if running.is_empty() { return None } else { *chance.pick(&running) };
        let start = Start { token: Token(start.token.0 ^ 1), ..start };
        let evidence = Evidence { facts: vec![Fact::Exit(0)], ..Evidence::of_program("work") };
        Some(Report::Ended { start, evidence, progress: None, mark: None })
    }

    /// Carries out [`steadfast::dispatch::Effect::Launch`].
    pub(crate) fn launch(&mut self, agenda: &mut Agenda, chance: &mut Chance, launch: &Launch) {
        let shim = self.shim_for(chance, launch.shim);
        let token = launch.start.token;
        self.programs.insert(token, Program::requested(launch, shim));
        agenda.after(claim_delay(chance), Event::Claim(token));
    }

    fn shim_for(&mut self, chance: &mut Chance, kind: ShimKind) -> ShimId {
        if let (ShimKind::Pool, Some(pool)) = (kind, self.pool)
            && self.shims.get(&pool).is_some_and(|shim| shim.alive)
        {
            return pool;
        }
        let id = ShimId(chance.bits());
        self.shims.insert(id, Shim { alive: true, journal: Vec::new(), told: 0 });
        if kind == ShimKind::Pool {
            self.pool = Some(id);
        }
        id
    }

    /// Carries out [`steadfast::dispatch::Effect::Cut`].
    pub(crate) fn cut(&mut self, agenda: &mut Agenda, chance: &mut Chance, token: Token) {
        let Some(program) = self.programs.get_mut(&token) else { return };
        program.cut = true;
        if program.phase == Phase::Running {
            program.end_by_signal(agenda, chance);
        }
    }

    /// Carries out [`steadfast::dispatch::Effect::Adopt`]: tells what every journal holds, and what became of the rest.
    pub(crate) fn adopt(&mut self, agenda: &mut Agenda, chance: &mut Chance, life: u64, expected: &[Expected]) {
        self.listener = Some(life);
        let shims: Vec<ShimId> = self.shims.keys().copied().collect();
        let ended_behind = |shim: &Shim, start: Start| {
            let behind = &shim.journal[shim.told..];
            behind.iter().any(|record| record.start == start && matches!(record.what, What::Ended(..)))
        };
        let unsettled: Vec<Start> = expected
            .iter()
            .map(|expected| expected.start)
            .filter(|start| !self.shims.values().any(|shim| ended_behind(shim, *start)))
            .collect();
        for shim in shims {
            self.tell(agenda, chance, shim);
        }
        for start in unsettled {
            self.settle(agenda, chance, start);
        }
    }

    /// Says of a start without a record what became of it; one that nobody has claimed is claimed here, and is void.
    fn settle(&mut self, agenda: &mut Agenda, chance: &mut Chance, start: Start) {
        let Some(program) = self.programs.get_mut(&start.token) else {
            self.claims.insert(start.token, Claim::Void);
            return self.send(agenda, chance, Report::Voided { start });
        };
        let shim_lives = self.shims.get(&program.shim).is_some_and(|shim| shim.alive);
        match (program.phase, shim_lives) {
            (Phase::Requested, _) if !self.claims.contains_key(&start.token) => {
                self.claims.insert(start.token, Claim::Void);
                note!("  the start {start:?} is void");
                self.send(agenda, chance, Report::Voided { start });
            }
            (Phase::Requested, _) => self.send(agenda, chance, Report::Voided { start }),
            (Phase::Claimed, true) => {}
            (Phase::Running, _) => {
                program.watched |= !shim_lives;
                let pid = program.pid;
                self.send(agenda, chance, Report::Started { start, pid });
            }
            (Phase::Claimed | Phase::Gone, _) => {
                assert!(!program.recorded, "the end of {start:?} was settled by a mark, and is not in the store");
                program.phase = Phase::Gone;
                let lost = if program.rebooted { HostEvent::Rebooted } else { HostEvent::Lost };
                self.send(agenda, chance, lost_report(start, lost));
            }
        }
    }

    /// A shim takes a request; whoever comes second to the claim obeys.
    pub(crate) fn claim(&mut self, agenda: &mut Agenda, chance: &mut Chance, token: Token) {
        let Some(program) = self.programs.get_mut(&token) else { return };
        if !self.shims.get(&program.shim).is_some_and(|shim| shim.alive) || program.phase != Phase::Requested {
            return;
        }
        if self.claims.contains_key(&token) && !self.void_starts {
            program.phase = Phase::Gone;
            return;
        }
        self.claims.insert(token, Claim::Shim);
        program.phase = Phase::Claimed;
        agenda.after(chance.time(millis(1), millis(50)), Event::Spawn(token));
    }

    /// A shim starts the program.
    pub(crate) fn spawn(&mut self, agenda: &mut Agenda, chance: &mut Chance, token: Token) -> Seen {
        let Some(program) = self.programs.get_mut(&token) else { return Seen::Nothing };
        let shim_lives = self.shims.get(&program.shim).is_some_and(|shim| shim.alive);
        if !shim_lives || program.phase != Phase::Claimed {
            return Seen::Nothing;
        }
        self.next_pid += 1;
        (program.phase, program.pid) = (Phase::Running, self.next_pid);
        program.choose(agenda, chance, self.calm);
        if program.cut {
            program.end_by_signal(agenda, chance);
        }
        let (start, shim, pid) = (program.start, program.shim, program.pid);
        self.record(agenda, chance, shim, Record { start, what: What::Started(pid) });
        Seen::Began(start)
    }

    /// A program says something.
    pub(crate) fn speak(&mut self, agenda: &mut Agenda, chance: &mut Chance, token: Token) {
        let Some(program) = self.programs.get_mut(&token) else { return };
        if program.phase != Phase::Running {
            return;
        }
        let step = program.progress.unwrap_or(0) + chance.below(4);
        let word = if chance.percent(60) {
            program.progress = Some(step);
            Told::Checkpoint { id: "state".to_owned(), step }
        } else {
            Told::Step { at: step, of: None }
        };
        let (start, shim) = (program.start, program.shim);
        if chance.percent(50) {
            agenda.after(chance.time(millis(10), millis(5_000)), Event::Speak(token));
        }
        self.record(agenda, chance, shim, Record { start, what: What::Told(word) });
    }

    /// A program is gone with everything that it left.
    pub(crate) fn end(&mut self, agenda: &mut Agenda, chance: &mut Chance, token: Token, plan: u32) -> Seen {
        let Some(program) = self.programs.get_mut(&token) else { return Seen::Nothing };
        if program.phase != Phase::Running || program.plan != plan {
            return Seen::Nothing;
        }
        program.phase = Phase::Gone;
        let (start, shim, watched) = (program.start, program.shim, program.watched);
        if self.shims.get(&shim).is_some_and(|shim| shim.alive) {
            program.recorded = true;
            let evidence = Evidence { facts: program.verdict.clone(), ..Evidence::of_program("work") };
            let what = What::Ended(evidence, program.progress);
            self.record(agenda, chance, shim, Record { start, what });
        } else if watched {
            self.send(agenda, chance, lost_report(start, HostEvent::Lost));
        }
        Seen::Went(start)
    }

    /// A shim dies; what it held lives on.
    pub(crate) fn shim_dies(&mut self, agenda: &mut Agenda, chance: &mut Chance, id: ShimId) {
        let Some(shim) = self.shims.get_mut(&id) else { return };
        shim.alive = false;
        if let Some(life) = self.listener {
            agenda.after(chance.time(millis(1), millis(2_000)), Event::ShimMissed { life, shim: id });
        }
    }

    /// The daemon sees that a shim is gone, reads its journal to the end and asks after what it held.
    pub(crate) fn shim_missed(&mut self, agenda: &mut Agenda, chance: &mut Chance, life: u64, id: ShimId) {
        if self.listener != Some(life) {
            return;
        }
        let of_shim = |program: &&Program| program.shim == id && !program.recorded && !program.watched;
        let orphans: Vec<Start> = self.programs.values().filter(of_shim).map(|program| program.start).collect();
        for start in orphans {
            let program = &self.programs[&start.token];
            let void = self.claims.get(&start.token) == Some(&Claim::Void);
            if void || (program.phase == Phase::Gone && program.rebooted) {
                continue;
            }
            self.settle(agenda, chance, start);
        }
    }

    /// The power fails: nothing of this boot lives on, and the ends of journals may be lost.
    pub(crate) fn reboot(&mut self, chance: &mut Chance) -> Vec<Start> {
        self.hang_up();
        self.pool = None;
        let mut gone = Vec::new();
        for shim in self.shims.values_mut() {
            if !shim.alive {
                continue;
            }
            shim.alive = false;
            let torn = chance.below(4).min(shim.journal.len() as u64) as usize;
            for record in shim.journal.drain(shim.journal.len() - torn..) {
                if let (What::Ended(..), Some(program)) = (&record.what, self.programs.get_mut(&record.start.token)) {
                    program.recorded = false;
                }
            }
            shim.told = shim.told.min(shim.journal.len());
        }
        for program in self.programs.values_mut() {
            if program.phase == Phase::Running {
                gone.push(program.start);
            }
            if matches!(program.phase, Phase::Running | Phase::Claimed) {
                (program.phase, program.rebooted) = (Phase::Gone, true);
            }
        }
        gone
    }

    fn record(&mut self, agenda: &mut Agenda, chance: &mut Chance, id: ShimId, record: Record) {
        let Some(shim) = self.shims.get_mut(&id).filter(|shim| shim.alive) else { return };
        shim.journal.push(record);
        if self.listener.is_some() {
            self.tell(agenda, chance, id);
        }
    }

    /// Tells the daemon what it was not told of a shim's journal; sometimes twice.
    fn tell(&mut self, agenda: &mut Agenda, chance: &mut Chance, id: ShimId) {
        let Some(shim) = self.shims.get_mut(&id) else { return };
        let behind = shim.told.min(shim.journal.len());
        shim.told = shim.journal.len();
        let records: Vec<_> = (behind..).zip(shim.journal[behind..].to_vec()).collect();
        for (offset, record) in records {
            let Some(report) = report(id, offset, &record) else { continue };
            if chance.permille(15) {
                self.send(agenda, chance, report.clone());
            }
            self.send(agenda, chance, report);
        }
    }

    /// Sends a report on its way; reports arrive in the order in which they were sent.
    pub(crate) fn send(&mut self, agenda: &mut Agenda, chance: &mut Chance, report: Report) {
        let Some(life) = self.listener else { return };
        let latency = chance.time(Duration::from_micros(20), millis(20)).as_nanos() as u64;
        self.told_until = self.told_until.max(agenda.now + latency);
        agenda.at(self.told_until, Event::Letter { life, letter: Letter::Report(report) });
    }
}

impl Program {
    fn requested(launch: &Launch, shim: ShimId) -> Self {
        Self {
            start: launch.start,
            shim,
            phase: Phase::Requested,
            limit: launch.watch.limit,
            cut: false,
            endless: false,
            plan: 0,
            verdict: Vec::new(),
            progress: None,
            watched: false,
            recorded: false,
            rebooted: false,
            pid: 0,
        }
    }

    /// Says whether it ended well and that is written down.
    pub(crate) fn succeeded(&self) -> bool {
        self.phase == Phase::Gone && self.verdict == [Fact::Exit(0)]
    }

    /// Chooses how it will go: how long it runs, how it ends, what it says.
    fn choose(&mut self, agenda: &mut Agenda, chance: &mut Chance, calm: bool) {
        let token = self.start.token;
        let attempt = matches!(self.start.piece, Piece::Attempt(_));
        self.verdict = if attempt { how_an_attempt_ends(chance) } else { vec![Fact::Exit(chance.percent(25).into())] };
        self.endless = attempt && !calm && chance.percent(2);
        let mut length = chance.time(millis(1), Duration::from_secs(120));
        if let Some(limit) = self.limit
            && (self.endless || length > limit)
        {
            (length, self.endless) = (limit, false);
            self.verdict = vec![Fact::Act(Act::AttemptTimeout { limit }), Fact::Signal { number: 15, core: false }];
        }
        if !self.endless {
            agenda.after(length, Event::End { token, plan: self.plan });
        }
        if attempt && chance.percent(20) {
            agenda.after(chance.time(millis(1), length.max(millis(2))), Event::Speak(token));
        }
    }

    /// Ends it by the ladder; it may still end in its own way before that.
    fn end_by_signal(&mut self, agenda: &mut Agenda, chance: &mut Chance) {
        if chance.percent(80) || self.endless {
            self.plan += 1;
            self.endless = false;
            let gracefully = chance.percent(30);
            self.verdict =
                if gracefully { vec![Fact::Exit(0)] } else { vec![Fact::Signal { number: 15, core: false }] };
            let length = chance.time(millis(1), Duration::from_secs(15));
            agenda.after(length, Event::End { token: self.start.token, plan: self.plan });
        }
    }
}

fn how_an_attempt_ends(chance: &mut Chance) -> Vec<Fact> {
    let exit = Fact::Exit(1);
    match chance.below(20) {
        0..=8 => vec![Fact::Exit(0)],
        9..=11 => vec![exit],
        12 => vec![Fact::Signal { number: 9, core: false }],
        13 => vec![Fact::RetryAfter(*chance.pick(&[millis(1_000), millis(30_000), millis(600_000)])), exit],
        _ => vec![Fact::Report { word: (*chance.pick(&REPORTS)).to_owned(), detail: String::new() }, exit],
    }
}

fn claim_delay(chance: &mut Chance) -> Duration {
    if chance.percent(6) {
        chance.time(millis(100), Duration::from_secs(600))
    } else {
        chance.time(Duration::from_micros(50), millis(5))
    }
}

fn report(shim: ShimId, offset: usize, record: &Record) -> Option<Report> {
    let start = record.start;
    Some(match &record.what {
        What::Started(pid) => Report::Started { start, pid: *pid },
        What::Told(word) => Report::Told { start, word: word.clone() },
        What::Ended(evidence, progress) => {
            let mark = Some(Mark { shim, offset: offset as u64 + 1 });
            Report::Ended { start, evidence: evidence.clone(), progress: *progress, mark }
        }
    })
}

fn lost_report(start: Start, how: HostEvent) -> Report {
    let evidence = Evidence { facts: vec![Fact::Host(how)], ..Evidence::of_program("work") };
    Report::Ended { start, evidence, progress: None, mark: None }
}
