//! The program of a job, and what the kernel holds it to.

use std::ops::Range;

use steadfast_retry::table::Located;

use super::Maker;
use crate::job::read::placeholder;
use crate::job::table::forms::{Size, Span};
use crate::job::table::{CommandTable, JobTable, LimitsTable, StopTable};
use crate::job::{Code, Command, Program, ResourceLimits, StopLadder};

impl Maker<'_, '_> {
    pub(super) fn command(&mut self, table: &JobTable, known: &[&str]) -> Command {
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

    pub(super) fn program(&mut self, command: &CommandTable, span: &Range<usize>, known: &[&str]) -> Program {
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

    pub(super) fn limits(&mut self, table: &LimitsTable) -> ResourceLimits {
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
        let bytes = |written: &Option<Located<Size>>| {
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
}

pub(super) fn ladder(table: &StopTable) -> StopLadder {
    let default = StopLadder::default();
    let or = |written: Option<Span>, default| written.map_or(default, |span| span.0);
    StopLadder {
        ask: or(table.ask, default.ask),
        leader: or(table.leader, default.leader),
        all: or(table.all, default.all),
        extend: or(table.extend, default.extend),
    }
}
