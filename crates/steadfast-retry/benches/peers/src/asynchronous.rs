//! Calls in a task, under a runtime of tokio with one thread. Where nothing is to be waited for, the loop by hand yields once to the
//! other tasks; a contestant that sets a timer for no time at all waits for a tick of the runtime's clock, a millisecond.

use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use backon::Retryable as _;
use relentless::clock::TokioClock;
use relentless::{RetryPolicy, stop, wait};
use steadfast_retry::retry;
use tokio_retry::strategy::FixedInterval;
use tower::{Service, ServiceBuilder, ServiceExt as _};

use crate::work::{Failed, POLICY, operation_async};
use crate::{Contestant, Discipline};

pub(crate) const DISCIPLINES: &[Discipline] = &[
    Discipline { title: "in a task, success at once", contestants: &contestants::<0>(), calls: 100_000 },
    Discipline { title: "in a task, three failures without delays", contestants: &contestants::<3>(), calls: 200 },
];

const fn contestants<const FAILURES: u32>() -> [Contestant; 7] {
    [
        Contestant { name: "hand loop", run: |calls| block_on(calls, FAILURES, async |left| by_hand(left).await) },
        Contestant { name: "steadfast", run: |calls| block_on(calls, FAILURES, async |left| steadfast(left).await) },
        Contestant { name: "backon", run: |calls| block_on(calls, FAILURES, async |left| backon(left).await) },
        Contestant { name: "backoff", run: |calls| block_on(calls, FAILURES, async |left| backoff(left).await) },
        Contestant {
            name: "tokio-retry",
            run: |calls| block_on(calls, FAILURES, async |left| tokio_retry(left).await),
        },
        Contestant { name: "tower", run: |calls| block_on(calls, FAILURES, async |left| tower(left).await) },
        Contestant { name: "relentless", run: |calls| block_on(calls, FAILURES, async |left| relentless(left).await) },
    ]
}

fn block_on(calls: u32, failures: u32, call: impl AsyncFn(&Cell<u32>) -> Option<u64>) {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"));
    RUNTIME.block_on(async {
        for _ in 0..calls {
            let left = Cell::new(black_box(failures));
            assert_eq!(black_box(call(&left).await), Some(7));
        }
    });
}

async fn by_hand(left: &Cell<u32>) -> Option<u64> {
    let mut attempts = 0;
    loop {
        match operation_async(left).await {
            Ok(value) => return Some(value),
            Err(_) if attempts < 3 => attempts += 1,
            Err(_) => return None,
        }
        tokio::task::yield_now().await;
    }
}

async fn steadfast(left: &Cell<u32>) -> Option<u64> {
    retry!(POLICY, async { operation_async(left).await }).ok()
}

async fn backon(left: &Cell<u32>) -> Option<u64> {
    let builder = backon::ConstantBuilder::new().with_delay(Duration::ZERO).with_max_times(3);
    (|| operation_async(left)).retry(builder).await.ok()
}

async fn backoff(left: &Cell<u32>) -> Option<u64> {
    let attempt = || async { operation_async(left).await.map_err(::backoff::Error::transient) };
    ::backoff::future::retry(::backoff::backoff::Zero {}, attempt).await.ok()
}

async fn tokio_retry(left: &Cell<u32>) -> Option<u64> {
    ::tokio_retry::Retry::start(FixedInterval::from_millis(0).take(3), || operation_async(left)).await.ok()
}

#[derive(Clone)]
struct Three(u32);

impl tower::retry::Policy<(), u64, Failed> for Three {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, (): &mut (), result: &mut Result<u64, Failed>) -> Option<Self::Future> {
        (result.is_err() && self.0 > 0).then(|| {
            self.0 -= 1;
            std::future::ready(())
        })
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

async fn tower(left: &Cell<u32>) -> Option<u64> {
    let mut service = ServiceBuilder::new().retry(Three(3)).service_fn(|()| operation_async(left));
    service.ready().await.ok()?.call(()).await.ok()
}

async fn relentless(left: &Cell<u32>) -> Option<u64> {
    let policy = RetryPolicy::new().wait(wait::fixed(Duration::ZERO)).stop(stop::attempts(4));
    policy.retry_async(|_| operation_async(left)).clock(TokioClock::new()).call().await.ok()
}

/// What the future of a call holds beside the operation's own.
pub(crate) fn sizes() {
    let left = Cell::new(0);
    let own = size_of_val(&operation_async(&left));
    println!("\nbytes of a call's future, beside the {own} of the operation's own");
    let entries: [(&str, usize); 6] = [
        ("hand loop", of(by_hand(&left))),
        ("steadfast", of(steadfast(&left))),
        ("backon", of(backon(&left))),
        ("backoff", of(backoff(&left))),
        ("tokio-retry", of(tokio_retry(&left))),
        ("tower", of(tower(&left))),
    ];
    for (name, size) in entries {
        println!("  {name:<16} {:>5}", size - own);
    }
}

fn of<F: Future>(future: F) -> usize {
    let size = size_of_val(&future);
    // It is looked at, not run.
    let _ = Poll::Ready(drop(future));
    size
}
