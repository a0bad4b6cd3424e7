//! Bytes of strangers on a terminal: colours as they are, every other control as a programmer would write it.

use std::fmt::Write as _;

/// Makes the bytes of one output fit for a terminal, piece by piece.
///
/// A piece may end within a character or a sequence; what is not whole is kept until the next one.
#[derive(Debug, Default)]
pub(in crate::cli) struct Shown {
    held: Vec<u8>,
    /// Whether colours are kept; else they are left out.
    has_colours: bool,
    /// Whether a colour was set and not reset.
    is_coloured: bool,
}

/// The longest sequence of colours that is waited for; a longer one is none.
const LONGEST_SEQUENCE: usize = 64;

impl Shown {
    pub(in crate::cli) fn new(has_colours: bool) -> Self {
        Self { has_colours, ..Self::default() }
    }

    /// Shows a piece.
    pub(in crate::cli) fn piece(&mut self, bytes: &[u8]) -> String {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let mut out = String::with_capacity(all.len());
        let rest = self.show(&all, false, &mut out);
        self.held = all[rest..].to_vec();
        out
    }

    /// Shows what was kept, and resets the colours.
    pub(in crate::cli) fn end(&mut self) -> String {
        let (held, mut out) = (std::mem::take(&mut self.held), String::new());
        self.show(&held, true, &mut out);
        if std::mem::take(&mut self.is_coloured) {
            out.push_str("\x1b[0m");
        }
        out
    }

    /// Writes what is whole and returns where the rest begins; at the end there is no rest.
    fn show(&mut self, bytes: &[u8], is_end: bool, out: &mut String) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match rest {
                [b'\x1b', ..] => match sequence(rest) {
                    Sequence::Colours(length) => {
                        if self.has_colours {
                            let text = str::from_utf8(&rest[..length]).expect("a sequence of colours is of ASCII");
                            self.is_coloured = !matches!(text, "\x1b[m" | "\x1b[0m");
                            out.push_str(text);
                        }
                        length
                    }
                    Sequence::Open if !is_end => return at,
                    Sequence::Open | Sequence::Other => escape(out, 0x1b),
                },
                [b'\r'] if !is_end => return at,
                [b'\r', b'\n', ..] => {
                    out.push_str("\r\n");
                    2
                }
                [b'\n' | b'\t', ..] => {
                    out.push(char::from(rest[0]));
                    1
                }
                _ => match letter(rest) {
                    Some(letter) => {
                        show_letter(letter, out);
                        letter.len_utf8()
                    }
                    None if !is_end && is_beginning(rest) => return at,
                    None => escape(out, rest[0]),
                },
            };
        }
        at
    }
}

enum Sequence {
    /// Sets colours (SGR): so many bytes.
    Colours(usize),
    /// May become one.
    Open,
    Other,
}

fn sequence(bytes: &[u8]) -> Sequence {
    match bytes {
        [_] => Sequence::Open,
        [_, b'[', parameters @ ..] => {
            let digits = parameters.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')).count();
            match parameters.get(digits) {
                _ if digits > LONGEST_SEQUENCE => Sequence::Other,
                Some(b'm') => Sequence::Colours(digits + 3),
                None => Sequence::Open,
                Some(_) => Sequence::Other,
            }
        }
        _ => Sequence::Other,
    }
}

/// Reads the first character; `None` if there is none, or not yet.
fn letter(bytes: &[u8]) -> Option<char> {
    let most = &bytes[..bytes.len().min(4)];
    match str::from_utf8(most) {
        Ok(text) => text.chars().next(),
        Err(error) => str::from_utf8(&most[..error.valid_up_to()]).ok()?.chars().next(),
    }
}

/// Says whether more bytes could make a character of these.
fn is_beginning(bytes: &[u8]) -> bool {
    bytes.len() < 4 && str::from_utf8(bytes).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}

fn show_letter(letter: char, out: &mut String) {
    match letter {
        '\r' => out.push_str("\\r"),
        // The controls of Latin-1 do to some terminals what ESC and another letter do.
        letter if letter.is_control() => {
            let _ = write!(out, "\\x{:02x}", letter as u32);
        }
        // These turn around what stands next to them.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            let _ = write!(out, "\\u{{{:x}}}", letter as u32);
        }
        letter => out.push(letter),
    }
}

fn escape(out: &mut String, byte: u8) -> usize {
    let _ = write!(out, "\\x{byte:02x}");
    1
}

#[cfg(test)]
mod tests {
    use super::Shown;

    fn shown(bytes: &[u8]) -> String {
        let mut shown = Shown::new(true);
        shown.piece(bytes) + &shown.end()
    }

    #[test]
    fn colours_pass_and_nothing_else_does() {
        for (said, seen) in [
            (&b"plain \xc3\xbc\xe8\xae\xba\n\ttab\r\n"[..], "plain ü论\n\ttab\r\n"),
            (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            (b"\x1b[38:5:4mblue", "\x1b[38:5:4mblue\x1b[0m"),
            (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            (b"\x1b[2Jgone\x1b[?25l", "\\x1b[2Jgone\\x1b[?25l"),
            (b"\x1bc\x1b", "\\x1bc\\x1b"),
            (b"50%\r60%\r", "50%\\r60%\\r"),
            (b"a\0b\x08\x7f", "a\\x00b\\x08\\x7f"),
            (b"\xc2\x9b2J", "\\x9b2J"),
            (b"\xff\xfe\xe8\xae", "\\xff\\xfe\\xe8\\xae"),
            ("safe\u{202e}gpj".as_bytes(), "safe\\u{202e}gpj"),
        ] {
            assert_eq!(shown(said), seen);
            let mut by_bytes = Shown::new(true);
            let pieces: String = said.iter().map(|byte| by_bytes.piece(&[*byte])).collect();
            assert_eq!(pieces + &by_bytes.end(), seen, "byte by byte");
        }
    }

    #[test]
    fn where_colours_are_not_wanted_they_are_left_out() {
        let mut shown = Shown::new(false);
        assert_eq!(shown.piece(b"\x1b[31mred\x1b[0m") + &shown.end(), "red");
    }
}
