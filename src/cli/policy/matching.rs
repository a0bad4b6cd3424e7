//! `steadfast policy match`: what a policy would do about a failure that somebody describes. The verdict and the
//! decision are the real ones; only the evidence is made up.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use steadfast_retry::{Class, Decision, Dice, Event, Moment, Outcome, Policy, Pretty, RunState, parse_duration};

use super::timeline::{OutcomeView, Timeline, play};
use super::{Found, Named, find, forecast, show};
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text;
use crate::evidence::{Act, Classes, Evidence, ExitCodes, Fact, OomScope, Part, Signal, Stream, Verdict, classify};
use crate::store::view::{BecauseView, plain};

/// Says which rule of a policy catches a failure, and what follows
#[derive(Args, Debug)]
#[command(override_usage = "steadfast policy match [OPTIONS] <POLICY> <WHAT IS SEEN>...")]
#[command(after_help = "\
Examples:
  steadfast policy match http --http 429 --retry-after 2m
  steadfast policy match gpu-training --exit 1 --output 'CUDA out of memory'
  steadfast policy match training --signal KILL --oom own
  steadfast policy match http --class auth-denied")]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    seen: Seen,
    #[command(flatten)]
    answer: Answer,
}

/// What is seen of the failure.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct Seen {
    /// The failure has this class
    #[arg(long, value_name = "CLASS", conflicts_with_all = ["exit", "signal", "http", "output", "report", "xid", "oom", "timeout"])]
    class: Option<String>,
    /// The program ends with this code
    #[arg(long, value_name = "CODE", conflicts_with = "signal")]
    exit: Option<i32>,
    /// A signal ends the program: KILL, SIGTERM, 9
    #[arg(long, value_name = "SIGNAL")]
    signal: Option<String>,
    /// The server answers with this status
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(100..600))]
    http: Option<u16>,
    /// The server asks to wait so long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    retry_after: Option<Duration>,
    /// The program writes this line to stderr
    #[arg(long, value_name = "LINE")]
    output: Vec<String>,
    /// The program reports this word itself
    #[arg(long, value_name = "WORD")]
    report: Option<String>,
    /// The driver reports this Xid event
    #[arg(long, value_name = "NUMBER")]
    xid: Option<u32>,
    /// The kernel kills for want of memory: of the job's own limit, or of the whole machine
    #[arg(long, value_name = "WHOSE", value_parser = ["own", "global"])]
    oom: Option<String>,
    /// The attempt's time limit ends it
    #[arg(long)]
    timeout: bool,
    /// The name of the program, which some exit codes depend on
    #[arg(long, value_name = "NAME")]
    program: Option<String>,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let found = find(&what.named.policy, &what.named.files, console)?;
    let (verdict, outcome) = what.seen.outcome(&found.classes)?;
    let policy = &found.resolved.policy;
    let [low, nominal, high] = [Dice::LOWEST, Dice::NONE, Dice::HIGHEST].map(|dice| first(policy, &outcome, dice));
    let again = play(policy, std::iter::repeat(outcome.clone()), Duration::from_secs(1), || Dice::NONE);
    if what.answer.json {
        let rule = rule(&found, &outcome).map(|(index, _)| index + 1);
        let (wait, ending) = match &nominal {
            Decision::Wait { until, .. } => (Some(until.since(Moment::ORIGIN).as_secs_f64()), None),
            Decision::Finish { ending, .. } => (None, Some(ending)),
            Decision::Attempt { .. } | Decision::Cut { .. } => (None, None),
        };
        let decision = json!({
            "wait_seconds": wait, "ending": ending, "because": BecauseView::from(nominal.because()),
        });
        let (verdict, outcome) = (serde_json::to_value(verdict), OutcomeView::of(&outcome));
        let verdict = plain(verdict.unwrap_or_default());
        let told = json!({
            "verdict": verdict, "seen": outcome, "rule": rule, "decision": decision, "repeated": again,
        });
        console.json(&told)?;
        return Ok(Exit::GOOD);
    }
    let mut out = String::new();
    if let Some(verdict) = &verdict {
        let _ = writeln!(out, "{verdict}");
    }
    describe_rule(&mut out, &found, &outcome);
    let _ = writeln!(out, "then: {}", then(&low, &nominal, &high));
    repeated(&mut out, &again);
    let folded: Vec<String> = out.lines().map(|line| text::hang(line, console.width)).collect();
    console.print(&folded.join("\n"))?;
    Ok(Exit::GOOD)
}

