use steadfast_retry::glob;

use super::{Cursor, Filter};

#[test]
fn a_star_stands_for_any_letters() {
    for (pattern, name, fit) in [
        ("crawl", "crawl", true),
        ("crawl", "crawler", false),
        ("crawl*", "crawler", true),
        ("*er", "crawler", true),
        ("*", "", true),
        ("c*l*r", "crawler", true),
        ("c*z*r", "crawler", false),
        ("ab*ba", "aba", false),
        ("*a*", "bab", true),
        ("net-*", "nett-x", false),
    ] {
        assert_eq!(glob(pattern, name), fit, "{pattern} {name}");
    }
}

#[test]
fn a_filter_reads_as_it_is_written() {
    for text in ["", "state:running,waiting", "job:a,b* class:net-*", "ending:gave-up is:held,trouble since:1d sweep:7"]
    {
        assert_eq!(text.parse::<Filter>().unwrap().to_string(), text);
    }
    assert_eq!("ending:failed".parse::<Filter>().unwrap().to_string(), "ending:gave-up,stopped,quarantined");
    assert_eq!("crawl*".parse::<Filter>().unwrap().to_string(), "job:crawl*");
    let instant = "since:2026-11-23T12:00:00Z";
    assert_eq!(instant.parse::<Filter>().unwrap().to_string(), instant);
}

#[test]
fn a_filter_that_cannot_be_understood_says_what_would_be_right() {
    let wrong = [
        "stat:running",
        "state:runing",
        "state:gave-up",
        "ending:gaveup",
        "is:troubled",
        "since:yesterdayish",
        "job:",
        "sweep:first",
    ];
    let says: Vec<String> = wrong.iter().map(|text| text.parse::<Filter>().unwrap_err().to_string()).collect();
    insta::assert_snapshot!(says.join("\n"), @r"
    filter word `stat:running` is of no known kind
    help: `state:` is near; there are `state`, `job`, `class`, `ending`, `since`, `is`, `sweep`
    filter word `state:runing` names no state
    help: `state:running` is near; there are `queued`, `running`, `waiting`, `finishing`, `closed`
    filter word `state:gave-up` names no state
    help: `ending:gave-up` finds runs that are over
    filter word `ending:gaveup` names no ending
    help: `ending:gave-up` is near; there are `succeeded`, `gave-up`, `stopped`, `cancelled`, `skipped`, `quarantined`, `failed`
    filter word `is:troubled` asks for nothing known
    help: `is:trouble` is near; there are `held`, `trouble`
    filter word `since:yesterdayish` is no time
    help: write `since:90m`, `since:1d` or `since:2026-11-23T12:00:00Z`
    filter word `job:` is empty
    help: write `job:name`, with `*` for any letters
    filter word `sweep:first` names no run
    help: write the number of the first run of a matrix
    ");
}

#[test]
fn a_cursor_reads_as_it_is_written() {
    let cursor: Cursor = "3-1042".parse().unwrap();
    assert_eq!(cursor.to_string(), "3-1042");
    for text in ["", "4-1", "1", "a-b", "1-"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}
