//! Rust text without what is not code.

/// Returns the text with comments and the contents of strings and characters turned into blanks.
///
/// Lengths and line breaks stay, so that a byte of the result is the same byte of the text.
pub(super) fn blanked(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let skipped = comment(rest).or_else(|| literal(rest, text[..at].chars().next_back()));
        let end = at + skipped.unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
        if skipped.is_some() {
            out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        at = end;
    }
    String::from_utf8(out).expect("whole characters were blanked")
}

/// Returns the length of the comment that begins here.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    for (at, pair) in rest.as_bytes().windows(2).enumerate() {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 2);
        }
    }
    Some(rest.len())
}

/// Returns the length of the string or character that begins here.
fn literal(rest: &str, before: Option<char>) -> Option<usize> {
    let in_word = before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    if rest.starts_with('"') {
        return Some(quoted(rest, '"'));
    }
    if rest.starts_with('r') && (!in_word || before == Some('b')) {
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        if rest[1 + hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = 2 + hashes;
            return Some(rest[body..].find(&close).map_or(rest.len(), |end| body + end + close.len()));
        }
    }
    // A lifetime has no second quote where a character has it.
    let mut letters = rest.strip_prefix('\'')?.chars();
    let is_character = letters.next()? == '\\' || letters.next() == Some('\'');
    is_character.then(|| quoted(rest, '\''))
}

/// Returns the length of what stands between two of these quotes, both included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[test]
fn what_is_no_code_becomes_blank_and_nothing_moves() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("b\"c", d)"#, "f(      , d)"),
        ("r#\"a\"b\"# c", "         c"),
        ("br\"a\\\" c", "b      c"),
        ("'\"' + '\\'' + 'x'", "    +      +    "),
        ("<'a, 'b>(x: &'a str)", "<'a, 'b>(x: &'a str)"),
        ("for r in 0..3", "for r in 0..3"),
        ("\"é\" é", "     é"),
        ("\"open", "     "),
    ] {
        assert_eq!(blanked(text).trim_end(), code.trim_end(), "{text}");
        assert_eq!(blanked(text).len(), text.len(), "{text}");
    }
}
