//! Named places in the code where a test may kill, stall or fail the process.
//!
//! # Theory of operation
//!
//! Random SIGKILL finds the common windows between two steps; failpoints find the rare ones. Each is a name in
//! [`NAMES`] and a line `failpoint!("shim::claim::before")` in the code, compiled always, so that the binary under
//! test is the binary that is shipped. Unarmed, it costs one relaxed atomic load. The variable `STEADFAST_FAILPOINTS`
//! arms them: `shim::claim::after=abort`, several separated by `;`, the second hit only with `@2`, from the second on
//! with `@2+`. Actions are `abort`
//! (SIGKILL to oneself), `exit`, `stall(50)` in milliseconds, and `error`, which is seen only where the line reads
//! `failpoint!("…", io)?`.
//!
//! Deliberately absent: actions with logic of their own. A failpoint never decides.

use std::io;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The environment variable that arms failpoints.
pub const VARIABLE: &str = "STEADFAST_FAILPOINTS";

/// The environment variable that names a folder in which every hit leaves a file with the failpoint's name. A failpoint
/// whose file is there already is passed over: so it fires once in all processes together, and the test sees that it did.
pub const HITS: &str = "STEADFAST_FAILPOINT_HITS";

/// Every failpoint of the program. A test compares this table with the source, in both directions.
pub const NAMES: &[&str] = &[
    "api::socket::bind",
    "api::socket::forget",
    "api::socket::open",
    "api::socket::remove::after",
    "api::socket::remove::before",
    "daemon::adopt::after",
    "daemon::adopt::before",
    "daemon::append::after",
    "daemon::append::before",
    "daemon::clock::after",
    "daemon::clock::before",
    "daemon::cut::after",
    "daemon::cut::before",
    "daemon::durable::after",
    "daemon::durable::before",
    "daemon::ended::after",
    "daemon::ended::before",
    "daemon::launch::after",
    "daemon::launch::before",
    "daemon::leave::after",
    "daemon::leave::before",
    "daemon::pending",
    "daemon::recall::thread",
    "hands::acknowledge::after",
    "hands::acknowledge::before",
    "hands::adopt::after",
    "hands::adopt::before",
    "hands::launch::after",
    "hands::launch::before",
    "hands::remove::after",
    "hands::remove::before",
    "hands::shim::folder",
    "hands::shim::spawn::after",
    "hands::shim::spawn::before",
    "hands::void::after",
    "hands::void::before",
    "hands::void::write",
    "shim::acknowledge::after",
    "shim::acknowledge::before",
    "shim::adopt::after",
    "shim::adopt::before",
    "shim::claim::after",
    "shim::claim::before",
    "shim::claim::write",
    "shim::exit::before",
    "shim::exit::recorded",
    "shim::journal::after",
    "shim::journal::before",
    "shim::keep::after",
    "shim::keep::before",
    "shim::kill::after",
    "shim::kill::before",
    "shim::kill::between",
    "shim::opened",
    "shim::output::punch::after",
    "shim::output::punch::before",
    "shim::output::write",
    "shim::ready",
    "shim::reap::after",
    "shim::reap::before",
    "shim::remove::after",
    "shim::remove::before",
    "shim::signal::after",
    "shim::signal::all",
    "shim::signal::before",
    "shim::signal::leader",
    "shim::spawn::after",
    "shim::spawn::before",
    "shim::started::recorded",
    "store::backup::rename::after",
    "store::backup::rename::before",
    "store::backup::sync",
    "store::commit::after",
    "store::commit::before",
    "store::migrate::after",
    "store::migrate::before",
    "store::rest::after",
    "store::rest::before",
    "store::sync",
];

static ARMED: AtomicBool = AtomicBool::new(false);
static PLAN: OnceLock<Vec<Charge>> = OnceLock::new();
static HITS_FOLDER: OnceLock<std::path::PathBuf> = OnceLock::new();

/// Marks a place where a test may interfere; see the module's page.
///
/// `failpoint!("name")` is a statement; `failpoint!("name", io)` gives an `io::Result<()>` that the action `error` fails.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        let _ = $crate::failpoint::reach($name);
    };
    ($name:literal, io) => {
        $crate::failpoint::reach($name)
    };
}

/// Does what was armed for a place, normally nothing.
///
/// # Errors
///
/// Only where the action `error` is armed for this name and this hit.
#[inline]
pub fn reach(name: &'static str) -> io::Result<()> {
    if ARMED.load(Ordering::Relaxed) { fire(name) } else { Ok(()) }
}

