//! Which policy `--policy` means: a name, a file with or without a name, or a policy written out. What is written
//! out is guarded and read as a file is.

use std::path::PathBuf;
use std::sync::Arc;

use steadfast_retry::table::{PolicyErrors, PolicySet, PolicyTable, Resolved, Site, Source, nearest};

use super::Files;
use super::inline;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::evidence::Classes;
use crate::job::Config;

/// A policy that was found, with the classes that its rules speak of.
pub(in crate::cli) struct Found {
    pub(in crate::cli) resolved: Arc<Resolved>,
    pub(in crate::cli) classes: Classes,
}

/// Finds the policy that a text means: a name, a file with or without `#NAME`, or a policy written out.
pub(in crate::cli) fn find(text: &str, files: &Files, console: &mut Console) -> Result<Found, Failure> {
    if text.contains('=') {
        let config = files::read(&files.paths, console)?;
        let resolved = written_out(text, &config)?;
        check_classes(&resolved, &config.classes)?;
        return Ok(Found { resolved: Arc::new(resolved), classes: config.classes });
    }
    let (file, name) = match text.split_once('#') {
        Some((file, name)) => (file, Some(name)),
        None => (text, None),
    };
    if name.is_none() && !looks_like_a_file(file) {
        return named(text, files::read(&files.paths, console)?);
    }
    let path = PathBuf::from(file);
    let paths: Vec<PathBuf> = files.paths.iter().cloned().chain([path.clone()]).collect();
    let config = files::read(&paths, console)?;
    let own = files::declared_policies(&path)?;
    match (name, own.as_slice()) {
        (Some(name), _) => named(name, config),
        (None, [one]) => named(one, config),
        (None, []) => Err(Failure::not_found(format_args!("`{file}` declares no policy"))),
        (None, [first, ..]) => {
            let message = format!("`{file}` declares {} policies: {}", own.len(), own.join(", "));
            Err(Failure::usage(message).help(format_args!("say which one: `{file}#{first}`")))
        }
    }
}

fn looks_like_a_file(text: &str) -> bool {
    text.contains('/') || text.ends_with(".toml")
}

fn named(name: &str, mut config: Config) -> Result<Found, Failure> {
    match config.policies.remove(name) {
        Some(resolved) => Ok(Found { resolved, classes: config.classes }),
        None => Err(unknown(name, &config)),
    }
}

fn unknown(name: &str, config: &Config) -> Failure {
    let unknown = Failure::not_found(format_args!("no policy is named `{name}`"));
    match nearest(name, config.policies.keys().map(String::as_str)) {
        Some(meant) => unknown.help(format_args!("did you mean `{meant}`?")),
        None => unknown.help("`steadfast policy list` shows them all; `--file PATH` adds your own"),
    }
}

/// Reads a policy that was written out on the command line.
fn written_out(text: &str, config: &Config) -> Result<Resolved, Failure> {
    // Single values stand in place of the default's, as those of options do.
    let none = Resolved::default();
    let base = config.policies.get("default").map_or(&none, |found| &**found);
    let toml = inline::toml(text)?;
    lay_over(&toml, "--policy", inline::NAME, |table| match &table.extends {
        Some(parent) => {
            config.policies.get(&parent.value).map(|found| &**found).ok_or_else(|| unknown(&parent.value, config))
        }
        None => Ok(base),
    })
    .map_err(|failure| failure.context(format_args!("in the policy `{text}`")))
}

/// Lays the policy of a text over another one, by the rules by which a job overrides its policy.
///
/// The places of mistakes are those of a text that nobody has seen, so only their messages are told.
pub(in crate::cli) fn lay_over<'b>(
    toml: &str,
    source: &str,
    name: &str,
    base: impl FnOnce(&PolicyTable) -> Result<&'b Resolved, Failure>,
) -> Result<Resolved, Failure> {
    let told = |errors: PolicyErrors| {
        let Some(first) = errors.into_iter().next() else { return Failure::usage("the policy cannot be read") };
        let failure = Failure::usage(first.message());
        match first.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    };
    let set = PolicySet::parse(toml, source).map_err(told)?;
    let (table, site) = set.table(inline::NAME).expect("the text declares one policy of this name");
    let base = base(table)?;
    let source = Source::new(source, toml);
    table.over(base, &Site { name, source: &source, span: site.span }).map_err(told)
}

fn check_classes(resolved: &Resolved, classes: &Classes) -> Result<(), Failure> {
    let patterns = resolved.policy.catch().iter().flat_map(|rule| rule.classes.iter());
    for pattern in patterns {
        classes.check(pattern).map_err(|unknown| Failure::new(Exit::USAGE, unknown))?;
    }
    Ok(())
}
