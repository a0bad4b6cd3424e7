use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::Value;

/// A place that is asked, with its query.
#[derive(Clone, Debug)]
pub(super) struct Address(String);

/// Begins with a place of the first version.
pub(super) fn at(place: &str) -> Address {
    Address(format!("/v1/{place}"))
}

impl Address {
    pub(super) fn plain(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// Goes one step further.
    pub(super) fn then(mut self, part: impl fmt::Display) -> Self {
        self.0.push('/');
        escape(&part.to_string(), &mut self.0);
        self
    }

    /// Adds a query made of the fields of a type that are not empty.
    pub(super) fn query(mut self, query: &impl Serialize) -> Self {
        let Ok(Value::Object(fields)) = serde_json::to_value(query) else { return self };
        for (number, (name, value)) in fields.iter().filter(|(_, value)| **value != Value::Bool(false)).enumerate() {
            self.0.push(if number == 0 { '?' } else { '&' });
            escape(name, &mut self.0);
            self.0.push('=');
            match value {
                Value::String(text) => escape(text, &mut self.0),
                other => escape(&other.to_string(), &mut self.0),
            }
        }
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes everything but plain letters, digits and a few signs as `%` and two digits.
fn escape(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(char::from(byte));
        } else {
            let written = write!(to, "%{byte:02X}");
            written.expect("a string takes all that is written to it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::shapes::RunsQuery;

    #[test]
    fn an_address_is_plain_letters() {
        let query =
            RunsQuery { filter: Some("state:waiting job:a*&b".to_owned()), limit: Some(7), ..RunsQuery::default() };
        let address = at("jobs").then("a/b ü").query(&query);
        assert_eq!(address.to_string(), "/v1/jobs/a%2Fb%20%C3%BC?filter=state%3Awaiting%20job%3Aa%2A%26b&limit=7");
    }
}
