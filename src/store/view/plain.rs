//! What is stored, as it is shown: the same tree with the keys, times and numbers that every answer has.

use serde_json::{Map, Number, Value};
use steadfast_retry::parse_duration;

use super::time::Time;

/// Keys whose texts are durations, in files and in the journal.
const DURATIONS: [&str; 26] = [
    "deadline",
    "attempt_timeout",
    "attempt_min",
    "obey_server",
    "server_delay",
    "limit",
    "needed",
    "left",
    "asked",
    "longest",
    "timeout",
    "delay",
    "cap",
    "constant",
    "linear",
    "first",
    "fibonacci",
    "decorrelated",
    "list",
    "quiet",
    "grace",
    "every",
    "ask",
    "leader",
    "all",
    "extend",
];
/// Keys whose numbers are seconds.
const SECONDS: [&str; 2] = ["took", "cpu"];
/// Keys whose numbers are times in nanoseconds since the Unix epoch, save in a program's step.
const TIMES: [&str; 3] = ["at", "until", "due"];
/// Keys of maps whose own keys are names that somebody gave.
const NAMED: [&str; 6] = ["parameters", "env", "origins", "matrix", "attributes", "values"];
/// The largest integer that every reader of JSON keeps.
const LARGEST: u64 = (1 << 53) - 1;

/// Makes what is shown of what is stored: keys are `snake_case`, times RFC 3339, durations numbers whose key ends in `_seconds`, and
/// dice and numbers beyond 2^53 texts.
#[must_use]
pub fn plain(stored: Value) -> Value {
    under("", stored)
}

/// The same for a field that is written as it is shown.
pub(super) fn shown<S: serde::Serializer>(stored: &Value, to: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&plain(stored.clone()), to)
}

fn under(key: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) if NAMED.contains(&key) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, under("", value))).collect())
        }
        Value::Object(fields) => {
            let mut shown = Map::new();
            for (name, value) in fields {
                let (name, value) = field(key, name.replace('-', "_"), value);
                shown.insert(name, value);
            }
            Value::Object(shown)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| under(key, item)).collect()),
        Value::Number(number) if number.as_u64().is_some_and(|number| number > LARGEST) => {
            Value::String(number.to_string())
        }
        other @ (Value::Number(_) | Value::String(_) | Value::Bool(_) | Value::Null) => other,
    }
}

fn field(parent: &str, key: String, value: Value) -> (String, Value) {
    let name = key.as_str();
    if DURATIONS.contains(&name)
        && let Some(seconds) = seconds(&value)
    {
        return (format!("{key}_seconds"), seconds);
    }
    match value {
        Value::Number(number) if SECONDS.contains(&name) => (format!("{key}_seconds"), Value::Number(number)),
        Value::Number(number) if name == "dice" => (key, Value::String(number.to_string())),
        Value::Number(number) if TIMES.contains(&name) && parent != "step" => {
            let nanos = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            let time = nanos.map_or(Value::Number(number), |nanos| Value::String(Time::of_nanos(nanos).to_string()));
            (key, time)
        }
        value => {
            let value = under(name, value);
            (key, value)
        }
    }
}

/// Reads a duration, or a list of them; `None` for anything else.
fn seconds(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => {
            let span = parse_duration(text).ok()?;
            Number::from_f64(span.as_secs_f64()).map(Value::Number)
        }
        Value::Array(items) if !items.is_empty() => items.iter().map(seconds).collect(),
        Value::Array(_) | Value::Object(_) | Value::Number(_) | Value::Bool(_) | Value::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::plain;

    #[test]
    fn keys_times_and_numbers_are_those_of_every_answer() {
        let stored = json!({
            "stepped": {
                "event": { "ended": { "at": 1_795_492_577_258_894_114_u64, "dice": 7, "server-delay": "1m30s" } },
                "end": { "usage": { "took": 0.5, "peak-bytes": 12, "mark": 18_446_744_073_709_551_615_u64 } },
            },
            "told": { "word": { "step": { "at": 5, "of": 9 } } },
            "parameters": { "some-name": "1h", "deadline": "1h" },
            "delay": { "shape": { "list": ["1s", "500ms"] }, "cap": "soon" },
        });
        let shown = json!({
            "stepped": {
                "event": { "ended": { "at": "2026-11-24T03:56:17.258Z", "dice": "7", "server_delay_seconds": 90.0 } },
                "end": { "usage": { "took_seconds": 0.5, "peak_bytes": 12, "mark": "18446744073709551615" } },
            },
            "told": { "word": { "step": { "at": 5, "of": 9 } } },
            "parameters": { "some-name": "1h", "deadline": "1h" },
            "delay": { "shape": { "list_seconds": [1.0, 0.5] }, "cap": "soon" },
        });
        assert_eq!(plain(stored), shown);
    }
}
