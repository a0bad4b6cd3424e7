use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::*;
use crate::journal::{Entry, Happened, Told};
use crate::trace::story::{self, Story};

fn of(entries: &[Entry]) -> Tree {
    tree(entries).expect("the entries open a run")
}

#[test]
fn a_timeline_reads_well_in_eighty_columns() {
    let text = of(&story::told()).text(false, Some(80), &TimeZone::UTC);
    insta::assert_snapshot!(text);
    let too_wide: Vec<_> = text.lines().filter(|line| crate::trace::clean::columns(line) > 80).collect();
    assert!(too_wide.is_empty(), "{too_wide:?}");
}

#[test]
fn a_run_that_goes_on_has_pieces_without_an_end() {
    let entries = story::told();
    insta::assert_snapshot!(of(&entries[..12]).text(true, Some(80), &TimeZone::UTC));
}

#[test]
fn a_timeline_as_json_has_every_name_and_number() {
    insta::assert_json_snapshot!(of(&story::stopped()));
}

#[test]
fn every_entry_more_only_adds_to_the_timeline() {
    let entries = story::told();
    let spans = |upto: usize| of(&entries[..upto]).spans().collect::<Vec<_>>();
    let all = spans(entries.len());
    for upto in 1..entries.len() {
        for span in spans(upto) {
            let now = all.iter().find(|other| other.span == span.span).expect("a span that ended stays");
            assert_eq!(
                (now.began, now.ended, &now.name, now.parent),
                (span.began, span.ended, &span.name, span.parent)
            );
            assert!(span.ended_by < upto);
        }
    }
}

#[test]
fn every_span_has_its_parent_before_it_and_an_id_of_its_own() {
    for entries in [story::told(), story::stopped(), story::given_up_and_cancelled()] {
        let mut seen = BTreeSet::new();
        for span in of(&entries).spans() {
            assert!(span.began <= span.ended);
            assert!(span.parent.is_none_or(|parent| seen.contains(&parent)), "{span:?}");
            assert!(seen.insert(span.span), "{span:?}");
        }
    }
}

#[test]
fn spans_have_the_journals_ids_and_few_names() {
    let all: BTreeMap<_, _> = of(&story::told()).spans().map(|span| (span.span, span)).collect();
    assert_eq!(all[&SpanId(0x5ba0_2a00)].name, "run daily-papers");
    assert_eq!(all[&SpanId(42 << 16 | 1)].error.as_deref(), Some("failed http-busy"));
    assert_eq!(all[&SpanId(42 << 16 | 4)].error, None);
    let names: BTreeSet<_> = all.values().map(|span| span.name.as_str()).collect();
    assert!(names.iter().all(|name| !name.contains(char::is_numeric)), "{names:?}");
}

#[test]
fn a_time_limit_is_no_ordinary_failure() {
    let result = |entries: &[Entry]| {
        let attributes = of(entries).root.attributes;
        attributes.into_iter().find(|(name, _)| *name == "cicd.pipeline.result").map(|(_, value)| value)
    };
    assert_eq!(result(&story::told()), Some("success".into()));
    assert_eq!(result(&story::stopped()), Some("failure".into()));
    let mut late = story::stopped();
    let crate::journal::About::Run(_, Happened::Stepped(step)) = &mut late[3].about else { panic!("an attempt ended") };
    let steadfast_retry::Decision::Finish { because, ending } = &mut step.decision else { panic!("the run was over") };
    (because.cause, *ending) = (steadfast_retry::Cause::DeadlinePassed, steadfast_retry::Ending::GaveUp);
    assert_eq!(result(&late), Some("timeout".into()));
}

#[test]
fn a_program_that_retries_for_ever_fills_no_screen() {
    let mut story = Story::of(1, "crawl");
    story.begins();
    for number in 1..=1_000 {
        story.after(1).tells(Told::Inner(format!("fetch {number} failed")));
    }
    let text = of(&story.entries).text(false, Some(80), &TimeZone::UTC);
    assert_eq!(text.lines().count(), 1 + 1 + 1 + 1 + 200 + 1);
    assert!(text.contains("… 800 more"), "{text}");
}

#[test]
fn what_a_program_tells_cannot_touch_the_terminal() {
    let mut story = Story::of(1, "crawl");
    story.begins().tells(Told::Phase("\u{1b}]0;x\u{7}\u{202e}".to_owned())).tells(Told::Inner("\u{9b}2J\n".to_owned()));
    let text = of(&story.entries).text(false, None, &TimeZone::UTC);
    assert!(!text.chars().any(|letter| letter != '\n' && crate::trace::clean::is_unsafe(letter)), "{text:?}");
}

#[test]
fn entries_that_open_no_run_make_no_timeline() {
    assert_eq!(tree(&story::told()[1..]), None);
    assert_eq!(tree(&[]), None);
}
