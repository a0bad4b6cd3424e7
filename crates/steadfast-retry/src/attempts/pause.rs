//! The delay between two attempts, as a loop waits for it: on its thread, in a task, or not at all where it is
//! zero. How long it is was decided before; nothing here decides.

use core::fmt;
use core::future::{Future, IntoFuture};
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::{Attempts, Finally, Session};
use crate::report::{GaveUp, Try};
use crate::world::{Async, Blocking, DefaultWorld, World};
use crate::{Because, Pretty};

/// A delay that was decided: wait for it, with [`Pause::wait`] or `.await`, before the next attempt.
///
/// Both say [`GaveUp`] if the deadline passed meanwhile, as it does where a machine slept or a thread was kept waiting: then there is
/// no next attempt.
#[must_use = "the delay is not waited for yet: call `wait()`, or `.await` it"]
pub struct Pause<'r, 'p, E, W = DefaultWorld, F: Finally = super::NoFinally> {
    run: &'r mut Attempts<'p, W, F>,
    delay: Duration,
    /// Only its type is wanted: what comes back has no error where the deadline passed.
    error: PhantomData<fn() -> E>,
}

impl<'r, 'p, E, W: World, F: Finally> Pause<'r, 'p, E, W, F> {
    pub(super) const fn new(run: &'r mut Attempts<'p, W, F>, delay: Duration) -> Self {
        Self { run, delay, error: PhantomData }
    }

    /// Returns how long it is.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    fn over(&mut self) -> Result<(), GaveUp<E>> {
        if self.run.resume(self.delay) { Ok(()) } else { Err(self.run.give_up(None)) }
    }
}

impl<E, W: Blocking, F: Finally> Pause<'_, '_, E, W, F> {
    /// Waits on this thread; a delay of zero touches no timer.
    ///
    /// # Errors
    ///
    /// Returns [`GaveUp`] if the deadline passed meanwhile.
    pub fn wait(mut self) -> Result<(), GaveUp<E>> {
        self.run.sleep(self.delay);
        self.over()
    }
}

impl<'r, 'p, E, W: Async, F: Finally> IntoFuture for Pause<'r, 'p, E, W, F> {
    type Output = Result<(), GaveUp<E>>;
    type IntoFuture = PauseFuture<'r, 'p, E, W, F>;

    fn into_future(self) -> Self::IntoFuture {
        let waiting = self.run.delay_timer(self.delay);
        PauseFuture { waiting, pause: self }
    }
}

impl<E, W, F: Finally> fmt::Debug for Pause<'_, '_, E, W, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pause").field("delay", &self.delay).finish()
    }
}

/// A delay that is being waited for.
#[must_use = "futures do nothing unless awaited"]
pub struct PauseFuture<'r, 'p, E, W: Async, F: Finally> {
    waiting: Waiting<W::Timer>,
    pause: Pause<'r, 'p, E, W, F>,
}

impl<E, W: Async, F: Finally> Future for PauseFuture<'_, '_, E, W, F> {
    type Output = Result<(), GaveUp<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        Pin::new(&mut this.waiting).poll(context).map(|()| this.pause.over())
    }
}

/// A timer, or for a delay of zero one yield to the other tasks: a zero timer would cost a tick of the runtime's clock.
#[derive(Debug)]
pub struct Waiting<T> {
    timer: Option<T>,
    has_yielded: bool,
}

impl<T> Waiting<T> {
    pub(super) const fn new(timer: Option<T>) -> Self {
        Self { timer, has_yielded: false }
    }
}

impl<T: Future<Output = ()> + Unpin> Future for Waiting<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer {
            return Pin::new(timer).poll(context);
        }
        if self.has_yielded {
            return Poll::Ready(());
        }
        self.has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A failed attempt and the delay before the next one, for `before_sleep`.
///
/// Its `Display` is one line: `attempt 2 failed (net-reset: connection reset), next in 1.5s`.
#[derive(Clone, Copy, Debug)]
pub struct Upcoming<'a> {
    pub(super) session: &'a Session,
    pub(super) delay: Duration,
}

impl Upcoming<'_> {
    /// Returns the number of the attempt that failed.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.session.number().get()
    }

    /// Returns how it failed: class, text, times.
    #[must_use]
    pub fn failed(&self) -> Option<&Try> {
        self.session.history.tries().last()
    }

    /// Returns how long the delay is; it may be zero.
    #[must_use]
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Returns why there will be another attempt, and who pays for this one.
    #[must_use]
    pub const fn because(&self) -> &Because {
        &self.session.because
    }
}

impl fmt::Display for Upcoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {} failed", self.attempt())?;
        if let Some(failed) = self.failed() {
            write!(f, " ({}: {})", failed.class, failed.text)?;
        }
        match self.delay {
            Duration::ZERO => f.write_str(", next at once"),
            delay => write!(f, ", next in {}", Pretty(delay).rounded()),
        }
    }
}
