//! Making a job of its table.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use steadfast_retry::Policy;
use steadfast_retry::table::{Located, PolicyTable, Resolved, Site, Source, nearest};

use super::resolve::Resolver;
use super::words::short;
use crate::job::table::forms::Span;
use crate::job::table::{JobTable, ScheduleTable};
use crate::job::{Action, After, Code, Definition, Diagnostic, Job, Matrix, Overlap, ScheduleText, Succeeds, Values};

mod command;
mod values;

/// Where something was taken out of a table because it was mistaken, so that nobody complains that it is missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Wounded {
    pub(super) spans: Vec<Range<usize>>,
    pub(super) torn: bool,
}

/// Makes one job; what is wrong goes to the resolver, and something harmless takes its place.
pub(super) struct Maker<'a, 'z> {
    pub(super) resolver: &'a mut Resolver<'z>,
    pub(super) source: &'a Source,
    pub(super) name: &'a Located<String>,
    pub(super) folder: &'a Path,
    pub(super) wounded: &'a Wounded,
    pub(super) jobs: &'a [&'a str],
}

impl Maker<'_, '_> {
    pub(super) fn make(mut self, table: &JobTable) -> Job {
        let matrix = self.matrix(table);
        let parameters = self.parameters(table, &matrix);
        let own = parameters.keys().map(String::as_str).chain(matrix.axes.iter().map(|(key, _)| key.as_str()));
        let known: Vec<&str> = own.chain(Values::BUILTINS).collect();
        let definition = Definition {
            action: Action::Command(self.command(table, &known)),
            policy: self.policy(table, &known),
            env: self.env(table, &known),
            workdir: self.workdir(table, &known),
            limits: table.kernel.as_ref().map(|limits| self.limits(limits)).unwrap_or_default(),
            stop: table.stop.as_ref().map(command::ladder).unwrap_or_default(),
            leftovers: table.leftovers.unwrap_or_default(),
            matrix,
            parameters,
        };
        Job {
            name: self.name.value.clone(),
            about: table.about.clone(),
            digest: definition.digest(),
            schedule: table.schedule.as_ref().map(|schedule| self.schedule(schedule)),
            overlap: table.overlap.map_or(Overlap::default(), |overlap| overlap.0),
            group: self.group(table),
            priority: self.priority(table),
            after: self.after(table),
            succeeds: self.succeeds(table, &definition.matrix),
            may_fail: table.may_fail.unwrap_or_default(),
            origin: self.source.origin(self.name.span.start),
            definition: Arc::new(definition),
        }
    }

    fn tell(&mut self, code: Code, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.resolver.diagnostics.push(Diagnostic::at(code, self.source, span.clone(), message, help));
    }

    /// Says that something is missing in a table, unless something was taken out of it.
    fn tell_missing(&mut self, code: Code, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if !self.wounded.spans.contains(span) {
            self.tell(code, span, message, help);
        }
    }

    fn policy(&mut self, table: &JobTable, known: &[&str]) -> Arc<Policy> {
        let known: Vec<&str> = known.iter().copied().chain(Values::OF_FINALIZERS).collect();
        for finalizer in &table.finally {
            let run = &finalizer.value.run;
            if run.value.first().is_none_or(|program| program.trim().is_empty()) {
                self.tell_missing(Code::NO_PROGRAM, &run.span, "`run` names no program", "write the program first");
            }
            for argument in &run.value {
                self.placeholders(&run.span, argument, &known);
            }
        }
        let (parent, policy) = self.parent(table);
        let own = PolicyTable {
            extends: None,
            limits: table.limits.clone(),
            catch: table.catch.clone(),
            delay: table.delay.clone(),
            finally: table.finally.clone(),
            inherit_finally: table.inherit_finally.clone(),
        };
        let adds = own.limits.is_some() || own.delay.is_some() || own.inherit_finally.is_some();
        if !adds && own.catch.is_empty() && own.finally.is_empty() {
            return policy;
        }
        let site = Site { name: &self.name.value, source: self.source, span: self.name.span.clone() };
        let strays = own.check_classes(&site, &self.resolver.classes).err();
        let laid = own.over(&parent, &site);
        let (wrong, made) = match laid {
            Ok(resolved) => (None, Arc::new(resolved.policy)),
            Err(wrong) => (Some(wrong), policy),
        };
        for error in strays.into_iter().chain(wrong).flatten() {
            if !self.wounded.spans.contains(&error.span()) {
                self.resolver.policy_error(self.source, &error);
            }
        }
        made
    }

