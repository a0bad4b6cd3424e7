use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::{Expected, Forecast};
use crate::{Class, ClassPattern, Delay, Ending, Failure, Jitter, Outcome, Policy, PolicyBuilder, Rule};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const RESET: Class = Class::known("net-reset");

fn forecast(policy: PolicyBuilder, expected: impl IntoIterator<Item = impl Into<Expected>>) -> Forecast {
    Forecast::of(&policy.build().expect("tests build good policies"), expected)
}

#[track_caller]
fn warned(policy: PolicyBuilder, warnings: &[&str]) {
    assert_eq!(forecast(policy, [RESET]).warnings(), warnings);
}

#[test]
fn the_table_shows_every_attempt_and_how_it_ends() {
    let policy = Policy::named("fetch")
        .attempts(4)
        .delay(Delay::exponential(secs(2)))
        .catch(Rule::on(Class::known("http-busy")).delay(Delay::constant(secs(30))));
    let busy = Failure::of(Class::known("http-busy"));
    let expected: [Expected; 4] =
        [Expected::from(RESET).taking(secs(1)), busy.clone().into(), busy.server_asks(secs(90)).into(), RESET.into()];
    let expected_table = "\
policy fetch
attempt  begins                        after a delay of              delay of
      1  0s
      2  1s / 3s / 3s                  0s / 2s / 2s                  the loop
      3  31s / 33s / 33s               30s                           the rule
      4  2m1s / 2m3s / 2m3s            1m30s                         the server
at best: gave-up after 2m1s and 4 attempts (all attempts are spent)
typical: gave-up after 2m3s and 4 attempts (all attempts are spent)
at worst: gave-up after 2m3s and 4 attempts (all attempts are spent)
";
    assert_eq!(forecast(policy, expected).to_string(), expected_table);
}

#[test]
fn a_success_ends_it_and_lost_attempts_go_on_at_once() {
    let expected = [Outcome::Interrupted, Outcome::Succeeded];
    let told = forecast(Policy::named("p"), expected).to_string();
    assert!(
        told.contains("      2  0s                            0s                            nobody: at once\n"),
        "{told}"
    );
    assert!(told.ends_with("ends: succeeded after 0s and 2 attempts (succeeded)\n"), "{told}");
}

#[test]
fn an_attempt_that_is_too_slow_is_cut() {
    let policy = Policy::named("p").attempts(2).attempt_timeout(secs(5)).delay(Delay::ZERO);
    let slow = Expected::from(Outcome::Succeeded).taking(secs(60));
    let forecast = forecast(policy, [slow]);
    assert_eq!((forecast.typical().lasts, forecast.typical().attempts), (secs(10), 2));
    assert!(matches!(forecast.typical().ending, Some((Ending::GaveUp, _))));
}

#[test]
fn it_warns_of_what_its_author_may_not_have_meant() {
    let steady = || Policy::named("p").delay(Delay::exponential(secs(1)).cap(secs(8)).jitter(Jitter::None));
    warned(steady().attempts(5), &[]);
    warned(steady().attempts(10), &["the cap of 8s makes the delays before attempts 5 to 10 alike"]);
    warned(
        steady().attempts(5).deadline(secs(7)),
        &["the deadline of 7s leaves no room for attempt 4 of 5, however the dice fall"],
    );
    warned(
        steady().attempts(5).delay(Delay::exponential(secs(1))).deadline(secs(7)),
        &["the deadline of 7s leaves no room for attempt 4 of 5 if the delays are long"],
    );
    warned(
        steady().attempt_timeout(secs(90)).deadline(secs(60)),
        &["attempt-timeout 1m30s never matters: the deadline of 1m ends an attempt first"],
    );
    warned(steady().attempts(6).delay(Delay::ZERO), &["attempts 2 to 6 follow at once, without any delay"]);
    let pattern = |text: &'static str| ClassPattern::new(text).expect("a good pattern");
    warned(
        steady()
            .catch(Rule::on_any([pattern("net-*"), pattern("gone")]).attempts(9))
            .catch(Rule::on_any([pattern("net-reset"), pattern("http-*")]).stop())
            .catch(Rule::on(pattern("net-r*")).stop())
            .catch(Rule::on(pattern("*")).attempts(2)),
        &[
            "the cap of 8s makes the delays before attempts 5 to 9 alike",
            "rule 2 never catches `net-reset`: rule 1 does",
            "rule 3 never catches `net-r*`: rule 1 does",
        ],
    );
}

#[test]
fn a_run_without_end_is_shown_to_its_hundredth_attempt() {
    let endless = forecast(Policy::named("p").unlimited().deadline(secs(1 << 40)), [RESET]);
    assert_eq!((endless.rows().len(), endless.typical().attempts, &endless.typical().ending), (100, 100, &None));
}

proptest! {
    #[test]
    fn no_dice_leave_the_forecast(first in 1_u64..100, cap in 1_u64..500, kind in 0_usize..3, bits in any::<[u64; 6]>()) {
        use crate::{Decision, Dice, Event, Moment, RunState};
        let jitter = [Jitter::Full, Jitter::Equal, Jitter::Fraction(300)][kind];
        let delay = Delay::exponential(secs(first)).cap(secs(cap)).jitter(jitter);
        let policy = Policy::named("p").attempts(7).delay(delay).build().unwrap();
        let forecast = Forecast::of(&policy, [RESET]);
        let (mut run, mut now) = (RunState::new(), Moment::ORIGIN);
        for (row, bits) in forecast.rows().iter().zip(bits) {
            let begun = run.step(&policy, &Event::Due { at: now }).unwrap();
            let began = matches!(begun, Decision::Attempt { .. });
            prop_assert!(began);
            let begins: Vec<_> = [row.begins.earliest, row.begins.latest].into_iter().flatten().collect();
            prop_assert!((begins[0]..=begins[1]).contains(&now.since(Moment::ORIGIN)));
            let outcome = Outcome::Failed(Failure::of(RESET));
            let ended = Event::Ended { at: now, outcome, progress: None, dice: Dice::thrown(bits) };
            let Decision::Wait { until, .. } = run.step(&policy, &ended).unwrap() else { continue };
            now = until;
        }
    }
}
