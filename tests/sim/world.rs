//! What the simulated daemons are given to do: configurations of jobs, groups and policies, drawn by chance.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use steadfast::evidence::Classes;
use steadfast::ids::Digest;
use steadfast::job::{
    Action, After, Command, Config, Definition, Group, Job, Leftovers, Matrix, Mode, Overlap, Program, ScheduleText,
    StopLadder, Succeeds,
};
use steadfast::schedule::Missed;
use steadfast_retry::{AttemptLimit, Class, ClassPattern, Delay, Finalizer, Jitter, Limits, On, Origin, Policy, Rule};

use crate::chance::Chance;

/// The names of the jobs; a job comes after earlier ones only, so there is never a cycle.
pub(crate) const NAMES: [&str; 6] = ["crawl", "fetch", "index", "sweep", "train", "upload"];
const GROUPS: [&str; 2] = ["arxiv", "gpu"];

/// What a simulated program may report, besides ending with a code.
pub(crate) const REPORTS: [&str; 4] = ["http-busy", "net-reset", "not-found", "yielded"];

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A small table of classes: the shipped one costs more to weigh than a simulation needs.
pub(crate) fn classes() -> Classes {
    static CLASSES: OnceLock<Classes> = OnceLock::new();
    let make = || {
        let wanted = |value: &serde_json::Value| {
            let name = value["name"].as_str().unwrap_or_default();
            REPORTS.contains(&name) || ["intent-stop", "preempt-notice", "timeout", "supervise-lost"].contains(&name)
        };
        let shipped = serde_json::to_value(Classes::shipped()).expect("classes can be stored");
        let few: Vec<_> = shipped.as_array().expect("a table is a list").iter().filter(|def| wanted(def)).collect();
        let text = serde_json::to_string(&few).expect("a part of a table is one");
        serde_json::from_str(&text).expect("a stored table is read back")
    };
    CLASSES.get_or_init(make).clone()
}

fn origin() -> Origin {
    Origin { file: "sim.toml".into(), line: 1 }
}

/// Draws a whole configuration.
pub(crate) fn config(chance: &mut Chance) -> Config {
    let many = chance.between(1, NAMES.len() as u64) as usize;
    let mut config = Config { classes: classes(), ..Config::default() };
    draw_groups(chance, &mut config);
    for name in &NAMES[..many] {
        let job = job(chance, name, &config);
        config.jobs.insert((*name).to_owned(), Arc::new(job));
    }
    config
}

/// Draws what a person might have edited since.
pub(crate) fn edited(chance: &mut Chance, before: &Config) -> Config {
    let mut config = before.clone();
    if chance.percent(50) {
        config.groups.clear();
        draw_groups(chance, &mut config);
    }
    for name in NAMES {
        if chance.percent(10) && config.jobs.len() > 1 {
            config.jobs.remove(name);
        } else if chance.percent(30) {
            let job = job(chance, name, &config);
            config.jobs.insert(name.to_owned(), Arc::new(job));
        }
    }
    config
}

/// Returns the same jobs without schedules, so that a world comes to rest.
pub(crate) fn without_schedules(before: &Config) -> Config {
    let mut config = before.clone();
    for job in config.jobs.values_mut() {
        Arc::make_mut(job).schedule = None;
    }
    config
}

fn draw_groups(chance: &mut Chance, config: &mut Config) {
    for name in GROUPS {
        if chance.percent(40) {
            let group = Group { name: name.to_owned(), slots: chance.between(1, 3) as u32, origin: origin() };
            config.groups.insert(name.to_owned(), group);
        }
    }
}

fn job(chance: &mut Chance, name: &str, config: &Config) -> Job {
    let groups: Vec<&String> = config.groups.keys().collect();
    let group = (chance.percent(50) && !groups.is_empty()).then(|| (*chance.pick(&groups)).clone());
    let matrix = matrix(chance);
    let points = matrix.len();
    let succeeds = match chance.below(3) {
        0 => Succeeds::All,
        1 => Succeeds::Any,
        _ => Succeeds::AtLeast(chance.between(1, u64::from(points.max(1))) as u32),
    };
    let definition = Definition {
        action: Action::Command(Command::new(Program::Argv(vec!["/bin/work".to_owned(), "{job}".to_owned()]))),
        policy: Arc::new(policy(chance)),
        matrix,
        parameters: BTreeMap::new(),
        env: BTreeMap::new(),
        workdir: PathBuf::from("/work"),
        limits: steadfast::job::ResourceLimits {
            open_files: chance.percent(20).then_some(64),
            ..steadfast::job::ResourceLimits::default()
        },
        stop: StopLadder::default(),
        leftovers: Leftovers::Stop,
    };
    let overlap = match chance.below(5) {
        0 => Overlap::Allow,
        1 => Overlap::Queue(chance.between(1, 2) as u32),
        2 => Overlap::Replace,
        _ => Overlap::Skip,
    };
    let after = after(chance, name);
    let schedule = if after.is_none() || chance.percent(10) { schedule(chance) } else { None };
    Job {
        name: name.to_owned(),
        about: None,
        definition: Arc::new(definition),
        // A digest by chance stands for the digest of the text, which costs more than the rest of a seed.
        digest: Digest(u128::from(chance.bits())),
        schedule,
        overlap,
        group,
        priority: *chance.pick(&[-5, 0, 0, 0, 7]),
        after,
        succeeds,
        may_fail: chance.percent(20),
        origin: origin(),
    }
}

