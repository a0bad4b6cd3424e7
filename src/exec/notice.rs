//! What a program says on its socket: the sd_notify protocol with words of our own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::evidence::{Fact, MOST_REPORTS, Progress};
use crate::journal::Told;

/// One line of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// What people and the journal want to know: `READY`, `STATUS`, `X_PHASE`, `X_STEP`, a finished `X_CHECKPOINT`.
    Told(Told),
    /// Evidence: `X_FAIL`, `X_RETRY_AFTER`, `X_REQUEST`.
    Fact(Fact),
    /// `STOPPING=1`
    Stopping,
    /// `WATCHDOG=1`
    Watchdog,
    /// `EXTEND_TIMEOUT_USEC=…`
    Extend(Duration),
    /// `X_TOTAL=n`: how many steps there will be.
    Total(u64),
}

/// The longest value that is kept, bytes.
const VALUE_BYTES: usize = 4096;

impl Notice {
    /// Reads a message of one or more lines. Lines that are not ours, or not text, are passed over.
    ///
    /// ```
    /// use steadfast::exec::Notice;
    /// use steadfast::journal::Told;
    ///
    /// let read = Notice::read(b"X_STEP=7\nMAINPID=1\nREADY=1");
    /// assert_eq!(read, [Notice::Told(Told::Step { at: 7, of: None }), Notice::Told(Told::Ready)]);
    /// ```
    #[must_use]
    pub fn read(message: &[u8]) -> Vec<Self> {
        message.split(|byte| *byte == b'\n').filter_map(|line| Self::line(std::str::from_utf8(line).ok()?)).collect()
    }

    fn line(line: &str) -> Option<Self> {
        if let Some(fact) = Fact::from_notify(line) {
            return Some(Self::Fact(fact));
        }
        let (key, value) = line.split_once('=')?;
        let value = cut(value.trim());
        Some(match key {
            "READY" => Self::Told(Told::Ready),
            "STATUS" => Self::Told(Told::Status(value.to_owned())),
            "X_PHASE" => Self::Told(Told::Phase(value.to_owned())),
            "X_STEP" => Self::Told(Told::Step { at: value.parse().ok()?, of: None }),
            "X_CHECKPOINT" => Self::Told(checkpoint(value)?),
            "X_ATTEMPT" => Self::Told(Told::Inner(value.to_owned())),
            "STOPPING" => Self::Stopping,
            "WATCHDOG" if value == "1" => Self::Watchdog,
            "EXTEND_TIMEOUT_USEC" => Self::Extend(Duration::from_micros(value.parse().ok()?)),
            "X_TOTAL" => Self::Total(value.parse().ok()?),
            _ => return None,
        })
    }

    /// Says whether many of these in a second mean no more than the last of them.
    #[must_use]
    pub const fn is_a_gauge(&self) -> bool {
        match self {
            Self::Told(Told::Status(_) | Told::Step { .. }) | Self::Watchdog => true,
            Self::Told(Told::Ready | Told::Phase(_) | Told::Checkpoint { .. } | Told::Inner(_))
            | Self::Fact(_)
            | Self::Stopping
            | Self::Extend(_)
            | Self::Total(_) => false,
        }
    }

    /// Says whether a later one takes this one's place.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Told(one), Self::Told(other)) => std::mem::discriminant(one) == std::mem::discriminant(other),
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }
}

/// Reads `<id> step=n durable=1`. One that is not finished is no more than a step.
fn checkpoint(value: &str) -> Option<Told> {
    let mut words = value.split_ascii_whitespace();
    let (id, mut step, mut is_durable) = (words.next()?.to_owned(), None, false);
    for word in words {
        match word.split_once('=') {
            Some(("step", number)) => step = Some(number.parse().ok()?),
            Some(("durable", flag)) => is_durable = flag == "1",
            Some(_) | None => {}
        }
    }
    if is_durable { Some(Told::Checkpoint { id, step: step? }) } else { Some(Told::Step { at: step?, of: None }) }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(VALUE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What a program said of itself in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// Its evidence, earliest first, each once, and no more of it than an attempt may leave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// The last finished checkpoint: its id and its step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<(String, u64)>,
    /// The greatest step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// How many steps there will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The phase it was in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Its last sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Messages that were refused, or not written down because there were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Said {
    /// Says whether the program has got anywhere.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        match (&self.checkpoint, self.step) {
            (None, None) => Progress::Unknown,
            (None, Some(0)) => Progress::None,
            (Some(_), _) | (_, Some(_)) => Progress::Made,
        }
    }

    /// Takes one more word in.
    pub fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Fact(fact) if self.facts.contains(fact) => {}
            Notice::Fact(fact) if self.facts.len() < MOST_REPORTS => self.facts.push(fact.clone()),
            Notice::Fact(_) => self.dropped += 1,
            Notice::Told(Told::Status(text)) => self.status = Some(text.clone()),
            Notice::Told(Told::Phase(phase)) => self.phase = Some(phase.clone()),
            Notice::Told(Told::Step { at, of: _ }) => self.step = self.step.max(Some(*at)),
            Notice::Told(Told::Checkpoint { id, step }) => self.checkpoint = Some((id.clone(), *step)),
            Notice::Total(total) => self.total = Some(*total),
            Notice::Told(Told::Ready | Told::Inner(_)) | Notice::Stopping | Notice::Watchdog | Notice::Extend(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_line_by_line() {
        let read = Notice::read(b"READY=1\nX_RETRY_AFTER=1.5\nX_CHECKPOINT=step-7 step=7 durable=1\nX_STEP=x\n\xff=1");
        let checkpoint = Notice::Told(Told::Checkpoint { id: "step-7".into(), step: 7 });
        let wait = Notice::Fact(Fact::RetryAfter(Duration::from_millis(1500)));
        assert_eq!(read, [Notice::Told(Told::Ready), wait, checkpoint]);
    }

    #[test]
    fn an_unfinished_checkpoint_is_no_checkpoint() {
        assert_eq!(Notice::read(b"X_CHECKPOINT=a step=7"), [Notice::Told(Told::Step { at: 7, of: None })]);
        assert_eq!(Notice::read(b"X_CHECKPOINT=a durable=1"), [], "nobody can compare one without a step");
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = format!("STATUS={}", "ü".repeat(4000));
        let [Notice::Told(Told::Status(text))] = &Notice::read(long.as_bytes())[..] else { panic!("one status") };
        assert_eq!(text.len(), VALUE_BYTES);
    }

    #[test]
    fn evidence_is_kept_once_and_the_last_of_the_rest() {
        let mut said = Said::default();
        for notice in Notice::read(b"X_STEP=9\nX_STEP=4\nX_REQUEST=no-retry\nX_REQUEST=no-retry\nSTATUS=a\nSTATUS=b") {
            said.hear(&notice);
        }
        assert_eq!((said.step, said.facts.len(), said.status.as_deref()), (Some(9), 1, Some("b")));
    }
}
