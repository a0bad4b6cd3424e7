//! Text of strangers, made fit for a terminal and for one line.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How much of one text is taken over; a program may say more than anybody wants to read in a line.
pub(super) const TEXT_BYTES: usize = 4 * 1024;

/// Says whether a character does something to a terminal, or hides or turns around what stands next to it.
///
/// These are the control characters of ASCII and Latin-1 (a lone `U+009B` begins a sequence just as `ESC [` does), the line and
/// paragraph separators, marks that change the direction of writing, characters without any width, and tags.
pub(super) const fn is_unsafe(letter: char) -> bool {
    matches!(letter,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Shows what could harm a terminal as the escape that a programmer would write; everything else stays.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\n' => cleaned.push_str("\\n"),
            '\t' => cleaned.push_str("\\t"),
            '\r' => cleaned.push_str("\\r"),
            letter if !is_unsafe(letter) => cleaned.push(letter),
            letter if (letter as u32) < 0x100 => {
                let _ = write!(cleaned, "\\x{:02x}", letter as u32);
            }
            letter => {
                let _ = write!(cleaned, "\\u{{{:x}}}", letter as u32);
            }
        }
    }
    Cow::Owned(cleaned)
}

/// Cuts a text to so many bytes, between characters, and says so by an ellipsis.
pub(super) fn cut_to_bytes(mut text: String, most: usize) -> String {
    if text.len() > most {
        let most = most.saturating_sub('…'.len_utf8());
        text.truncate((0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        text.push('…');
    }
    text
}

/// Cuts a text to so many columns of a terminal, and says so by an ellipsis.
pub(super) fn cut_to_columns(text: &str, most: usize) -> Cow<'_, str> {
    if columns(text) <= most {
        return Cow::Borrowed(text);
    }
    let (mut kept, mut used) = (String::new(), 1);
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > most {
            break;
        }
        kept.push(letter);
    }
    if most > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// Returns how many columns a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_print_cannot_touch_the_terminal() {
        for (said, shown) in [
            ("plain, ünïcödé, 论文 🎉", "plain, ünïcödé, 论文 🎉"),
            ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
            ("\x1b]0;a title\x07", r"\x1b]0;a title\x07"),
            ("\x1b]8;;http://example.invalid\x1b\\here", r"\x1b]8;;http://example.invalid\x1b\here"),
            ("\u{9b}2J\u{9d}0;x\u{9c}", r"\x9b2J\x9d0;x\x9c"),
            ("one\ntwo\r\nthree\tfour", r"one\ntwo\r\nthree\tfour"),
            ("a\0b\x08c\x7f", r"a\x00b\x08c\x7f"),
            ("safe\u{202e}gpj.exe", r"safe\u{202e}gpj.exe"),
            ("\u{2066}a\u{2069}\u{200f}\u{61c}", r"\u{2066}a\u{2069}\u{200f}\u{61c}"),
            ("zero\u{200b}width\u{feff}", r"zero\u{200b}width\u{feff}"),
            ("line\u{2028}sep", r"line\u{2028}sep"),
            ("tag\u{e0041}", r"tag\u{e0041}"),
        ] {
            assert_eq!(clean(said), shown);
            assert_eq!(clean(&clean(said)), shown, "cleaning twice changes nothing");
        }
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut_to_bytes("üüüü".to_owned(), 7), "üü…");
        assert_eq!(cut_to_bytes("üüüü".to_owned(), 8), "üüüü");
        assert_eq!(cut_to_columns("论文论文", 5), "论文…");
        assert_eq!(cut_to_columns("论文论文", 4), "论…");
        assert_eq!(cut_to_columns("论文", 4), "论文");
        assert_eq!(cut_to_columns("ab", 0), "");
    }
}
