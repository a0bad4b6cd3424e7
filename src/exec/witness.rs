//! Whether something of a start still lives, asked from outside: the three witnesses.
//!
//! While its shim lives nobody asks them, since the shim is the ancestor of everything that it started. They are for
//! the time after its death. The cgroup is exact where there is one; the claim's lock is held by whoever inherited it;
//! and `/proc` tells who carries the token or is of the session. Each of the three can be silent, so all three must
//! deny before another attempt may start.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::Survivor;
use crate::launch::Start;
use crate::sys::files;
use crate::sys::proc::{self, Stat};
use crate::sys::process::{Identity, own_pid};

/// The variable that every process of a start carries, unless it cleans its environment.
pub const TOKEN_VARIABLE: &str = "STEADFAST_TOKEN";

/// What the witnesses say of one start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Testimony {
    /// The processes that were found, without the dead.
    pub living: Vec<Survivor>,
    /// Whether the claim's lock is held, by these or by somebody who cannot be seen.
    pub locked: bool,
    /// Whether the cgroup of its own has members.
    pub populated: bool,
}

impl Testimony {
    /// Says whether all three deny.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.living.is_empty() && !self.locked && !self.populated
    }
}

/// Hears all three witnesses about a start.
#[must_use]
pub fn hear(start: &Start, session: Option<Identity>, claim: &Path, cgroup: Option<&Path>) -> Testimony {
    let living = members(start, session, claim, cgroup, &[]);
    Testimony {
        living: living.iter().map(|stat| survivor(stat, true)).collect(),
        locked: is_held(claim),
        populated: cgroup.is_some_and(crate::shim::is_populated),
    }
}

/// Says whether a claim's lock is held. A file system without locks has no witness here; whatever else hides the answer, such as
/// too many open files, makes it a yes, for a start whose processes cannot be seen must not begin twice.
pub(crate) fn is_held(claim: &Path) -> bool {
    let knows_no_locks = |error: &io::Error| {
        matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL))
    };
    files::is_locked(claim).unwrap_or_else(|error| !knows_no_locks(&error))
}

/// Finds the processes of a start: by token, by session, by the claim that they hold open, in the cgroup, those that
/// are known, and all their descendants.
///
/// A session is named by its first process. Once that and all others of it are gone, its number may be a stranger's, so it
/// counts only while nobody else bears it.
#[must_use]
pub fn members(
    start: &Start,
    session: Option<Identity>,
    claim: &Path,
    cgroup: Option<&Path>,
    known: &[Identity],
) -> Vec<Stat> {
    let token = start.token.to_string();
    let mut found: HashSet<i32> = known.iter().filter(|who| who.is_alive()).map(|who| who.pid).collect();
    if let Some(list) = cgroup.and_then(|path| std::fs::read_to_string(path.join("cgroup.procs")).ok()) {
        found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    let is_locked = is_held(claim);
    let session = session.filter(|who| proc::stat(who.pid).is_none_or(|stat| stat.ticks == who.ticks));
    let is_of = |who: Identity, stat: &Stat| stat.session == who.pid && stat.ticks >= who.ticks;
    let is_member = |pid: &i32| {
        session.is_some_and(|who| proc::stat(*pid).is_some_and(|stat| is_of(who, &stat)))
            || proc::variable(*pid, TOKEN_VARIABLE).is_some_and(|value| value == token)
            || (is_locked && proc::has_open(*pid, claim) && !is_shim(*pid))
    };
    let own = own_pid();
    found.extend(proc::everyone().into_iter().filter(|pid| *pid != own).filter(is_member));
    let mut roots: Vec<i32> = found.into_iter().collect();
    roots.sort_unstable();
    proc::family(&roots)
}

/// Says whether a process is a shim: between its claim and the spawn it holds the claim itself, and all its programs are its
/// descendants.
fn is_shim(pid: i32) -> bool {
    proc::stat(pid).is_some_and(|stat| stat.name.as_bytes() == crate::shim::NAME.to_bytes())
}

/// Makes the record of a process that lives on.
pub(crate) fn survivor(stat: &Stat, certain: bool) -> Survivor {
    Survivor { who: Identity { pid: stat.pid, ticks: stat.ticks }, name: stat.name.clone(), certain }
}