    /// The policy that a job names, or the default.
    fn parent(&mut self, table: &JobTable) -> (Arc<Resolved>, Arc<Policy>) {
        let name = table.policy.as_ref().map_or("default", |policy| policy.value.as_str());
        if let Some((resolved, policy)) = self.resolver.policies.get(name) {
            return (Arc::clone(resolved), Arc::clone(policy));
        }
        let broken = self.resolver.broken_policies.iter().any(|broken| broken == name);
        if let Some(written) = table.policy.as_ref().filter(|_| self.resolver.whole && !broken) {
            let message = format!("no policy is named `{}`", short(&written.value));
            let near = nearest(&written.value, self.resolver.policies.keys().map(String::as_str));
            let help = near.map_or_else(
                || "declare it as `[policy.NAME]`; `steadfast policy list` shows the known ones".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.tell(Code::UNKNOWN_POLICY, &written.span, message, help);
        }
        (Arc::default(), Arc::default())
    }

    fn schedule(&mut self, written: &Located<ScheduleTable>) -> ScheduleText {
        let table = &written.value;
        let text = |written: &Option<Located<String>>| written.as_ref().map(|written| written.value.clone());
        let span = |written: &Option<Located<Span>>| written.as_ref().map(|written| written.value.0);
        let schedule = ScheduleText {
            cron: text(&table.cron),
            every: span(&table.every),
            at: text(&table.at),
            zone: text(&table.zone),
            missed: table.missed.as_ref().map(|missed| missed.value.0),
            window: span(&table.window),
            jitter: span(&table.jitter),
        };
        let errors = schedule.declared().schedule(self.resolver.zones).err().unwrap_or_default();
        for error in errors {
            let place = match error.key {
                "cron" => table.cron.as_ref().map(|written| written.span.clone()),
                "every" => table.every.as_ref().map(|written| written.span.clone()),
                "at" => table.at.as_ref().map(|written| written.span.clone()),
                "zone" => table.zone.as_ref().map(|written| written.span.clone()),
                "missed" => table.missed.as_ref().map(|written| written.span.clone()),
                "window" => table.window.as_ref().map(|written| written.span.clone()),
                "jitter" => table.jitter.as_ref().map(|written| written.span.clone()),
                _ => None,
            };
            let inside = place.clone().zip(error.span).and_then(|(place, part)| self.within(&place, &part));
            let span = inside.or(place).unwrap_or_else(|| written.span.clone());
            self.tell_missing(Code::SCHEDULE, &span, error.message, error.help);
        }
        schedule
    }

    /// The place of a part of a text, where the file holds the text as it is between two quotes.
    fn within(&self, place: &Range<usize>, part: &Range<usize>) -> Option<Range<usize>> {
        let written = self.source.text().get(place.clone())?;
        let plain = written.starts_with(['"', '\'']) && !written.starts_with("\"\"\"") && !written.contains('\\');
        let inner = place.start + 1 + part.start..place.start + 1 + part.end;
        (plain && inner.end < place.end).then_some(inner)
    }

    fn group(&mut self, table: &JobTable) -> Option<String> {
        let written = table.group.as_ref()?;
        if !self.resolver.groups.contains_key(&written.value) && self.resolver.whole {
            let message = format!("no group is named `{}`", short(&written.value));
            let near = nearest(&written.value, self.resolver.groups.keys().map(String::as_str));
            let help = near.map_or_else(
                || format!("declare it: `[group.{}]` with slots = 1", short(&written.value)),
                |near| format!("did you mean `{near}`?"),
            );
            self.tell(Code::UNKNOWN_GROUP, &written.span, message, help);
        }
        Some(written.value.clone())
    }

    fn priority(&mut self, table: &JobTable) -> i32 {
        let Some(written) = &table.priority else { return 0 };
        match i32::try_from(written.value) {
            Ok(priority) if (-1000..=1000).contains(&priority) => priority,
            Ok(_) | Err(_) => {
                let message = format!("`priority` is {}", written.value);
                self.tell(
                    Code::OUT_OF_RANGE,
                    &written.span,
                    message,
                    "write a number from -1000 to 1000; higher goes first",
                );
                0
            }
        }
    }

    fn after(&mut self, table: &JobTable) -> Option<After> {
        let written = table.after.as_ref()?;
        let mut jobs: Vec<String> = Vec::new();
        for wanted in &written.value.jobs {
            let name = &wanted.value;
            if jobs.contains(name) {
                self.tell(
                    Code::TWICE,
                    &wanted.span,
                    format!("`{}` stands here twice", short(name)),
                    "take one of them out",
                );
            } else if !self.jobs.contains(&name.as_str()) && self.resolver.whole {
                let near = nearest(name, self.jobs.iter().copied().filter(|job| *job != self.name.value));
                let help = near.map_or_else(
                    || "name a job of these files, or give the file that declares it as well".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                self.tell(Code::UNKNOWN_JOB, &wanted.span, format!("no job is named `{}`", short(name)), help);
            }
            jobs.push(name.clone());
        }
        if jobs.is_empty() {
            let message = "`after` names no job, so it would never fire";
            self.tell_missing(Code::UNKNOWN_JOB, &written.span, message, "name a job, or leave `after` out");
        }
        Some(After { jobs, mode: written.value.mode })
    }

    fn succeeds(&mut self, table: &JobTable, matrix: &Matrix) -> Succeeds {
        let Some(written) = &table.succeeds else { return Succeeds::default() };
        let points = matrix.len();
        if matrix.is_empty() && table.matrix.is_none() && !self.wounded.torn {
            self.tell(
                Code::SUCCEEDS,
                &written.span,
                "`succeeds` speaks of a matrix, and there is none",
                "leave it out",
            );
        } else if let Succeeds::AtLeast(number) = written.value.0
            && number > points
            && points > 0
            && self.wounded.spans.is_empty()
        {
            let message = format!("{number} points must succeed, and the matrix has {points}");
            self.tell(
                Code::SUCCEEDS,
                &written.span,
                message,
                format!("write a number from 1 to {points}, \"all\" or \"any\""),
            );
        }
        written.value.0
    }
}
