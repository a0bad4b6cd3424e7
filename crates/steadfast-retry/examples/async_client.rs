//! An async client in a task of its own: `&mut self` in the body, an attempt that hangs, and a clock that need not pass.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::io;
use std::time::Duration;

use steadfast_retry::{Delay, GaveUp, Policy, retry};

struct Client {
    calls: u32,
}

impl Client {
    /// Hangs at the first call, fails at the second.
    async fn get(&mut self, page: u32) -> io::Result<String> {
        self.calls += 1;
        match self.calls {
            1 => std::future::pending().await,
            2 => Err(io::ErrorKind::ConnectionRefused.into()),
            _ => Ok(format!("page {page}")),
        }
    }

    async fn both(&mut self, policy: &Policy) -> Result<String, GaveUp<io::Error>> {
        // `?` fails the attempt, so both pages belong to one attempt.
        retry!(
            policy,
            async {
                let first = self.get(1).await?;
                let second = self.get(2).await?;
                Ok(format!("{first} and {second}"))
            },
            before_sleep = |upcoming| println!("{upcoming}")
        )
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::named("pages")
        .attempts(5)
        .attempt_timeout(Duration::from_millis(20))
        .delay(Delay::exponential(Duration::from_millis(1)))
        .build()?;
    // The call is `Send`, although it borrows the client mutably: it may run in a task.
    let task = tokio::spawn(async move { Client { calls: 0 }.both(&policy).await });
    let pages = task.await??;
    println!("{pages}");
    // The first attempt hung and was cut, the second was refused; the third asked for both pages.
    assert_eq!(pages, "page 1 and page 2");
    Ok(())
}
