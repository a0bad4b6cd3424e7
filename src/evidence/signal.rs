//! Signals by number and name, as Linux numbers them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::Item;

/// A signal of the operating system, written as `"KILL"`, `"SIGKILL"` or 9.
///
/// ```
/// use steadfast::evidence::Signal;
///
/// let kill: Signal = serde_json::from_str("\"SIGKILL\"")?;
/// assert_eq!((kill.0, kill.to_string()), (9, "KILL".to_string()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(pub i32);

/// The signals that have names everywhere we run; numbers differ between systems, so they come from the C library.
const NAMES: &[(&str, i32)] = &[
    ("HUP", libc::SIGHUP),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP),
    ("ABRT", libc::SIGABRT),
    ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE),
    ("KILL", libc::SIGKILL),
    ("USR1", libc::SIGUSR1),
    ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2),
    ("PIPE", libc::SIGPIPE),
    ("ALRM", libc::SIGALRM),
    ("TERM", libc::SIGTERM),
    ("CHLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
    ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF),
    ("WINCH", libc::SIGWINCH),
    ("IO", libc::SIGIO),
    ("SYS", libc::SIGSYS),
];

impl Signal {
    /// Returns the name without `SIG`, `None` for numbers that have none (real-time signals).
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(_, number)| *number == self.0).map(|(name, _)| *name)
    }

    /// Finds a signal by its name, with or without `SIG`, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        NAMES.iter().find(|(known, _)| *known == bare).map(|(_, number)| Self(*number))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => self.0.fmt(f),
        }
    }
}

impl Item for Signal {
    const EXPECTS: &'static str = "a signal's name such as \"KILL\" or its number, or a list of them";
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.name() {
            Some(name) => to.serialize_str(name),
            None => to.serialize_i32(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct NameOrNumber;
        impl Visitor<'_> for NameOrNumber {
            type Value = Signal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a signal's name such as \"KILL\" or its number")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Signal, E> {
                match i32::try_from(number) {
                    Ok(signal @ 1..=64) => Ok(Signal(signal)),
                    Ok(_) | Err(_) => Err(E::custom(format_args!("there is no signal {number}: signals are 1 to 64"))),
                }
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Signal, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Signal, E> {
                Signal::named(name).ok_or_else(|| E::custom(unknown(name)))
            }
        }
        from.deserialize_any(NameOrNumber)
    }
}

fn unknown(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let near = NAMES.iter().map(|(known, _)| *known).min_by_key(|known| strsim::levenshtein(known, &upper));
    format!("`{name}` is no signal\nhelp: did you mean `{}`?", near.unwrap_or("KILL"))
}

impl JsonSchema for Signal {
    fn schema_name() -> Cow<'static, str> {
        "Signal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A signal's name, with or without SIG, or its number.",
            "anyOf": [{ "type": "string", "examples": ["KILL", "SIGTERM"] }, { "type": "integer", "minimum": 1, "maximum": 64 }],
        })
    }
}
