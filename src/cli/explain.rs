//! `steadfast explain`: the page about a key, a code or a class. The pages themselves stand where the things are
//! defined.

mod variables;

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::answer::Answer;
use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;
use super::policy::Files;
use super::text::{self, Cell};
use crate::evidence::{ClassDef, Classes};
use crate::job;
use variables::{VARIABLES, Variable};

/// Explains a class of failures, a key of a file, a variable or the code of a mistake
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast explain                  lists the classes
  steadfast explain net-reset
  steadfast explain 'gpu-*'
  steadfast explain attempt-timeout
  steadfast explain STEADFAST_RUN_ID
  steadfast explain SF0102")]
pub(super) struct Arguments {
    /// A class or pattern, a key, a variable, or a code such as SF0102; without it the classes are listed
    #[arg(value_name = "CLASS|KEY|CODE")]
    word: Option<String>,
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    answer: Answer,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let classes = super::files::read(&what.files.paths, console)?.classes;
    let Some(word) = what.word.as_deref() else {
        return list(classes.iter(), what.answer, console);
    };
    if let Some(class) = classes.describe(word) {
        if what.answer.json {
            console.plain(&json!({ "word": word, "class": class }))?;
        } else {
            console.print(&page(class, console.width))?;
        }
        return Ok(Exit::GOOD);
    }
    if word.contains('*')
        && let Ok(pattern) = steadfast_retry::ClassPattern::new(word.to_owned())
        && classes.known(&pattern)
    {
        return list(classes.iter().filter(|class| pattern.matches(&class.name)), what.answer, console);
    }
    if let Some(Variable { name, whose, says }) = variables::find(word) {
        if what.answer.json {
            console.json(&json!({ "word": name, "whose": whose, "says": says }))?;
        } else {
            let bold = text::HEADING;
            let says = text::wrap(says, console.width, 2);
            console.print(&format!("{bold}{name}{bold:#} (a variable {whose})\n{says}"))?;
        }
        return Ok(Exit::GOOD);
    }
    match job::explain(word) {
        Ok(page) if what.answer.json => console.json(&json!({ "word": word, "page": page }))?,
        Ok(page) => console.print(&folded(&page, console.width))?,
        Err(unknown) if word.contains("STEADFAST_") => {
            let known = VARIABLES.iter().map(|variable| variable.name);
            let first = unknown.lines().next().unwrap_or_default();
            return Err(Failure::not_found(first).suggest(word.trim_start_matches('$'), known));
        }
        Err(unknown) => return Err(unknown_word(word, &unknown, &classes)),
    }
    Ok(Exit::GOOD)
}

fn list<'a>(
    classes: impl Iterator<Item = &'a ClassDef>,
    answer: Answer,
    console: &mut Console,
) -> Result<Exit, Failure> {
    if answer.json {
        console.plain(&json!({ "classes": classes.collect::<Vec<_>>() }))?;
        return Ok(Exit::GOOD);
    }
    let row = |class: &ClassDef| {
        vec![Cell::styled(&class.name, text::HEADING), Cell::new(class.kind), Cell::new(&class.means)]
    };
    let table = text::headed(["CLASS", "KIND", "MEANS"], classes.map(row).collect(), console.width);
    console.print(&table)?;
    console.say("see one: steadfast explain CLASS");
    Ok(Exit::GOOD)
}

fn page(class: &ClassDef, width: usize) -> String {
    let (bold, hint) = (text::HEADING, text::HINT);
    let mut out = format!("{bold}{}{bold:#} ({}, {})\n", class.name, class.kind, class.origin);
    let _ = writeln!(out, "{}", text::wrap(&class.means, width, 2));
    if !class.advice.is_empty() {
        let _ = writeln!(out, "\n{hint}help:{hint:#} {}", text::wrap(&class.advice, width, 2).trim_start());
    }
    if class.when.is_empty() {
        out.push_str("\nnamed by nothing but the program's own report or the runner\n");
        return out;
    }
    out.push_str("\nnamed when\n");
    for when in &class.when {
        // Patterns are shown as they are: a line break in one would be another pattern.
        let _ = writeln!(out, "  {when}");
    }
    out
}

/// Breaks the long lines of a page.
fn folded(page: &str, width: usize) -> String {
    let fold = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        text::wrap(line, width, indent)
    };
    page.lines().map(|line| fold(line) + "\n").collect()
}

fn unknown_word(word: &str, told: &str, classes: &Classes) -> Failure {
    let failure = Failure::not_found(told);
    // A class of the user's own files may be nearer than anything that comes with steadfast.
    match classes.nearest(word) {
        Some(meant) => failure.help(format_args!("did you mean `{meant}`?")),
        None => failure,
    }
}
