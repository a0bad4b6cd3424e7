//! What serde and the parser say of a mistake, in our words, with a remedy.

use std::ops::Range;

use steadfast_retry::table::{Source, nearest};

use crate::job::{Code, Diagnostic};

/// Which table is spoken of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// `job`, `policy`, `class` or `group`.
    pub(super) kind: &'a str,
    /// Its name.
    pub(super) name: &'a str,
}

/// Where in a table a mistake is.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The keys that lead to it.
    pub(super) keys: Vec<String>,
    /// Whether it is an entry of a list, not the list itself.
    pub(super) is_entry: bool,
}

/// Keys that people write in the wrong place or remember from elsewhere, and what to write instead.
const MISPLACED: &[(&str, &str)] = &[
    ("args", "arguments stand in `run`, after the program: run = [\"python3\", \"train.py\"]"),
    ("attempt-timeout", "it belongs to the loop: loop = { attempt-timeout = \"10m\" }"),
    ("attempts", "it belongs to the loop: loop = { attempts = 5 }"),
    ("backoff", "it is called `delay`: delay = { exponential = \"1s\", cap = \"5m\" }"),
    ("cap", "it belongs to the delay: delay = { exponential = \"1s\", cap = \"5m\" }"),
    ("ceiling", "it belongs to the loop: loop = { attempts = \"unlimited\", ceiling = 5000 }"),
    ("cmd", "write it in the job's table `command`: run = [\"program\", \"argument\"]"),
    ("concurrency", "use `overlap` for runs of one job, and a `group` with `slots` for several jobs"),
    ("cron", "it belongs to the schedule: schedule = { cron = \"30 8 * * *\" }"),
    ("cwd", "it is called `workdir`"),
    ("deadline", "it belongs to the loop: loop = { deadline = \"2h\" }"),
    ("depends", "it is called `after`: after = [\"fetch\"]"),
    ("depends-on", "it is called `after`: after = [\"fetch\"]"),
    ("environment", "it is called `env`"),
    ("every", "it belongs to the schedule: schedule = { every = \"10m\" }"),
    ("exponential", "it belongs to the delay: delay = { exponential = \"1s\" }"),
    ("kind", "the action is named by its table: `[job.NAME.command]`"),
    ("max-attempts", "it is called `attempts`, in `loop`, and counts the first call as well"),
    ("max-delay", "it is called `cap`, in `delay`"),
    ("max-retries", "write `attempts` in `loop`, which counts calls, the first included: one more than retries"),
    ("memory", "it belongs to the limits: limits = { memory = \"8GiB\" }"),
    ("name", "the name stands in the header: `[job.NAME]`"),
    ("needs", "it is called `after`: after = [\"fetch\"]"),
    ("on-failure", "write finally = [ { on = \"failed\", run = [\"program\"] } ]"),
    ("on-success", "write finally = [ { on = \"succeeded\", run = [\"program\"] } ]"),
    ("open-files", "it belongs to the limits: limits = { open-files = 4096 }"),
    ("output", "it belongs to the command: `[job.NAME.command]`, output = \"file\""),
    ("queue", "write overlap = { queue = 1 }"),
    ("retries", "write `attempts` in `loop`, which counts calls, the first included: one more than retries"),
    ("retry", "name a policy, or lay `loop`, `delay` and `catch` over it"),
    ("run", "it belongs to the action: `[job.NAME.command]`, run = [\"program\", \"argument\"]"),
    ("script", "write it in the job's table `command`: shell = \"./script.sh\""),
    ("shell", "it belongs to the action: `[job.NAME.command]`, shell = \"...\""),
    ("slots", "it belongs to a group: `[group.NAME]`, slots = 1, and group = \"NAME\" in the job"),
    ("success", "it belongs to the command: `[job.NAME.command]`, success = [0, 3]"),
    ("timeout", "write loop = { attempt-timeout = \"10m\" } for one attempt, `deadline` for the whole run"),
    ("timezone", "it is called `zone`, in the schedule"),
    ("tz", "it is called `zone`"),
    ("user", "jobs run as the user of the daemon; run a daemon of that user"),
    ("when", "it is called `schedule` in a job: schedule = { cron = \"30 8 * * *\" }"),
    ("working-directory", "it is called `workdir`"),
    ("zone", "it belongs to the schedule: schedule = { cron = \"30 8 * * *\", zone = \"Asia/Shanghai\" }"),
];

/// Actions of a job that other versions of steadfast run.
const ACTIONS: [&str; 4] = ["download", "papers", "ask", "train"];

