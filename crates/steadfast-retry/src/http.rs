//! Answers of HTTP servers as failures: the class that a status names, and the delay that its headers ask for.
//!
//! Feature `http`; works with every client that uses the crate of that name. For reqwest see the module `reqwest`, behind the feature of that name.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use std::time::SystemTime;

use ::http::header::{DATE, HeaderMap, RETRY_AFTER};
use ::http::{Response, StatusCode};

use crate::{Class, Classify, Failure};

/// Returns the class of a status, `None` for one that is no failure (1xx and 2xx).
///
/// The names are those of the runner's classes, so that a rule of a policy means the same for a call and for a command.
///
/// | status | class |
/// | --- | --- |
/// | 429, 503 | `http-busy` |
/// | 401, 403, 407 | `auth-denied` |
/// | 404, 410 | `not-found` |
/// | 416 | `http-range` |
/// | 408, 425, 5xx | `http-error` |
/// | 3xx | `http-redirect` |
/// | other 4xx | `http-refused` |
/// | anything above | `http-unknown` |
///
/// ```
/// use http::StatusCode;
/// use steadfast_retry::http::class_of;
///
/// assert_eq!(class_of(StatusCode::SERVICE_UNAVAILABLE).unwrap().as_str(), "http-busy");
/// assert_eq!(class_of(StatusCode::OK), None);
/// ```
#[must_use]
pub fn class_of(status: StatusCode) -> Option<Class> {
    let name = match status.as_u16() {
        ..300 => return None,
        429 | 503 => "http-busy",
        401 | 403 | 407 => "auth-denied",
        404 | 410 => "not-found",
        416 => "http-range",
        408 | 425 | 500..600 => "http-error",
        300..400 => "http-redirect",
        400..500 => "http-refused",
        600.. => "http-unknown",
    };
    Some(Class::known(name))
}

/// Returns the delay that a server asks for: the longest of `Retry-After` (seconds, or a date: [RFC 9110, 10.2.3]), `retry-after-ms`,
/// and, where nothing remains, the reset of `RateLimit` ([draft-ietf-httpapi-ratelimit-headers]) or of `RateLimit-Reset` in seconds.
///
/// A date is counted from the answer's own `Date`, so that a clock that is off does no harm; without one, from `now`, and without both
/// it asks for nothing, as does what cannot be read. Whether so long a delay is obeyed is the policy's affair.
///
/// ```
/// use http::HeaderMap;
/// use std::time::Duration;
/// use steadfast_retry::http::server_delay;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "120".parse()?);
/// assert_eq!(server_delay(&headers, None), Some(Duration::from_secs(120)));
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
///
/// [RFC 9110, 10.2.3]: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
/// [draft-ietf-httpapi-ratelimit-headers]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
#[must_use]
pub fn server_delay(headers: &HeaderMap, now: Option<SystemTime>) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let after = text(RETRY_AFTER.as_str()).and_then(|value| match seconds(value) {
        Some(span) => Some(span),
        None => {
            let until = httpdate::parse_http_date(value).ok()?;
            let from = text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok()).or(now)?;
            Some(until.duration_since(from).unwrap_or_default())
        }
    });
    let millis = text("retry-after-ms").and_then(|value| value.parse().ok()).map(Duration::from_millis);
    let reset = text("ratelimit").and_then(exhausted).or_else(|| {
        let remains = text("ratelimit-remaining")?.parse::<u64>().ok()?;
        if remains == 0 { seconds(text("ratelimit-reset")?) } else { None }
    });
    [after, millis, reset].into_iter().flatten().max()
}

fn seconds(text: &str) -> Option<Duration> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Duration::from_secs))?
}

/// The longest reset of a `RateLimit` field among its limits of which nothing remains: `"day";r=0;t=3600, "burst";r=5;t=1`.
fn exhausted(field: &str) -> Option<Duration> {
    let one = |limit: &str| {
        let parameter = |name: &str| {
            let mut parameters = limit.split(';').map(str::trim);
            parameters.find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('=')).map(str::trim)
        };
        (parameter("r")? == "0").then(|| seconds(parameter("t")?))?
    };
    field.split(',').filter_map(one).max()
}

/// An answer that is a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    server_delay: Option<Duration>,
}

impl Refused {
    /// Takes an answer apart, or returns `None` if it is no failure.
    #[must_use]
    pub fn of(status: StatusCode, headers: &HeaderMap, now: Option<SystemTime>) -> Option<Self> {
        class_of(status).map(|_| Self { status, server_delay: server_delay(headers, now) })
    }

    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the delay that the server asked for.
    #[must_use]
    pub const fn server_delay(&self) -> Option<Duration> {
        self.server_delay
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status)
    }
}

impl Error for Refused {}

impl Classify for Refused {
    fn classify(&self) -> Failure {
        Failure { class: class_of(self.status).unwrap_or(Class::ERROR), server_delay: self.server_delay }
    }
}

/// A status alone: the class that it names; one that is no failure is [`Class::ERROR`], since somebody called it an error.
impl Classify for StatusCode {
    fn classify(&self) -> Failure {
        Failure::of(class_of(*self).unwrap_or(Class::ERROR))
    }
}

/// Turns an answer that is a failure into an error, with its class and the delay that the server asks for.
///
/// A date in `Retry-After` counts from the answer's own `Date`, since no clock is read here; [`Refused::of`] takes the time of whoever has one.
///
/// ```
/// use http::Response;
/// use std::time::Duration;
/// use steadfast_retry::{Classify, http::checked};
///
/// let busy = Response::builder().status(429).header("retry-after", "7").body(()).unwrap();
/// let refused = checked(busy).unwrap_err();
/// assert_eq!(refused.to_string(), "the server answered 429 Too Many Requests");
/// assert_eq!(refused.classify().server_delay, Some(Duration::from_secs(7)));
/// ```
///
/// # Errors
///
/// Returns [`Refused`] for a status of 300 and above.
pub fn checked<B>(response: Response<B>) -> Result<Response<B>, Refused> {
    match Refused::of(response.status(), response.headers(), None) {
        Some(refused) => Err(refused),
        None => Ok(response),
    }
}

#[cfg(test)]
mod tests;
