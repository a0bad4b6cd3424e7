//! What is stored is read again as it was: policies, and a run at every step of its way.
#![cfg(feature = "serde")]

use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use steadfast_retry::{
    AttemptLimit, Class, ClassPattern, Decision, Delay, Dice, Event, Failure, Finalizer, Jitter, Ledger, Limits,
    Moment, On, Outcome, Policy, Rule, RunState,
};

/// Stores a value and reads it again.
#[track_caller]
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> String {
    let stored = serde_json::to_string(value).expect("it can be stored");
    let read: T = serde_json::from_str(&stored).unwrap_or_else(|error| panic!("{error}: {stored}"));
    assert_eq!(&read, value, "{stored}");
    stored
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn pattern(text: &str) -> ClassPattern {
    ClassPattern::new(text.to_owned()).expect("tests name patterns well")
}

/// A policy that names every key there is.
fn whole() -> Policy {
    let limits = Limits {
        attempts: AttemptLimit::AtMost(4),
        deadline: Some(secs(3_600)),
        attempt_timeout: Some(secs(60)),
        attempt_min: Duration::from_millis(1_500),
        interruptions: 3,
        ceiling: Some(40),
        free_guard: 5,
        without_progress: true,
        obey_server: secs(30),
    };
    let finalizer = Finalizer::new(On::Failed, vec!["page.sh".to_owned(), "{job}".to_owned()]);
    Policy::named("whole")
        .limits(limits)
        .delay(Delay::exponential(Duration::from_millis(250)).cap(secs(20)).jitter(Jitter::Equal))
        .catch(Rule::on(pattern("http-busy")).attempts(7).obey_server(secs(600)).delay(Delay::fibonacci(secs(1))))
        .catch(Rule::on_any([pattern("net-*"), pattern("gpu-ecc")]).delay(Delay::list(vec![secs(1), secs(5)].into())))
        .catch(Rule::on(pattern("yielded")).free())
        .catch(Rule::on(pattern("not-found")).stop())
        .finally(finalizer)
        .build()
        .expect("the policy is right")
}

#[test]
fn a_policy_is_read_as_it_was_stored() {
    let unlimited = Policy::named("unlimited").unlimited().deadline(secs(9)).build().expect("it has an end");
    for policy in [Policy::DEFAULT, whole(), unlimited] {
        again(&policy);
    }
    for delay in [
        Delay::constant(secs(1)),
        Delay::linear(secs(2)).cap(secs(9)),
        Delay::decorrelated(Duration::from_nanos(1)),
        Delay::exponential(Duration::from_nanos(u64::MAX)).jitter(Jitter::Fraction(333)),
    ] {
        again(&delay);
    }
}

/// A file may have been edited, or be of a version that allowed more.
#[test]
fn a_stored_policy_that_could_not_work_is_refused() {
    let mut stored = serde_json::to_value(whole()).expect("it can be stored");
    let attempts = stored.pointer_mut("/loop/attempts/at-most").expect("the attempts are there");
    assert_eq!(*attempts, 4);
    *attempts = 0.into();
    let refused = serde_json::from_value::<Policy>(stored).expect_err("no attempt could begin");
    let why = "policy `whole`, `attempts`: attempts counts calls, the first included, so the least is 1";
    assert_eq!(refused.to_string(), why);

    let mut stored = serde_json::to_value(whole()).expect("it can be stored");
    *stored.pointer_mut("/catch/0/attempts").expect("the rule has an account") = 0.into();
    let refused = serde_json::from_value::<Policy>(stored).expect_err("the rule would never matter");
    assert!(refused.to_string().starts_with("policy `whole`, `attempts`: a rule's attempts"), "{refused}");

    let mut stored = serde_json::to_value(whole()).expect("it can be stored");
    stored.as_object_mut().expect("a policy is an object").insert("retries".to_owned(), 3.into());
    assert!(serde_json::from_value::<Policy>(stored).is_err(), "an unknown key is no policy of ours");
}

/// Whether the state goes through the store between any two events makes no difference.
#[test]
fn a_run_is_read_as_it_was_stored_at_every_step() {
    let policy = whole();
    let at = |second: u64| Moment::ORIGIN + secs(second);
    let due = |second| Event::Due { at: at(second) };
    let ended = |second, outcome, progress| Event::Ended { at: at(second), outcome, progress, dice: Dice::thrown(77) };
    let failed = |class: &'static str| Outcome::Failed(Failure::of(Class::known(class)));
    let asked = Outcome::Failed(Failure::of(Class::known("http-busy")).server_asks(secs(40)));
    let events = [
        due(0),
        ended(1, asked, Some(3)),
        due(60),
        ended(61, failed("net-reset"), None),
        due(100),
        Event::Voided { at: at(101) },
        due(102),
        ended(103, Outcome::Interrupted, Some(4)),
        due(140),
        ended(141, failed("yielded"), Some(9)),
        due(150),
        Event::CancelAsked { at: at(151) },
        ended(152, Outcome::Cancelled, None),
    ];
    let (mut state, mut stored_state) = (RunState::new(), again(&RunState::new()));
    let mut decisions: Vec<Decision> = Vec::new();
    for event in events {
        let decision = state.step(&policy, &event).expect("the events are in order");
        let mut revived: RunState = serde_json::from_str(&stored_state).expect("a stored state can be read");
        assert_eq!(revived.step(&policy, &event), Ok(decision.clone()), "decided alike after {event:?}");
        again(&event);
        again(&decision);
        stored_state = again(&state);
        let ledger: &Ledger = state.ledger();
        again(ledger);
        decisions.push(decision);
    }
    again(&Event::Quarantined { at: at(7) });
    let kinds = |kind: fn(&Decision) -> bool| decisions.iter().filter(|decision| kind(decision)).count();
    assert_eq!(kinds(|decision| matches!(decision, Decision::Attempt { .. })), 6);
    assert_eq!(kinds(|decision| matches!(decision, Decision::Wait { .. })), 5);
    assert_eq!(kinds(|decision| matches!(decision, Decision::Cut { .. })), 1);
    assert_eq!(kinds(|decision| matches!(decision, Decision::Finish { .. })), 1);
}
