//! A world for tests, in which waiting costs no time and chance comes from a seed.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Async, Blocking, World};
use crate::Moment;

/// The world of a test: time stands still until somebody waits, and a wait takes no time.
///
/// Clones share one clock. Chance comes from the seed, so the same test gives the same waits.
#[derive(Clone, Debug, Default)]
pub struct VirtualWorld(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    now: Moment,
    seed: u64,
    waits: Vec<Duration>,
    readings: u32,
}

impl VirtualWorld {
    /// Makes a world at the origin of time, with seed zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a world with another chance.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let world = Self::new();
        world.inner().seed = seed;
        world
    }

    /// Lets time pass, as an attempt does that takes its time.
    pub fn advance(&self, span: Duration) {
        let mut inner = self.inner();
        inner.now = inner.now + span;
    }

    /// Returns every wait so far; a delay of zero is none.
    #[must_use]
    pub fn waits(&self) -> Vec<Duration> {
        self.inner().waits.clone()
    }

    /// Returns how often the clock was read.
    #[must_use]
    pub fn readings(&self) -> u32 {
        self.inner().readings
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic of a test's closure must not hide itself behind a second one here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, span: Duration) {
        self.advance(span);
        self.inner().waits.push(span);
    }
}

impl World for VirtualWorld {
    fn now(&self) -> Moment {
        let mut inner = self.inner();
        inner.readings += 1;
        inner.now
    }

    fn seed(&self) -> u64 {
        self.inner().seed
    }
}

impl Blocking for VirtualWorld {
    fn sleep(&self, span: Duration) {
        self.wait(span);
    }
}

impl Async for VirtualWorld {
    type Timer = VirtualTimer;

    fn timer(&self, span: Duration) -> VirtualTimer {
        VirtualTimer { world: self.clone(), span: Some(span) }
    }
}

/// A timer of the [`VirtualWorld`]: asked the first time, it lets its whole span pass.
#[derive(Debug)]
pub struct VirtualTimer {
    world: VirtualWorld,
    span: Option<Duration>,
}

impl Future for VirtualTimer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if let Some(span) = self.span.take() {
            self.world.wait(span);
        }
        Poll::Ready(())
    }
}
