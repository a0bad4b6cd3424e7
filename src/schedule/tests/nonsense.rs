//! Text that nobody meant to be a schedule: it is refused with a place inside it, or it is due some day.

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use super::super::Declared;
use super::at;

fn survives(text: &str) -> Result<(), TestCaseError> {
    let zones = TimeZoneDatabase::bundled();
    match (Declared { cron: Some(text), ..Declared::default() }).schedule(&zones) {
        Ok(schedule) => prop_assert!(schedule.next_after(at("2026-11-23T08:00")).is_some(), "accepted, so it fires"),
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            for error in errors {
                let span = error.span.clone().expect("a mistake in an expression has a place");
                prop_assert!(text.get(span).is_some(), "{:?} lies inside `{}`", error.span, text);
                prop_assert!(!error.help.is_empty());
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text(text in ".{0,40}") {
        survives(&text)?;
    }

    #[test]
    fn any_five_or_six_words_of_the_right_letters(text in "([0-9*/,-]{1,5}[ ]){4,5}[0-9*/,MonSuAPrß-]{1,6}") {
        survives(&text)?;
    }

    #[test]
    fn any_date(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ]?[0-9:.Z+-]{0,14})?") {
        let zones = TimeZoneDatabase::bundled();
        let declared = Declared { at: Some(&text), zone: Some("Pacific/Apia"), ..Declared::default() };
        if let Ok(schedule) = declared.schedule(&zones) {
            prop_assert!(schedule.next_after(Timestamp::MIN).is_some());
            let begin = schedule.begin(at("2026-11-23T08:00"));
            prop_assert_eq!(schedule.evaluate(begin, Timestamp::MAX).due.len(), 1);
        }
    }
}
