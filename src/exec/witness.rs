//! Whether something of a start still lives, asked from outside: the three witnesses.
//!
//! While its shim lives nobody asks them, since the shim is the ancestor of everything that it started. They are for
//! the time after its death. The cgroup is exact where there is one; the claim's lock is held by whoever inherited it;
//! and `/proc` tells who carries the token or is of the session. Each of the three can be silent, so all three must
//! deny before another attempt may start.

use std::collections::HashSet;
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
pub fn hear(start: &Start, session: Option<i32>, claim: &Path, cgroup: Option<&Path>) -> Testimony {
    let populated = cgroup.is_some_and(crate::shim::is_populated);
    let mut living = members(start, session, cgroup);
    // A file system without locks has no witness here: it neither affirms nor denies.
    let locked = files::is_locked(claim).unwrap_or(false);
    if locked && living.is_empty() {
        let holds = |pid: &i32| *pid != own_pid() && proc::has_open(*pid, claim);
        living = proc::everyone().into_iter().filter(holds).filter_map(proc::stat).collect();
    }
    let living = living.iter().map(|stat| survivor(stat, true)).collect();
    Testimony { living, locked, populated }
}

/// Finds the processes of a start by token, session and cgroup, with their descendants.
#[must_use]
pub fn members(start: &Start, session: Option<i32>, cgroup: Option<&Path>) -> Vec<Stat> {
    let token = start.token.to_string();
    let grouped: HashSet<i32> = cgroup
        .and_then(|path| std::fs::read_to_string(path.join("cgroup.procs")).ok())
        .map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
        .unwrap_or_default();
    let roots: Vec<i32> = proc::everyone()
        .into_iter()
        .filter(|pid| {
            grouped.contains(pid)
                || session.is_some_and(|session| proc::stat(*pid).is_some_and(|stat| stat.session == session))
                || proc::variable(*pid, TOKEN_VARIABLE).is_some_and(|value| value == token)
        })
        .collect();
    proc::family(&roots)
}

/// Makes the record of a process that lives on.
pub(crate) fn survivor(stat: &Stat, certain: bool) -> Survivor {
    Survivor { who: Identity { pid: stat.pid, ticks: stat.ticks }, name: stat.name.clone(), certain }
}
