use std::time::Duration;

use super::excerpt::kept;
use super::fact::{Fact, Request};

impl Fact {
    /// Reads the messages of the notify socket that are evidence: `X_FAIL=<class> [detail]`, `X_RETRY_AFTER=<seconds>`
    /// and `X_REQUEST=no-retry|exclude-gpu:<uuid>|skip:<position>`.
    ///
    /// Returns `None` for every other message and for one that is malformed: what a program sends is input, and a bad
    /// line must not cost the attempt its other evidence.
    ///
    /// ```
    /// use steadfast::evidence::Fact;
    ///
    /// let fact = Fact::from_notify("X_FAIL=data-bad-sample shard 7, position 1031").unwrap();
    /// assert_eq!(fact, Fact::Report { word: "data-bad-sample".into(), detail: "shard 7, position 1031".into() });
    /// assert_eq!(Fact::from_notify("STATUS=warming up"), None);
    /// ```
    #[must_use]
    pub fn from_notify(message: &str) -> Option<Self> {
        let (key, value) = message.split_once('=')?;
        let value = value.trim();
        match key {
            "X_FAIL" => {
                let (word, detail) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
                let word = kept(word.as_bytes());
                (!word.is_empty()).then(|| Self::Report { word, detail: kept(detail.as_bytes()) })
            }
            "X_RETRY_AFTER" => seconds(value).map(Self::RetryAfter),
            "X_REQUEST" => request(value).map(Self::Request),
            _ => None,
        }
    }
}

fn request(value: &str) -> Option<Request> {
    match value.split_once(':') {
        None => (value == "no-retry").then_some(Request::NoRetry),
        Some(("exclude-gpu", gpu)) if !gpu.is_empty() => Some(Request::ExcludeGpu(kept(gpu.as_bytes()))),
        Some(("skip", position)) if !position.is_empty() => Some(Request::Skip(kept(position.as_bytes()))),
        Some(_) => None,
    }
}

/// Reads seconds with up to nine digits after the point, without a float on the way.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}
