//! The environment that `run` gives its processes: our own, and the variables that say which attempt it is.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use steadfast_retry::{AttemptNo, Policy, RunState};

use super::drive::Driver;
use super::recorder::Mark;
use crate::cli::surroundings::Surroundings;
use crate::clock;
use crate::ids::{SpanId, TraceId};
use crate::shim::program;

/// What every process of a run finds in its environment: our own, and where the run belongs.
pub(super) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The trace that the run belongs to: that of whoever called us, if they named one.
    pub(super) trace: TraceId,
    /// The span of whoever called us.
    pub(super) parent: Option<SpanId>,
}

impl Environment {
    pub(super) fn of(surroundings: &Surroundings) -> Self {
        let caller = surroundings.variable("TRACEPARENT").and_then(|text| parent(text.to_str()?));
        let fresh = || TraceId((u128::from(clock::random_bits()) << 64) | u128::from(clock::random_bits()));
        Self {
            variables: surroundings.variables.clone(),
            trace: caller.map_or_else(fresh, |(trace, _)| trace),
            parent: caller.map(|(_, span)| span),
        }
    }

    /// Returns the path on which programs are looked for.
    pub(super) fn path(&self) -> &OsStr {
        self.variables.get(OsStr::new("PATH")).map_or(OsStr::new(program::PATH), OsString::as_os_str)
    }

    /// Says whether a variable is set already.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.contains_key(OsStr::new(name))
    }

    /// Returns the environment with more variables, as a program gets it.
    pub(super) fn with(&self, more: Vec<(&'static str, String)>) -> Vec<CString> {
        let mut all = self.variables.clone();
        all.extend(more.into_iter().map(|(name, value)| (name.into(), value.into())));
        let line =
            |(name, value): (OsString, OsString)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok();
        // A variable with a zero byte in it cannot have come from anywhere.
        all.into_iter().filter_map(line).collect()
    }
}

/// Reads the `traceparent` of W3C Trace Context.
fn parent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.trim().split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || trace.len() != 32 || span.len() != 16 {
        return None;
    }
    let (trace, span): (TraceId, SpanId) = (trace.parse().ok()?, span.parse().ok()?);
    (trace.0 != 0 && span.0 != 0).then_some((trace, span))
}

impl Driver<'_> {
    /// What every process of this run finds besides.
    pub(super) fn common_variables(&self, mark: Mark) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("STEADFAST_JOB", self.name.clone()),
            ("STEADFAST_TOKEN", mark.token.to_string()),
            ("TRACEPARENT", format!("00-{}-{}-01", self.recorder.trace, mark.span)),
        ];
        if let Some(run) = self.recorder.run() {
            variables.push(("STEADFAST_RUN", run.to_string()));
        }
        variables.extend(self.recorder.run_id().map(|run| ("STEADFAST_RUN_ID", run)));
        variables
    }

    /// What an attempt finds besides.
    pub(super) fn attempt_variables(
        &self,
        run: &RunState,
        policy: &Policy,
        number: AttemptNo,
        limit: Option<Duration>,
        mark: Mark,
    ) -> Vec<(&'static str, String)> {
        let mut variables = self.common_variables(mark);
        variables.push(("STEADFAST_ATTEMPT", number.to_string()));
        variables.push(("STEADFAST_MAX_ATTEMPTS", policy.limits().attempts.to_string()));
        if let Some(limit) = limit {
            let until = (self.clock.moment() + limit).as_nanos() / 1_000_000_000;
            variables.push(("STEADFAST_DEADLINE", until.to_string()));
        }
        if let Some(class) = &self.last_class {
            variables.push(("STEADFAST_PREV_CLASS", class.clone()));
        }
        if let Some(step) = run.furthest() {
            variables.push(("STEADFAST_PREV_STEP", step.to_string()));
        }
        if let Some(post) = &self.post {
            variables.push(("STEADFAST_NOTIFY", post.address().to_owned()));
            // A service manager above us waits for its own words on its own socket.
            if !self.environment.has("NOTIFY_SOCKET") {
                variables.push(("NOTIFY_SOCKET", post.address().to_owned()));
            }
        }
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::parent;

    #[test]
    fn a_caller_is_known_by_its_traceparent() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (trace, span) = parent(text).unwrap();
        assert_eq!(format!("00-{trace}-{span}-01"), text);
        for broken in ["", "00-1-2-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
            assert_eq!(parent(broken), None, "{broken}");
        }
    }
}
