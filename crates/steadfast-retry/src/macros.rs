//! The macro `retry!`: one loop for closures and one for futures, because what was written must stand in the caller's own
//! function. Whatever is decided in a turn of it, [`call`](crate::call) asks the engine.

/// Retries an expression, a block, a closure or an async block under a policy, in place.
///
/// ```
/// use steadfast_retry::{Class, Delay, Policy, retry};
/// # use std::io;
/// # fn read(attempt: u32) -> io::Result<&'static str> {
/// #     if attempt < 3 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok("7 pages") }
/// # }
/// const FETCH: Policy = Policy::simple("fetch", 5, Delay::ZERO);
///
/// // An expression that gives a `Result`; the attempt's number is there for whoever wants it.
/// let text = retry!(FETCH, |attempt| read(attempt.number()))?;
/// assert_eq!(text, "7 pages");
///
/// // `?` fails the attempt, not the function; where it meets several error types, name the result.
/// let pages = retry!(FETCH, |attempt| -> Result<u32, Box<dyn std::error::Error>> {
///     let text = read(attempt.number())?;
///     Ok(text.split(' ').next().unwrap_or_default().parse()?)
/// });
/// assert_eq!(pages.unwrap(), 7);
///
/// // Hooks, in any order.
/// let mut told = Vec::new();
/// let text = retry!(
///     FETCH,
///     read(1),
///     classify     = |error: &io::Error| if error.raw_os_error().is_some() { Class::known("os") } else { Class::ERROR },
///     before_sleep = |upcoming| told.push(upcoming.to_string()),
///     finally      = |closing| assert_eq!(closing.attempts(), 5),
///     else_with    = |gave_up| { assert_eq!(gave_up.report().tries().len(), 5); "from the cache" },
/// );
/// assert_eq!((text, told.len()), ("from the cache", 4));
/// # Ok::<(), steadfast_retry::GaveUp<io::Error>>(())
/// ```
///
/// # Policy
///
/// A [`Policy`](crate::Policy), or what leads to one (a reference, an `Arc`, a `Box`, a `LazyLock`); the name of one that
/// [`registry`](crate::registry) knows, and a panic if it does not; or one that is written here, with the methods of
/// [`PolicyBuilder`](crate::PolicyBuilder) as keys. Its name is then the place of the call.
///
/// ```
/// use steadfast_retry::{Delay, retry};
/// use std::time::Duration;
///
/// let mut calls = 0;
/// let value = retry!(policy(attempts = 4, delay = Delay::constant(Duration::from_millis(1))), {
///     calls += 1;
///     if calls < 4 { Err("not yet") } else { Ok(calls) }
/// })?;
/// assert_eq!(value, 4);
/// # Ok::<(), steadfast_retry::GaveUp<&str>>(())
/// ```
///
/// # Forms
///
/// | body | what it is |
/// | --- | --- |
/// | `expression` | evaluated anew for each attempt, gives a `Result`; `?` and `return` leave the attempt |
/// | `\|attempt\| expression` | the same, with the [`Attempt`](crate::Attempt) |
/// | `\|attempt\| -> Result<T, E> { … }` | the same, with the result's type named |
/// | `async { … }` | awaited anew for each attempt; the macro stands in an async function and needs no `.await` |
/// | `async \|attempt\| { … }`, `async \|attempt\| -> Result<T, E> { … }` | the same, with the attempt, with the type |
///
/// The expansion is a loop in place, no function that takes a closure: the body may use `&mut self`, and an async body is `Send` if
/// what it holds is.
///
/// # Options
///
/// - `classify = |error: &E| …` gives a [`Class`](crate::Class), a `(Class, Option<Duration>)` with the server's delay, or a
///   [`Failure`](crate::Failure). Without it the error must [`Classify`](crate::Classify) itself.
/// - `before_sleep = |upcoming| …` is told of each failed attempt that is followed by another: an [`Upcoming`](crate::Upcoming).
/// - `finally = |closing| …` runs once, on success, on giving up, on a panic and on being dropped: a [`Closing`](crate::Closing).
/// - `else_with = |gave_up| …` makes the value when all failed; the macro then gives the value itself instead of a `Result`.
/// - `world = …` replaces the clock and timers; see [`world`](crate::world).
///
/// # Value
///
/// `Result<T, GaveUp<E>>`, or `T` with `else_with`. An async attempt that takes longer than the policy's `attempt-timeout`, or
/// than what is left of its deadline, is dropped at that point and fails with the class `timeout`. A blocking call is never cut.
#[macro_export]
macro_rules! retry {
    (policy($($key:ident = $value:expr),+ $(,)?), $($rest:tt)*) => {
        $crate::retry!(
            $crate::Policy::named(::core::concat!(::core::file!(), ":", ::core::line!()))
                $(.$key($value))+
                .build()
                .expect("the policy that is written at the call can begin and end"),
            $($rest)*
        )
    };
    ($policy:expr, async move |$attempt:pat_param| -> $output:ty $body:block $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_async!(($policy) ($attempt) ($output) (async move $body) $(($key $value))*)
    };
    ($policy:expr, async move |$attempt:pat_param| $body:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_async!(($policy) ($attempt) (_) (async move { $body }) $(($key $value))*)
    };
    ($policy:expr, async move $body:block $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_async!(($policy) (_) (_) (async move $body) $(($key $value))*)
    };
    ($policy:expr, async |$attempt:pat_param| -> $output:ty $body:block $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_async!(($policy) ($attempt) ($output) (async $body) $(($key $value))*)
    };
    ($policy:expr, async |$attempt:pat_param| $body:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_async!(($policy) ($attempt) (_) (async { $body }) $(($key $value))*)
    };
    ($policy:expr, async $body:block $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_async!(($policy) (_) (_) (async $body) $(($key $value))*)
    };
    ($policy:expr, |$attempt:pat_param| -> $output:ty $body:block $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_blocking!(($policy) ($attempt) ($output) ($body) $(($key $value))*)
    };
    ($policy:expr, |$attempt:pat_param| $body:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_blocking!(($policy) ($attempt) (_) ({ $body }) $(($key $value))*)
    };
    ($policy:expr, || -> $output:ty $body:block $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_blocking!(($policy) (_) ($output) ($body) $(($key $value))*)
    };
    ($policy:expr, || $body:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_blocking!(($policy) (_) (_) ({ $body }) $(($key $value))*)
    };
    ($policy:expr, $body:expr $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::__retry_blocking!(($policy) (_) (_) ({ $body }) $(($key $value))*)
    };
    ($policy:expr $(,)?) => {
        ::core::compile_error!("`retry!` needs a policy and what to attempt: `retry!(policy, client.get(url))`")
    };
}

