//! What a daemon does whose hands cannot say at once what became of the starts before it.

use std::time::Duration;

use super::check::{Allowed, check};
use super::place::{Place, eventually};

#[test]
fn a_daemon_that_cannot_ask_its_hands_asks_again() {
    let mut place = Place::new();
    place.declare_policy().declare_workers("quick", 3, 5, "tidy", "");
    // Something that is due much later: the time for the next look at the schedules must not displace that for the next try.
    place.declare_workers("later", 1, 5, "tidy", "schedule = { every = \"1h\", missed = \"skip\" }");
    // Announced and never launched.
    let mut first = place.start_armed(&["--until-idle"], "daemon::launch::before=abort@1");
    eventually("it dies", || first.has_ended().is_some());
    // The disk refuses the word that makes it void, once.
    let second = place.start_armed(&["--until-idle"], "hands::void::before=error@1");
    assert_eq!(second.ends_within(Duration::from_secs(30)).code(), Some(0), "{}", place.said());
    assert!(place.was_hit("hands::void::before"));
    let (wrong, figures) = check(&place, Allowed::default());
    assert!(wrong.is_empty(), "{}\n{figures:?}\n{}", wrong.join("\n"), place.said());
}