impl Seen {
    /// Makes the evidence of it, and what the evidence comes to.
    fn outcome(&self, classes: &Classes) -> Result<(Option<Verdict>, Outcome), Failure> {
        if let Some(name) = &self.class {
            let Some(def) = classes.describe(name) else {
                let unknown = Failure::not_found(format_args!("no class is named `{name}`"));
                return Err(match classes.nearest(name) {
                    Some(meant) => unknown.help(format_args!("did you mean `{meant}`?")),
                    None => unknown.help("`steadfast explain` lists them"),
                });
            };
            let failure = steadfast_retry::Failure { class: def.name.clone(), server_delay: self.retry_after };
            return Ok((None, Outcome::Failed(failure)));
        }
        let verdict = classify(classes, &self.evidence(classes)?, &ExitCodes::one(0));
        let outcome = verdict.outcome();
        Ok((Some(verdict), outcome))
    }

    fn evidence(&self, classes: &Classes) -> Result<Evidence, Failure> {
        let mut evidence = self.program.as_deref().map_or_else(Evidence::default, Evidence::of_program);
        if self.timeout {
            evidence.push(Fact::Act(Act::AttemptTimeout { limit: Duration::from_secs(1) }));
        }
        if let Some(whose) = &self.oom {
            let scope = OomScope::ALL.iter().find(|scope| scope.as_str() == whose).copied();
            evidence.push(Fact::OomKill(scope.expect("the parser admits the words of the list only")));
        }
        if let Some(number) = self.xid {
            evidence.push(Fact::Xid(number));
        }
        if let Some(word) = &self.report {
            evidence.push(Fact::Report { word: word.clone(), detail: String::new() });
        }
        evidence.facts.extend(self.retry_after.map(Fact::RetryAfter));
        evidence.facts.extend(self.http.map(Fact::Status));
        let lines = self.output.join("\n");
        let parts = [Part { stream: Stream::Stderr, bytes: lines.as_bytes() }];
        evidence.facts.extend(classes.search(&parts));
        evidence.facts.extend(self.exit.map(Fact::Exit));
        if let Some(text) = &self.signal {
            evidence.push(Fact::Signal { number: signal(text)?.0, core: false });
        }
        if self.exit.is_none() && self.signal.is_none() && self.http.is_none() {
            // A program that says something and then succeeds has not failed.
            evidence.push(Fact::Exit(1));
        }
        Ok(evidence)
    }
}

fn signal(text: &str) -> Result<Signal, Failure> {
    let value = text.parse().map_or_else(|_| serde_json::Value::from(text.to_uppercase()), |number: i32| number.into());
    serde_json::from_value(value)
        .map_err(|_| Failure::usage(format_args!("`{text}` is no signal")).help("write TERM, SIGKILL or 9"))
}

/// What is decided after a first attempt that ends so.
fn first(policy: &Policy, outcome: &Outcome, dice: Dice) -> Decision {
    let mut run = RunState::new();
    let at = Moment::ORIGIN;
    let in_order = "a first attempt begins, and then it ends";
    run.step(policy, &Event::Due { at }).expect(in_order);
    let ended = Event::Ended { at, outcome: outcome.clone(), progress: None, dice };
    run.step(policy, &ended).expect(in_order)
}

fn class(outcome: &Outcome) -> Option<&Class> {
    if let Outcome::Failed(failure) = outcome { Some(&failure.class) } else { None }
}

fn rule<'a>(found: &'a Found, outcome: &Outcome) -> Option<(usize, &'a steadfast_retry::Rule)> {
    found.resolved.policy.rule_for(class(outcome)?)
}

fn describe_rule(out: &mut String, found: &Found, outcome: &Outcome) {
    let bold = text::HEADING;
    match (class(outcome), rule(found, outcome)) {
        (Some(class), Some((index, rule))) => {
            let place = rule.origin.as_ref().map(|origin| format!(" ({origin})")).unwrap_or_default();
            let treatment = show::treatment(rule);
            let _ = writeln!(out, "{bold}rule {}{bold:#}{place} catches {class}: {treatment}", index + 1);
        }
        (Some(class), None) => {
            let _ = writeln!(out, "{bold}no rule{bold:#} catches {class}: it is charged to the loop");
        }
        (None, _) => {}
    }
}

fn then(low: &Decision, nominal: &Decision, high: &Decision) -> String {
    let wait = |decision: &Decision| {
        if let Decision::Wait { until, .. } = decision { Some(until.since(Moment::ORIGIN)) } else { None }
    };
    match (nominal, wait(low), wait(high)) {
        (Decision::Wait { because, .. }, Some(low), Some(high)) => {
            let (shortest, longest) = (Pretty(low).rounded(), Pretty(high).rounded());
            let span = if low == high { shortest.to_string() } else { format!("{shortest} to {longest}") };
            format!("attempt 2 after {span} ({because})")
        }
        (Decision::Finish { ending, because }, ..) => format!("{ending} ({because})"),
        (decision, ..) => decision.because().to_string(),
    }
}

fn repeated(out: &mut String, again: &Timeline) {
    if again.attempts.len() > 1 {
        let _ = write!(out, "if every attempt ends so: {}", forecast::summary(again));
    }
}