/// Puts a decoder's message into a diagnostic.
pub(super) fn say(
    source: &Source,
    context: &Context<'_>,
    place: &Place,
    span: Range<usize>,
    message: &str,
) -> Diagnostic {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown_key(source, context, place, span, rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (typed, known) = quoted(rest);
        let help = match nearest(typed, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", listed(&known)),
        };
        let message = format!("`{}` is no word for {}", short(typed), place.name());
        return Diagnostic::at(Code::UNKNOWN_WORD, source, span, message, help);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        let (key, _) = quoted(rest);
        let within = if place.keys.is_empty() { String::new() } else { format!(" in {}", of_key(&place.keys)) };
        let help = example(key).map_or_else(|| format!("add `{key}`"), |shown| format!("add {shown}"));
        return Diagnostic::at(Code::MISSING_KEY, source, span, format!("`{key}` is missing{within}"), help);
    }
    let kind = message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = kind.and_then(|rest| rest.rsplit_once(", expected ")) {
        let expected = thing(expected);
        let message = format!("{} is {}", place.name(), found_words(found));
        let shown = place.keys.last().and_then(|key| example(key)).filter(|_| expected == "a table");
        let help = format!("write {}", shown.unwrap_or(expected)).replace("NAME", context.name);
        let diagnostic = Diagnostic::at(Code::WRONG_FORM, source, span, message, help);
        return diagnostic.label(format!("expected {expected}"));
    }
    if message.starts_with("wanted string or table") || message.starts_with("wanted exactly 1 element") {
        let message = format!("{} is no word in quotes", place.name());
        return Diagnostic::at(Code::WRONG_FORM, source, span, message, explained(context, place));
    }
    let (message, help) = split_help(message);
    let code = if context.kind == "class" && message.contains("pattern") { Code::CLASS } else { Code::WRONG_FORM };
    let help = help.unwrap_or_else(|| explained(context, place));
    Diagnostic::at(code, source, span, message, help)
}

fn unknown_key(source: &Source, context: &Context<'_>, place: &Place, span: Range<usize>, rest: &str) -> Diagnostic {
    let (typed, known) = quoted(rest);
    if context.kind == "job" && place.keys.len() == 1 && ACTIONS.contains(&typed) {
        let message = format!("the action `{typed}` is not built into this version");
        let help = format!("this version runs programs: `[job.{}.command]`", context.name);
        return Diagnostic::at(Code::NOT_BUILT, source, span, message, help);
    }
    let said = MISPLACED.iter().find(|(key, _)| *key == typed && !known.contains(key)).map(|(_, said)| *said);
    let help = match (said, nearest(typed, known.iter().copied())) {
        (Some(said), _) => said.replace("NAME", context.name),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) if known.is_empty() => "leave it out: the table takes no keys".to_owned(),
        (None, None) => format!("known keys are {}", listed(&known)),
    };
    let within = match place.keys.split_last() {
        Some((_, parents)) if !parents.is_empty() => format!(" in {}", of_key(parents)),
        Some(_) | None => String::new(),
    };
    Diagnostic::at(Code::UNKNOWN_KEY, source, span, format!("unknown key `{}`{within}", short(typed)), help)
}

/// The words in backquotes: the first, and the others.
fn quoted(text: &str) -> (&str, Vec<&str>) {
    // What was typed may hold backquotes itself; what is known does not.
    let typed_end = text[1..].find("`, ").map_or_else(|| text.rfind('`').unwrap_or(1), |end| end + 1);
    let typed = text.get(1..typed_end.max(1)).unwrap_or_default();
    let rest = text.get(typed_end + 1..).unwrap_or_default();
    (typed, rest.split('`').skip(1).step_by(2).collect())
}

fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

impl Place {
    /// What the place is called at the beginning of a sentence.
    fn name(&self) -> String {
        match self.is_entry {
            true => format!("an entry of {}", of_key(&self.keys)),
            false => of_key(&self.keys),
        }
    }
}

fn of_key(keys: &[String]) -> String {
    keys.last().map_or_else(|| "this".to_owned(), |key| format!("`{}`", short(key)))
}

/// What serde expected, as somebody would say it.
fn thing(expected: &str) -> &str {
    match expected.trim_end_matches('.') {
        "a string" | "string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with("string or table") || other.starts_with("enum ") => "one of its words in quotes",
        other if other.starts_with("a borrowed string") => "a text in quotes",
        other => other,
    }
}

/// What serde found, as somebody would say it.
fn found_words(found: &str) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    match kind {
        "string" => format!("the text {}", short(value)),
        "integer" | "floating" => format!("the number {}", short(value.trim_start_matches("point ").trim_matches('`'))),
        "boolean" => short(value.trim_matches('`')),
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        _ => short(found),
    }
}

