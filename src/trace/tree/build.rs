//! The timeline of a run, built from its entries alone: when a piece has ended, and for every face alike.

use steadfast_retry::{AttemptNo, Cause, Decision, DelaySource, Ending, Event, Moment, Outcome};

use crate::evidence::Fact;
use crate::ids::Piece;
use crate::journal::{About, End, Entry, Happened, Opening, Start, Step, Told};
use crate::trace::InnerAttempt;
use crate::trace::tell::{decider, exit_of, source_of};

use super::{Kind, Node, Tree, derived};

/// Builds the timeline of a run from its entries, oldest first; `None` if none of them opens it.
#[must_use]
pub fn tree(entries: &[Entry]) -> Option<Tree> {
    let (run, opening, at) = entries.iter().find_map(|entry| match &entry.about {
        About::Run(run, Happened::Opened(opening)) => Some((*run, opening, entry.at)),
        About::Run(..) | About::Job(..) | About::Daemon(_) => None,
    })?;
    let mut root = Node::new(Kind::Run, format!("run {run}"), opening.span, at);
    describe_run(&mut root, opening, &run.to_string());
    let mut growing = Growing { root, open: Vec::new(), run: run.to_string(), opening, delay_over: None };
    growing.begin(Kind::Queue, "queue", at);
    for (index, entry) in entries.iter().enumerate() {
        if let About::Run(of, happened) = &entry.about
            && *of == run
        {
            growing.take(index, entry.at, happened);
        }
    }
    let root = growing.finish();
    Some(Tree { run, job: opening.job.clone(), trace: opening.trace, parent: opening.parent_span, root })
}

fn describe_run(root: &mut Node, opening: &Opening, run: &str) {
    root.set("cicd.pipeline.name", opening.job.as_str());
    root.set("cicd.pipeline.run.id", run);
    root.set("steadfast.by", opening.by.as_str());
    // Parameters stay out of it: they may hold what nobody should read in a tracing system.
    if let Some(point) = opening.point {
        root.set("steadfast.matrix.point", point);
    }
}

/// A tree that still grows.
struct Growing<'a> {
    root: Node,
    /// The pieces of the run that have no end yet, in the order of their beginning.
    open: Vec<Node>,
    run: String,
    opening: &'a Opening,
    /// Until when the delay was decided that is being waited for.
    delay_over: Option<Moment>,
}

