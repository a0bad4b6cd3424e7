//! Blocking calls.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

use backon::BlockingRetryable as _;
use relentless::{RetryPolicy, stop, wait};
use steadfast_retry::retry;

use crate::work::{Failed, POLICY, POLICY_WITH_DEADLINE, operation};
use crate::{Contestant, Discipline, count};

pub(crate) const DISCIPLINES: &[Discipline] = &[
    Discipline { title: "blocking, success at once", contestants: &contestants::<0>(), calls: 200_000 },
    Discipline { title: "blocking, three failures without delays", contestants: &contestants::<3>(), calls: 50_000 },
];

const fn contestants<const FAILURES: u32>() -> [Contestant; 7] {
    [
        Contestant { name: "hand loop", run: |calls| each(calls, FAILURES, by_hand) },
        Contestant { name: "steadfast", run: |calls| each(calls, FAILURES, steadfast) },
        Contestant { name: "with a deadline", run: |calls| each(calls, FAILURES, with_deadline) },
        Contestant { name: "backon", run: |calls| each(calls, FAILURES, backon) },
        Contestant { name: "backoff", run: |calls| each(calls, FAILURES, backoff) },
        Contestant { name: "retry", run: |calls| each(calls, FAILURES, of_retry) },
        Contestant { name: "relentless", run: |calls| each(calls, FAILURES, relentless) },
    ]
}

#[inline(always)]
fn each(calls: u32, failures: u32, call: impl Fn(&Cell<u32>) -> Option<u64>) {
    for _ in 0..calls {
        let left = Cell::new(black_box(failures));
        assert_eq!(black_box(call(&left)), Some(7));
    }
}

fn by_hand(left: &Cell<u32>) -> Option<u64> {
    let mut attempts = 0;
    loop {
        match operation(left) {
            Ok(value) => return Some(value),
            Err(_) if attempts < 3 => attempts += 1,
            Err(_) => return None,
        }
    }
}

fn steadfast(left: &Cell<u32>) -> Option<u64> {
    retry!(POLICY, operation(left)).ok()
}

fn with_deadline(left: &Cell<u32>) -> Option<u64> {
    retry!(*POLICY_WITH_DEADLINE, operation(left)).ok()
}

fn backon(left: &Cell<u32>) -> Option<u64> {
    let builder = backon::ConstantBuilder::new().with_delay(Duration::ZERO).with_max_times(3);
    (|| operation(left)).retry(builder).call().ok()
}

fn backoff(left: &Cell<u32>) -> Option<u64> {
    ::backoff::retry(::backoff::backoff::Zero {}, || operation(left).map_err(::backoff::Error::transient)).ok()
}

fn of_retry(left: &Cell<u32>) -> Option<u64> {
    ::retry::retry(::retry::delay::NoDelay.take(3), || operation(left)).ok()
}

fn relentless(left: &Cell<u32>) -> Option<u64> {
    type Shared = RetryPolicy<stop::StopAfterAttempts, wait::WaitFixed>;
    static SHARED: LazyLock<Shared> =
        LazyLock::new(|| RetryPolicy::new().wait(wait::fixed(Duration::ZERO)).stop(stop::attempts(4)));
    SHARED.retry(|_| operation(left)).call().ok()
}

/// What giving up costs with a history of four attempts.
pub(crate) fn giving_up() {
    let give_up = || {
        let left = Cell::new(black_box(9));
        let gave_up = retry!(POLICY, operation(&left)).map_err(|gave_up: steadfast_retry::GaveUp<Failed>| gave_up);
        drop(black_box(gave_up));
    };
    give_up();
    println!("\ngiving up with a history of four attempts: {} allocations", count(give_up));
}
