//! Who belongs to which program.
//!
//! Whatever a program starts is a descendant of this process, for as long as this process lives: an orphan becomes our
//! child. Orphans are told apart by the session that the program began in, then by the token in their environment,
//! then by the claim that they hold open; one that has shaken off all three belongs to the only program there is, or
//! cannot be told.

use super::cgroup::Cgroup;
use super::{Shim, claim};
use crate::exec::{Survivor, witness};
use crate::launch::Start;
use crate::sys::proc::{self, Stat};
use crate::sys::process::Identity;

/// Whose an orphan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Of a program that this shim holds.
    Attempt(u32),
    /// Of one that has ended and was told to leave it, or of one that cannot be told any more.
    Released,
    /// Of one of several.
    Unknown,
}

impl Shim {
    /// Looks at all children of ours and gives each that is new to its program.
    pub(super) fn sort_orphans(&mut self) {
        let own = crate::sys::process::own_pid();
        let children = proc::own_children().unwrap_or_else(|| proc::by_parent().get(&own).cloned().unwrap_or_default());
        for pid in children {
            if self.orphans.contains_key(&pid) || self.is_leader(pid) {
                continue;
            }
            if let Some(stat) = proc::stat(pid).filter(|stat| !stat.is_dead()) {
                let owner = self.owner(&stat);
                self.orphans.insert(pid, owner);
            }
        }
    }

    fn is_leader(&self, pid: i32) -> bool {
        let key = self.leaders.get(&pid);
        key.and_then(|key| self.attempts.get(key)).is_some_and(|attempt| attempt.over.is_none())
    }

    fn owner(&self, stat: &Stat) -> Owner {
        if let Some(key) = self.leaders.get(&stat.session) {
            return Owner::Attempt(*key);
        }
        let token = proc::variable(stat.pid, witness::TOKEN_VARIABLE).and_then(|value| value.parse().ok());
        if let Some(token) = token {
            // A token of a program that has ended says just as clearly that it is none of the living ones.
            return self.tokens.get(&token).map_or(Owner::Released, |key| Owner::Attempt(*key));
        }
        let holds = |start: &Start| proc::has_open(stat.pid, &claim::path(&self.claims, start));
        if let Some((key, _)) = self.attempts.iter().find(|(_, attempt)| holds(&attempt.start)) {
            return Owner::Attempt(*key);
        }
        let mut all = self.attempts.keys();
        match (all.next(), all.next()) {
            (Some(key), None) => Owner::Attempt(*key),
            (Some(_) | None, _) => Owner::Unknown,
        }
    }

    /// Returns the living processes of a program. Orphans must have been sorted.
    pub(super) fn kin(&self, key: u32) -> Vec<Stat> {
        let Some(attempt) = self.attempts.get(&key) else {
            return Vec::new();
        };
        let session = attempt.leader.session();
        if attempt.leader.is_adopted() {
            let group = attempt.cgroup.as_ref().map(Cgroup::path);
            let claim = claim::path(&self.claims, &attempt.start);
            return witness::members(&attempt.start, session, &claim, group, &attempt.others);
        }
        let mut roots: Vec<i32> = session.filter(|_| attempt.over.is_none()).map(|who| who.pid).into_iter().collect();
        let orphans = self.orphans.iter().filter(|(_, owner)| **owner == Owner::Attempt(key));
        roots.extend(orphans.map(|(pid, _)| *pid));
        if let Some(group) = &attempt.cgroup {
            roots.extend(group.members().into_iter().filter(|pid| !roots.contains(pid)).collect::<Vec<_>>());
        }
        if roots.is_empty() { Vec::new() } else { proc::family(&roots) }
    }

    /// Returns the orphans that nobody can be told to own, as doubtful survivors.
    pub(super) fn doubtful(&self) -> Vec<Survivor> {
        let unknown = self.orphans.iter().filter(|(_, owner)| **owner == Owner::Unknown);
        let living = unknown.flat_map(|(pid, _)| proc::family(&[*pid]));
        living.map(|stat| witness::survivor(&stat, false)).collect()
    }

    /// Lets go of the orphans of a program that has ended.
    pub(super) fn release(&mut self, key: u32) {
        for owner in self.orphans.values_mut().filter(|owner| **owner == Owner::Attempt(key)) {
            *owner = Owner::Released;
        }
    }
}

/// Returns who a process is.
pub(super) const fn identity(stat: &Stat) -> Identity {
    Identity { pid: stat.pid, ticks: stat.ticks }
}
