//! Pieces of output as they are answered. Where they are kept, and what was dropped, the log knows.

use serde::{Deserialize, Serialize};

use crate::exec::log::{Chunk, Stream};
use crate::store::view::Time;

/// A piece of a log that arrived at once, or was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogLine {
    /// Whose output it is: `3` is attempt 3, `f0.1` a try of a finalizer.
    pub piece: String,
    /// When its first byte was read; absent where the program writes into the log itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Where it begins, counting every byte that was ever written.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// Where it came from.
    pub stream: LogStream,
    /// What was written; absent for dropped bytes, and where it is no UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What was written, two hexadecimal digits for each byte, where it is no UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

/// Where a piece of a log came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogStream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
    /// Both, not told apart.
    Mixed,
    /// Not kept.
    Dropped,
}

impl LogLine {
    /// Returns what was written; empty for dropped bytes.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        match (&self.text, &self.hex) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(hex)) => {
                let digit = |letter: u8| char::from(letter).to_digit(16).unwrap_or(0) as u8;
                hex.as_bytes()
                    .chunks(2)
                    .map(|pair| pair.iter().fold(0, |byte, letter| byte << 4 | digit(*letter)))
                    .collect()
            }
            (None, None) => Vec::new(),
        }
    }

    /// Makes a line of a piece of a log.
    #[must_use]
    pub(crate) fn of(piece: &str, chunk: Chunk, content: Vec<u8>) -> Self {
        let Chunk { at, offset, length, stream } = chunk;
        let stream = match stream {
            Stream::Out => LogStream::Out,
            Stream::Err => LogStream::Err,
            Stream::Mixed => LogStream::Mixed,
            Stream::Dropped => LogStream::Dropped,
        };
        let at = (at.0 > 0).then(|| Time::of_nanos(at.0.into()));
        let line = Self { piece: piece.to_owned(), at, offset, bytes: length, stream, text: None, hex: None };
        if stream == LogStream::Dropped { line } else { line.with(content) }
    }

    /// Makes a line of the last bytes of this one.
    #[must_use]
    pub(crate) fn last_bytes(&self, content: &[u8]) -> Self {
        let bytes = content.len() as u64;
        let offset = self.offset + self.bytes.saturating_sub(bytes);
        let Self { piece, at, stream, .. } = self.clone();
        Self { piece, at, offset, bytes, stream, text: None, hex: None }.with(content.to_vec())
    }

    /// Takes up what was written.
    #[must_use]
    fn with(mut self, content: Vec<u8>) -> Self {
        match String::from_utf8(content) {
            Ok(text) => self.text = Some(text),
            Err(error) => {
                self.hex = Some(error.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect());
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_come_back_as_they_were() {
        for content in [&b"step 1\n"[..], b"", &[0xff, 0x00, b'a', 0xe4, 0xb8]] {
            let stream = LogStream::Out;
            let line = LogLine { piece: "1".to_owned(), at: None, offset: 0, bytes: 0, stream, text: None, hex: None };
            let json = serde_json::to_string(&line.with(content.to_vec())).unwrap();
            assert_eq!(serde_json::from_str::<LogLine>(&json).unwrap().content(), content);
        }
    }
}
