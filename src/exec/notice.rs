//! What a program says on its socket: the sd_notify protocol with words of our own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Said;

/// One line of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// `READY=1`
    Ready,
    /// `STOPPING=1`
    Stopping,
    /// `WATCHDOG=1`
    Watchdog,
    /// `STATUS=…`
    Status(String),
    /// `EXTEND_TIMEOUT_USEC=…`
    Extend(Duration),
    /// `X_PHASE=load|train|save|eval|drain|…`
    Phase(String),
    /// `X_STEP=n`
    Step(u64),
    /// `X_TOTAL=n`
    Total(u64),
    /// `X_CHECKPOINT=<id> step=n durable=1`
    Checkpoint {
        /// The checkpoint's own name.
        id: String,
        /// The step that it holds.
        step: Option<u64>,
        /// Whether it is finished.
        durable: bool,
    },
    /// `X_FAIL=<class> [detail]`
    Fail {
        /// The class that the program names.
        class: String,
        /// The rest of the line.
        detail: String,
    },
    /// `X_RETRY_AFTER=seconds`
    RetryAfter(Duration),
    /// `X_REQUEST=no-retry|exclude-gpu:<uuid>|skip:<position>`
    Request(String),
}

/// The longest value that is kept, bytes.
const VALUE_BYTES: usize = 4096;

impl Notice {
    /// Reads a message of one or more lines. Lines that are not ours, or not text, are passed over.
    ///
    /// ```
    /// use steadfast::exec::Notice;
    ///
    /// let read = Notice::read(b"X_STEP=7\nMAINPID=1\nX_FAIL=gpu-oom-own at batch 3");
    /// assert_eq!(read[0], Notice::Step(7));
    /// assert_eq!(read[1], Notice::Fail { class: "gpu-oom-own".into(), detail: "at batch 3".into() });
    /// ```
    #[must_use]
    pub fn read(message: &[u8]) -> Vec<Self> {
        message.split(|byte| *byte == b'\n').filter_map(|line| Self::line(std::str::from_utf8(line).ok()?)).collect()
    }

    fn line(line: &str) -> Option<Self> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        let text = || cut(value).to_owned();
        Some(match key {
            "READY" => Self::Ready,
            "STOPPING" => Self::Stopping,
            "WATCHDOG" if value == "1" => Self::Watchdog,
            "STATUS" => Self::Status(text()),
            "EXTEND_TIMEOUT_USEC" => Self::Extend(Duration::from_micros(value.parse().ok()?)),
            "X_PHASE" => Self::Phase(text()),
            "X_STEP" => Self::Step(value.parse().ok()?),
            "X_TOTAL" => Self::Total(value.parse().ok()?),
            "X_CHECKPOINT" => Self::checkpoint(cut(value))?,
            "X_FAIL" => {
                let (class, detail) = cut(value).split_once(char::is_whitespace).unwrap_or((cut(value), ""));
                Self::Fail { class: class.to_owned(), detail: detail.trim().to_owned() }
            }
            "X_RETRY_AFTER" => Self::RetryAfter(seconds(value)?),
            "X_REQUEST" => Self::Request(text()),
            _ => return None,
        })
    }

    fn checkpoint(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let (id, mut step, mut durable) = (words.next()?.to_owned(), None, false);
        for word in words {
            match word.split_once('=') {
                Some(("step", number)) => step = number.parse().ok(),
                Some(("durable", flag)) => durable = flag == "1",
                Some(_) | None => {}
            }
        }
        Some(Self::Checkpoint { id, step, durable })
    }

    /// Says whether many of these in a second mean no more than the last of them.
    #[must_use]
    pub const fn is_a_gauge(&self) -> bool {
        match self {
            Self::Status(_) | Self::Step(_) | Self::Watchdog => true,
            Self::Ready
            | Self::Stopping
            | Self::Extend(_)
            | Self::Phase(_)
            | Self::Total(_)
            | Self::Checkpoint { .. }
            | Self::Fail { .. }
            | Self::RetryAfter(_)
            | Self::Request(_) => false,
        }
    }
}

impl Said {
    /// Takes one more word in.
    pub fn hear(&mut self, notice: &Notice) {
        match notice {
            Notice::Ready | Notice::Stopping | Notice::Watchdog | Notice::Extend(_) | Notice::Total(_) => {}
            Notice::Status(text) => self.status = Some(text.clone()),
            Notice::Phase(phase) => self.phase = Some(phase.clone()),
            Notice::Step(step) => self.step = self.step.max(Some(*step)),
            Notice::Checkpoint { id, step, durable } => self.checkpoint = Some((id.clone(), *step, *durable)),
            Notice::Fail { class, detail } => self.fail = Some((class.clone(), detail.clone())),
            Notice::RetryAfter(span) => self.retry_after = Some(*span),
            Notice::Request(request) => {
                if self.requests.len() < 64 && !self.requests.contains(request) {
                    self.requests.push(request.clone());
                }
            }
        }
    }
}

/// Reads whole or decimal seconds without a float.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = part.get(..part.len().min(9)).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let nanos = format!("{digits:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(VALUE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_line_by_line() {
        let read = Notice::read(b"READY=1\nX_RETRY_AFTER=1.5\nX_CHECKPOINT=step-7 step=7 durable=1\nX_STEP=x\n\xff=1");
        let checkpoint = Notice::Checkpoint { id: "step-7".into(), step: Some(7), durable: true };
        assert_eq!(read, [Notice::Ready, Notice::RetryAfter(Duration::from_millis(1500)), checkpoint]);
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = format!("STATUS={}", "ü".repeat(4000));
        let [Notice::Status(text)] = &Notice::read(long.as_bytes())[..] else { panic!("one status") };
        assert_eq!(text.len(), VALUE_BYTES);
    }

    #[test]
    fn the_last_word_of_each_kind_stays() {
        let mut said = Said::default();
        for notice in Notice::read(b"X_STEP=9\nX_STEP=4\nX_REQUEST=no-retry\nX_REQUEST=no-retry\nX_FAIL=a\nX_FAIL=b c")
        {
            said.hear(&notice);
        }
        assert_eq!((said.step, said.requests.len()), (Some(9), 1));
        assert_eq!(said.fail, Some(("b".into(), "c".into())));
    }
}