/// Arms failpoints as the environment says. Called once, at the start of a process, before any thread.
///
/// # Errors
///
/// A name that is not in [`NAMES`] or an action that does not exist.
#[expect(clippy::disallowed_methods, reason = "the failpoints own their variable")]
pub fn arm_from_environment() -> Result<(), BadFailpoint> {
    if let Some(folder) = std::env::var_os(HITS) {
        let _ = HITS_FOLDER.set(folder.into());
    }
    match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => arm(&text),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Arms the failpoints that a text such as `shim::claim::after=abort@2;shim::ready=stall(50)` names.
///
/// # Errors
///
/// A name that is not in [`NAMES`] or an action that does not exist.
pub fn arm(text: &str) -> Result<(), BadFailpoint> {
    let charges = text
        .split(';')
        .filter(|part| !part.trim().is_empty())
        .map(|part| Charge::parse(part.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    if PLAN.set(charges).is_ok() {
        ARMED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// A text that arms nothing, because a name or an action in it is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFailpoint(String);

impl std::fmt::Display for BadFailpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no failpoint or action `{}`", self.0)
    }
}

impl std::error::Error for BadFailpoint {}

#[derive(Debug)]
struct Charge {
    name: &'static str,
    action: Action,
    /// The hits that fire, counted from 1.
    hits: RangeInclusive<u64>,
    seen: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Abort,
    Exit,
    Stall(Duration),
    Error,
}

impl Charge {
    fn parse(text: &str) -> Result<Self, BadFailpoint> {
        let bad = || BadFailpoint(text.to_owned());
        let (name, rest) = text.split_once('=').ok_or_else(bad)?;
        let (action, hits) = match rest.split_once('@') {
            Some((action, hit)) => {
                let first = hit.strip_suffix('+').unwrap_or(hit).parse().map_err(|_| bad())?;
                (action, first..=if hit.ends_with('+') { u64::MAX } else { first })
            }
            None => (rest, 1..=u64::MAX),
        };
        let name = NAMES.iter().copied().find(|known| *known == name.trim()).ok_or_else(bad)?;
        let action = match action.trim() {
            "abort" => Action::Abort,
            "exit" => Action::Exit,
            "error" => Action::Error,
            other => {
                let millis = other.strip_prefix("stall(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(bad)?;
                Action::Stall(Duration::from_millis(millis.parse().map_err(|_| bad())?))
            }
        };
        Ok(Self { name, action, hits, seen: AtomicU64::new(0) })
    }
}

#[cold]
#[expect(clippy::disallowed_methods, reason = "a stall or a sudden end is what the test asked for")]
fn fire(name: &'static str) -> io::Result<()> {
    let plan = PLAN.get().map_or(&[][..], Vec::as_slice);
    for charge in plan.iter().filter(|charge| charge.name == name) {
        let hit = charge.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if !charge.hits.contains(&hit) {
            continue;
        }
        if let Some(folder) = HITS_FOLDER.get()
            && crate::sys::files::create_new(&folder.join(name.replace("::", "-"))).is_err()
        {
            continue;
        }
        match charge.action {
            Action::Abort => crate::sys::process::kill_oneself(),
            Action::Exit => std::process::exit(70),
            Action::Stall(span) => std::thread::sleep(span),
            Action::Error => return Err(io::Error::other(format!("failpoint {name}"))),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_names_a_place_an_action_and_a_hit() {
        let charge = Charge::parse("shim::ready=stall(50)@2").unwrap();
        assert_eq!(
            (charge.name, charge.action, charge.hits),
            ("shim::ready", Action::Stall(Duration::from_millis(50)), 2..=2)
        );
        assert_eq!(Charge::parse("shim::ready=abort@3+").unwrap().hits, 3..=u64::MAX);
        assert_eq!(Charge::parse("shim::ready=abort").unwrap().hits, 1..=u64::MAX);
        assert!(Charge::parse("shim::nowhere=abort").is_err());
        assert!(Charge::parse("shim::ready=explode").is_err());
    }

    #[test]
    fn the_table_is_the_source() {
        let mut found = Vec::new();
        collect(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut found);
        found.sort();
        let doubled: Vec<_> = found.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
        assert!(doubled.is_empty(), "one name, one place: {doubled:?}");
        assert_eq!(found, NAMES.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    }

    /// Gathers the names in every source file but this one.
    fn collect(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") && path.file_name().unwrap() != "failpoint.rs" {
                let text = std::fs::read_to_string(&path).unwrap();
                let names = text.split("failpoint!(\"").skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(names.map(str::to_owned));
            }
        }
    }
}