/// The blocking expansion of `retry!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __retry_blocking {
    (($policy:expr) ($attempt:pat) ($output:ty) ($body:block) $(($key:ident $value:expr))*) => {{
        let __policy = &$policy;
        let __held = $crate::call::HasPolicy::hold(__policy);
        let mut __call = $crate::call::Options::new()$(.$key($value))*.begin(&__held);
        let mut __kept = $crate::call::Kept::new();
        loop {
            #[allow(unused_variables, unused_braces, clippy::redundant_closure_call, clippy::ignored_unit_patterns)]
            let __result = {
                let $attempt = __call.attempt();
                let __entered = __call.entered();
                (|| -> $output { $body })()
            };
            let __owed = match __result {
                ::core::result::Result::Ok(__value) => break __call.succeeded(__value),
                ::core::result::Result::Err(__error) => match __call.calmly(&mut __kept, __error) {
                    ::core::result::Result::Ok(()) => continue,
                    ::core::result::Result::Err((__failure, __error)) => {
                        match __call.failed_after(&mut __kept, __failure, &__error) {
                            ::core::option::Option::Some(__owed) => __owed,
                            ::core::option::Option::None => break __call.gave_up(__error),
                        }
                    }
                },
            };
            if !__call.wait(&__owed) {
                break __call.out_of_time(__owed);
            }
        }
    }};
}

/// The async expansion of `retry!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __retry_async {
    (($policy:expr) ($attempt:pat) ($output:ty) ($body:expr) $(($key:ident $value:expr))*) => {{
        let __policy = &$policy;
        let __held = $crate::call::HasPolicy::hold(__policy);
        let mut __call = $crate::call::Options::new()$(.$key($value))*.begin(&__held);
        loop {
            // The attempt's result is no variable and the wait stands outside the match: whatever lives across a wait
            // would have to be `Send`, and an error need not be.
            #[allow(unused_variables, clippy::ignored_unit_patterns, clippy::blocks_in_conditions)]
            let __owed = match {
                let $attempt = __call.attempt();
                let __future = ::core::pin::pin!($crate::call::with_output::<$output, _>($body));
                let __limited = __call.limited(__future);
                let __output = __limited.await;
                __output
            } {
                ::core::result::Result::Ok(::core::result::Result::Ok(__value)) => break __call.succeeded(__value),
                ::core::result::Result::Ok(::core::result::Result::Err(__error)) => match __call.failed(&__error) {
                    ::core::option::Option::Some(__owed) => __owed,
                    ::core::option::Option::None => break __call.gave_up(__error),
                },
                ::core::result::Result::Err(__cut) => match __call.was_cut(__cut) {
                    ::core::result::Result::Ok(__owed) => __owed,
                    ::core::result::Result::Err(__owed) => break __call.out_of_time(__owed),
                },
            };
            let __waiting = __call.waiting(&__owed);
            __waiting.await;
            if !__call.resume(&__owed) {
                break __call.out_of_time(__owed);
            }
        }
    }};
}
