use alloc::string::ToString;
use core::time::Duration;

use super::{Pretty, parse_duration};
use proptest::prelude::*;

#[test]
fn people_write_durations_in_many_ways() {
    for (text, nanos) in [
        ("0s", 0),
        ("250ms", 250_000_000),
        ("1.5s", 1_500_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1h 30m", 5_400_000_000_000),
        ("2d", 172_800_000_000_000),
        ("0.5us", 500),
        ("3µs", 3_000),
        (" 30s ", 30_000_000_000),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }
}

#[test]
fn a_bad_duration_says_why() {
    for (text, why) in [
        ("", "it is empty"),
        ("90", "a unit is missing"),
        ("s", "a number is missing"),
        ("1mo", "the unit is unknown"),
        ("1y", "the unit is unknown"),
        ("-1s", "a number is missing"),
        ("1s1h", "units go from large to small, each once"),
        ("1s2s", "units go from large to small, each once"),
        ("1.5h30m", "only the last number may have a decimal point"),
        ("1.s", "digits after the point are missing"),
        ("99999999999999999999s", "the number is too large"),
        ("999999999d", "it is longer than 584 years"),
    ] {
        let error = parse_duration(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_exactly(nanos: u64) {
        let span = Duration::from_nanos(nanos);
        prop_assert_eq!(parse_duration(&Pretty(span).to_string()), Ok(span));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,60}") {
        let _ = parse_duration(&text);
    }
}
