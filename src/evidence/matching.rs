//! Whether an entry of `when` holds, and which fact it rests on. Lines of output were searched before: here a
//! pattern is met or not.

use std::fmt;

use super::fact::{Act, Evidence, Fact, Request};
use super::list::List;
use super::table::{Pattern, Role, When};
use super::words::StartTrouble;

/// The keys of an entry that speak of facts.
#[derive(Clone, Copy)]
enum Key {
    Intent,
    Act,
    Stalled,
    Oom,
    Xid,
    Gpu,
    Host,
    Report,
    Status,
    Error,
    NotStarted,
    Exit,
    Signal,
    Output,
}

const KEYS: [Key; 14] = [
    Key::Intent,
    Key::Act,
    Key::Stalled,
    Key::Oom,
    Key::Xid,
    Key::Gpu,
    Key::Host,
    Key::Report,
    Key::Status,
    Key::Error,
    Key::NotStarted,
    Key::Exit,
    Key::Signal,
    Key::Output,
];

impl When {
    /// Says whether the entry holds and the fact at `at` is the strongest that it needed.
    pub(crate) fn claims(&self, at: usize, evidence: &Evidence) -> bool {
        let fact = &evidence.facts[at];
        let mut touched = false;
        for key in KEYS.into_iter().filter(|key| self.has(*key)) {
            if self.meets(key, fact) {
                touched = true;
                continue;
            }
            // Facts that are stronger claim the entry themselves.
            let others = evidence.facts.iter().filter(|other| self.meets(key, other));
            match others.map(Fact::rank).min() {
                Some(rank) if rank <= fact.rank() => {}
                Some(_) | None => return false,
            }
        }
        touched && self.conditions_hold(evidence)
    }

