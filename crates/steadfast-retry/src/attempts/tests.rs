//! The drivers in a virtual world: nothing here waits.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::pending;
use core::time::Duration;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;

use crate::world::{Blocking, VirtualWorld, World};
use crate::{
    Cause, Class, Delay, DelaySource, Ending, Failure, GaveUp, Jitter, Moment, Policy, PolicyBuilder, Rule, retry,
    unclassified,
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Three attempts, a delay of one second, no chance.
fn plain() -> PolicyBuilder {
    Policy::named("plain").delay(Delay::constant(secs(1)))
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// Fails so often, then gives the number of the attempt.
fn flaky(attempt: u32, failures: u32) -> io::Result<u32> {
    if attempt <= failures { Err(reset()) } else { Ok(attempt) }
}

/// Runs a future that needs no runtime to its end.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers").block_on(future)
}

const fn assert_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn it_goes_on_until_the_first_success() {
    let (policy, world) = (plain().build().unwrap(), VirtualWorld::new());
    let value = retry!(policy, |attempt| flaky(attempt.number(), 2), world = &world);
    assert_eq!(value.unwrap(), 3);
    assert_eq!(world.waits(), [secs(1), secs(1)]);
}

#[test]
fn a_run_that_gives_up_tells_the_whole_story() {
    let policy = plain().attempts(4).deadline(secs(60)).build().unwrap();
    let world = VirtualWorld::new();
    let gave_up = policy
        .run_in(&world, |attempt| -> io::Result<()> {
            world.advance(millis(200));
            Err(if attempt.number() < 4 { reset() } else { io::ErrorKind::TimedOut.into() })
        })
        .unwrap_err();
    assert_eq!(
        gave_up.to_string(),
        "gave up on `plain` after 4 attempts in 3.8s (net-timeout: all attempts are spent, 4 of 4 charged): \
         #1-#3 net-reset: connection reset, #4 net-timeout: timed out"
    );
    let report = gave_up.report();
    assert_eq!((report.elapsed(), report.waited(), report.ending()), (millis(3800), secs(3), Ending::GaveUp));
    let second = &report.tries()[1];
    assert_eq!((second.number.get(), second.started, second.took), (2, millis(1200), Some(millis(200))));
    assert_eq!((second.wait, second.wait_source), (Some(secs(1)), Some(DelaySource::Loop)));
    assert_eq!(report.tries()[3].wait, None, "no delay after the last failure");
    assert_eq!(gave_up.into_last().map(|last| last.kind()), Some(io::ErrorKind::TimedOut));
}

#[test]
fn a_server_is_really_waited_for_and_a_cap_holds() {
    let policy = plain().attempts(4).delay(Delay::exponential(secs(4)).cap(secs(6)).jitter(Jitter::None));
    let (policy, world) = (policy.build().unwrap(), VirtualWorld::new());
    let asked = Cell::new(None);
    let told = RefCell::new(Vec::new());
    let _gave_up = retry!(
        policy,
        |attempt| -> Result<(), String> {
            asked.set((attempt.number() == 1).then_some(secs(30)));
            Err("busy".into())
        },
        classify = |_: &String| (Class::known("http-busy"), asked.get()),
        before_sleep = |upcoming| told.borrow_mut().push(upcoming.to_string()),
        world = &world,
    );
    assert_eq!(world.waits(), [secs(30), secs(6), secs(6)]);
    assert_eq!(told.borrow()[0], "attempt 1 failed (http-busy: busy), next in 30s");
}

#[test]
fn a_rule_stops_the_run_at_once() {
    let policy = plain().catch(Rule::on(Class::known("not-found")).stop()).build().unwrap();
    let gave_up = policy.run(|_| Err::<(), io::Error>(io::ErrorKind::NotFound.into())).unwrap_err();
    assert_eq!((gave_up.report().ending(), gave_up.report().attempts()), (Ending::Stopped, 1));
    assert_eq!(
        gave_up.to_string(),
        "stopped `plain` after 1 attempt (not-found: a rule ends the run, rule 1): #1 not-found: entity not found"
    );
}

#[test]
fn success_at_once_reads_no_clock_and_with_a_deadline_one() {
    for (policy, readings) in [(plain(), 0), (plain().attempt_timeout(secs(1)), 0), (plain().deadline(secs(9)), 1)] {
        let (policy, world) = (policy.build().unwrap(), VirtualWorld::new());
        retry!(policy, Ok::<_, io::Error>(()), world = &world).unwrap();
        wait_for(async { retry!(policy, async { Ok::<_, io::Error>(()) }, world = &world) }).unwrap();
        assert_eq!(world.readings(), 2 * readings);
    }
}

#[test]
fn a_zero_delay_touches_no_timer_and_reads_the_clock_once_a_failure() {
    let (policy, world) = (plain().attempts(4).delay(Delay::ZERO).build().unwrap(), VirtualWorld::new());
    wait_for(async { retry!(policy, async |attempt| flaky(attempt.number(), 3), world = &world) }).unwrap();
    assert!(world.waits().is_empty());
    assert_eq!(world.readings(), 3);
}

#[test]
fn a_blocking_call_stays_calm_where_a_failure_changes_nothing_but_a_count() {
    let world = VirtualWorld::new();
    let readings = |policy: PolicyBuilder| {
        let (policy, before) = (policy.build().unwrap(), world.readings());
        retry!(policy, |attempt| flaky(attempt.number(), 2), world = &world).unwrap();
        world.readings() - before
    };
    let calm = || plain().attempts(4).delay(Delay::ZERO);
    assert_eq!(readings(calm()), 0);
    assert_eq!(readings(calm().unlimited().ceiling(9)), 0);
    assert_ne!(readings(calm().deadline(secs(9))), 0, "time may run out");
    assert_ne!(readings(calm().catch(Rule::on(Class::known("else")).stop())), 0, "a rule may care");
    assert_ne!(readings(calm().delay(Delay::constant(millis(1)))), 0, "there is a delay");
    let last_but_one = calm().attempts(3);
    assert_eq!(readings(last_but_one), 0, "the third attempt is owed for sure");
}

#[test]
fn what_was_only_counted_is_told_when_it_gives_up() {
    let (policy, world) = (plain().attempts(5).delay(Delay::ZERO).build().unwrap(), VirtualWorld::new());
    let gave_up = retry!(policy, |attempt| Err::<(), _>(attempt.number().to_string()), world = &world).unwrap_err();
    let report = gave_up.report();
    let texts: Vec<_> = report.tries().iter().map(|tried| tried.text.as_str()).collect();
    assert_eq!(texts, ["1", "2", "3", "4", "5"], "each in its place");
    let waits: Vec<_> = report.tries().iter().map(|tried| tried.wait).collect();
    assert_eq!(waits, [Some(Duration::ZERO), Some(Duration::ZERO), Some(Duration::ZERO), Some(Duration::ZERO), None]);
    assert_eq!((report.attempts(), gave_up.last().map(String::as_str)), (5, Some("5")));
    assert!(report.tries()[..4].iter().all(|tried| tried.took.is_none()), "nobody looked at the clock");
}

#[test]
fn a_zero_delay_lets_other_tasks_run() {
    let policy = Policy::simple("eager", 3, Delay::ZERO);
    let log = RefCell::new(String::new());
    let eager = async {
        let body = || {
            log.borrow_mut().push('a');
            Err::<(), _>("no")
        };
        let _gave_up = retry!(policy, async { body() }, world = VirtualWorld::new());
    };
    let other = async {
        for _ in 0..3 {
            log.borrow_mut().push('b');
            tokio::task::yield_now().await;
        }
    };
    wait_for(async { tokio::join!(biased; eager, other) });
    assert_eq!(*log.borrow(), "ababab");
}

#[test]
fn a_question_mark_fails_the_attempt_and_return_leaves_it() {
    let policy = plain().delay(Delay::ZERO).build().unwrap();
    let mut numbers = Vec::new();
    let sum = retry!(policy, |attempt| -> Result<u32, Box<dyn std::error::Error>> {
        numbers.push(attempt.number());
        let text = ["1o", "10", "0"][numbers.len() - 1];
        let number: u32 = text.parse()?;
        if number == 10 {
            return Ok(number);
        }
        Err("too small".into())
    });
    assert_eq!((sum.unwrap(), numbers), (10, [1, 2].to_vec()));
}

#[test]
fn every_form_of_body_is_taken() {
    let policy = plain().delay(Delay::ZERO).build().unwrap();
    let one = |number: u32| flaky(number, 0);
    let world = VirtualWorld::new();
    assert_eq!(retry!(policy, one(5)).unwrap(), 5);
    assert_eq!(retry!(&policy, { one(5) },).unwrap(), 5);
    assert_eq!(retry!(policy, || one(5)).unwrap(), 5);
    assert_eq!(retry!(policy, || -> io::Result<u32> { one(5) }).unwrap(), 5);
    assert_eq!(retry!(policy, |_| one(5)).unwrap(), 5);
    let (a, b, c, d) = wait_for(async {
        (
            retry!(policy, async { one(5) }, world = &world),
            retry!(policy, async |attempt| one(attempt.number()), world = &world),
            retry!(
                policy,
                async |attempt| -> Result<u32, io::Error> {
                    let number = one(attempt.number())?;
                    Ok(number)
                },
                world = &world
            ),
            retry!(policy, async move { one(5) }, classify = unclassified, world = &world),
        )
    });
    assert_eq!([a.unwrap(), b.unwrap(), c.unwrap(), d.unwrap()], [5, 1, 1, 5]);
}

struct Client {
    calls: u32,
}

impl Client {
    async fn get(&mut self) -> io::Result<u32> {
        self.calls += 1;
        tokio::task::yield_now().await;
        flaky(self.calls, 2)
    }

    async fn fetch(&mut self, policy: &Policy, world: VirtualWorld) -> Result<u32, GaveUp<io::Error>> {
        retry!(policy, async { self.get().await }, world = world)
    }
}

#[test]
fn an_async_call_may_use_a_mutable_self_and_is_send() {
    let (policy, world) = (plain().build().unwrap(), VirtualWorld::new());
    let mut client = Client { calls: 0 };
    let fetched = assert_send(client.fetch(&policy, world.clone()));
    assert_eq!(wait_for(fetched).unwrap(), 3);
    assert_eq!(world.waits(), [secs(1), secs(1)]);
}

#[test]
fn an_error_that_cannot_be_sent_does_not_stick_to_the_future() {
    let (policy, world) = (plain().build().unwrap(), VirtualWorld::new());
    let call = async {
        let never = retry!(policy, async { Err::<(), Box<dyn std::error::Error>>("no".into()) }, world = &world);
        never.is_err()
    };
    assert!(wait_for(assert_send(call)));
}

#[test]
fn an_async_attempt_is_cut_at_its_limit_and_a_blocking_one_is_not() {
    let policy = plain().attempts(2).attempt_timeout(secs(20)).build().unwrap();
    let world = VirtualWorld::new();
    let gave_up = wait_for(policy.run_async_in(&world, |_| pending::<io::Result<()>>())).unwrap_err();
    assert!(gave_up.last().is_none());
    assert_eq!(world.waits(), [secs(20), secs(1), secs(20)]);
    assert_eq!(
        gave_up.to_string(),
        "gave up on `plain` after 2 attempts in 21s (timeout: all attempts are spent, 2 of 2 charged): \
         #1-#2 timeout: cut after 20s"
    );
    let slow = policy.run_in(&world, |attempt| {
        world.advance(secs(50));
        assert_eq!(attempt.limit(), Some(secs(20)));
        flaky(attempt.number(), 1)
    });
    assert_eq!(slow.unwrap(), 2);
}

#[test]
fn what_is_left_of_the_deadline_limits_an_attempt() {
    let policy = plain().attempts(9).deadline(secs(10)).build().unwrap();
    let world = VirtualWorld::new();
    let limits = RefCell::new(Vec::new());
    let gave_up = wait_for(policy.run_async_in(&world, |attempt| {
        limits.borrow_mut().extend(attempt.limit());
        world.advance(secs(4));
        let hangs = attempt.number() == 2;
        async move { if hangs { pending().await } else { Err::<(), _>(reset()) } }
    }))
    .unwrap_err();
    assert_eq!(*limits.borrow(), [secs(10), secs(5)]);
    assert_eq!(gave_up.report().why().cause, Cause::DeadlinePassed);
}

#[test]
fn the_loop_form_needs_no_closure() {
    let (policy, world) = (plain().build().unwrap(), VirtualWorld::new());
    let blocking = || -> Result<u32, GaveUp<io::Error>> {
        let mut run = policy.start_in(&world);
        loop {
            match flaky(run.attempt().number(), 1) {
                Ok(number) => break Ok(run.succeed(number)),
                Err(error) => run.failed(error)?.wait()?,
            }
        }
    };
    assert_eq!(blocking().unwrap(), 2);
    let in_a_task = async {
        let mut run = policy.start_in(&world);
        loop {
            match flaky(run.attempt().number(), 5) {
                Ok(number) => break Ok(run.succeed(number)),
                Err(error) => run.failed(error)?.await?,
            }
        }
    };
    let gave_up: GaveUp<io::Error> = wait_for(assert_send(in_a_task)).unwrap_err();
    assert_eq!((gave_up.report().attempts(), world.waits().len()), (3, 3));
}

#[test]
fn a_loop_that_ignores_the_end_ends_all_the_same() {
    let (policy, world) = (plain().build().unwrap(), VirtualWorld::new());
    let mut run = policy.start_in(&world);
    let answers: Vec<bool> = (0..6).map(|_| run.failed("no").map(drop).is_ok()).collect();
    assert_eq!(answers, [true, true, false, false, false, false], "a pause that nobody waits for counts as over");
}

#[test]
fn the_finalizer_runs_after_every_ending_and_once() {
    let policy = plain().delay(Delay::ZERO).build().unwrap();
    let told = RefCell::new(Vec::new());
    let call = |failures: u32| {
        retry!(
            policy,
            |attempt| if failures == 99 { panic!("as the test wants") } else { flaky(attempt.number(), failures) },
            finally = |closing| {
                let panicked = if closing.panicked() { " by a panic" } else { "" };
                let (ending, attempts, tries) = (closing.ending(), closing.attempts(), closing.tries().len());
                told.borrow_mut().push(format!("{ending}{panicked}, {attempts} attempts, {tries} failed"));
            },
        )
    };
    let _results = (call(0), call(1), call(9));
    assert!(catch_unwind(AssertUnwindSafe(|| call(99))).is_err());
    assert_eq!(
        *told.borrow(),
        [
            "succeeded, 1 attempts, 0 failed",
            "succeeded, 2 attempts, 1 failed",
            "gave-up, 3 attempts, 3 failed",
            "cancelled by a panic, 1 attempts, 0 failed",
        ]
    );
}

#[test]
fn a_call_that_is_dropped_is_cancelled() {
    let policy = plain().build().unwrap();
    let ended = Cell::new(None);
    let mut call = Box::pin(async {
        let hangs = async { pending::<io::Result<()>>().await };
        let mut hangs = Some(hangs);
        retry!(
            policy,
            async { hangs.take().expect("one attempt").await },
            world = VirtualWorld::new(),
            finally = |closing| {
                ended.set(Some((closing.ending(), closing.panicked())));
            }
        )
    });
    let polled =
        wait_for(core::future::poll_fn(|context| core::task::Poll::Ready(call.as_mut().poll(context).is_ready())));
    assert_eq!((polled, ended.get()), (false, None));
    drop(call);
    assert_eq!(ended.get(), Some((Ending::Cancelled, false)));
}

#[test]
fn a_fallback_gives_the_value_and_sees_the_history() {
    let policy = plain().delay(Delay::ZERO).build().unwrap();
    let page = retry!(
        policy,
        Err(reset()),
        else_with = |gave_up| { format!("cached after {} attempts", gave_up.report().attempts()) }
    );
    assert_eq!(page, "cached after 3 attempts");
}

#[test]
fn a_retry_around_a_retry_sees_the_inner_class() {
    let inner = plain().delay(Delay::ZERO).build().unwrap();
    let outer = plain().delay(Delay::ZERO).catch(Rule::on(Class::known("net-reset")).attempts(2)).build().unwrap();
    let gave_up = outer.run(|_| inner.run(|_| Err::<(), _>(reset()))).unwrap_err();
    assert_eq!(gave_up.report().attempts(), 2, "the outer rule caught the class of the inner failure");
}

/// A machine that falls asleep during a wait.
struct Drowsy(VirtualWorld);

impl World for Drowsy {
    fn now(&self) -> Moment {
        self.0.now()
    }

    fn seed(&self) -> u64 {
        0
    }
}

impl Blocking for Drowsy {
    fn sleep(&self, span: Duration) {
        self.0.advance(span + secs(3600));
    }
}

#[test]
fn no_attempt_begins_after_a_deadline_that_passed_in_a_wait() {
    let policy = plain().deadline(secs(10)).build().unwrap();
    let mut attempts = 0;
    let gave_up = policy
        .run_in(Drowsy(VirtualWorld::new()), |_| {
            attempts += 1;
            Err::<(), _>(reset())
        })
        .unwrap_err();
    assert_eq!(attempts, 1);
    assert_eq!((gave_up.last().is_none(), gave_up.report().why().cause), (true, Cause::DeadlinePassed));
    assert_eq!(gave_up.report().tries().len(), 1, "the history still tells what failed");
}

#[test]
fn a_call_that_has_not_failed_is_small() {
    let word = size_of::<usize>();
    let watch = size_of::<crate::trace::Watch>();
    assert!(size_of::<super::Attempts<'static>>() - watch <= 6 * word, "{}", size_of::<super::Attempts<'static>>());
    assert!(size_of::<GaveUp<u32>>() <= 2 * word, "an error on the stack is a pointer beside the last error");
}

proptest! {
    #[test]
    fn no_attempt_begins_that_cannot_fit_before_the_deadline(
        took in proptest::collection::vec(0_u64..4_000, 1..40),
        first in 1_u64..3_000,
        least in 0_u64..2_000,
        seed in any::<u64>(),
    ) {
        let deadline = millis(20_000);
        let delay = Delay::exponential(millis(first)).cap(secs(5));
        let policy = Policy::named("p").attempts(40).deadline(deadline).attempt_min(millis(least)).delay(delay);
        let (policy, world) = (policy.build().unwrap(), VirtualWorld::seeded(seed));
        let start = world.now();
        let mut took = took.into_iter().cycle();
        let gave_up = policy.run_in(&world, |attempt| {
            let left = deadline.saturating_sub(world.now().since(start));
            assert!(left >= millis(least) && !left.is_zero(), "attempt {} began with {left:?} left", attempt.number());
            assert!(attempt.limit() == Some(left));
            world.advance(millis(took.next().expect("a cycle")));
            Err::<(), _>("no")
        });
        prop_assert!(world.waits().iter().all(|wait| *wait <= secs(5)), "no delay is beyond its cap");
        prop_assert!(gave_up.is_err());
    }
}

#[test]
fn a_failure_may_be_named_by_hand() {
    let policy = plain().catch(Rule::on(Class::known("gone")).stop()).build().unwrap();
    let mut run = policy.start_in(VirtualWorld::new());
    let gave_up = run.failed_as(7, Failure::of(Class::known("gone"))).map(drop).unwrap_err();
    assert_eq!((gave_up.last(), gave_up.report().ending()), (Some(&7), Ending::Stopped));
}

proptest! {
    /// Whoever is told of each attempt keeps the call from being calm; the report must be the same.
    #[test]
    fn a_calm_call_and_a_careful_one_tell_the_same(attempts in 1_u32..9, failures in 0_u32..10) {
        let policy = plain().attempts(attempts).delay(Delay::ZERO).build().unwrap();
        let (one, other) = (VirtualWorld::new(), VirtualWorld::new());
        let calm = retry!(policy, |attempt| flaky(attempt.number(), failures), world = &one);
        let mut told = 0;
        let careful = retry!(
            policy,
            |attempt| flaky(attempt.number(), failures),
            before_sleep = |_| told += 1,
            world = &other
        );
        prop_assert_eq!(told, failures.min(attempts - 1));
        match (calm, careful) {
            (Ok(calm), Ok(careful)) => prop_assert_eq!(calm, careful),
            (Err(calm), Err(careful)) => {
                prop_assert_eq!(calm.to_string(), careful.to_string());
                let timeless = |gave_up: &GaveUp<io::Error>| -> Vec<_> {
                    let tries = gave_up.report().tries().iter();
                    tries.map(|tried| (tried.number, tried.class.clone(), tried.wait, tried.wait_source, tried.text.clone())).collect()
                };
                prop_assert_eq!(timeless(&calm), timeless(&careful));
                prop_assert_eq!(calm.report().ending(), careful.report().ending());
            }
            (calm, careful) => prop_assert!(false, "{calm:?} and {careful:?}"),
        }
    }
}
