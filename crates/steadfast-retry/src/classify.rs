//! How an error tells its class. Errors of `std` have theirs here; an error that nobody has spoken for does not
//! compile, so that none is classified by accident.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::{Class, Failure};

/// An error that knows its exception class, so that the rules of a policy can speak of it.
///
/// ```
/// use steadfast_retry::{Class, Classify, Failure};
/// use std::time::Duration;
///
/// enum ApiError {
///     Busy { retry_after: Option<Duration> },
///     Gone,
/// }
///
/// impl Classify for ApiError {
///     fn classify(&self) -> Failure {
///         match self {
///             Self::Busy { retry_after: Some(asked) } => Failure::of(Class::known("http-busy")).server_asks(*asked),
///             Self::Busy { retry_after: None } => Failure::of(Class::known("http-busy")),
///             Self::Gone => Failure::of(Class::known("not-found")),
///         }
///     }
/// }
///
/// assert_eq!(ApiError::Gone.classify().class, Class::known("not-found"));
/// ```
///
/// Errors of other crates are classified at the call: `classify = |e: &TheirError| …`, or `classify = unclassified`
/// where the policy has no rules that could care.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no exception class",
    label = "this error cannot be classified",
    note = "implement `Classify` for it, or say at the call: `classify = |error: &{Self}| Class::known(\"net-reset\")`",
    note = "where no rule of the policy cares: `classify = steadfast_retry::unclassified`"
)]
pub trait Classify {
    /// Names the class, and the delay that a server asked for, if one did.
    fn classify(&self) -> Failure;
}

/// Gives every error the class [`Class::ERROR`]: `retry!(policy, …, classify = unclassified)`.
pub fn unclassified<E>(_: &E) -> Class {
    Class::ERROR
}

impl From<Class> for Failure {
    fn from(class: Class) -> Self {
        Self::of(class)
    }
}

/// A class, and the delay that a server asked for.
impl From<(Class, Option<Duration>)> for Failure {
    fn from((class, server_delay): (Class, Option<Duration>)) -> Self {
        Self { class, server_delay }
    }
}

impl<E: Classify + ?Sized> Classify for &E {
    fn classify(&self) -> Failure {
        (**self).classify()
    }
}

macro_rules! have_no_class {
    ($($error:ty),* $(,)?) => {$(
        /// The class is [`Class::ERROR`].
        impl Classify for $error {
            fn classify(&self) -> Failure {
                Failure::of(Class::ERROR)
            }
        }
    )*};
}

have_no_class!(
    String,
    str,
    fmt::Error,
    core::num::ParseIntError,
    core::num::ParseFloatError,
    core::str::Utf8Error,
    core::convert::Infallible,
);

#[cfg(feature = "std")]
mod standard {
    use std::error::Error;
    use std::io;

    use alloc::boxed::Box;

    use super::Classify;
    use crate::{Class, Failure};

    /// The class of its kind; kinds that speak of the program rather than of the world are [`Class::ERROR`].
    impl Classify for io::Error {
        fn classify(&self) -> Failure {
            use io::ErrorKind as Kind;
            if let (Kind::Other, Some(inner)) = (self.kind(), self.get_ref()) {
                return of_chain(inner);
            }
            Failure::of(match self.kind() {
                Kind::ConnectionRefused | Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
                    Class::known("net-connect")
                }
                Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => Class::known("net-reset"),
                Kind::NotConnected | Kind::AddrNotAvailable => Class::known("net-error"),
                Kind::TimedOut => Class::known("net-timeout"),
                Kind::UnexpectedEof => Class::known("net-short-body"),
                Kind::NotFound => Class::known("not-found"),
                Kind::PermissionDenied => Class::known("auth-denied"),
                Kind::StorageFull | Kind::QuotaExceeded => Class::known("disk-full"),
                Kind::ReadOnlyFilesystem | Kind::FileTooLarge | Kind::WriteZero => Class::known("disk-write"),
                Kind::StaleNetworkFileHandle => Class::known("fs-flaky"),
                _ => Class::ERROR,
            })
        }
    }

    /// The class of the first `io::Error` in the chain of sources.
    impl Classify for Box<dyn Error + Send + Sync> {
        fn classify(&self) -> Failure {
            of_chain(&**self)
        }
    }

    /// The class of the first `io::Error` in the chain of sources.
    impl Classify for Box<dyn Error> {
        fn classify(&self) -> Failure {
            of_chain(&**self)
        }
    }

    fn of_chain(error: &(dyn Error + 'static)) -> Failure {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(known) = error.downcast_ref::<io::Error>() {
                return known.classify();
            }
            next = error.source();
        }
        Failure::of(Class::ERROR)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use std::error::Error;
    use std::io;

    use super::Classify;

    #[test]
    fn an_io_error_is_found_inside_other_errors() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(reset.classify().class.as_str(), "net-reset");
        let wrapped: Box<dyn Error + Send + Sync> = Box::new(io::Error::other(reset));
        assert_eq!(wrapped.classify().class.as_str(), "net-reset");
        let boxed: Box<dyn Error> = Box::new(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(boxed.classify().class.as_str(), "disk-full");
        let text: Box<dyn Error> = "something".into();
        assert_eq!(text.classify().class.as_str(), "error");
    }
}
