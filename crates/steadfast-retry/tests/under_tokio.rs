//! The async driver under a real tokio runtime: timers, tasks on other threads, and a paused clock.
#![cfg(feature = "tokio")]

use std::io;
use std::time::Duration;

use steadfast_retry::{Delay, GaveUp, Jitter, Policy, retry};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

struct Client {
    calls: u32,
}

impl Client {
    async fn get(&mut self) -> io::Result<u32> {
        self.calls += 1;
        tokio::task::yield_now().await;
        if self.calls < 3 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(self.calls) }
    }
}

#[tokio::test(start_paused = true)]
async fn three_hours_pass_in_no_time_under_a_paused_clock() {
    let hourly =
        Policy::named("hourly").attempts(4).delay(Delay::exponential(secs(3600)).cap(secs(5400)).jitter(Jitter::None));
    let hourly = hourly.deadline(secs(86_400)).build().unwrap();
    let began = now();
    let gave_up = retry!(hourly, async { Err::<(), _>("no") }).unwrap_err();
    assert_eq!(now() - began, secs(3600 + 5400 + 5400));
    assert_eq!(gave_up.report().waited(), secs(3600 + 5400 + 5400));
    assert_eq!(gave_up.report().elapsed(), secs(3600 + 5400 + 5400));
}

#[expect(clippy::disallowed_methods, reason = "the paused clock of this test")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_cut_and_the_next_one_may_succeed() {
    let policy = Policy::named("p").attempt_timeout(secs(30)).delay(Delay::ZERO).build().unwrap();
    let began = now();
    let number = policy
        .run_async(|attempt| async move {
            if attempt.is_first() {
                std::future::pending::<()>().await;
            }
            Ok::<_, io::Error>(attempt.number())
        })
        .await;
    assert_eq!((number.unwrap(), now() - began), (2, secs(30)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_with_a_mutable_client_runs_in_a_task_of_its_own() {
    let policy = Policy::simple("eager", 5, Delay::ZERO);
    let task = tokio::spawn(async move {
        let mut client = Client { calls: 0 };
        let got = retry!(policy, async { client.get().await });
        (got.map_err(GaveUp::into_last), client.calls)
    });
    let (got, calls) = task.await.unwrap();
    assert_eq!((got.unwrap(), calls), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn the_loop_form_is_awaited() -> Result<(), GaveUp<io::Error>> {
    let policy = Policy::simple("steady", 3, Delay::constant(secs(7)));
    let mut client = Client { calls: 0 };
    let began = now();
    let mut run = policy.start();
    let got = loop {
        match client.get().await {
            Ok(got) => break run.succeed(got),
            Err(error) => run.failed(error)?.await?,
        }
    };
    assert_eq!((got, now() - began), (3, secs(14)));
    Ok(())
}