impl Growing<'_> {
    fn take(&mut self, index: usize, at: Moment, happened: &Happened) {
        match happened {
            Happened::Stepped(step) => self.step(index, at, step),
            Happened::Started { piece, pid } => {
                if let Some(node) = self.process(*piece) {
                    node.set("process.pid", *pid);
                }
            }
            Happened::Told { piece, word } => {
                if let Some(node) = self.process(*piece) {
                    told(node, index, at, word);
                }
            }
            Happened::FinalizerBegan { piece, .. } => {
                self.begin(Kind::Finalizer, &finalizer_name(*piece), at);
            }
            Happened::FinalizerEnded { piece, result, sentence, .. } => {
                if let Some(node) = self.process(*piece) {
                    node.outcome = Some(result.as_str().to_owned());
                    node.note = Some(sentence.clone());
                }
                self.end(Kind::Finalizer, index, at);
            }
            Happened::Held { by } => {
                let hold = self.begin(Kind::Hold, "held", at);
                hold.note = Some(format!("by {by}"));
            }
            Happened::Released { .. } => self.end(Kind::Hold, index, at),
            Happened::Closed { ending, because } => {
                self.end_all(index, at);
                self.root.outcome = Some(ending.as_str().to_owned());
                self.root.note = because.clone().or_else(|| self.root.note.take());
                if !self.root.attributes.iter().any(|(name, _)| *name == "cicd.pipeline.result") {
                    self.root.set("cicd.pipeline.result", result_of(*ending, None));
                }
                self.root.end(at, index);
            }
            Happened::Opened(_) | Happened::Crossed { .. } | Happened::Late { .. } | Happened::Diverged { .. } => {}
        }
    }

    fn step(&mut self, index: usize, at: Moment, step: &Step) {
        match &step.event {
            Event::Ended { outcome, .. } => self.attempt_ended(index, at, step, outcome),
            Event::Voided { .. } => {
                if let Some(node) = self.last(Kind::Attempt) {
                    node.outcome = Some("never-started".to_owned());
                }
                self.end(Kind::Attempt, index, at);
            }
            Event::Due { .. } | Event::CancelAsked { .. } | Event::Quarantined { .. } => {}
        }
        match &step.decision {
            Decision::Attempt { number, .. } => {
                self.waited(index, at);
                self.attempt(*number, at, step.start);
            }
            Decision::Wait { until, because } => {
                self.delay_over = Some(*until);
                if *until <= at {
                    return;
                }
                let wait = self.begin(Kind::Wait, "wait", at);
                wait.note = because.delay.map(|source| match source {
                    DelaySource::Loop => "the policy's delay".to_owned(),
                    DelaySource::Rule => "the rule's delay".to_owned(),
                    DelaySource::Server => "the server asked for it".to_owned(),
                });
                wait.set("steadfast.wait.reason", reason_of(because.cause));
                wait.set("steadfast.wait.delay", until.since(at).as_secs_f64());
                if let Some(source) = because.delay {
                    wait.set("steadfast.wait.delay.source", source_of(source));
                }
            }
            Decision::Cut { because } => {
                if let Some(node) = self.last(Kind::Attempt) {
                    node.note = Some(because.to_string());
                }
            }
            Decision::Finish { ending, because } => {
                self.waited(index, at);
                self.root.set("cicd.pipeline.result", result_of(*ending, Some(because.cause)));
                let because = because.to_string();
                self.root.note = (because != ending.as_str()).then(|| because.clone());
                self.root.set("steadfast.because", because);
            }
        }
    }

    /// Ends what was waited for. A delay that was over before the attempt began was followed by waiting for a slot.
    fn waited(&mut self, index: usize, at: Moment) {
        self.end(Kind::Queue, index, at);
        let Some(until) = self.delay_over.take().filter(|until| *until < at) else {
            self.end(Kind::Wait, index, at);
            return;
        };
        self.end(Kind::Wait, index, until);
        self.begin(Kind::Queue, "queue", until);
        self.end(Kind::Queue, index, at);
    }

    fn attempt(&mut self, number: AttemptNo, at: Moment, start: Option<Start>) {
        let (run, job) = (self.run.clone(), self.opening.job.clone());
        let node = self.begin(Kind::Attempt, &format!("attempt {number}"), at);
        if let Some(start) = start {
            node.span = start.span;
        }
        node.set("cicd.pipeline.task.name", job);
        node.set("cicd.pipeline.task.run.id", format!("{run}/{number}"));
        node.set("steadfast.attempt.number", number.get());
    }

    fn attempt_ended(&mut self, index: usize, at: Moment, step: &Step, outcome: &Outcome) {
        let Some(node) = self.last(Kind::Attempt) else { return };
        let (word, result) = match outcome {
            Outcome::Succeeded => ("succeeded", "success"),
            Outcome::Failed(_) => ("failed", "failure"),
            Outcome::Interrupted => ("interrupted", "error"),
            Outcome::Cancelled => ("cancelled", "cancellation"),
        };
        node.set("cicd.pipeline.task.run.result", result);
        let because = step.decision.because();
        let class = step.end.as_ref().and_then(|end| end.verdict.class.as_ref()).or(because.class.as_ref());
        node.outcome = Some(class.map_or_else(|| word.to_owned(), |class| format!("{word} {class}")));
        if let Some(class) = class {
            node.set("error.type", class.as_str());
            node.set("steadfast.failure.class", class.as_str());
        }
        if let Some(rule) = &because.rule {
            node.set("steadfast.rule.id", u32::from(rule.index) + 1);
        }
        if let Some(end) = &step.end {
            describe_end(node, end);
            let ran = end.usage.ran(node.began, at);
            node.set("steadfast.attempt.ran", ran.as_secs_f64());
            node.ran = Some(ran);
        }
        self.end(Kind::Attempt, index, at);
    }

    /// Begins a piece of the run. Its span is derived; an attempt has its own.
    fn begin(&mut self, kind: Kind, name: &str, at: Moment) -> &mut Node {
        let nth = self.root.children.iter().chain(&self.open).filter(|node| node.kind == kind).count();
        let span = derived(self.opening.span, &format!("{name}/{nth}"));
        self.open.push(Node::new(kind, name, span, at));
        self.open.last_mut().expect("a piece was just added")
    }

    /// Ends the open pieces of a kind.
    fn end(&mut self, kind: Kind, index: usize, at: Moment) {
        let (ended, open) = std::mem::take(&mut self.open).into_iter().partition(|node| node.kind == kind);
        self.open = open;
        self.close(ended, index, at);
    }

    fn end_all(&mut self, index: usize, at: Moment) {
        let all = std::mem::take(&mut self.open);
        self.close(all, index, at);
    }

    fn close(&mut self, ended: Vec<Node>, index: usize, at: Moment) {
        for mut node in ended {
            node.end(at, index);
            end_phase(&mut node, index, at);
            self.root.children.push(node);
        }
    }

    fn last(&mut self, kind: Kind) -> Option<&mut Node> {
        self.open.iter_mut().rev().find(|node| node.kind == kind)
    }

    /// Finds the open piece that a process belongs to.
    fn process(&mut self, piece: Piece) -> Option<&mut Node> {
        let (kind, name) = match piece {
            Piece::Attempt(number) => (Kind::Attempt, format!("attempt {number}")),
            Piece::Finalizer { .. } => (Kind::Finalizer, finalizer_name(piece)),
        };
        self.last(kind).filter(|node| node.name == name)
    }

    fn finish(mut self) -> Node {
        self.root.children.append(&mut self.open);
        self.root.children.sort_by_key(|node| node.began);
        self.root
    }
}