/// A text on one line and cut, so that a hostile file cannot fill a terminal.
pub(super) fn short(text: &str) -> String {
    let mut out: String = text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

/// How a key could be written.
fn example(key: &str) -> Option<&'static str> {
    Some(match key {
        "all" => "missed = { all = 10 }",
        "catch" => "catch = [ { class = \"net-*\", attempts = 10 } ]",
        "class" => "class = \"net-*\"",
        "command" => "a table `[job.NAME.command]`, and run = [\"program\", \"argument\"] below",
        "delay" => "delay = { exponential = \"1s\", cap = \"5m\" }",
        "finally" => "finally = [ { on = \"failed\", run = [\"program\"] } ]",
        "limits" => "limits = { memory = \"8GiB\" }",
        "loop" => "loop = { attempts = 5 }",
        "on" => "on = \"failed\"",
        "queue" => "overlap = { queue = 1 }",
        "run" => "run = [\"scripts/page.sh\", \"{job}\"]",
        "schedule" => "schedule = { cron = \"30 8 * * *\" }",
        "stop" => "stop = { leader = \"10s\" }",
        _ => return None,
    })
}

/// Parts a message that brings its own remedy.
fn split_help(message: &str) -> (&str, Option<String>) {
    let at = ["\nhelp: ", "; write ", ": write ", ", expected ", ": names are "]
        .iter()
        .find_map(|mark| message.find(mark).map(|at| (at, *mark)));
    match at {
        Some((at, "\nhelp: ")) => (&message[..at], Some(message[at + 7..].to_owned())),
        Some((at, _)) => {
            let rest = message[at..].trim_start_matches([';', ':', ',', ' ']);
            let help = rest.strip_prefix("expected ").map_or_else(|| rest.to_owned(), |rest| format!("write {rest}"));
            (&message[..at], Some(help))
        }
        None => (message, None),
    }
}

fn explained(context: &Context<'_>, place: &Place) -> String {
    let keys: Vec<&str> = std::iter::once(context.kind).chain(place.keys.iter().map(String::as_str)).collect();
    format!("`steadfast explain {}` shows what it takes", keys.join("."))
}

/// Puts a message of the parser into a diagnostic.
pub(super) fn say_syntax(source: &Source, span: Range<usize>, message: &str) -> Diagnostic {
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let before = source.text().get(..span.start).unwrap_or_default();
    let begins_line = before.rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
    if begins_line && what.starts_with("missing comma") {
        let message = "a comma or a closing bracket is missing before this line";
        return Diagnostic::at(Code::SYNTAX, source, span, message, "check that each `[` and `{` above is closed");
    }
    if what == "string values must be quoted" && span.is_empty() {
        return Diagnostic::at(Code::SYNTAX, source, span, "a value is missing", "write a value after the `=`");
    }
    let help = match what {
        "duplicate key" => "a key stands once in its table, and a header once in a file: remove or rename one of them",
        "string values must be quoted" | "invalid boolean" => "put the text into quotes",
        "missing comma between array elements" | "missing comma between key-value pairs" => {
            "put a comma between the two"
        }
        "extra comma in array" | "extra comma in inline table" => "remove one of the commas",
        "missing assignment between key-value pairs" | "key with no value" => "write KEY = VALUE",
        "missing value" | "missing value for key" => "write a value after the `=`",
        "missing key for inline table element" | "invalid inline table element" => "write { KEY = VALUE, KEY = VALUE }",
        "extra assignment between key-value pairs" | "extra `=`" | "unexpected `=` in array" => {
            "remove the `=`; keys with values stand in { }, values alone in [ ]"
        }
        "unclosed array" | "missing array opening" => "check that each `[` has its `]`",
        "unclosed inline table" | "missing inline table opening" => "check that each `{` has its `}`",
        "unclosed table" | "unclosed array table" | "missing table open" => "close the header: `[job.NAME]`",
        "unquoted keys cannot be empty" | "invalid unquoted key" => {
            "keys hold letters, digits, `-` and `_`; put any other key into quotes"
        }
        "unexpected leading zero" => "remove the leading zero, or put the value into quotes",
        "`_` may only go between digits" => "remove the `_`, or put it between two digits",
        "missing escaped value" | "too few unicode value digits" => {
            "double the backslash, or use single quotes, in which it means itself"
        }
        "invalid basic string" => "end the text with `\"`, or use `\"\"\"` around a text of several lines",
        "invalid literal string" => "end the text with `'`, or use `'''` around a text of several lines",
        "missing opening quote" => "check that each quote has its partner",
        "carriage return must be followed by newline" => "end lines with a newline alone",
        "unexpected key or value" | "unexpected content" => {
            "one KEY = VALUE stands on a line; put other text into quotes"
        }
        _ => "",
    };
    let help = match (help, expected) {
        ("", "" | "nothing") => "check quotes, commas and brackets here and on the line before".to_owned(),
        ("", expected) => format!("expected here: {expected}"),
        (help, _) => help.to_owned(),
    };
    let message = if what.is_empty() { "this is not TOML" } else { what };
    Diagnostic::at(Code::SYNTAX, source, span, message, help)
}
