use std::time::Duration;

use steadfast_retry::Limits;

use super::{Act, Evidence, Fact, Intent, OomScope, Progress};

/// What was seen of a process that has ended, as whoever watched it hands it over.
///
/// ```
/// use steadfast::evidence::{Fact, Seen};
///
/// let seen = Seen { output: vec![Fact::Status(503)], ..Seen::of("/usr/bin/curl", Fact::Exit(22)) };
/// let evidence = seen.evidence();
/// assert_eq!(evidence.program.as_deref(), Some("curl"));
/// assert_eq!(evidence.facts, [Fact::Status(503), Fact::Exit(22)]);
/// ```
#[derive(Clone, Debug)]
pub struct Seen<'s> {
    /// The program, named as `argv[0]` was.
    pub program: &'s str,
    /// Whether it had got anywhere.
    pub progress: Progress,
    /// Who wanted it to end, if somebody did.
    pub intent: Option<Intent>,
    /// What the program said.
    pub said: &'s [Fact],
    /// What was done to end it, or befell its watcher.
    pub act: Option<Fact>,
    /// How many of its processes the kernel killed for want of memory.
    pub oom_kills: u64,
    /// What its output says.
    pub output: Vec<Fact>,
    /// How it ended.
    pub end: Fact,
}

impl<'s> Seen<'s> {
    /// Begins with a program and its end.
    #[must_use]
    pub const fn of(program: &'s str, end: Fact) -> Self {
        Self {
            program,
            progress: Progress::Unknown,
            intent: None,
            said: &[],
            act: None,
            oom_kills: 0,
            output: Vec::new(),
            end,
        }
    }

    /// Puts everything in the order in which it happened, as far as that is known.
    #[must_use]
    pub fn evidence(self) -> Evidence {
        let mut evidence = Evidence { progress: self.progress, ..Evidence::of_program(self.program) };
        let oom = (self.oom_kills > 0).then_some(Fact::OomKill(OomScope::Own));
        let before = self.intent.map(Fact::Intent).into_iter().chain(self.said.iter().cloned());
        for fact in before.chain(self.act).chain(oom).chain(self.output).chain([self.end]) {
            evidence.push(fact);
        }
        evidence
    }
}

impl Act {
    /// Says whose limit it was that an attempt ran into: its own, or what the run had left. Without limits of a run it was its own.
    #[must_use]
    pub fn of_limit(limits: Option<&Limits>, limit: Duration) -> Self {
        match limits.map(|limits| (limits.attempt_timeout, limits.deadline)) {
            Some((timeout, Some(deadline))) if timeout != Some(limit) => Self::Deadline { limit: deadline },
            Some(_) | None => Self::AttemptTimeout { limit },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_the_runs_where_less_was_left_than_an_attempt_may_take() {
        let second = Duration::from_secs(1);
        let limits = |attempt_timeout, deadline| Limits { attempt_timeout, deadline, ..Limits::DEFAULT };
        let (timeout, deadline) = (Act::AttemptTimeout { limit: second }, Act::Deadline { limit: second * 9 });
        assert_eq!(Act::of_limit(Some(&limits(Some(second), None)), second), timeout);
        assert_eq!(Act::of_limit(Some(&limits(Some(second), Some(second * 9))), second), timeout);
        assert_eq!(Act::of_limit(Some(&limits(Some(second * 2), Some(second * 9))), second), deadline);
        assert_eq!(Act::of_limit(Some(&limits(None, Some(second * 9))), second), deadline);
        assert_eq!(Act::of_limit(None, second), timeout, "a finalizer has no run's time");
    }
}
