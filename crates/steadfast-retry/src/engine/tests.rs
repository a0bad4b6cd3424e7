//! Timelines: a script of what happens, and what was decided, one line each.
//!
//! Words of a script: `ok`, `lost`, `cancel` (while an attempt runs), `never` (announced, never started), any class name. A word may
//! be followed by `(30s)`, the delay that a server asks for, `@5s`, how long the attempt took, and `+7`, the durable mark that it reached.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::{Decision, Event, RunState};
use crate::{
    Account, Class, ClassPattern, Delay, Dice, Failure, Limits, Moment, Outcome, Policy, PolicyBuilder, Pretty, Rule,
    parse_duration,
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The default policy, without jitter.
fn plain() -> PolicyBuilder {
    Policy::named("plain").delay(Delay::exponential(secs(1)).jitter(crate::Jitter::None))
}

fn rule(class: &str) -> Rule {
    Rule::on(ClassPattern::new(class.to_owned()).expect("tests name patterns well"))
}

#[track_caller]
fn check(policy: PolicyBuilder, script: &str, expected: &[&str]) {
    let policy = policy.build().expect("tests build good policies");
    assert_eq!(timeline(&policy, script), expected, "script: {script}");
}

fn timeline(policy: &Policy, script: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut run = RunState::new();
    let mut now = Moment::ORIGIN;
    let mut decision = run.step(policy, &Event::Due { at: now }).expect("a new run may begin");
    for word in script.split_whitespace() {
        match &decision {
            Decision::Attempt { limit: Some(limit), .. } if word == "limit?" => {
                told.push(format!("limit {}", Pretty(*limit)));
                continue;
            }
            _ => {}
        }
        let event = read(word, &mut now);
        decision = run.step(policy, &event).expect("scripts tell events in order");
        if let Decision::Cut { .. } = decision {
            let ended = Event::Ended { at: now, outcome: Outcome::Cancelled, progress: None, dice: Dice::NONE };
            decision = run.step(policy, &ended).expect("a cut attempt ends");
        }
        if let Decision::Wait { until, because } = decision {
            let wait = until.since(now);
            if !wait.is_zero() {
                told.push(format!("wait {}, {}", Pretty(wait), charged(because.account)));
            }
            now = until;
            decision = run.step(policy, &Event::Due { at: now }).expect("a wait ends");
        }
        told.push(match &decision {
            Decision::Attempt { number, .. } => format!("attempt {number}"),
            Decision::Finish { ending, because } if ending.as_str() == "succeeded" => {
                assert_eq!(because.cause, crate::Cause::Succeeded);
                format!("succeeded at attempt {}", run.ledger().attempts)
            }
            Decision::Finish { ending, because } => format!("{ending} ({})", because.cause),
            Decision::Wait { .. } | Decision::Cut { .. } => unreachable!("waits and cuts were followed above"),
        });
    }
    told
}

fn charged(account: Option<Account>) -> String {
    match account {
        Some(Account::Interruptions { in_a_row, .. }) => format!("{in_a_row} lost in a row"),
        Some(account) => account.to_string(),
        None => "nothing charged".to_owned(),
    }
}

fn read(word: &str, now: &mut Moment) -> Event {
    let (word, mark) = word.split_once('+').map_or((word, None), |(word, mark)| (word, Some(mark.parse().unwrap())));
    let (word, took) =
        word.split_once('@').map_or((word, secs(0)), |(word, took)| (word, parse_duration(took).unwrap()));
    let (word, asks) = match word.split_once('(') {
        Some((word, asks)) => (word, Some(parse_duration(asks.trim_end_matches(')')).unwrap())),
        None => (word, None),
    };
    *now = *now + took;
    let outcome = match word {
        "ok" => Outcome::Succeeded,
        "lost" => Outcome::Interrupted,
        "cancel" => return Event::CancelAsked { at: *now },
        "never" => return Event::Voided { at: *now },
        class => {
            let failure = Failure::of(Class::new(class.to_owned()).unwrap());
            Outcome::Failed(Failure { server_delay: asks, ..failure })
        }
    };
    Event::Ended { at: *now, outcome, progress: mark, dice: Dice::NONE }
}

#[test]
fn three_attempts_are_three_calls_and_no_delay_follows_the_last() {
    check(
        plain(),
        "net net net",
        &[
            "wait 1s, 1 of 3 charged",
            "attempt 2",
            "wait 2s, 2 of 3 charged",
            "attempt 3",
            "gave-up (all attempts are spent)",
        ],
    );
    check(plain().attempts(1), "net", &["gave-up (all attempts are spent)"]);
}

#[test]
fn an_interruption_takes_a_number_but_is_not_charged() {
    check(
        plain(),
        "lost oom lost lost ok",
        &[
            "attempt 2",
            "wait 1s, 1 of 3 charged",
            "attempt 3",
            "attempt 4",
            "wait 1s, 2 lost in a row",
            "attempt 5",
            "succeeded at attempt 5",
        ],
    );
}

#[test]
fn interruptions_have_an_end_of_their_own() {
    let at_most_once = Limits { interruptions: 0, ..Limits::DEFAULT };
    check(plain().limits(at_most_once), "lost", &["gave-up (too many attempts were lost)"]);
    let once_more = Limits { interruptions: 1, ..Limits::DEFAULT };
    check(
        plain().limits(once_more),
        "lost net lost",
        &["attempt 2", "wait 1s, 1 of 3 charged", "attempt 3", "gave-up (too many attempts were lost)"],
    );
}

#[test]
fn a_start_that_never_was_takes_a_number_and_costs_nothing() {
    check(plain(), "never net ok", &["attempt 2", "wait 1s, 1 of 3 charged", "attempt 3", "succeeded at attempt 3"]);
}

#[test]
fn starts_that_fail_in_a_row_are_not_tried_without_a_pause() {
    check(
        plain().attempts(1),
        "never never never lost ok",
        &[
            "attempt 2",
            "wait 1s, nothing charged",
            "attempt 3",
            "wait 2s, nothing charged",
            "attempt 4",
            "wait 4s, 4 lost in a row",
            "attempt 5",
            "succeeded at attempt 5",
        ],
    );
}

#[test]
fn a_rule_with_attempts_pays_from_its_own_account() {
    let policy = plain().catch(rule("net-*").attempts(2).delay(Delay::constant(secs(10))));
    check(
        policy,
        "net-reset oom net-dns",
        &[
            "wait 10s, 1 of 2 charged to the rule",
            "attempt 2",
            "wait 1s, 1 of 3 charged",
            "attempt 3",
            "gave-up (all attempts are spent)",
        ],
    );
}

#[test]
fn a_rule_without_attempts_charges_the_loop_and_keeps_its_delay() {
    let policy = plain().catch(rule("busy").delay(Delay::linear(secs(10)).jitter(crate::Jitter::None)));
    check(
        policy,
        "busy oom busy",
        &[
            "wait 10s, 1 of 3 charged",
            "attempt 2",
            "wait 2s, 2 of 3 charged",
            "attempt 3",
            "gave-up (all attempts are spent)",
        ],
    );
}

#[test]
fn the_first_matching_rule_wins() {
    let policy = plain().catch(rule("net-dns").stop()).catch(rule("net-*").attempts(5)).catch(rule("*").stop());
    check(policy.clone(), "net-dns", &["stopped (a rule ends the run)"]);
    check(
        policy.clone(),
        "net-reset ok",
        &["wait 1s, 1 of 5 charged to the rule", "attempt 2", "succeeded at attempt 2"],
    );
    check(policy, "other", &["stopped (a rule ends the run)"]);
}

#[test]
fn a_free_failure_is_guarded_until_there_is_progress() {
    let policy = plain().delay(Delay::ZERO).catch(rule("yielded").free());
    let limits = Limits { free_guard: 3, ..Limits::DEFAULT };
    check(
        policy.limits(limits.clone()),
        "yielded yielded yielded",
        &["attempt 2", "attempt 3", "gave-up (too many free failures in a row without progress)"],
    );
    let policy = plain().delay(Delay::ZERO).catch(rule("yielded").free());
    check(
        policy.limits(limits),
        "yielded yielded+1 yielded yielded+2 ok",
        &["attempt 2", "attempt 3", "attempt 4", "attempt 5", "succeeded at attempt 5"],
    );
}

#[test]
fn a_free_rule_may_bring_its_own_guard() {
    let policy = plain().delay(Delay::ZERO).catch(rule("yielded").free().attempts(2));
    check(policy, "yielded yielded", &["attempt 2", "gave-up (too many free failures in a row without progress)"]);
}

#[test]
fn progress_forgives_charges_only_where_the_policy_says_so() {
    let forgiving = Limits { without_progress: true, ..Limits::DEFAULT };
    check(
        plain().limits(forgiving),
        "oom oom+10 oom oom ",
        &[
            "wait 1s, 1 of 3 charged",
            "attempt 2",
            "wait 1s, 1 of 3 charged",
            "attempt 3",
            "wait 2s, 2 of 3 charged",
            "attempt 4",
            "gave-up (all attempts are spent)",
        ],
    );
    check(
        plain(),
        "oom+1 oom+2 oom+3",
        &[
            "wait 1s, 1 of 3 charged",
            "attempt 2",
            "wait 2s, 2 of 3 charged",
            "attempt 3",
            "gave-up (all attempts are spent)",
        ],
    );
}

#[test]
fn a_step_reached_again_is_no_progress_until_it_passes_the_furthest() {
    let forgiving = Limits { without_progress: true, ..Limits::DEFAULT };
    check(
        plain().limits(forgiving),
        "oom+10 oom+10 oom+9",
        &[
            "wait 1s, 1 of 3 charged",
            "attempt 2",
            "wait 2s, 2 of 3 charged",
            "attempt 3",
            "gave-up (all attempts are spent)",
        ],
    );
}

#[test]
fn progress_never_forgives_interruptions_and_the_ceiling() {
    let limits = Limits { without_progress: true, interruptions: 1, ..Limits::DEFAULT };
    check(plain().limits(limits), "lost+1 lost+2", &["attempt 2", "gave-up (too many attempts were lost)"]);
    let limits = Limits { without_progress: true, ceiling: Some(3), ..Limits::DEFAULT };
    check(
        plain().limits(limits).delay(Delay::ZERO),
        "oom+1 oom+2 oom+3",
        &["attempt 2", "attempt 3", "gave-up (the ceiling on attempts of any kind is reached)"],
    );
}

#[test]
fn unlimited_attempts_end_at_the_ceiling() {
    let policy = plain().unlimited().ceiling(2).delay(Delay::ZERO);
    check(policy, "oom oom", &["attempt 2", "gave-up (the ceiling on attempts of any kind is reached)"]);
}

#[test]
fn the_deadline_covers_waits_and_is_never_overshot_by_one() {
    check(
        plain().deadline(secs(10)).attempts(9),
        "net@4s net@1s net@1s",
        &[
            "wait 1s, 1 of 9 charged",
            "attempt 2",
            "wait 2s, 2 of 9 charged",
            "attempt 3",
            "gave-up (the next attempt needs 4s, and 1s is left before the deadline)",
        ],
    );
    check(plain().deadline(secs(10)), "net@10s", &["gave-up (the deadline has passed)"]);
}

#[test]
fn an_attempt_that_cannot_fit_is_not_started() {
    let policy = plain().deadline(secs(10)).attempt_min(secs(5));
    check(policy, "net@5s", &["gave-up (the next attempt needs 6s, and 5s is left before the deadline)"]);
}

#[test]
fn an_attempt_may_take_its_timeout_or_the_rest_of_the_deadline() {
    let policy = plain().deadline(secs(10)).attempt_timeout(secs(6));
    check(
        policy,
        "limit? net@6s limit? ok",
        &["limit 6s", "wait 1s, 1 of 3 charged", "attempt 2", "limit 3s", "succeeded at attempt 2"],
    );
}

#[test]
fn the_delay_that_a_server_asks_for_is_a_floor() {
    check(
        plain(),
        "busy(30s) busy(1ms) busy",
        &[
            "wait 30s, 1 of 3 charged",
            "attempt 2",
            "wait 2s, 2 of 3 charged",
            "attempt 3",
            "gave-up (all attempts are spent)",
        ],
    );
}

#[test]
fn a_server_that_asks_for_too_much_ends_the_run() {
    check(plain(), "busy(11m)", &["gave-up (the server asked for 11m, obey-server allows 10m)"]);
    let patient = plain().catch(rule("busy").obey_server(secs(3600)));
    check(patient, "busy(11m) ok", &["wait 11m, 1 of 3 charged", "attempt 2", "succeeded at attempt 2"]);
}

#[test]
fn cancellation_is_never_caught_and_never_retried() {
    check(
        plain().catch(rule("*").attempts(99)),
        "net cancel",
        &["wait 1s, 1 of 99 charged to the rule", "attempt 2", "cancelled (cancelled)"],
    );
}

#[test]
fn an_event_out_of_order_changes_nothing() {
    let mut run = RunState::new();
    let ended = Event::Ended { at: Moment::ORIGIN, outcome: Outcome::Succeeded, progress: None, dice: Dice::NONE };
    assert!(run.step(&Policy::DEFAULT, &ended).is_err());
    run.step(&Policy::DEFAULT, &Event::Due { at: Moment::ORIGIN }).unwrap();
    run.step(&Policy::DEFAULT, &ended).unwrap();
    let over = run.clone();
    for event in [ended, Event::Due { at: Moment::ORIGIN }, Event::CancelAsked { at: Moment::ORIGIN }] {
        assert!(run.step(&Policy::DEFAULT, &event).is_err());
        assert_eq!(run, over);
    }
}

#[test]
fn a_recorded_decision_is_followed_where_todays_policy_would_choose_otherwise() {
    let (yesterday, today) = (plain().attempts(3).build().unwrap(), plain().attempts(1).build().unwrap());
    let due = Event::Due { at: Moment::ORIGIN };
    let failed = Event::Ended {
        at: Moment::ORIGIN,
        outcome: Outcome::Failed(Failure::of(Class::ERROR)),
        progress: None,
        dice: Dice::NONE,
    };
    let mut recorded = RunState::new();
    recorded.step(&yesterday, &due).unwrap();
    let wait = recorded.step(&yesterday, &failed).unwrap();

    let mut folded = RunState::new();
    folded.step(&today, &due).unwrap();
    let otherwise = folded.apply(&today, &failed, &wait).unwrap();
    assert!(matches!(otherwise, Some(Decision::Finish { .. })));
    assert_eq!(folded.waits_until(), recorded.waits_until(), "the run goes on as recorded");
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let limits = (1_u32..6, 0_u32..4, 1_u32..20, 1_u32..4, any::<bool>(), proptest::option::of(1_u64..50));
    let rules =
        proptest::collection::vec((0_usize..4, proptest::option::of(1_u32..5), any::<bool>(), any::<bool>()), 0..9);
    (limits, rules, 0_u64..5).prop_map(
        |((attempts, interruptions, more, free_guard, without_progress, deadline), rules, delay)| {
            let limits = Limits {
                attempts: crate::AttemptLimit::AtMost(attempts),
                interruptions,
                ceiling: Some(attempts + more),
                free_guard,
                without_progress,
                deadline: deadline.map(secs),
                ..Limits::DEFAULT
            };
            let mut policy = Policy::named("any").limits(limits).delay(Delay::exponential(secs(delay)));
            for (class, attempts, free, stop) in rules {
                let mut caught = rule(["a", "b", "c", "*"][class]);
                caught.attempts = attempts;
                caught.free = free;
                policy = policy.catch(if stop && class < 2 { rule(["a", "b"][class]).stop() } else { caught });
            }
            policy.build().expect("such policies are good")
        },
    )
}

fn any_happening() -> impl Strategy<Value = (u8, u64, Option<u64>, u64)> {
    (0_u8..8, 0_u64..8, proptest::option::of(0_u64..6), any::<u64>())
}

fn event_of((kind, took, mark, bits): (u8, u64, Option<u64>, u64), now: &mut Moment) -> Event {
    *now = *now + secs(took);
    let outcome = match kind {
        0 => Outcome::Interrupted,
        1 => return Event::Voided { at: *now },
        7 => Outcome::Failed(Failure::of(Class::known("b")).server_asks(secs(took))),
        other => Outcome::Failed(Failure::of(Class::known(["a", "b", "c", "d", "e"][usize::from(other) - 2]))),
    };
    Event::Ended { at: *now, outcome, progress: mark, dice: Dice::thrown(bits) }
}

proptest! {
    #[test]
    fn every_run_ends_and_a_replay_decides_the_same(
        policy in any_policy(),
        script in proptest::collection::vec(any_happening(), 30),
    ) {
        let mut now = Moment::ORIGIN;
        let mut run = RunState::new();
        let mut record = Vec::new();
        for happening in script {
            let due = Event::Due { at: now };
            let decision = run.step(&policy, &due).unwrap();
            let begun = matches!(decision, Decision::Attempt { .. });
            record.push((due, decision));
            if !begun { break }
            let event = event_of(happening, &mut now);
            let decision = run.step(&policy, &event).unwrap();
            let until = match &decision { Decision::Wait { until, .. } => Some(*until), _ => None };
            record.push((event, decision));
            let Some(until) = until else { break };
            prop_assert!(until >= now, "no wait ends in the past");
            if let Some(deadline) = policy.limits().deadline {
                prop_assert!(until.since(Moment::ORIGIN) < deadline, "no wait overshoots the deadline");
            }
            now = until;
        }
        prop_assert!(run.ending().is_some(), "30 happenings are above every ceiling here");
        prop_assert!(run.ledger().attempts <= policy.limits().attempts_of_any_kind());
        let mut replay = RunState::new();
        for (event, decision) in &record {
            prop_assert_eq!(replay.apply(&policy, event, decision).unwrap(), None);
        }
        prop_assert_eq!(replay, run);
    }
}