fn finalizer_name(piece: Piece) -> String {
    match piece {
        Piece::Attempt(number) => format!("attempt {number}"),
        // As it is written everywhere, and as `logs RUN#f0.1` wants it.
        Piece::Finalizer { .. } => format!("finalizer {piece}"),
    }
}

/// Takes up what a program told while it ran.
fn told(node: &mut Node, index: usize, at: Moment, word: &Told) {
    let nth = node.children.len();
    let span = |name: &str| derived(node.span, &format!("{name}/{nth}"));
    let child = match word {
        Told::Phase(name) => {
            let span = span(name);
            end_phase(node, index, at);
            Node::new(Kind::Phase, name, span, at)
        }
        Told::Checkpoint { id, step } => {
            let mut child = Node::new(Kind::Checkpoint, format!("checkpoint {id}"), span(id), at);
            child.note = Some(format!("step {step}"));
            child.end(at, index);
            child
        }
        Told::Inner(line) => inner(line, span("inner"), index, at),
        Told::Ready | Told::Status(_) | Told::Step { .. } => return,
    };
    node.children.push(child);
}

/// Reads an attempt inside the program: it has ended when it is told.
fn inner(line: &str, span: crate::ids::SpanId, index: usize, at: Moment) -> Node {
    let Ok(inner) = line.parse::<InnerAttempt>() else {
        let mut node = Node::new(Kind::Inner, line, span, at);
        node.end(at, index);
        return node;
    };
    let took = inner.took.unwrap_or_default();
    let began = Moment::ORIGIN + at.since(Moment::ORIGIN).saturating_sub(took);
    let mut node = Node::new(Kind::Inner, format!("{} {}", inner.policy, inner.number), span, began);
    node.set("steadfast.policy.name", inner.policy);
    node.set("steadfast.attempt.number", inner.number);
    if let Some(class) = &inner.class {
        node.set("error.type", class.as_str());
    }
    node.outcome = Some(match inner.class {
        Some(class) => format!("{} {class}", inner.outcome),
        None => inner.outcome,
    });
    node.note = inner.delay.map(|delay| format!("then waits {}", steadfast_retry::Pretty(delay)));
    node.end(at, index);
    node
}

/// A phase lasts until the next one, or to the end of its attempt.
fn end_phase(node: &mut Node, index: usize, at: Moment) {
    let last = node.children.iter_mut().rev().find(|child| child.kind == Kind::Phase);
    if let Some(last) = last.filter(|phase| phase.ended.is_none()) {
        last.end(at, index);
    }
}

fn describe_end(node: &mut Node, end: &End) {
    match exit_of(end) {
        Some(Ok(code)) => node.set("process.exit.code", i64::from(code)),
        Some(Err(signal)) => node.set("steadfast.process.signal", i64::from(signal)),
        None => {}
    }
    if let Some(program) = &end.evidence.program {
        node.set("process.executable.name", program.as_str());
    }
    let status = end
        .evidence
        .facts
        .iter()
        .rev()
        .find_map(|fact| if let Fact::Status(status) = fact { Some(*status) } else { None });
    if let Some(status) = status {
        node.set("http.response.status_code", i64::from(status));
    }
    node.set("steadfast.cpu.time", end.usage.cpu.as_secs_f64());
    node.set("steadfast.memory.peak", end.usage.peak_bytes);
    if let Some(fact) = decider(end) {
        node.note = Some(fact.to_owned());
    }
}

/// The result of a pipeline, in the words of OpenTelemetry's conventions.
fn result_of(ending: Ending, cause: Option<Cause>) -> &'static str {
    match (ending, cause) {
        (Ending::Succeeded, _) => "success",
        (Ending::GaveUp, Some(Cause::DeadlinePassed | Cause::NoTimeLeft { .. })) => "timeout",
        (Ending::GaveUp | Ending::Stopped, _) => "failure",
        (Ending::Cancelled, _) => "cancellation",
        (Ending::Skipped, _) => "skip",
        (Ending::Quarantined, _) => "error",
    }
}

const fn reason_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Lost => "interruption",
        Cause::NeverStarted => "never-started",
        Cause::First
        | Cause::DelayOver
        | Cause::Succeeded
        | Cause::Failed
        | Cause::RuleStops
        | Cause::AttemptsSpent
        | Cause::GuardReached
        | Cause::TooManyLost
        | Cause::CeilingReached
        | Cause::DeadlinePassed
        | Cause::NoTimeLeft { .. }
        | Cause::ServerAsksTooMuch { .. }
        | Cause::Cancelled
        | Cause::Quarantined => "retry",
    }
}
