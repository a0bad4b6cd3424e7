//! Who wins: ranks, time, roles, success, and the chain that explains it.

use std::time::Duration;

use super::{check, evidence, judge, judge_by};
use steadfast_retry::{Class, Failure, Outcome};

use crate::evidence::{Classes, Conclusion, ExitCodes, MOST_REPORTS, Request, classify};

/// The strongest first; each line is one fact of its rank and the class that it names alone.
const LADDER: &[(&str, &str)] = &[
    ("intent cancel", "intent-stop"),
    ("attempt-timeout", "timeout"),
    ("xid 79", "gpu-lost"),
    ("request no-retry", "delegate-norestart"),
    ("report disk-full", "disk-full"),
    ("exit 75", "yielded"),
    ("stderr `CUDA out of memory`", "gpu-oom-own"),
    ("exit 1", "exit-nonzero"),
];

#[test]
fn a_higher_rank_wins_whatever_came_first() {
    for (at, (strong, class)) in LADDER.iter().enumerate() {
        check(strong, class);
        for (weak, _) in &LADDER[at + 1..] {
            check(&format!("{weak}, {strong}"), class);
            check(&format!("{strong}, {weak}"), class);
        }
    }
}

#[test]
fn inside_a_rank_the_earliest_wins() {
    check("xid 79, xid 48, exit 1", "gpu-lost");
    check("xid 48, xid 79, exit 1", "gpu-ecc");
    check("report disk-full, report gpu-oom-own", "disk-full");
    check("oom own, oom global, signal KILL", "host-oom-job");
    check("exit 1, stderr `No space left on device\nCUDA out of memory`", "disk-full");
    check("exit 1, stderr `CUDA out of memory\nNo space left on device`", "gpu-oom-own");
}

#[test]
fn a_timeout_of_collectives_after_a_traceback_is_the_traceback() {
    let traceback = "Traceback (most recent call last):\n  File \"train.py\", line 7\nValueError: bad shard";
    let watchdog = "[rank1]: Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7)";
    let agent = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError:";
    check(&format!("exit 1, stderr `{traceback}\n{watchdog}\n{agent}`"), "python-exception");
    check(&format!("exit 1, stderr `{watchdog}\n{traceback}`"), "python-exception");
    check(&format!("exit 1, stderr `{watchdog}\n{agent}`"), "nccl-timeout");
}

#[test]
fn signs_that_healthy_runs_show_win_only_alone() {
    let warning = "WARNING: Connection reset by peer, trying again";
    check(&format!("exit 1, stderr `{warning}`"), "net-reset");
    check(&format!("exit 1, stderr `{warning}\nValueError: later`"), "python-exception");
    check(&format!("exit 1, stderr `{warning}\nWatchdog caught collective operation timeout`"), "nccl-timeout");
}

#[test]
fn a_cascade_of_a_high_rank_gives_way_to_any_root() {
    check("xid 45, signal SEGV", "signal-segv");
    check("xid 45, exit 1, stderr `ValueError: x`", "python-exception");
    check("xid 45, exit 1", "gpu-cleanup");
}

#[test]
fn an_error_file_weighs_more_than_the_launchers_exit() {
    check("exit 2, torch `torch.OutOfMemoryError: CUDA out of memory`", "gpu-oom-own");
    check("exit 2, stderr `torch.OutOfMemoryError: CUDA out of memory`", "exit-usage");
}

#[test]
fn a_program_may_name_its_class_but_not_a_will() {
    check("report gpu-ecc row 7, exit 1", "gpu-ecc");
    check("report my-odd-thing, exit 1", "reported");
    check("report intent-stop, exit 1", "reported");
    assert_eq!(judge("report intent-stop, exit 1").conclusion, Conclusion::Failed);
}

#[test]
fn success_stands_against_what_the_program_lived_through() {
    check("oom own, exit 0", "succeeded");
    check("xid 94, exit 0", "succeeded");
    check("exit 0, stderr `ValueError: handled`", "succeeded");
    check("status 429, exit 0", "http-busy");
    check("report disk-full, exit 0", "disk-full");
    check("stalled progress, exit 0", "hang-progress");
    check("stalled exit, exit 0", "succeeded");
    check("stalled slow, exit 0", "succeeded");
    check("host lost, exit 0", "supervise-lost");
}

