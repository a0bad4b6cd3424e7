//! Output: what is found, what is cut, and that no pattern costs more than its share.

use super::{check, judge};
use crate::evidence::{Classes, EXCERPT_BYTES, Fact, LINE_BYTES, Part, Stream};

fn search(bytes: &[u8]) -> Vec<Fact> {
    Classes::shipped().search(&[Part { stream: Stream::Stderr, bytes }])
}

fn lines(facts: &[Fact]) -> Vec<&str> {
    let mut lines = Vec::new();
    for fact in facts {
        let Fact::Output { line, .. } = fact else { panic!("{fact:?} is no output") };
        lines.push(line.as_str());
    }
    lines
}

#[test]
fn only_lines_that_say_something_new_become_facts() {
    let facts = search(b"epoch 1\nConnection refused\nConnection refused\nValueError: a\nIndexError: 'b'\nbye\n");
    assert_eq!(lines(&facts), ["Connection refused", "ValueError: a"]);
}

#[test]
fn a_wrapped_error_does_not_hide_a_later_plain_one() {
    check("exit 1, stderr `RuntimeError: NCCL error, ncclSystemError\nKeyError: 'later'`", "python-exception");
}

#[test]
fn colours_and_progress_bars_do_not_hide_a_line() {
    let facts = search(b"\r 10%|#         |\r 20%|##        |\r\x1b[31mValueError\x1b[0m: bad\x07 value\r\n");
    assert_eq!(lines(&facts), ["ValueError: bad  value"]);
}

#[test]
fn bytes_that_are_no_text_are_no_obstacle() {
    let facts = search(b"\xff\xfe\x00 No space left on device \xc3\n");
    assert_eq!(facts.len(), 1);
}

#[test]
fn both_ends_are_searched_and_the_middle_is_not() {
    let filler = vec![b'\n'; EXCERPT_BYTES];
    let whole = |middle: &[u8]| [b"Connection refused\n", &filler[..], middle, &filler[..], b"ValueError: x"].concat();
    let found = Classes::shipped().search(&Part::ends_of(Stream::Stderr, &whole(b"No space left on device\n")));
    assert_eq!(lines(&found), ["Connection refused", "ValueError: x"]);
}

#[test]
fn a_long_line_is_searched_and_kept_in_part() {
    let mut line = b"ValueError: ".to_vec();
    line.resize(LINE_BYTES, b'x');
    line.extend_from_slice(b"No space left on device");
    let facts = search(&line);
    let Fact::Output { line, patterns, .. } = &facts[0] else { panic!("{facts:?}") };
    assert_eq!((facts.len(), line.len(), patterns.len()), (1, 240, 1));
}

#[test]
fn there_are_no_more_facts_than_twice_the_patterns() {
    let (patterns, sets) = Classes::shipped().patterns().count();
    assert!((40..200).contains(&patterns), "{patterns} patterns");
    assert_eq!(sets, 1, "the shipped patterns fit into one set");
    let classes = ["ValueError: x", "Connection refused", "No space left on device", "429 Too Many Requests"];
    let noise: String = (0..4000).map(|at| format!("{} {at}\n", classes[at % classes.len()])).collect();
    assert!(search(noise.as_bytes()).len() <= 2 * patterns);
}

#[test]
fn unlucky_texts_and_patterns_take_no_more_than_their_length() {
    // Near misses of the patterns with repetitions, and a pattern at which an engine that goes back would not end.
    let classes =
        super::forms::user("[class.site-unlucky]\nwhen = [{ output = '(?:a+)+!' }, { output = '(?:a|aa|a?)+#' }]");
    for unit in
        ["NCCL TCPStore ", "segfault at a in libncc", "a.b.C", "unable to open unable to write to ", "\x1b[", "aaaa"]
    {
        let text = unit.repeat(EXCERPT_BYTES / unit.len());
        let parts = [Part { stream: Stream::Stderr, bytes: text.as_bytes() }; 4];
        assert_eq!(classes.search(&parts), []);
    }
}

#[test]
fn without_output_no_pattern_is_compiled() {
    let classes = Classes::shipped().with([]);
    assert!(classes.search(&[Part { stream: Stream::Stderr, bytes: b"" }]).is_empty());
    let verdict = super::judge_by(&classes, "program curl, exit 7");
    assert_eq!(verdict.class.unwrap().as_str(), "net-connect");
    assert!(!classes.compiled());
}

#[test]
fn notify_messages_that_are_malformed_are_no_evidence() {
    for message in [
        "X_FAIL=",
        "X_FAIL",
        "X_RETRY_AFTER=soon",
        "X_RETRY_AFTER=-1",
        "X_RETRY_AFTER=1e9",
        "X_REQUEST=exclude-gpu:",
        "X_REQUEST=retry",
        "READY=1",
    ] {
        assert_eq!(Fact::from_notify(message), None, "{message}");
    }
    let long = format!("X_FAIL=odd {}\x1b[2J", "y".repeat(5000));
    let Some(Fact::Report { detail, .. }) = Fact::from_notify(&long) else { panic!("a report") };
    assert!(detail.len() <= 240 && !detail.contains('\x1b'));
    assert_eq!(judge("report odd").class.unwrap().as_str(), "reported");
}
