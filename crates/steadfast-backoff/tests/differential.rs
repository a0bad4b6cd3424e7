//! The bridge against the crate itself: the same figures give the same delays.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use proptest::prelude::*;
use steadfast_backoff::{PERMANENT, PolicyBackoff, classify, delay_of, error_of, policy_of};
use steadfast_retry::world::VirtualWorld;
use steadfast_retry::{Class, Dice, Ending, Policy, Rule, retry};

fn without_chance() -> ExponentialBackoff {
    ExponentialBackoff { randomization_factor: 0.0, ..ExponentialBackoff::default() }
}

/// What floating point may be off by.
const EPSILON: Duration = Duration::from_micros(1);

#[test]
fn the_defaults_give_the_same_delays() {
    let mut theirs = without_chance();
    let ours = delay_of(&without_chance());
    for failures in 1..40 {
        let (theirs, ours) = (theirs.next_backoff().unwrap(), ours.after_failures(failures, Dice::NONE));
        assert!(theirs.abs_diff(ours) < EPSILON, "delay {failures}: {theirs:?} and {ours:?}");
    }
}

proptest! {
    #[test]
    fn any_figures_give_the_same_delays(
        initial in 1_u64..5_000, multiplier in 1_000_u32..5_000, longest in 1_u64..600_000, failures in 1_u32..30,
    ) {
        let mut theirs = ExponentialBackoff {
            current_interval: Duration::from_millis(initial),
            initial_interval: Duration::from_millis(initial),
            multiplier: f64::from(multiplier) / 1_000.0,
            max_interval: Duration::from_millis(longest),
            ..without_chance()
        };
        let ours = delay_of(&theirs);
        let last = (0..failures).map(|_| theirs.next_backoff().unwrap()).last().unwrap();
        let ours = ours.after_failures(failures, Dice::NONE);
        // Theirs may begin above its longest delay; ours never is.
        let (theirs, slack) = (last.min(Duration::from_millis(longest)), EPSILON + last / 100_000);
        prop_assert!(theirs.abs_diff(ours) <= slack, "{theirs:?} and {ours:?}");
    }

    #[test]
    fn with_chance_ours_lies_where_theirs_may(seed: u64, failures in 1_u32..30) {
        let theirs = ExponentialBackoff::default();
        let plain = delay_of(&without_chance()).after_failures(failures, Dice::NONE);
        let ours = delay_of(&theirs).after_failures(failures, Dice::thrown(seed));
        prop_assert!(ours >= plain / 2 && ours <= (plain * 3 / 2).min(theirs.max_interval), "{ours:?} of {plain:?}");
    }
}

#[test]
fn a_policy_where_a_backoff_is_wanted_ends_and_begins_anew() {
    let policy = Policy::named("three").attempts(3).delay(steadfast_retry::Delay::constant(Duration::from_secs(2)));
    let policy = policy.build().unwrap();
    let mut backoff = PolicyBackoff::new_in(&policy, VirtualWorld::new());
    let two = Some(Duration::from_secs(2));
    let all = |backoff: &mut PolicyBackoff<'_, VirtualWorld>| [0; 5].map(|_| backoff.next_backoff());
    assert_eq!(all(&mut backoff), [two, two, None, None, None], "three attempts have two delays");
    backoff.reset();
    assert_eq!(all(&mut backoff), [two, two, None, None, None]);
}

#[test]
fn their_loop_runs_under_our_policy() {
    let policy = Policy::simple("loop", 4, steadfast_retry::Delay::ZERO);
    let mut calls = 0;
    let result: Result<(), _> = backoff::retry(PolicyBackoff::new(&policy), || {
        calls += 1;
        Err(backoff::Error::transient("busy"))
    });
    assert!(result.is_err());
    assert_eq!(calls, 4);
}

#[test]
fn what_is_permanent_stops_and_the_servers_delay_is_kept() {
    let theirs = ExponentialBackoff { initial_interval: Duration::ZERO, ..ExponentialBackoff::default() };
    let policy = policy_of("bridge", &theirs).unwrap();
    let stopped = retry!(policy, Err::<(), _>(backoff::Error::permanent("gone")), classify = classify).unwrap_err();
    assert_eq!((stopped.report().attempts(), stopped.report().ending()), (1, Ending::Stopped));
    let busy = backoff::Error::retry_after("busy", Duration::from_secs(7));
    assert_eq!(classify(&busy).server_delay, Some(Duration::from_secs(7)));
}

#[test]
fn the_time_in_all_ends_it_before_a_delay_that_would_pass_it() {
    let theirs = ExponentialBackoff { max_elapsed_time: Some(Duration::from_secs(5)), ..without_chance() };
    let policy = policy_of("bridge", &theirs).unwrap();
    let world = VirtualWorld::new();
    let gave_up =
        retry!(policy, Err::<(), _>("no"), classify = |_: &&str| Class::known("busy"), world = &world).unwrap_err();
    assert_eq!(gave_up.report().ending(), Ending::GaveUp);
    assert!(world.waits().iter().sum::<Duration>() < Duration::from_secs(5));
}

#[test]
fn a_class_that_a_rule_stops_is_permanent() {
    let policy = Policy::named("p").catch(Rule::on(Class::known("not-found")).stop()).build().unwrap();
    let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
    assert!(matches!(error_of(&policy, gone), backoff::Error::Permanent(_)));
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert!(matches!(error_of(&policy, reset), backoff::Error::Transient { retry_after: None, .. }));
    assert_eq!(PERMANENT.as_str(), "permanent");
}

#[test]
fn a_backoff_without_an_end_is_no_policy() {
    let theirs = ExponentialBackoff { max_elapsed_time: None, ..ExponentialBackoff::default() };
    assert_eq!(policy_of("endless", &theirs).unwrap_err().key(), "attempts");
}