#[test]
fn a_job_says_which_codes_are_success() {
    let success: ExitCodes = serde_json::from_str(r#"[0, 24, "30-39"]"#).unwrap();
    let conclude =
        |facts: &str| classify(Classes::shipped(), &evidence(Classes::shipped(), facts), &success).conclusion;
    assert_eq!(conclude("program rsync, exit 24"), Conclusion::Succeeded);
    assert_eq!(conclude("program rsync, exit 35"), Conclusion::Succeeded);
    assert_eq!(conclude("program rsync, exit 23"), Conclusion::Failed);
    let only_three = ExitCodes::one(3);
    let verdict = classify(Classes::shipped(), &evidence(Classes::shipped(), "exit 0"), &only_three);
    assert_eq!(verdict.class.unwrap().as_str(), "exit-nonzero");
}

#[test]
fn conclusions_tell_wills_and_losses_from_failures() {
    assert_eq!(judge("intent stop, signal TERM").conclusion, Conclusion::Cancelled);
    assert_eq!(judge("intent drain, exit 75").conclusion, Conclusion::Failed);
    assert_eq!(judge("host rebooted").conclusion, Conclusion::Interrupted);
    assert_eq!(judge("host lost, exit 1").conclusion, Conclusion::Interrupted);
    assert_eq!(judge("").conclusion, Conclusion::Interrupted);
    assert_eq!(judge("signal KILL").conclusion, Conclusion::Failed);
}

#[test]
fn no_table_hides_a_will_or_a_loss() {
    let tables: toml::Table =
        toml::from_str("[intent-stop]\nwhen = [{ exit = 99 }]\n[supervise-lost]\nwhen = [{ exit = 98 }]").unwrap();
    let user = tables.into_iter().map(|(name, table)| (name.try_into().unwrap(), table.try_into().unwrap()));
    let classes = Classes::shipped().with(user);
    let verdict = judge_by(&classes, "intent cancel, signal TERM");
    assert_eq!((verdict.conclusion, verdict.class.unwrap().as_str()), (Conclusion::Cancelled, "intent-stop"));
    let verdict = judge_by(&classes, "host lost, exit 1");
    assert_eq!((verdict.conclusion, verdict.class.unwrap().as_str()), (Conclusion::Interrupted, "supervise-lost"));
}

#[test]
fn the_latest_delay_that_a_server_named_counts() {
    let verdict = judge("retry-after 60, status 429, retry-after 5.5");
    assert_eq!(verdict.server_delay, Some(Duration::from_millis(5500)));
    assert_eq!(judge("status 429").server_delay, None);
}

#[test]
fn the_engine_is_told_class_and_delay() {
    let busy = Failure::of(Class::known("http-busy")).server_asks(Duration::from_secs(60));
    assert_eq!(judge("retry-after 60, status 429").outcome(), Outcome::Failed(busy));
    assert_eq!(judge("intent stop, exit 0").outcome(), Outcome::Cancelled);
    assert_eq!(judge("").outcome(), Outcome::Interrupted);
    assert_eq!(judge("exit 0").outcome(), Outcome::Succeeded);
}

#[test]
fn a_program_that_reports_without_end_is_cut_short() {
    let reports = vec!["report disk-full"; MOST_REPORTS + 9].join(", ");
    let evidence = evidence(Classes::shipped(), &format!("{reports}, oom own, exit 1"));
    assert_eq!((evidence.facts.len(), evidence.dropped), (MOST_REPORTS + 2, 9));
}

#[test]
fn requests_are_handed_on() {
    let verdict = judge("request exclude-gpu:GPU-7, request skip:1031, report data-bad-sample, exit 1");
    assert_eq!(verdict.requests, [Request::ExcludeGpu("GPU-7".into()), Request::Skip("1031".into())]);
    assert_eq!(verdict.class.unwrap().as_str(), "data-bad-sample");
}

#[test]
fn an_entry_with_several_keys_needs_them_all() {
    check("program curl, exit 22, stderr `nothing known`", "http-unknown");
    check("exit 1, gpu foreign", "exit-nonzero");
    check("stderr `The requested URL returned error: 404`, exit 22", "exit-nonzero");
}

/// Checks the lines that `steadfast why` prints, the conclusion first.
#[track_caller]
fn explains(facts: &str, lines: &[&str]) {
    let said = judge(facts).to_string();
    let said: Vec<_> = said.lines().map(str::trim_start).collect();
    assert_eq!(said, lines, "{facts}");
}

#[test]
fn the_chain_says_why_a_fact_won_or_lost() {
    explains(
        "xid 63, stderr `CUDA out of memory. Tried …`, retry-after 30, exit 75",
        &[
            "failed: yielded, the server asks for 30s",
            "xid 63: gpu-info, noted",
            "stderr `CUDA out of memory. Tried …`: gpu-oom-own, matched `CUDA out of memory` (root), outranked by exit 75",
            "retry after 30s: names no class",
            "exit 75: yielded, decides",
        ],
    );
    explains(
        "stderr `Watchdog caught collective operation timeout\nNo space left on device\nAddress already in use`",
        &[
            "failed: disk-full",
            "stderr `Watchdog caught collective operation timeout`: nccl-timeout, matched `Watchdog caught collective \
             operation timeout` (cascade), gives way to stderr `No space left on device`",
            "stderr `No space left on device`: disk-full, matched `No space left on device` (root), decides",
            "stderr `Address already in use`: rdzv-port, matched `[Aa]ddress already in use` (root), later than stderr \
             `No space left on device`",
        ],
    );
    explains(
        "report gpu-ecc row 7, report disk-full, xid 45, exit 1",
        &[
            "failed: gpu-ecc",
            "report `gpu-ecc` (row 7): gpu-ecc, by its name, decides",
            "report `disk-full`: disk-full, by its name, later than report `gpu-ecc`",
            "xid 45: gpu-cleanup (cascade), gives way to report `gpu-ecc`",
            "exit 1: names no class",
        ],
    );
}

#[test]
fn the_chain_says_which_facts_counted_together() {
    explains(
        "program curl, exit 22, stderr `curl: (22) The requested URL returned error: 404`",
        &[
            "failed: not-found",
            "exit 22: not-found, with output `returned error: (?:404|410)` and program curl, decides",
            "stderr `curl: (22) The requested URL returned error: 404`: counts together with exit 22",
        ],
    );
    explains(
        "program systemd-run, exit 203",
        &["failed: exit-setup", "exit 203 (EXEC): exit-setup, with program systemd-run, decides"],
    );
}

#[test]
fn the_chain_says_what_was_excused_and_what_was_fallen_back_to() {
    explains(
        "oom own, exit 0",
        &["succeeded", "oom kill at the job's own limit: host-oom-job, excused by exit 0", "exit 0: decides"],
    );
    explains("exit 1", &["failed: exit-nonzero", "exit 1: exit-nonzero, decides, for want of better evidence"]);
    explains(
        "intent cancel, signal TERM",
        &[
            "cancelled: intent-stop",
            "cancelled: intent-stop, decides",
            "signal TERM: preempt-sigterm, outranked by cancelled",
        ],
    );
    explains("", &["interrupted: supervise-lost"]);
}
