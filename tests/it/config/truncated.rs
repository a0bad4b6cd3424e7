//! Half files and mangled files: told what is wrong or read, never a panic.

use std::path::Path;

use proptest::prelude::*;
use steadfast::job::{Config, Reader, Rendering, Text};

use super::{corpus, read};

/// Under a daemon a torn file is refused, or it is whole lines and says so in the difference.
#[test]
fn a_file_cut_at_any_byte_is_refused_or_ends_with_a_line() {
    let whole = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good/everything.toml")).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let strict = Reader::new().strict_newline(true);
    let all = strict.read_texts(&[Text::new("jobs.toml", "/", text)]).config.unwrap();
    let mut taken = 0;
    for end in 0..whole.len() {
        let cut = String::from_utf8(whole[..end].to_vec()).unwrap();
        let ends_with_line = cut.is_empty() || cut.ends_with('\n');
        let reading = strict.read_texts(&[Text::new("jobs.toml", "/", cut)]);
        let Some(config) = reading.config else {
            assert!(reading.diagnostics.iter().any(|told| told.is_error()), "{end}");
            continue;
        };
        assert!(ends_with_line, "cut at {end} in the middle of a line, and taken");
        assert!(!Config::difference(&all, &config).is_empty(), "cut at {end}, and nothing is said of it");
        taken += 1;
    }
    assert!(taken > 5, "whole lines are a file: {taken}");
}

/// What a person reads while typing: cut anywhere, the beginning is told or read, and drawn.
#[test]
fn a_file_cut_at_any_byte_never_harms_the_reader() {
    let whole = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good/sweep.toml")).unwrap();
    (0..whole.len()).for_each(|end| mangled(&whole[..end], true));
}

/// Every thirteenth byte of every file of the corpus is left out, one at a time.
#[test]
fn a_file_that_lacks_a_byte_never_harms_the_reader() {
    for path in corpus("broken").into_iter().chain(corpus("good")) {
        let bytes = std::fs::read(&path).unwrap();
        for at in (0..bytes.len().min(2000)).step_by(13) {
            let mut without = bytes.clone();
            without.remove(at);
            mangled(&without, true);
        }
    }
}

fn mangled(bytes: &[u8], drawn: bool) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let reading = read(text);
    for told in reading.diagnostics.iter().filter(|_| drawn) {
        assert!(!Rendering { colour: true, width: 60 }.show(told).is_empty());
        assert!(told.annotation().starts_with("::"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// The threads of tests have 2 MiB of stack, as those of a daemon have; an overflow would end the process.
    #[test]
    fn no_nesting_that_is_let_through_overflows_the_parser(
        prefix in "[\\[\\]{}=,a\"'# \n\r.]{0,12}",
        unit in "[\\[\\]{}=,a\"'#\n\r.]{1,8}",
        middle in "[\\[\\]{}=,a\"'#\n .]{0,8}",
        other in "[\\[\\]{}=,a\"'#\n\r.]{1,8}",
        times in 0_usize..4000,
    ) {
        read(&format!("{prefix}{}{middle}{}\n", unit.repeat(times), other.repeat(times)));
    }

    #[test]
    fn any_text_is_read(text in "(?s).{0,200}") {
        read(&text);
    }

    #[test]
    fn any_lines_of_keys_are_read(lines in proptest::collection::vec("(\\[job\\.a(\\.command|\\.loop)?\\]|(run|shell|after|matrix|catch|delay|overlap|schedule|env|[a-z]{1,4}) = (\\[\"?[a-z{}]{0,3}\"?\\]|\"[a-z{}.]{0,5}\"|-?[0-9]{1,3}|\\{ ?[a-z]{0,5} ?=? ?[0-9]? ?\\}))", 0..8)) {
        for told in read(&lines.join("\n")).diagnostics {
            prop_assert!(!told.help.is_empty(), "{told}");
        }
    }
}
