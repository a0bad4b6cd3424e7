//! What the drivers ask of the world outside: the time, a pause, and a seed for chance.
//!
//! # Theory of operation
//!
//! Decisions read no clock and throw no dice. The drivers do it for them, and they ask a [`World`]: the [`SystemWorld`] of a
//! program, or the [`VirtualWorld`] of a test, in which a wait of three hours takes no time at all. Each of the
//! three things that a system offers is touched in exactly one file: `clock`, `sleep` and `chance`.
//!
//! ```
//! use steadfast_retry::world::VirtualWorld;
//! use steadfast_retry::{Delay, Jitter, Policy, retry};
//! use std::time::Duration;
//!
//! let hourly = Policy::simple("hourly", 3, Delay::constant(Duration::from_secs(3600)));
//! let world = VirtualWorld::new();
//! let never = retry!(hourly, Err::<(), _>("no"), world = &world);
//! assert!(never.is_err());
//! assert_eq!(world.waits(), [Duration::from_secs(3600); 2]);
//! ```

mod chance;
#[cfg(feature = "std")]
mod clock;
#[cfg(feature = "std")]
mod simulated;
#[cfg(feature = "std")]
mod sleep;

use core::future::Future;
use core::time::Duration;

use crate::Moment;

pub(crate) use chance::Chance;
#[cfg(feature = "std")]
pub use simulated::{VirtualTimer, VirtualWorld};
#[cfg(feature = "tokio")]
pub use sleep::TokioTimer;

/// The time, and a seed for chance.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no world for a call",
    note = "without the feature `std` there is no clock: give `world = …`"
)]
pub trait World {
    /// Reads the clock: a steady one, whose origin is the world's own affair.
    fn now(&self) -> Moment;

    /// Returns 64 bits that differ from call to call; they are asked for at the first failure of a run.
    fn seed(&self) -> u64;
}

/// A world in which a thread can wait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no world in which a thread can wait",
    note = "give `world = …` with one that is"
)]
pub trait Blocking: World {
    /// Waits; never called with zero.
    fn sleep(&self, span: Duration);
}

/// A world in which a task can wait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no world in which a task can wait",
    note = "async calls need the feature `tokio` of steadfast-retry, or `world = …` with the timers of another runtime"
)]
pub trait Async: World {
    /// What is awaited.
    type Timer: Future<Output = ()> + Unpin;

    /// Starts a timer; never called with zero.
    fn timer(&self, span: Duration) -> Self::Timer;
}

impl<W: World> World for &W {
    fn now(&self) -> Moment {
        (**self).now()
    }

    fn seed(&self) -> u64 {
        (**self).seed()
    }
}

impl<W: Blocking> Blocking for &W {
    fn sleep(&self, span: Duration) {
        (**self).sleep(span);
    }
}

impl<W: Async> Async for &W {
    type Timer = W::Timer;

    fn timer(&self, span: Duration) -> W::Timer {
        (**self).timer(span)
    }
}

/// The world of a program: the system's steady clock, the thread's sleep and, with the feature `tokio`, tokio's timers.
///
/// With that feature the clock is tokio's too, so that a test under tokio's paused clock sees its waits in virtual time.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemWorld;

/// The world of whoever names none.
#[cfg(feature = "std")]
pub use self::SystemWorld as DefaultWorld;

/// Without the standard library there is no clock: a world must be given.
#[cfg(not(feature = "std"))]
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultWorld;

#[cfg(feature = "std")]
impl World for SystemWorld {
    #[inline]
    fn now(&self) -> Moment {
        clock::now()
    }

    #[inline]
    fn seed(&self) -> u64 {
        chance::seed()
    }
}

#[cfg(feature = "std")]
impl Blocking for SystemWorld {
    #[inline]
    fn sleep(&self, span: Duration) {
        sleep::block(span);
    }
}

#[cfg(feature = "tokio")]
impl Async for SystemWorld {
    type Timer = TokioTimer;

    #[inline]
    fn timer(&self, span: Duration) -> TokioTimer {
        TokioTimer::start(span)
    }
}
