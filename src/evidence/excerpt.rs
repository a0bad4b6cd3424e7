use super::words::words;

/// How much of each end of a stream is searched.
pub const EXCERPT_BYTES: usize = 64 * 1024;

/// How much of one line is searched; the rest of a longer line is not looked at.
pub const LINE_BYTES: usize = 4 * 1024;

/// How much of a matched line is kept, in bytes of text.
const KEPT_BYTES: usize = 240;

words! {
    /// Where a line of output stood.
    Stream {
        /// The attempt's standard error.
        Stderr = "stderr",
        /// The attempt's standard output.
        Stdout = "stdout",
        /// A message inside a structured report, such as the error file of a training launcher: weighs as a report.
        Report = "report",
        /// The kernel's log while the attempt ran: weighs as the kernel's word.
        Kernel = "kernel",
    }
}

/// A piece of output to be searched: the first or the last bytes of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Where it stood.
    pub stream: Stream,
    /// What stood there, of which at most [`EXCERPT_BYTES`] are searched.
    pub bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// Takes both ends of a stream that lies in memory as a whole.
    #[must_use]
    pub fn ends_of(stream: Stream, whole: &'a [u8]) -> [Self; 2] {
        let (head, rest) = whole.split_at(whole.len().min(EXCERPT_BYTES));
        let tail = &rest[rest.len().saturating_sub(EXCERPT_BYTES)..];
        [Self { stream, bytes: head }, Self { stream, bytes: tail }]
    }

    /// Goes through the lines. A carriage return ends a line too, because progress bars write nothing else.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let searched = &self.bytes[..self.bytes.len().min(EXCERPT_BYTES)];
        searched
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .map(|line| &line[..line.len().min(LINE_BYTES)])
            .filter(|line| !line.is_empty())
    }
}

/// Removes colour and cursor sequences, so that `^` means the line's beginning for a reader too.
pub(crate) fn without_escapes(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != 0x1b {
            plain.push(byte);
        } else if bytes.next_if_eq(&b'[').is_some() {
            // A control sequence ends with a byte from `@` to `~`.
            while bytes.next().is_some_and(|byte| !(0x40..=0x7e).contains(&byte)) {}
        }
    }
    plain
}

/// Makes a line fit for the journal and a terminal: text without control characters, at most 240 bytes of it.
pub(crate) fn kept(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut kept: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = (0..=KEPT_BYTES.min(kept.len())).rev().find(|at| kept.is_char_boundary(*at));
    kept.truncate(end.unwrap_or_default());
    kept.trim().to_string()
}
