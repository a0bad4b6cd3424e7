use core::fmt;
use core::future::Future;

use crate::world::{Async, Blocking};
use crate::{Attempt, Classify, GaveUp, Policy};

impl Policy {
    /// Calls a closure until it succeeds or the policy gives up; [`retry!`](crate::retry) does the same in place.
    ///
    /// ```
    /// use steadfast_retry::{Delay, Policy};
    ///
    /// let policy = Policy::simple("count", 3, Delay::ZERO);
    /// let number = policy.run(|attempt| if attempt.number() < 3 { Err("not yet") } else { Ok(attempt.number()) })?;
    /// assert_eq!(number, 3);
    /// # Ok::<(), steadfast_retry::GaveUp<&str>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`GaveUp`] if no other attempt is owed.
    #[cfg(feature = "std")]
    pub fn run<T, E: Classify + fmt::Display>(
        &self,
        attempt: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<T, GaveUp<E>> {
        self.run_in(crate::world::SystemWorld, attempt)
    }

    /// Calls a closure as [`Policy::run`] does, in a world of the caller's.
    ///
    /// # Errors
    ///
    /// Returns [`GaveUp`] if no other attempt is owed.
    pub fn run_in<T, E: Classify + fmt::Display>(
        &self,
        world: impl Blocking,
        mut attempt: impl FnMut(Attempt) -> Result<T, E>,
    ) -> Result<T, GaveUp<E>> {
        crate::retry!(self, |number| attempt(number), world = world)
    }

    /// Awaits the futures of a closure until one succeeds or the policy gives up, with tokio's timers.
    ///
    /// The closure cannot lend what it captured to its futures; where that is wanted, [`retry!`](crate::retry) expands in place and can.
    ///
    /// ```
    /// use steadfast_retry::{Delay, Policy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), steadfast_retry::GaveUp<std::io::Error>> {
    /// let policy = Policy::simple("fetch", 3, Delay::ZERO);
    /// let page = policy.run_async(|_| async { Ok::<_, std::io::Error>("page") }).await?;
    /// assert_eq!(page, "page");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`GaveUp`] if no other attempt is owed.
    #[cfg(feature = "tokio")]
    pub async fn run_async<T, E: Classify + fmt::Display, A: Future<Output = Result<T, E>>>(
        &self,
        attempt: impl FnMut(Attempt) -> A,
    ) -> Result<T, GaveUp<E>> {
        self.run_async_in(crate::world::SystemWorld, attempt).await
    }

    /// Awaits the futures of a closure as `run_async` does, in a world of the caller's: with it any runtime will do.
    ///
    /// # Errors
    ///
    /// Returns [`GaveUp`] if no other attempt is owed.
    pub async fn run_async_in<T, E: Classify + fmt::Display, A: Future<Output = Result<T, E>>>(
        &self,
        world: impl Async,
        mut attempt: impl FnMut(Attempt) -> A,
    ) -> Result<T, GaveUp<E>> {
        crate::retry!(self, async |number| attempt(number).await, world = world)
    }
}