fn matrix(chance: &mut Chance) -> Matrix {
    let axis = |name: &str, many: u64| (name.to_owned(), (0..many).map(|value| value.to_string()).collect());
    let axes = match chance.below(10) {
        0 => vec![axis("seed", chance.between(2, 5))],
        1 => vec![axis("lr", 2), axis("seed", 2)],
        2 => vec![axis("only", 1)],
        _ => Vec::new(),
    };
    Matrix { axes }
}

fn after(chance: &mut Chance, name: &str) -> Option<After> {
    let earlier = NAMES.iter().position(|known| *known == name).unwrap_or_default();
    if earlier == 0 || chance.percent(55) {
        return None;
    }
    let mode = *chance.pick(&[Mode::AllSucceeded, Mode::AnySucceeded, Mode::Ended]);
    let mut jobs = vec![chance.pick(&NAMES[..earlier]).to_string()];
    let other = chance.pick(&NAMES[..earlier]).to_string();
    if chance.percent(40) && !jobs.contains(&other) {
        jobs.push(other);
    }
    Some(After { jobs, mode })
}

fn schedule(chance: &mut Chance) -> Option<ScheduleText> {
    let mut text = ScheduleText::default();
    match chance.below(6) {
        0 => text.every = Some(*chance.pick(&[seconds(7), seconds(30), seconds(600)])),
        1 => text.cron = Some((*chance.pick(&["*/5 * * * *", "30 8 * * *", "0 */2 * * Mon-Fri"])).to_owned()),
        _ => return None,
    }
    text.missed = *chance.pick(&[None, Some(Missed::Skip), Some(Missed::Once), Some(Missed::All(3))]);
    if chance.percent(30) && text.missed != Some(Missed::Skip) {
        text.window = Some(seconds(3_600));
    }
    if chance.percent(30) {
        text.jitter = Some(seconds(5));
    }
    Some(text)
}

fn policy(chance: &mut Chance) -> Policy {
    let ceiling = chance.percent(30).then(|| chance.between(3, 9) as u32);
    let most = ceiling.unwrap_or(5).min(5);
    let attempts = match ceiling {
        Some(_) if chance.percent(30) => AttemptLimit::Unlimited,
        Some(_) | None => AttemptLimit::AtMost(chance.between(1, u64::from(most)) as u32),
    };
    let deadline = chance.percent(20).then(|| *chance.pick(&[seconds(20), seconds(300), seconds(3_600)]));
    let limits = Limits {
        attempts,
        deadline,
        attempt_timeout: chance.percent(30).then(|| *chance.pick(&[seconds(2), seconds(60)])),
        attempt_min: if deadline.is_some() && chance.percent(30) { seconds(3) } else { Duration::ZERO },
        interruptions: *chance.pick(&[0, 1, 2, 20]),
        ceiling,
        free_guard: chance.between(1, 4) as u32,
        without_progress: chance.percent(20),
        obey_server: seconds(60),
    };
    let mut policy = Policy::named("sim").limits(limits).delay(delay(chance));
    for rule in rules(chance) {
        policy = policy.catch(rule);
    }
    for _ in 0..chance.below(4) {
        let mut finalizer =
            Finalizer::new(*chance.pick(&On::ALL), vec!["/bin/after".to_owned(), "{ending}".to_owned()]);
        finalizer.attempts = chance.between(1, 3) as u32;
        finalizer.delay = *chance.pick(&[Duration::ZERO, seconds(5)]);
        policy = policy.finally(finalizer);
    }
    policy.build().expect("a drawn policy has an end")
}

fn rules(chance: &mut Chance) -> Vec<Rule> {
    let pattern = |text: &'static str| ClassPattern::new(text).expect("a pattern of this file is one");
    let mut rules = Vec::new();
    if chance.percent(40) {
        rules.push(Rule::on(Class::known("http-busy")).attempts(chance.between(1, 4) as u32).obey_server(seconds(120)));
    }
    if chance.percent(40) {
        rules.push(Rule::on(pattern("net-*")).delay(delay(chance)));
    }
    if chance.percent(40) {
        rules.push(Rule::on(Class::known("yielded")).free().delay(Delay::ZERO));
    }
    if chance.percent(40) {
        rules.push(Rule::on(Class::known("not-found")).stop());
    }
    rules
}

fn delay(chance: &mut Chance) -> Delay {
    match chance.below(6) {
        0 => Delay::ZERO,
        1 => Delay::constant(seconds(10)),
        2 => Delay::exponential(seconds(1)).jitter(Jitter::None),
        3 => Delay::linear(seconds(5)).jitter(Jitter::Equal),
        4 => Delay::decorrelated(seconds(1)).cap(seconds(60)),
        _ => Delay::exponential(seconds(2)).cap(seconds(300)),
    }
}
