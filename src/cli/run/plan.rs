//! What is run under which policy, worked out of the arguments before anything begins.

use std::fmt::Write as _;
use std::sync::Arc;

use steadfast_retry::{Class, ClassPattern, Origin, Policy, Rule};

use super::Arguments;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::policy::{self, inline};
use crate::evidence::{ClassTable, Classes, ExitCodes};

/// What is decided before anything begins.
pub(super) struct Plan {
    pub(super) policy: Arc<Policy>,
    pub(super) classes: Classes,
    /// The exit codes that mean success.
    pub(super) success: ExitCodes,
}

/// The names of classes that are made of conditions on the command line.
const WANTED: Class = Class::known("asked-to-go-on");
const UNWANTED: Class = Class::known("asked-to-stop");

impl Plan {
    pub(super) fn of(what: &Arguments, console: &mut Console) -> Result<Self, Failure> {
        let found = policy::find(what.policy.as_deref().unwrap_or("default"), &what.files, console)?;
        let mut classes = found.classes;
        let mut base = (*found.resolved).clone();
        let overrides = what.overrides.written_out();
        if !overrides.is_empty() {
            let toml = inline::toml(&overrides)?;
            base = policy::lay_over(&toml, "(options)", base.policy.name(), |_| Ok(&base))?;
        }
        let stop = Conditions::read("--stop-on", UNWANTED, &what.stop_on, &mut classes)?;
        let go_on = Conditions::read("--retry-on", WANTED, &what.retry_on, &mut classes)?;
        let policy = with_rules(&base.policy, stop, &go_on, &classes);
        let success = codes(&what.success)?;
        Ok(Self { policy: Arc::new(policy), classes, success })
    }
}

/// Which failures an option speaks of.
struct Conditions {
    option: &'static str,
    patterns: Vec<ClassPattern>,
}

impl Conditions {
    /// Reads the values of an option: patterns of classes, and `exit:…`, `signal:…` and `output:…`, of which a class is made.
    fn read(option: &'static str, class: Class, values: &[String], classes: &mut Classes) -> Result<Self, Failure> {
        let mut patterns = Vec::new();
        let mut when = String::new();
        for value in values {
            if let Some(entry) = entry(value)? {
                let _ = write!(when, "{}{entry}", if when.is_empty() { "" } else { ", " });
                continue;
            }
            for word in value.split([',', ' ']).filter(|word| !word.is_empty()) {
                let pattern = ClassPattern::new(word.to_owned()).map_err(Failure::usage)?;
                classes.check(&pattern).map_err(|unknown| Failure::new(Exit::USAGE, unknown))?;
                patterns.push(pattern);
            }
        }
        if !when.is_empty() {
            let means = format!("what `{option}` describes");
            let text = format!("means = {means:?}\nwhen = [ {when} ]\n");
            let table: ClassTable =
                toml::from_str(&text).map_err(|error| Failure::usage(format_args!("{option}: {}", error.message())))?;
            *classes = classes.with([(class.clone(), table)]);
            patterns.push(class.into());
        }
        Ok(Self { option, patterns })
    }

    fn origin(&self) -> Option<Origin> {
        Some(Origin { file: self.option.into(), line: 1 })
    }
}

/// The entry of a class for a condition that is no pattern.
fn entry(value: &str) -> Result<Option<String>, Failure> {
    let Some((key, rest)) = value.split_once(':') else { return Ok(None) };
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let list = |rest: &str, form: &dyn Fn(&str) -> String| {
        let items: Vec<String> = rest.split(',').map(|item| form(item.trim())).collect();
        items.join(", ")
    };
    // Whatever is no number stays inside of quotes: the parser must not meet brackets that somebody typed here.
    let number_or_range = |item: &str| if item.parse::<i64>().is_ok() { item.to_owned() } else { quoted(item) };
    Ok(Some(match key {
        "exit" => format!("{{ exit = [{}] }}", list(rest, &number_or_range)),
        "signal" => format!("{{ signal = [{}] }}", list(rest, &|item| quoted(&item.to_uppercase()))),
        // Whoever names a line here wants it to count, and a line alone weighs less than the exit that follows it.
        "output" => {
            let (line, signals) = (quoted(rest), (1..=31).map(|signal| signal.to_string()).collect::<Vec<_>>());
            let signals = signals.join(", ");
            format!(
                "{{ output = {line}, exit = \"1-255\" }}, {{ output = {line}, signal = [{signals}] }}, {{ output = {line} }}"
            )
        }
        _ => {
            let unknown = Failure::usage(format_args!("`{key}:` is no condition"));
            return Err(unknown.help("write a class such as net-*, exit:75, signal:KILL or output:REGEX"));
        }
    }))
}

/// Puts the rules of the options before those of the policy.
fn with_rules(base: &Policy, stop: Conditions, go_on: &Conditions, classes: &Classes) -> Policy {
    let mut rules = Vec::new();
    let stop_origin = stop.origin();
    if !stop.patterns.is_empty() {
        rules.push(Rule { origin: stop_origin, ..Rule::on_any(stop.patterns).stop() });
    }
    if !go_on.patterns.is_empty() {
        let wanted = |class: &Class| go_on.patterns.iter().any(|pattern| pattern.matches(class));
        let others = classes.iter().map(|def| &def.name).filter(|class| !wanted(class) && **class != UNWANTED);
        let others: Vec<ClassPattern> = others.cloned().map(ClassPattern::from).collect();
        rules.push(Rule { origin: go_on.origin(), ..Rule::on_any(others).stop() });
    }
    rules.extend(base.catch().iter().cloned());
    let builder = Policy::named(base.name().to_owned()).limits(base.limits().clone()).delay(base.delay().clone());
    let builder = rules.into_iter().fold(builder, |builder, rule| builder.catch(rule));
    let builder = base.finally().iter().cloned().fold(builder, |builder, finalizer| builder.finally(finalizer));
    builder.build().expect("rules that stop the run make no policy worse")
}

fn codes(text: &str) -> Result<ExitCodes, Failure> {
    let items: Vec<serde_json::Value> = text
        .split(',')
        .map(|item| item.trim().parse::<i64>().map_or_else(|_| item.trim().into(), serde_json::Value::from))
        .collect();
    serde_json::from_value(items.into())
        .map_err(|error| Failure::usage(format_args!("--success: {error}")).help("write for example 0,3 or 0-9"))
}