    /// Says what the entry needed beyond the fact at `at`, and which pattern that fact met.
    pub(crate) fn grounds(&self, at: usize, evidence: &Evidence) -> Option<String> {
        let fact = &evidence.facts[at];
        let mut matched = None;
        let mut with = Vec::new();
        for key in KEYS.into_iter().filter(|key| self.has(*key)) {
            if self.meets(key, fact) {
                matched = self.pattern_in(fact).map(|pattern| format!("matched `{pattern}`"));
            } else if let Some(other) = evidence.facts.iter().find(|other| self.meets(key, other)) {
                with.push(self.pattern_in(other).map_or(other.to_string(), |pattern| format!("output `{pattern}`")));
            }
        }
        if let (false, Some(program)) = (self.program.is_empty(), &evidence.program) {
            with.push(format!("program {program}"));
        }
        if !self.progress.is_empty() {
            with.push(format!("progress {}", evidence.progress));
        }
        let with = (!with.is_empty()).then(|| format!("with {}", with.join(" and ")));
        let parts: Vec<_> = [matched, with].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// Says whether a fact is one of those that the entry is about.
    pub(crate) fn uses(&self, fact: &Fact) -> bool {
        KEYS.into_iter().any(|key| self.has(key) && self.meets(key, fact))
    }

    /// Returns the first of the entry's patterns that a line met.
    fn pattern_in(&self, fact: &Fact) -> Option<&Pattern> {
        let Fact::Output { patterns, .. } = fact else {
            return None;
        };
        self.output.iter().find(|pattern| patterns.iter().any(|hit| hit == pattern.as_str()))
    }

    fn conditions_hold(&self, evidence: &Evidence) -> bool {
        let program = |wanted: &String| evidence.program.as_ref() == Some(wanted);
        (self.program.is_empty() || self.program.iter().any(program)) && allows(&self.progress, &evidence.progress)
    }

    fn has(&self, key: Key) -> bool {
        !match key {
            Key::Intent => self.intent.is_empty(),
            Key::Act => self.act.is_empty(),
            Key::Stalled => self.stalled.is_empty(),
            Key::Oom => self.oom.is_empty(),
            Key::Xid => self.xid.is_empty(),
            Key::Gpu => self.gpu.is_empty(),
            Key::Host => self.host.is_empty(),
            Key::Report => self.report.is_empty(),
            Key::Status => self.status.is_empty(),
            Key::Error => self.error.is_empty(),
            Key::NotStarted => self.not_started.is_empty(),
            Key::Exit => self.exit.is_empty(),
            Key::Signal => self.signal.is_empty(),
            Key::Output => self.output.is_empty(),
        }
    }

    fn meets(&self, key: Key, fact: &Fact) -> bool {
        match (key, fact) {
            (Key::Intent, Fact::Intent(intent)) => contains(&self.intent, intent),
            (Key::Act, Fact::Act(act)) => act.word().is_some_and(|word| contains(&self.act, &word)),
            (Key::Stalled, Fact::Act(Act::Stalled { what, .. })) => contains(&self.stalled, what),
            (Key::Oom, Fact::OomKill(scope)) => contains(&self.oom, scope),
            (Key::Xid, Fact::Xid(number)) => i32::try_from(*number).is_ok_and(|number| self.xid.contains(number)),
            (Key::Gpu, Fact::Gpu(trouble)) => contains(&self.gpu, trouble),
            (Key::Host, Fact::Host(event)) => contains(&self.host, event),
            (Key::Report, Fact::Report { word, .. }) => self.report.iter().any(|pattern| speaks(pattern, word)),
            (Key::Report, Fact::Request(Request::NoRetry)) => self.report.iter().any(|pattern| pattern == "no-retry"),
            (Key::Status, Fact::Status(status)) => self.status.contains(i32::from(*status)),
            (Key::Error, Fact::Error(error)) => contains(&self.error, error),
            (Key::NotStarted, Fact::NotStarted { errno, .. }) => {
                contains(&self.not_started, &StartTrouble::of_errno(*errno))
            }
            (Key::Exit, Fact::Exit(code)) => self.exit.contains(*code),
            (Key::Signal, Fact::Signal { number, .. }) => self.signal.iter().any(|signal| signal.0 == *number),
            (Key::Output, Fact::Output { patterns, .. }) => {
                self.output.iter().any(|pattern| patterns.iter().any(|hit| hit == pattern.as_str()))
            }
            // A key meets only its own kind of fact.
            (_, _) => false,
        }
    }
}

fn contains<T: PartialEq>(list: &List<T>, wanted: &T) -> bool {
    list.iter().any(|item| item == wanted)
}

fn allows<T: PartialEq>(list: &List<T>, wanted: &T) -> bool {
    list.is_empty() || contains(list, wanted)
}

/// Compares a program's word; a `*` at the end stands for any rest.
fn speaks(pattern: &str, word: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == word, |start| word.starts_with(start))
}

/// The entry as one line: `exit 22, program curl`.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        list(&mut parts, "intent", &self.intent);
        list(&mut parts, "act", &self.act);
        list(&mut parts, "stalled", &self.stalled);
        list(&mut parts, "oom", &self.oom);
        if !self.xid.is_empty() {
            parts.push(format!("xid {}", self.xid));
        }
        list(&mut parts, "gpu", &self.gpu);
        list(&mut parts, "host", &self.host);
        list(&mut parts, "report", &self.report);
        if !self.status.is_empty() {
            parts.push(format!("status {}", self.status));
        }
        list(&mut parts, "error", &self.error);
        list(&mut parts, "not-started", &self.not_started);
        if !self.exit.is_empty() {
            parts.push(format!("exit {}", self.exit));
        }
        list(&mut parts, "signal", &self.signal);
        if !self.output.is_empty() {
            let patterns: Vec<_> = self.output.iter().map(|pattern| format!("`{pattern}`")).collect();
            parts.push(format!("output {}", patterns.join(" or ")));
        }
        list(&mut parts, "program", &self.program);
        list(&mut parts, "progress", &self.progress);
        f.write_str(&parts.join(", "))?;
        if self.role == Role::Root { Ok(()) } else { write!(f, " ({})", self.role) }
    }
}

fn list<T: fmt::Display>(parts: &mut Vec<String>, key: &str, list: &List<T>) {
    if !list.is_empty() {
        let words: Vec<_> = list.iter().map(T::to_string).collect();
        parts.push(format!("{key} {}", words.join(" or ")));
    }
}
