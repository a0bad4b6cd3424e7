//! Good files, and what they come to.

use std::collections::BTreeMap;
use std::path::Path;

use steadfast::ids::RunId;
use steadfast::job::{
    Action, Builtins, Config, Definition, Leftovers, Mode, OutputMode, Overlap, Program, Reader, Succeeds, Text,
};
use steadfast_retry::AttemptNo;

use super::{corpus, read};

fn good(text: &str) -> Config {
    let reading = read(text);
    let told: Vec<String> = reading.diagnostics.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    reading.config.expect("nothing is wrong")
}

fn builtins(job: &str) -> Builtins<'_> {
    Builtins { job, run: RunId(7), attempt: AttemptNo::new(2).unwrap(), gpus: 4 }
}

fn argv(definition: &Definition, point: u32, given: &[(&str, &str)]) -> Vec<String> {
    let point = definition.matrix.point(point);
    let given: BTreeMap<String, String> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    definition.expand(point.as_ref(), &given, &builtins("sweep")).unwrap().argv
}

#[test]
fn every_good_file_is_read_without_a_word() {
    let files = corpus("good");
    assert!(files.len() >= 4);
    for path in files {
        let reading = Reader::new().read(std::slice::from_ref(&path));
        let told: Vec<String> = reading.diagnostics.iter().map(ToString::to_string).collect();
        assert!(reading.config.is_some() && told.is_empty(), "{}: {}", path.display(), told.join("\n"));
    }
}

/// The text is stored with runs: a change of its shape would orphan every run that a daemon holds.
#[test]
fn a_job_with_everything_comes_to_this() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good/everything.toml"));
    let config = good(&text.unwrap());
    let shown = serde_json::to_string_pretty(&config.jobs["everything"]).unwrap();
    insta::with_settings!({ prepend_module_to_snapshot => false }, { insta::assert_snapshot!("everything", shown) });
}

#[test]
fn a_stored_definition_is_the_one_that_was_read() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good/everything.toml"));
    let config = good(&text.unwrap());
    let definition = &config.jobs["everything"].definition;
    let stored: Definition = serde_json::from_str(&definition.document()).unwrap();
    assert_eq!(stored, **definition);
    assert_eq!(stored.digest(), config.jobs["everything"].digest);
}

#[test]
fn what_is_not_said_has_its_default() {
    let config = good("[job.a.command]\nrun = [\"true\"]\n");
    let job = &config.jobs["a"];
    let Action::Command(command) = &job.definition.action;
    assert_eq!((command.output, command.output_cap_bytes), (OutputMode::Pipe, 64 << 20));
    assert!(command.success.contains(0) && !command.success.contains(1));
    assert_eq!(job.definition.policy.name(), "default");
    assert_eq!(job.definition.workdir, Path::new("/srv/jobs"));
    assert_eq!(job.definition.leftovers, Leftovers::Stop);
    assert_eq!((job.overlap, job.priority, job.succeeds, job.may_fail), (Overlap::Skip, 0, Succeeds::All, false));
    assert_eq!((job.group.as_deref(), job.after.as_ref(), job.schedule.as_ref()), (None, None, None));
    assert_eq!(job.origin.to_string(), "jobs.toml:1");
}

#[test]
fn a_matrix_is_run_in_file_order_and_as_written() {
    let config = good(
        "[job.sweep]\nmatrix = { lr = [1e-3, 3E-03, \"0.1\"], big = [1_000, 0x10], on = [2026-11-23, true] }\n\
         [job.sweep.command]\nrun = [\"train\", \"{lr}\", \"{big}\", \"{on}\"]\n",
    );
    let definition = &config.jobs["sweep"].definition;
    assert_eq!(definition.matrix.len(), 12);
    assert_eq!(argv(definition, 0, &[]), ["train", "1e-3", "1_000", "2026-11-23"]);
    assert_eq!(argv(definition, 1, &[]), ["train", "1e-3", "1_000", "true"]);
    assert_eq!(argv(definition, 2, &[]), ["train", "1e-3", "0x10", "2026-11-23"]);
    assert_eq!(argv(definition, 4, &[]), ["train", "3E-03", "1_000", "2026-11-23"]);
    assert_eq!(argv(definition, 11, &[]), ["train", "0.1", "0x10", "true"]);
    assert_eq!(definition.matrix.points().count(), 12);
}

