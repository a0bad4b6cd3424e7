//! What [`retry!`](crate::retry) expands to: one call with its hooks. Public for the macro only.

mod limited;
mod source;

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::time::Duration;

use alloc::format;

use crate::attempts::{Attempt, Attempts, Closing, Finally, NoFinally, Then, Upcoming, Waiting};
use crate::report::{GaveUp, kept_text};
use crate::trace::Entered;
use crate::world::{Async, Blocking, DefaultWorld, World};
use crate::{Class, Classify, Failure, Policy, Pretty};

pub use limited::Limited;
pub use source::HasPolicy;

/// The options of a call: each method is a key that the macro takes.
#[derive(Debug)]
pub struct Options<W, C, B, F, L> {
    world: W,
    classify: C,
    before_sleep: B,
    finally: Option<F>,
    else_with: L,
}

impl Options<DefaultWorld, OwnClass, NoHook, NoFinally, PassOn> {
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self { world: DefaultWorld, classify: OwnClass, before_sleep: NoHook, finally: None, else_with: PassOn }
    }
}

impl Default for Options<DefaultWorld, OwnClass, NoHook, NoFinally, PassOn> {
    fn default() -> Self {
        Self::new()
    }
}

impl<W, C, B, F, L> Options<W, C, B, F, L> {
    #[inline]
    pub fn world<W2: World>(self, world: W2) -> Options<W2, C, B, F, L> {
        let Self { classify, before_sleep, finally, else_with, .. } = self;
        Options { world, classify, before_sleep, finally, else_with }
    }

    #[inline]
    pub fn classify<E, V: Into<Failure>, C2: FnMut(&E) -> V>(self, classify: C2) -> Options<W, By<C2, V>, B, F, L> {
        let Self { world, before_sleep, finally, else_with, .. } = self;
        Options { world, classify: By(classify, PhantomData), before_sleep, finally, else_with }
    }

    #[inline]
    pub fn before_sleep<B2: FnMut(&Upcoming<'_>)>(self, hook: B2) -> Options<W, C, Hook<B2>, F, L> {
        let Self { world, classify, finally, else_with, .. } = self;
        Options { world, classify, before_sleep: Hook(hook), finally, else_with }
    }

    #[inline]
    pub fn finally<F2: FnOnce(&Closing<'_>)>(self, finally: F2) -> Options<W, C, B, Then<F2>, L> {
        let Self { world, classify, before_sleep, else_with, .. } = self;
        Options { world, classify, before_sleep, finally: Some(Then(finally)), else_with }
    }

    #[inline]
    pub fn else_with<T, E, L2: FnOnce(GaveUp<E>) -> T>(self, fallback: L2) -> Options<W, C, B, F, Else<L2>> {
        let Self { world, classify, before_sleep, finally, .. } = self;
        Options { world, classify, before_sleep, finally, else_with: Else(fallback) }
    }

    #[inline(always)]
    pub fn begin(self, policy: &Policy) -> Call<'_, W, C, B, F, L>
    where
        W: World,
        F: Finally,
    {
        let Self { world, classify, before_sleep, finally, else_with } = self;
        let attempts = Attempts::begin(policy, world, finally);
        Call { attempts, classify, before_sleep, else_with }
    }
}

/// Finds the class of an error.
pub trait FindClass<E> {
    fn find(&mut self, error: &E) -> Failure;
}

/// The error's own word.
#[derive(Debug)]
pub struct OwnClass;

impl<E: Classify> FindClass<E> for OwnClass {
    #[inline(always)]
    fn find(&mut self, error: &E) -> Failure {
        error.classify()
    }
}

/// A closure's word.
#[derive(Debug)]
pub struct By<C, V>(C, PhantomData<fn() -> V>);

impl<E, V: Into<Failure>, C: FnMut(&E) -> V> FindClass<E> for By<C, V> {
    #[inline(always)]
    fn find(&mut self, error: &E) -> Failure {
        (self.0)(error).into()
    }
}

/// Is told of each delay before it begins.
pub trait BeforeSleep {
    /// Whether anybody hears.
    const HEARS: bool = true;

