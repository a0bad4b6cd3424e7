use std::path::PathBuf;
use std::sync::Arc;

use steadfast_retry::table::{PolicyErrors, PolicySet, Resolved};

use super::Files;
use super::inline;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::evidence::Classes;

/// A policy that was found, with the classes that its rules speak of.
pub(in crate::cli) struct Found {
    pub(in crate::cli) resolved: Arc<Resolved>,
    pub(in crate::cli) classes: Classes,
}

/// Finds the policy that a text means: a name, a file with or without `#NAME`, or a policy written out.
pub(in crate::cli) fn find(text: &str, files: &Files) -> Result<Found, Failure> {
    if text.contains('=') {
        let config = files::read(&files.paths)?;
        let resolved = written_out(text, files)?;
        check_classes(&resolved, &config.classes)?;
        return Ok(Found { resolved: Arc::new(resolved), classes: config.classes });
    }
    let (file, name) = match text.split_once('#') {
        Some((file, name)) => (file, Some(name)),
        None => (text, None),
    };
    if name.is_none() && !looks_like_a_file(file) {
        return named(text, &files.paths);
    }
    let path = PathBuf::from(file);
    let own = files::declared_policies(&path)?;
    let name = match (name, own.as_slice()) {
        (Some(name), _) => name.to_owned(),
        (None, [one]) => one.clone(),
        (None, []) => return Err(Failure::not_found(format_args!("`{file}` declares no policy"))),
        (None, [first, ..]) => {
            let message = format!("`{file}` declares {} policies: {}", own.len(), own.join(", "));
            return Err(Failure::usage(message).help(format_args!("say which one: `{file}#{first}`")));
        }
    };
    let paths: Vec<PathBuf> = files.paths.iter().cloned().chain([path]).collect();
    named(&name, &paths)
}

fn looks_like_a_file(text: &str) -> bool {
    text.contains('/') || text.ends_with(".toml")
}

fn named(name: &str, paths: &[PathBuf]) -> Result<Found, Failure> {
    let mut config = files::read(paths)?;
    match config.policies.remove(name) {
        Some(resolved) => Ok(Found { resolved, classes: config.classes }),
        None => {
            let unknown = Failure::not_found(format_args!("no policy is named `{name}`"));
            let names: Vec<&str> = config.policies.keys().map(String::as_str).collect();
            Err(match crate::cli::failure::nearest(name, names.iter().copied()) {
                Some(meant) => unknown.help(format_args!("did you mean `{meant}`?")),
                None => unknown.help("`steadfast policy list` shows them all; `--file PATH` adds your own"),
            })
        }
    }
}

/// Reads a policy that was written out on the command line.
fn written_out(text: &str, files: &Files) -> Result<Resolved, Failure> {
    let toml = inline::toml(text)?;
    let told = |errors: PolicyErrors| {
        // The places are those of a text that nobody has seen, so only the messages are told.
        let first = errors.as_slice().first();
        let failure = Failure::usage(first.map_or("the policy cannot be read", |error| error.message()));
        let failure = failure.context(format_args!("in the policy `{text}`"));
        match first.and_then(|error| error.help()) {
            Some(help) => failure.help(help),
            None => failure,
        }
    };
    let mut set = PolicySet::parse(&toml, "--policy").map_err(told)?;
    set.stand_behind(files::policy_tables(&files.paths)?);
    set.resolve(inline::NAME).map_err(told)
}

fn check_classes(resolved: &Resolved, classes: &Classes) -> Result<(), Failure> {
    let patterns = resolved.policy.catch().iter().flat_map(|rule| rule.classes.iter());
    for pattern in patterns {
        classes.check(pattern).map_err(|unknown| Failure::new(Exit::USAGE, unknown))?;
    }
    Ok(())
}
