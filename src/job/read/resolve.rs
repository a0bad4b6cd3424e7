//! Putting the tables of all files together.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZoneDatabase;
use serde::Deserialize;
use steadfast_retry::table::{Located, PolicyError, PolicyErrorKind, PolicySet, PolicyTable, Source};
use steadfast_retry::{Class, Flaw};

use super::decode::{Decoded, decode};
use super::job::{Maker, Wounded};
use super::links::{Links, circles};
use super::parts::{Parsed, Part};
use super::words::Context;
use super::{bad_name, is_kebab_case};
use crate::evidence::{ClassTable, Classes};
use crate::ids::Digest;
use crate::job::shipped::{self, Ready};
use crate::job::table::{GroupTable, JobTable};
use crate::job::{Code, Config, Diagnostic, File, Group};

/// Puts the tables of all files together, and gathers what is wrong.
pub(super) struct Resolver<'z> {
    pub(super) zones: &'z TimeZoneDatabase,
    /// Whether every file was understood. If not, a name that seems unknown may stand where nobody could read it.
    pub(super) whole: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) policies: BTreeMap<String, Ready>,
    /// Policies that are declared and wrong: whoever names one has said nothing wrong.
    pub(super) broken_policies: Vec<String>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) classes: Vec<Class>,
}

/// A job's table on its way.
struct Draft<'a> {
    name: &'a Located<String>,
    source: &'a Source,
    folder: &'a Path,
    table: JobTable,
    wounded: Wounded,
}

/// All tables of one kind, in the order of the files.
struct Tables<'a> {
    jobs: Vec<Draft<'a>>,
    /// Names of jobs whose tables could not be decoded.
    broken_jobs: Vec<&'a str>,
    policies: PolicySet,
    /// Where something was taken out of a policy, by file.
    wounds: Vec<(String, Range<usize>)>,
    classes: Vec<(Class, ClassTable)>,
}

impl<'z> Resolver<'z> {
    pub(super) fn new(zones: &'z TimeZoneDatabase, whole: bool) -> Self {
        Self {
            zones,
            whole,
            diagnostics: Vec::new(),
            policies: BTreeMap::new(),
            broken_policies: Vec::new(),
            groups: BTreeMap::new(),
            classes: Vec::new(),
        }
    }