#[test]
fn values_reach_the_command_the_environment_and_the_folder() {
    let config = good(
        "[job.sweep]\nworkdir = \"runs/{run}\"\nenv = { SEED = \"{seed}\", BRACES = \"{{seed}}\", N = 5 }\n\
         matrix = { seed = [1, 2] }\nparameters = { since = \"yesterday\", until = { required = true }, note = {} }\n\
         [job.sweep.command]\nrun = [\"x\", \"{since}..{until}\", \"{note}\", \"{job}/{run}.{attempt}/{gpu.count}\", \"{other}\"]\n",
    );
    let definition = &config.jobs["sweep"].definition;
    let given = BTreeMap::from([("until".to_owned(), "now".to_owned())]);
    let expanded = definition.expand(definition.matrix.point(1).as_ref(), &given, &builtins("sweep")).unwrap();
    assert_eq!(expanded.argv, ["x", "yesterday..now", "", "sweep/7.2/4", "{other}"]);
    assert_eq!(expanded.workdir, Path::new("/srv/jobs/runs/7"));
    let env: Vec<String> = expanded.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        env,
        [
            "BRACES={seed}",
            "N=5",
            "SEED=2",
            "STEADFAST_PARAM_NOTE=",
            "STEADFAST_PARAM_SEED=2",
            "STEADFAST_PARAM_SINCE=yesterday",
            "STEADFAST_PARAM_UNTIL=now",
        ]
    );
    let missing = definition.expand(None, &BTreeMap::new(), &builtins("sweep")).unwrap_err();
    assert_eq!(missing.to_string(), "the parameter `until` is required\nhelp: give it with `-p until=VALUE`");
    let unknown = BTreeMap::from([("untill".to_owned(), String::new())]);
    let unknown = definition.expand(None, &unknown, &builtins("sweep")).unwrap_err();
    assert!(unknown.to_string().starts_with("the job has no parameter `untill`"), "{unknown}");
}

/// A value with a quote or a semicolon would become part of the program.
#[test]
fn nothing_is_replaced_in_a_line_for_the_shell() {
    let config = good(
        "[job.a]\nparameters = { x = \"; rm -rf /\" }\n[job.a.command]\nshell = \"echo \\\"$STEADFAST_PARAM_X\\\" {{}}\"\n",
    );
    let Action::Command(command) = &config.jobs["a"].definition.action;
    assert!(matches!(&command.program, Program::Shell(_)));
    let expanded = config.jobs["a"].definition.expand(None, &BTreeMap::new(), &builtins("a")).unwrap();
    assert_eq!(expanded.argv, ["/bin/sh", "-c", "echo \"$STEADFAST_PARAM_X\" {{}}"]);
    assert_eq!(expanded.env["STEADFAST_PARAM_X"], "; rm -rf /");
}

#[test]
fn a_job_is_laid_over_its_policy() {
    let config = good(
        "[policy.mine]\nextends = \"polite-http\"\nloop = { deadline = \"3h\" }\nfinally = [{ on = \"always\", run = [\"a\"] }]\n\
         [job.a]\npolicy = \"mine\"\ncatch = [{ class = \"disk-full\", attempts = 9 }]\nfinally = [{ on = \"failed\", run = [\"b\"] }]\n\
         [job.a.loop]\nattempts = 2\n[job.a.command]\nrun = [\"true\"]\n\
         [job.b]\npolicy = \"mine\"\nfinally = [{ on = \"failed\", run = [\"b\"] }]\ninherit-finally = false\n\
         [job.b.command]\nrun = [\"true\"]\n",
    );
    let policy = &config.jobs["a"].definition.policy;
    assert_eq!(policy.limits().attempts.to_string(), "2", "the job's own");
    assert_eq!(policy.limits().deadline.unwrap().as_secs(), 3 * 3600, "the policy's");
    assert_eq!(policy.limits().obey_server.as_secs(), 2 * 3600, "the shipped policy's");
    assert_eq!(policy.catch()[0].attempts, Some(9), "the job's rule stands first");
    assert_eq!(policy.catch()[0].origin.as_ref().unwrap().to_string(), "jobs.toml:7");
    assert_eq!(policy.finally().iter().map(|entry| entry.run[0].as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(config.jobs["b"].definition.policy.finally().len(), 1, "nothing is inherited");
    assert_eq!(config.policies["mine"].origins["loop.attempts"].to_string(), "steadfast:http.toml:16");
}

#[test]
fn a_policy_of_ones_own_takes_the_place_of_a_shipped_one() {
    let config = good("[policy.http]\nloop = { attempts = 2 }\n[class.net-reset]\nadvice = \"call the carrier\"\n");
    assert_eq!(config.policies["http"].policy.limits().attempts.to_string(), "2");
    assert_eq!(config.policies["polite-http"].policy.catch().len(), 1, "what extends it extends the new one");
    assert_eq!(config.classes.describe("net-reset").unwrap().advice, "call the carrier");
}

#[test]
fn jobs_follow_jobs_of_other_files() {
    let texts = [
        Text::new(
            "a.toml",
            "/a",
            "[job.b]\nafter = { ended = [\"c\"] }\npolicy = \"ours\"\ngroup = \"g\"\n[job.b.command]\nrun = [\"true\"]\n",
        ),
        Text::new("b.toml", "/b", "[job.c.command]\nrun = [\"true\"]\n[policy.ours]\n[group.g]\nslots = 2\n"),
    ];
    let config = Reader::new().read_texts(&texts).into_result().unwrap().0;
    let after = config.jobs["b"].after.clone().unwrap();
    assert_eq!((after.jobs.as_slice(), after.mode), (["c".to_owned()].as_slice(), Mode::Ended));
    assert_eq!((config.jobs["b"].group.as_deref(), config.groups["g"].slots), (Some("g"), 2));
    assert_eq!(config.jobs["c"].definition.workdir, Path::new("/b"));
    assert_eq!(config.files.len(), 2);
}

#[test]
fn a_name_in_two_files_is_told_with_both_places() {
    let texts = ["a.toml", "b.toml"].map(|file| Text::new(file, "/", "\n[job.x.command]\nrun = [\"true\"]\n"));
    let told = Reader::new().read_texts(&texts).into_result().unwrap_err();
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].to_string(),
        "b.toml:2:6: error[SF0106]: the job `x` is declared twice, first at a.toml:2\nhelp: rename one of them, or take it out"
    );
    assert_eq!(told[0].related.as_ref().map(|there| (there.file.as_str(), there.line)), Some(("a.toml", 2)));
}

