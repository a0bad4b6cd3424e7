//! Making a job of its table.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use steadfast_retry::Policy;
use steadfast_retry::table::{Located, PolicyTable, Resolved, Site, Source};

use super::placeholder;
use super::resolve::Resolver;
use super::words::short;
use crate::job::expand::variable;
use crate::job::nearest::nearest;
use crate::job::table::forms::{Cell, ParameterForm, Span};
use crate::job::table::{CommandTable, JobTable, LimitsTable, ScheduleTable, StopTable};
use crate::job::{
    Action, After, Code, Command, Definition, Diagnostic, Job, Matrix, Overlap, Parameter, Program, ResourceLimits,
    ScheduleText, StopLadder, Succeeds, Values,
};

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
            stop: table.stop.as_ref().map(ladder).unwrap_or_default(),
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

    /// The text of a plain value: its own, or what was written.
    fn text(&self, cell: &Located<Cell>) -> String {
        match &cell.value {
            Cell::Text(text) => text.clone(),
            Cell::AsWritten => self.source.text().get(cell.span.clone()).unwrap_or_default().to_owned(),
        }
    }

    fn command(&mut self, table: &JobTable, known: &[&str]) -> Command {
        let Some(Located { value: command, span }) = &table.command else {
            if !self.wounded.torn {
                let message = format!("the job `{}` does nothing", self.name.value);
                let help = format!("add `[job.{}.command]` with run = [\"program\", \"argument\"]", self.name.value);
                self.tell(Code::NO_ACTION, &self.name.span.clone(), message, help);
            }
            return Command::new(Program::Argv(Vec::new()));
        };
        let mut made = Command::new(self.program(command, span, known));
        if let Some(output) = command.output {
            made.output = output;
        }
        if let Some(cap) = &command.output_cap {
            if cap.value.0 < 4096 {
                self.tell(
                    Code::OUT_OF_RANGE,
                    &cap.span,
                    "less than 4 KiB of output would say nothing",
                    "write \"64KiB\" or more",
                );
            }
            made.output_cap_bytes = cap.value.0;
        }
        if let Some(success) = &command.success {
            made.success = success.clone();
        }
        made
    }

    fn program(&mut self, command: &CommandTable, span: &Range<usize>, known: &[&str]) -> Program {
        match (&command.run, &command.shell) {
            (Some(run), None) => {
                let argv: Vec<String> = run.value.0.iter().map(|argument| argument.value.clone()).collect();
                if argv.first().is_none_or(|program| program.trim().is_empty()) {
                    self.tell_missing(
                        Code::NO_PROGRAM,
                        &run.span,
                        "`run` names no program",
                        "write the program first, such as run = [\"python3\", \"train.py\"]",
                    );
                }
                for argument in &run.value.0 {
                    self.placeholders(&argument.span, &argument.value, known);
                }
                Program::Argv(argv)
            }
            (None, Some(shell)) => {
                if shell.value.trim().is_empty() {
                    self.tell(
                        Code::NO_PROGRAM,
                        &shell.span,
                        "`shell` holds no command",
                        "write a line for the shell, or use `run`",
                    );
                }
                self.no_zero(&shell.span, &shell.value);
                placeholder::in_shell(self.source, &shell.span, &shell.value, known, &mut self.resolver.diagnostics);
                Program::Shell(shell.value.clone())
            }
            (Some(run), Some(shell)) => {
                let (one, other) = if run.span.start < shell.span.start {
                    (run.span.clone(), &shell.span)
                } else {
                    (shell.span.clone(), &run.span)
                };
                self.tell(Code::TWO_PROGRAMS, other, "a command has either `run` or `shell`", "keep one of them");
                let both = self.resolver.diagnostics.pop();
                self.resolver.diagnostics.extend(both.map(|told| told.also(self.source, &one, "the other one")));
                Program::Argv(Vec::new())
            }
            (None, None) => {
                let help = "add run = [\"program\", \"argument\"], or shell = \"a line for the shell\"";
                self.tell_missing(Code::NO_PROGRAM, span, "the command says nothing to run", help);
                Program::Argv(Vec::new())
            }
        }
    }

    fn placeholders(&mut self, span: &Range<usize>, text: &str, known: &[&str]) {
        self.no_zero(span, text);
        placeholder::in_text(self.source, span, text, known, &mut self.resolver.diagnostics);
    }

    /// Refuses the byte that the system takes for the end of a text.
    fn no_zero(&mut self, span: &Range<usize>, text: &str) {
        if text.contains('\0') {
            self.tell(Code::ENVIRONMENT, span, "a zero byte cannot be passed to a program", "take `\\u0000` out");
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

    fn env(&mut self, table: &JobTable, known: &[&str]) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        for (name, value) in &table.env.0 {
            if name.value.is_empty() || name.value.contains(['=', '\0']) {
                let message = format!("`{}` is no name for a variable", short(&name.value));
                self.tell(
                    Code::ENVIRONMENT,
                    &name.span,
                    message,
                    "names hold neither `=` nor a zero byte, and are not empty",
                );
            } else if name.value.starts_with("STEADFAST_") {
                let message = format!("`{}` belongs to steadfast, which sets it itself", short(&name.value));
                self.tell(Code::ENVIRONMENT, &name.span, message, "use another name");
            }
            let text = self.text(value);
            self.placeholders(&value.span, &text, known);
            env.insert(name.value.clone(), text);
        }
        env
    }

    fn workdir(&mut self, table: &JobTable, known: &[&str]) -> std::path::PathBuf {
        let Some(workdir) = &table.workdir else { return self.folder.to_owned() };
        if workdir.value.is_empty() {
            self.tell(Code::ENVIRONMENT, &workdir.span, "`workdir` is empty", "leave it out for the file's own folder");
        }
        self.placeholders(&workdir.span, &workdir.value, known);
        self.folder.join(&workdir.value)
    }

    fn limits(&mut self, table: &LimitsTable) -> ResourceLimits {
        let mut some = |written: &Option<Located<u64>>, key: &str| {
            let written = written.as_ref()?;
            if written.value == 0 {
                self.tell(
                    Code::OUT_OF_RANGE,
                    &written.span,
                    format!("with `{key}` at 0 nothing could run"),
                    "write at least 1",
                );
            }
            Some(written.value)
        };
        let bytes = |written: &Option<Located<crate::job::table::forms::Size>>| {
            written.as_ref().map(|written| Located::new(written.value.0, written.span.clone()))
        };
        let limits = ResourceLimits {
            memory_bytes: some(&bytes(&table.memory), "memory"),
            processes: some(&table.processes, "processes"),
            address_space_bytes: some(&bytes(&table.address_space), "address-space"),
            open_files: some(&table.open_files, "open-files"),
            core_bytes: bytes(&table.core_size).map(|size| size.value),
            file_bytes: bytes(&table.file_size).map(|size| size.value),
            cpu_seconds: table.cpu_time.as_ref().map(|time| time.value.0.as_secs()),
        };
        if let Some(time) =
            table.cpu_time.as_ref().filter(|time| time.value.0.as_secs() == 0 || time.value.0.subsec_nanos() > 0)
        {
            self.tell(
                Code::OUT_OF_RANGE,
                &time.span,
                "`cpu-time` counts whole seconds, at least one",
                "write for example \"90s\"",
            );
        }
        limits
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

    fn matrix(&mut self, table: &JobTable) -> Matrix {
        let Some(written) = &table.matrix else { return Matrix::default() };
        let mut matrix = Matrix::default();
        for (key, values) in &written.value.0 {
            self.value_name(key, "matrix key");
            if values.value.is_empty() {
                self.tell_missing(
                    Code::MATRIX,
                    &values.span,
                    format!("`{}` has no values", short(&key.value)),
                    "write at least one, or take the key out",
                );
                continue;
            }
            let mut texts: Vec<String> = Vec::new();
            for cell in &values.value {
                let text = self.text(cell);
                self.no_zero(&cell.span, &text);
                if texts.contains(&text) {
                    let message = format!("`{}` stands here twice, which would run the same point twice", short(&text));
                    self.tell(Code::MATRIX, &cell.span, message, "take one of them out");
                }
                texts.push(text);
            }
            matrix.axes.push((key.value.clone(), texts));
        }
        if written.value.0.is_empty() {
            self.tell_missing(
                Code::MATRIX,
                &written.span,
                "the matrix has no keys",
                "add one, such as seed = [1, 2, 3], or leave it out",
            );
        }
        if matrix.len() > Matrix::MOST_POINTS {
            let message = format!("the matrix has more than {} points", Matrix::MOST_POINTS);
            self.tell(Code::MATRIX, &written.span, message, "take values out, or make several jobs of it");
            return Matrix::default();
        }
        matrix
    }

    fn parameters(&mut self, table: &JobTable, matrix: &Matrix) -> BTreeMap<String, Parameter> {
        let mut variables: BTreeMap<String, String> =
            matrix.axes.iter().map(|(key, _)| (variable(key), key.clone())).collect();
        let mut parameters = BTreeMap::new();
        for (name, form) in &table.parameters.0 {
            self.value_name(name, "parameter");
            if let Some(other) = variables.insert(variable(&name.value), name.value.clone()) {
                let message = format!(
                    "`{}` and `{}` would be the same variable, {}",
                    short(&name.value),
                    short(&other),
                    short(&variable(&name.value))
                );
                self.tell(Code::PARAMETER, &name.span, message, "rename one of them");
            }
            let parameter = self.parameter(table, name, form);
            parameters.insert(name.value.clone(), parameter);
        }
        parameters
    }

    fn parameter(&mut self, job: &JobTable, name: &Located<String>, form: &Located<ParameterForm>) -> Parameter {
        let table = match &form.value {
            ParameterForm::Default(cell) => {
                let default = Some(self.text(&Located::new(cell.clone(), form.span.clone())));
                return Parameter { default, ..Parameter::default() };
            }
            ParameterForm::Table(table) => table,
        };
        let default = table.default.as_ref().map(|cell| self.text(cell));
        let required = table.required.as_ref().is_some_and(|required| required.value);
        if let Some(written) = table.required.as_ref().filter(|written| written.value) {
            let name = short(&name.value);
            if default.is_some() {
                let message = format!("`{name}` is required and has a default, which would never be used");
                self.tell(Code::PARAMETER, &written.span, message, "keep one of the two");
            } else if let Some(by) =
                [("schedule", job.schedule.is_some()), ("after", job.after.is_some())].iter().find(|by| by.1)
            {
                let message =
                    format!("`{name}` is required, and nobody is there to give it when `{}` starts the job", by.0);
                self.tell(Code::PARAMETER, &written.span, message, "give it a `default`");
            }
        }
        Parameter { default, required, help: table.help.clone() }
    }

    /// Checks the name of a parameter or matrix key.
    fn value_name(&mut self, name: &Located<String>, kind: &str) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let begins = name.value.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || name.value.len() > 64 || !name.value.chars().all(fits) {
            let message = format!("`{}` is no name for a {kind}", short(&name.value));
            let help = "names are letters, digits, `-` and `_`, begin with a letter and have at most 64 bytes";
            self.tell(Code::BAD_NAME, &name.span, message, help);
        } else if Values::BUILTINS.contains(&name.value.as_str()) {
            let message = format!("steadfast itself gives `{{{}}}` a value", name.value);
            self.tell(Code::PARAMETER, &name.span, message, "use another name");
        }
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

fn ladder(table: &StopTable) -> StopLadder {
    let default = StopLadder::default();
    let or = |written: Option<Span>, default| written.map_or(default, |span| span.0);
    StopLadder {
        ask: or(table.ask, default.ask),
        leader: or(table.leader, default.leader),
        all: or(table.all, default.all),
        extend: or(table.extend, default.extend),
    }
}
