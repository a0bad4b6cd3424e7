use std::time::Duration;

use clap::Args;
use steadfast_retry::{Class, Dice, Ending, Outcome, Pretty, parse_duration};

use super::chance::Chance;
use super::timeline::{Stretch, Timeline, play};
use super::{Named, find, outcomes};
use crate::cli::answer::Answer;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::{self, Cell};

/// Plays a policy through, in simulated time, with outcomes that you choose
#[derive(Args, Debug)]
#[command(after_help = "\
An outcome is `ok`, `lost`, a class, an HTTP status or `exit=N`; `@2m` behind it
lets the server ask for that delay, `*3` repeats it.

Examples:
  steadfast policy forecast http --outcomes '503 503@2m net-reset ok' --seed 7
  steadfast policy forecast gpu-training --outcomes 'nccl-timeout*4 lost ok' --took 20m")]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
    /// The outcomes, one attempt after the other; without them every attempt fails until the run is over
    #[arg(long, value_name = "LIST")]
    outcomes: Option<String>,
    /// How long each attempt takes
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    took: Duration,
    /// Throw dice for the jitter, the same ones for the same number; without it delays have their nominal length
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let found = find(&what.named.policy, &what.named.files, console)?;
    let failed = || Outcome::Failed(steadfast_retry::Failure::of(Class::known("exit-nonzero")));
    let outcomes: Box<dyn Iterator<Item = Outcome>> = match &what.outcomes {
        Some(text) => Box::new(outcomes::read(text, &found.classes)?.into_iter()),
        None => Box::new(std::iter::repeat_with(failed)),
    };
    let mut chance = what.seed.map(Chance::of_seed);
    let dice = || chance.as_mut().map_or(Dice::NONE, Chance::throw);
    let timeline = play(&found.resolved.policy, outcomes, what.took, dice);
    if what.answer.json {
        console.json(&timeline)?;
    } else {
        console.print(&page(&timeline, console.width))?;
    }
    Ok(Exit::GOOD)
}

fn page(timeline: &Timeline, width: usize) -> String {
    let heading = ["AT", "#", "OUTCOME", "THEN", "BECAUSE"].map(|word| Cell::styled(word, text::FAINT)).to_vec();
    let rows: Vec<Vec<Cell>> = std::iter::once(heading).chain(timeline.attempts.iter().map(row)).collect();
    let mut out = text::prose(&rows, width);
    out.push_str(&summary(timeline));
    out
}

fn row(stretch: &Stretch) -> Vec<Cell> {
    let (outcome, style) = match &stretch.outcome {
        Outcome::Succeeded => ("succeeded".to_owned(), text::GOOD),
        Outcome::Failed(failure) => (failure.class.to_string(), text::BAD),
        Outcome::Interrupted => ("lost".to_owned(), text::DOUBTFUL),
        Outcome::Cancelled => ("cancelled".to_owned(), text::DOUBTFUL),
    };
    let then = match stretch.wait {
        Some(wait) => format!("wait {}", Pretty(wait).rounded()),
        None => "over".to_owned(),
    };
    let at = Pretty(stretch.begins).rounded();
    vec![
        Cell::new(at),
        Cell::new(stretch.number),
        Cell::styled(outcome, style),
        Cell::new(then),
        Cell::new(&stretch.because),
    ]
}

/// One line: how it ends, when, and how much of it was waiting.
pub(super) fn summary(timeline: &Timeline) -> String {
    let attempts = text::count(timeline.attempts.len(), "attempt");
    let (elapsed, waited) = (Pretty(timeline.elapsed).rounded(), Pretty(timeline.waited).rounded());
    let (ending, style) = match timeline.ending {
        Some(Ending::Succeeded) => ("succeeded".to_owned(), text::GOOD),
        Some(ending) => (ending.to_string(), text::BAD),
        None => ("goes on".to_owned(), text::DOUBTFUL),
    };
    format!("{style}{ending}{style:#} after {attempts} in {elapsed}, {waited} of it waiting\n")
}