/// A file that nobody could read may declare what seems to be missing.
#[test]
fn nothing_is_called_unknown_while_a_file_is_not_understood() {
    let texts = [
        Text::new(
            "a.toml",
            "/",
            "[job.x]\npolicy = \"p\"\ngroup = \"g\"\nafter = [\"y\"]\npriority = 5000\n[job.x.command]\nrun = [\"true\"]\n",
        ),
        Text::new("b.toml", "/", "[policy.p\n"),
    ];
    let told = Reader::new().read_texts(&texts).into_result().unwrap_err();
    let codes: Vec<String> = told.iter().map(|told| format!("{}:{} {}", told.file, told.line, told.code)).collect();
    assert_eq!(codes, ["a.toml:5 SF0212", "b.toml:1 SF0101"]);
}

#[test]
fn the_digest_is_of_what_shapes_a_run() {
    let digest = |text: &str| good(text).jobs["a"].digest;
    let base = "[job.a]\npolicy = \"http\"\ncatch = [{ class = \"net-*\", attempts = 5 }]\n[job.a.command]\nrun = [\"true\"]\n";
    let moved = format!("# a comment\n\n{base}");
    assert_eq!(digest(base), digest(&moved), "a job that moved is the same");
    let later = base.replace("[job.a]\n", "[job.a]\nschedule = { every = \"1h\" }\npriority = 5\nabout = \"x\"\n");
    assert_eq!(digest(base), digest(&later), "when it begins does not shape it");
    for (from, to) in [
        ("\"true\"", "\"false\""),
        ("= 5", "= 6"),
        ("\"http\"", "\"once\""),
        ("[job.a]\n", "[job.a]\nenv = { A = 1 }\n"),
    ] {
        assert_ne!(digest(base), digest(&base.replace(from, to)), "{from} -> {to}");
    }
}

#[test]
fn a_difference_names_what_changed() {
    let old = good(
        "[job.a.command]\nrun = [\"true\"]\n[job.b.command]\nrun = [\"true\"]\n[job.d.command]\nrun = [\"true\"]\n[group.g]\nslots = 1\n",
    );
    let new = good(
        "\n\n[job.a]\npriority = 3\n[job.a.command]\nrun = [\"false\"]\n[job.c.command]\nrun = [\"true\"]\n[job.d.command]\nrun = [\"true\"]\n\
         [group.g]\nslots = 2\n[policy.p]\n[class.net-reset]\nadvice = \"x\"\n",
    );
    assert_eq!(
        Config::difference(&old, &new).to_string(),
        "changed job a (action, priority), added job c, removed job b, changed group g (slots), added policy p, \
         changed class net-reset (advice)"
    );
    assert!(Config::difference(&old, &old).is_empty());
    assert_eq!(Config::difference(&old, &old).to_string(), "nothing changed");
}
