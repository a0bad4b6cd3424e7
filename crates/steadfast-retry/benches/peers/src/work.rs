//! What is retried: an operation that fails so often and then succeeds.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;

use steadfast_retry::{Class, Classify, Delay, Failure, Policy};

/// An error without anything to free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

impl Classify for Failed {
    fn classify(&self) -> Failure {
        Failure::of(Class::ERROR)
    }
}

/// Fails as often as is left, then succeeds.
#[inline(never)]
pub(crate) fn operation(left: &Cell<u32>) -> Result<u64, Failed> {
    match left.get() {
        0 => Ok(black_box(7)),
        failures => {
            left.set(failures - 1);
            Err(black_box(Failed))
        }
    }
}

/// The same as a future that is ready at once.
pub(crate) async fn operation_async(left: &Cell<u32>) -> Result<u64, Failed> {
    operation(left)
}

/// Four attempts without delays.
pub(crate) static POLICY: Policy = Policy::simple("bench", 4, Delay::ZERO);
/// The same with a deadline, for which the clock is read.
pub(crate) static POLICY_WITH_DEADLINE: std::sync::LazyLock<Policy> = std::sync::LazyLock::new(|| {
    let policy = Policy::named("deadline").attempts(4).delay(Delay::ZERO);
    policy.deadline(std::time::Duration::from_secs(60)).build().expect("a policy")
});