    pub(super) fn resolve(&mut self, files: &[Parsed<'_>]) -> Config {
        self.whole &= files.iter().all(|file| file.whole);
        let tables = self.decode_all(files);
        let classes = Classes::shipped().with(tables.classes);
        self.classes = classes.iter().map(|class| class.name.clone()).collect();
        self.resolve_policies(files, tables.policies, &tables.wounds);
        let jobs = self.resolve_jobs(&tables.jobs, &tables.broken_jobs);
        Config {
            jobs,
            groups: std::mem::take(&mut self.groups),
            policies: std::mem::take(&mut self.policies)
                .into_iter()
                .map(|(name, (policy, _))| (name, policy))
                .collect(),
            classes,
            files: files
                .iter()
                .map(|file| File { path: file.text.file.clone(), digest: Digest::of(&file.text.text) })
                .collect(),
        }
    }

    fn decode_all<'a>(&mut self, files: &'a [Parsed<'a>]) -> Tables<'a> {
        let mut tables = Tables {
            jobs: Vec::new(),
            broken_jobs: Vec::new(),
            policies: PolicySet::new(),
            wounds: Vec::new(),
            classes: Vec::new(),
        };
        let mut declared: BTreeMap<(&str, &str), (&Source, &Range<usize>)> = BTreeMap::new();
        for file in files {
            self.diagnostics.extend(file.diagnostics.iter().cloned());
            for part in &file.parts {
                let first = declared.get(&(part.kind, part.name.value.as_str())).copied();
                if first.is_none() {
                    declared.insert((part.kind, &part.name.value), (file.source, &part.name.span));
                }
                let name_is_good = self.name_is_good(file.source, part, first);
                self.decode_part(file, part, name_is_good, &mut tables);
            }
        }
        tables
    }

    fn name_is_good(&mut self, source: &Source, part: &Part<'_>, first: Option<(&Source, &Range<usize>)>) -> bool {
        let (kind, name, span) = (part.kind, &part.name.value, part.name.span.clone());
        if !part.sound {
            return first.is_none() && is_kebab_case(name);
        }
        if let Some((first, first_span)) = first {
            let (line, _) = first.line_and_column(first_span.start);
            let message = format!("the {kind} `{name}` is declared twice, first at {}:{line}", first.file());
            let twice = Diagnostic::at(Code::TWICE, source, span, message, "rename one of them, or take it out");
            self.diagnostics.push(twice.label("declared again").also(first, first_span, "declared first"));
            return false;
        }
        if !is_kebab_case(name) {
            self.diagnostics.push(bad_name(source, span, kind, name));
            return false;
        }
        true
    }

    /// Decodes one table for its mistakes, and keeps it if its name is good.
    fn decode_part<'a>(&mut self, file: &'a Parsed<'a>, part: &'a Part<'a>, good: bool, tables: &mut Tables<'a>) {
        let name = part.name.value.as_str();
        match part.kind {
            "job" => {
                let (table, wounded) = self.decoded::<JobTable>(file, part);
                match table {
                    Some(table) if good => {
                        let folder = file.text.folder.as_path();
                        tables.jobs.push(Draft { name: &part.name, source: file.source, folder, table, wounded });
                    }
                    Some(_) | None => tables.broken_jobs.push(name),
                }
            }
            "policy" => {
                let (table, wounded) = self.decoded::<PolicyTable>(file, part);
                let file_name = file.source.file().to_owned();
                tables.wounds.extend(wounded.spans.into_iter().map(|span| (file_name.clone(), span)));
                let kept = table.filter(|_| good).and_then(|table| {
                    tables.policies.insert(name, table, file.source.clone(), part.name.span.clone()).ok()
                });
                if kept.is_none() {
                    self.broken_policies.push(name.to_owned());
                }
            }
            "class" => {
                let (table, _) = self.decoded::<ClassTable>(file, part);
                // A class whose table is wrong is known all the same.
                let empty = ClassTable { means: None, advice: None, kind: None, when: None };
                if let Ok(class) = Class::new(name.to_owned()) {
                    tables.classes.push((class, table.filter(|_| good).unwrap_or(empty)));
                }
            }
            _ => self.group(file, part),
        }
    }

    fn decoded<T: for<'de> Deserialize<'de>>(&mut self, file: &Parsed<'_>, part: &Part<'_>) -> (Option<T>, Wounded) {
        if !part.sound {
            return (None, Wounded::default());
        }
        let context = Context { kind: part.kind, name: &part.name.value };
        let Decoded { value, mistakes, wounds, torn } = decode::<T>(file.source, &context, &part.table);
        self.diagnostics.extend(mistakes);
        // A file with a mistake of syntax may have lost the rest of the table.
        (value, Wounded { spans: wounds, torn: torn || !file.whole })
    }

    fn group(&mut self, file: &Parsed<'_>, part: &Part<'_>) {
        let source = file.source;
        let (table, wounded) = self.decoded::<GroupTable>(file, part);
        let mut slots = 1;
        match table.and_then(|table| table.slots) {
            Some(written) => match u32::try_from(written.value) {
                Ok(number) if (1..=10_000).contains(&number) => slots = number,
                Ok(_) | Err(_) => self.diagnostics.push(Diagnostic::at(
                    Code::OUT_OF_RANGE,
                    source,
                    written.span,
                    format!("`slots` is {}", written.value),
                    "write a number from 1 to 10000",
                )),
            },
            None if part.sound && !wounded.torn && wounded.spans.is_empty() && !self.told_in(source, part) => {
                let span = part.name.span.clone();
                let message = format!("the group `{}` has no slots", part.name.value);
                self.diagnostics.push(Diagnostic::at(
                    Code::MISSING_KEY,
                    source,
                    span,
                    message,
                    "add `slots`, such as slots = 1",
                ));
            }
            None => {}
        }
        let group = Group { name: part.name.value.clone(), slots, origin: source.origin(part.name.span.start) };
        self.groups.entry(part.name.value.clone()).or_insert(group);
    }

    /// Whether a mistake was told that lies inside a table.
    fn told_in(&self, source: &Source, part: &Part<'_>) -> bool {
        let end = super::parts::end(&part.table);
        let inside =
            |told: &&Diagnostic| told.file == source.file() && (part.name.span.end..end).contains(&told.span.start);
        self.diagnostics.iter().any(|told| inside(&told))
    }

    fn resolve_policies(&mut self, files: &[Parsed<'_>], mut set: PolicySet, wounds: &[(String, Range<usize>)]) {
        let mut told: Vec<PolicyError> = Vec::new();
        if let Err(errors) = set.check_classes(&self.classes) {
            told.extend(errors);
        }
        let mut names: Vec<String> = set.names().map(str::to_owned).collect();
        if names.iter().any(|name| shipped::policies().table(name).is_some()) {
            // One of the shipped policies is replaced, and others may extend it.
            set.stand_behind(shipped::policies().clone());
            names = set.names().map(str::to_owned).collect();
        } else {
            set.stand_behind(shipped::policies().clone());
            self.policies.clone_from(shipped::resolved());
        }
        for name in names {
            match set.resolve(&name) {
                Ok(resolved) => {
                    let policy = Arc::new(resolved.policy.clone());
                    self.policies.insert(name, (Arc::new(resolved), policy));
                }
                Err(errors) => {
                    self.broken_policies.push(name);
                    told.extend(errors);
                }
            }
        }
        let mut seen: Vec<PolicyError> = Vec::new();
        let mut circles: Vec<Vec<String>> = Vec::new();
        for error in told {
            // Each policy of a circle tells of it, beginning with itself.
            if let PolicyErrorKind::Circle(way) = error.kind() {
                let mut names = way.clone();
                names.sort();
                if circles.contains(&names) {
                    continue;
                }
                circles.push(names);
            }
            let (file, span) = (error.origin().file.to_string(), error.span());
            if seen.contains(&error) || wounds.iter().any(|(wounded, at)| *wounded == file && *at == span) {
                continue;
            }
            let sources = files.iter().map(|file| file.source);
            let source = sources.into_iter().find(|source| source.file() == file).cloned();
            let source = source.unwrap_or_else(|| shipped::source(&file));
            self.policy_error(&source, &error);
            seen.push(error);
        }
    }

    /// Adds a mistake that the library found in a policy or in what a job lays over one.
    pub(super) fn policy_error(&mut self, source: &Source, error: &PolicyError) {
        let (code, fallback) = match error.kind() {
            PolicyErrorKind::Unknown(name) if !self.whole || self.broken_policies.contains(name) => return,
            PolicyErrorKind::NoClass if !self.whole => return,
            PolicyErrorKind::Unknown(_) => (Code::UNKNOWN_POLICY, "`steadfast policy list` shows the known ones"),
            PolicyErrorKind::Circle(_) => (Code::EXTENDS, "remove one `extends` of them"),
            PolicyErrorKind::NoClass => {
                (Code::NO_CLASS, "declare it as `[class.NAME]`, or write the name of a known class")
            }
            PolicyErrorKind::Flaw(flaw) => (Code::POLICY, remedy(*flaw)),
            PolicyErrorKind::Delay | PolicyErrorKind::NoProgram => (Code::POLICY, MORE),
            // A text is guarded, parsed and looked through for names before the library sees its tables.
            PolicyErrorKind::TooLong
            | PolicyErrorKind::TooDeep
            | PolicyErrorKind::Form
            | PolicyErrorKind::Name
            | PolicyErrorKind::Twice => (Code::POLICY, MORE),
        };
        let help = error.help().unwrap_or(fallback).to_owned();
        self.diagnostics.push(Diagnostic::at(code, source, error.span(), error.message(), help));
    }

    fn resolve_jobs(&mut self, drafts: &[Draft<'_>], broken: &[&str]) -> BTreeMap<String, Arc<crate::job::Job>> {
        let known: Vec<&str> =
            drafts.iter().map(|draft| draft.name.value.as_str()).chain(broken.iter().copied()).collect();
        let mut jobs = BTreeMap::new();
        for draft in drafts {
            let maker = Maker {
                resolver: self,
                source: draft.source,
                name: draft.name,
                folder: draft.folder,
                wounded: &draft.wounded,
                jobs: &known,
            };
            let job = maker.make(&draft.table);
            jobs.insert(job.name.clone(), Arc::new(job));
        }
        let links = drafts.iter().map(|draft| {
            let after = draft.table.after.as_ref().map_or(&[] as &[_], |after| &after.value.jobs);
            (draft.name.value.as_str(), Links { source: draft.source, jobs: after })
        });
        self.diagnostics.extend(circles(&links.collect()));
        jobs
    }
}

/// The remedy where there is none of its own.
const MORE: &str = "`steadfast explain SF0301` tells more";

/// What to do about a policy that could not work.
fn remedy(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::NoCeiling => "write a ceiling of at least 1",
        Flaw::NoAttempts => "write attempts = 1 or more",
        Flaw::AttemptsAboveCeiling => "raise `ceiling`, or write fewer attempts",
        Flaw::NoEnd => "add `deadline` or `ceiling` to `loop`",
        Flaw::NoDeadline => "leave it out for no deadline, or write a longer one",
        Flaw::AttemptMinBeyondDeadline => "write a shorter `attempt-min` or a longer `deadline`",
        Flaw::NoTimeout => "leave it out for no timeout, or write a longer one",
        Flaw::TooManyRules => {
            "give classes that are treated alike one rule with a list, or a pattern such as \"net-*\""
        }
        Flaw::RuleWithoutClass => "name at least one class, such as class = \"net-*\"",
        Flaw::RuleWithoutAttempts => "write `stop = true` in place of `attempts`, or at least 1",
        Flaw::StopAndMore => "leave out what stands beside `stop`, or `stop` itself",
        Flaw::FinalizerWithoutAttempts => "write attempts = 1 or more in the entry of `finally`",
    }
}