    fn told(&mut self, upcoming: &Upcoming<'_>);
}

#[derive(Debug)]
pub struct NoHook;

impl BeforeSleep for NoHook {
    const HEARS: bool = false;

    #[inline(always)]
    fn told(&mut self, _: &Upcoming<'_>) {}
}

#[derive(Debug)]
pub struct Hook<B>(B);

impl<B: FnMut(&Upcoming<'_>)> BeforeSleep for Hook<B> {
    #[inline(always)]
    fn told(&mut self, upcoming: &Upcoming<'_>) {
        (self.0)(upcoming);
    }
}

/// Makes the value of the whole call.
pub trait Conclude<T, E> {
    type Output;

    fn success(self, value: T) -> Self::Output;
    fn failure(self, gave_up: GaveUp<E>) -> Self::Output;
}

/// The result itself.
#[derive(Debug)]
pub struct PassOn;

impl<T, E> Conclude<T, E> for PassOn {
    type Output = Result<T, GaveUp<E>>;

    #[inline]
    fn success(self, value: T) -> Self::Output {
        Ok(value)
    }

    #[inline]
    fn failure(self, gave_up: GaveUp<E>) -> Self::Output {
        Err(gave_up)
    }
}

/// The value, or what the fallback makes of the failure.
#[derive(Debug)]
pub struct Else<L>(L);

impl<T, E, L: FnOnce(GaveUp<E>) -> T> Conclude<T, E> for Else<L> {
    type Output = T;

    #[inline]
    fn success(self, value: T) -> T {
        value
    }

    #[inline]
    fn failure(self, gave_up: GaveUp<E>) -> T {
        (self.0)(gave_up)
    }
}

/// The errors of a blocking call that were only counted; see [`Call::calmly`].
#[derive(Debug)]
pub struct Kept<E>(Option<[Option<(Failure, E)>; MOST_KEPT]>);

/// More than these would cost every call its stack.
const MOST_KEPT: usize = 3;

impl<E> Kept<E> {
    #[inline(always)]
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }
}

impl<E> Default for Kept<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// A call under way.
#[derive(Debug)]
pub struct Call<'p, W, C, B, F: Finally, L> {
    attempts: Attempts<'p, W, F>,
    classify: C,
    before_sleep: B,
    else_with: L,
}

/// A delay to be waited for; it remembers the types of the call, so that what follows can be inferred.
#[derive(Debug)]
pub struct Owed<T, E> {
    delay: Duration,
    types: PhantomData<fn() -> (T, E)>,
}

/// An attempt was cut at its limit.
#[derive(Debug)]
pub struct WasCut<T, E>(PhantomData<fn() -> (T, E)>);

impl<W: World, C, B: BeforeSleep, F: Finally, L> Call<'_, W, C, B, F, L> {
    #[inline(always)]
    pub fn attempt(&self) -> Attempt {
        self.attempts.attempt()
    }

    /// Enters the call's span for a blocking attempt.
    #[inline]
    pub fn entered(&self) -> Entered {
        self.attempts.span().into_entered()
    }

    /// Ends the call with a value.
    #[inline(always)]
    pub fn succeeded<T, E>(self, value: T) -> L::Output
    where
        L: Conclude<T, E>,
    {
        let Self { attempts, else_with, .. } = self;
        else_with.success(attempts.succeed(value))
    }

    /// Keeps an error where it can change nothing but a count and the next attempt begins at once; otherwise it comes back with its class.
    #[inline(always)]
    pub fn calmly<E>(&mut self, kept: &mut Kept<E>, error: E) -> Result<(), (Failure, E)>
    where
        C: FindClass<E>,
    {
        let failure = self.classify.find(&error);
        if B::HEARS || failure.server_delay.is_some() || !self.attempts.stays_calm() {
            return Err((failure, error));
        }
        match kept.0.get_or_insert([const { None }; MOST_KEPT]).get_mut(self.attempts.calm()) {
            Some(place) => {
                *place = Some((failure, error));
                self.attempts.count_calmly();
                Ok(())
            }
            None => Err((failure, error)),
        }
    }

    /// Takes a failure that is not calm, after those that were.
    #[inline(always)]
    pub fn failed_after<T, E: fmt::Display>(
        &mut self,
        kept: &mut Kept<E>,
        failure: Failure,
        error: &E,
    ) -> Option<Owed<T, E>> {
        if let Some(kept) = kept.0.take() {
            let calm = kept.into_iter().flatten();
            self.attempts.take_up(&mut calm.map(|(failure, error)| (failure, kept_text(&error))));
        }
        self.failed_as(failure, error)
    }

    /// Takes a failure: the delay that is owed, or `None` if the run is over.
    #[inline(always)]
    pub fn failed<T, E: fmt::Display>(&mut self, error: &E) -> Option<Owed<T, E>>
    where
        C: FindClass<E>,
    {
        let failure = self.classify.find(error);
        self.failed_as(failure, error)
    }

    #[inline(always)]
    fn failed_as<T, E: fmt::Display>(&mut self, failure: Failure, error: &E) -> Option<Owed<T, E>> {
        let delay = self.attempts.fail(failure, kept_text(error))?;
        Some(self.owe(delay))
    }

    /// Takes the cut of an async attempt as a failure of the class `timeout`; an error if the run is over.
    #[inline]
    pub fn was_cut<T, E>(&mut self, _: WasCut<T, E>) -> Result<Owed<T, E>, Owed<T, E>> {
        let limit = self.attempt().limit().unwrap_or_default();
        let text = format!("cut after {}", Pretty(limit).rounded());
        match self.attempts.fail(Failure::of(Class::TIMEOUT), text) {
            Some(delay) => Ok(self.owe(delay)),
            None => Err(Owed { delay: Duration::ZERO, types: PhantomData }),
        }
    }

    #[inline(always)]
    fn owe<T, E>(&mut self, delay: Duration) -> Owed<T, E> {
        if let Some(upcoming) = self.attempts.upcoming(delay) {
            self.before_sleep.told(&upcoming);
        }
        Owed { delay, types: PhantomData }
    }

    /// Goes on after the delay; `false` if the deadline passed meanwhile.
    #[inline(always)]
    pub fn resume<T, E>(&mut self, owed: &Owed<T, E>) -> bool {
        self.attempts.resume(owed.delay)
    }

    /// Ends the call with its last error.
    #[inline(always)]
    pub fn gave_up<T, E>(self, last: E) -> L::Output
    where
        L: Conclude<T, E>,
    {
        self.conclude(Some(last))
    }

    /// Ends the call where no error is at hand: the last attempt was cut, or the deadline passed in a delay.
    #[inline(always)]
    pub fn out_of_time<T, E>(self, _: Owed<T, E>) -> L::Output
    where
        L: Conclude<T, E>,
    {
        self.conclude(None)
    }

    #[inline(always)]
    fn conclude<T, E>(mut self, last: Option<E>) -> L::Output
    where
        L: Conclude<T, E>,
    {
        let gave_up = self.attempts.give_up(last);
        self.else_with.failure(gave_up)
    }

    // The bounds stand on the methods, so that a missing feature is told in the words of the trait.

    /// Waits on this thread, then goes on as [`Call::resume`] does.
    #[inline(always)]
    pub fn wait<T, E>(&mut self, owed: &Owed<T, E>) -> bool
    where
        W: Blocking,
    {
        self.attempts.sleep(owed.delay);
        self.resume(owed)
    }

    /// Bounds an attempt's future by its limit.
    #[inline]
    pub fn limited<'f, A: Future>(&self, attempt: Pin<&'f mut A>) -> Limited<'f, A, W::Timer>
    where
        W: Async,
    {
        Limited { attempt, timer: self.attempts.limit_timer(), span: self.attempts.span() }
    }

    /// The wait of an async call.
    #[inline]
    pub fn waiting<T, E>(&self, owed: &Owed<T, E>) -> Waiting<W::Timer>
    where
        W: Async,
    {
        self.attempts.delay_timer(owed.delay)
    }
}

/// Pins down the output of an attempt's future, so that `?` inside knows its error.
#[inline]
pub fn with_output<T, A: Future<Output = T>>(attempt: A) -> A {
    attempt
}
