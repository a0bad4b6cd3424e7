//! What processes are started with.

use crate::dispatch::Order;
use crate::job::{Action, OutputMode, Parameter};

use super::house::{House, job};
use steadfast_retry::On;

#[test]
fn a_finalizer_finds_what_its_attempts_find() {
    let job = job("a").finally(On::Always).defined(|definition| {
        definition.env.insert("FOLDER".to_owned(), "/data/{day}".to_owned());
        let day = Parameter { default: Some("monday".to_owned()), required: false, help: None };
        definition.parameters.insert("day".to_owned(), day);
    });
    let mut house = House::with([job]);
    let parameters = [("day".to_owned(), "friday".to_owned())].into();
    house.order(Order { job: "a".to_owned(), parameters, ..Order::default() });
    house.ends(1, 0);
    assert_eq!(house.launched.len(), 2, "an attempt and a finalizer");
    for launch in &house.launched {
        let found = |name: &str| launch.env.get(name).map(String::as_str);
        let both = (found("FOLDER"), found("STEADFAST_PARAM_DAY"));
        assert_eq!(both, (Some("/data/friday"), Some("friday")), "{}", launch.start);
    }
}

#[test]
fn a_program_on_a_terminal_of_its_own_is_told_which_unless_the_job_says_so() {
    let on_a_terminal = |name: &str| {
        job(name).defined(|definition| {
            let Action::Command(command) = &mut definition.action;
            command.output = OutputMode::Pty;
        })
    };
    let own =
        on_a_terminal("b").defined(|definition| drop(definition.env.insert("TERM".to_owned(), "vt100".to_owned())));
    let mut house = House::with([on_a_terminal("a"), own, job("c")]);
    for (at, (job, term)) in [("a", Some("xterm-256color")), ("b", Some("vt100")), ("c", None)].into_iter().enumerate()
    {
        house.start(job);
        house.ends(at as u64 + 1, 0);
        assert_eq!(house.launched[at].env.get("TERM").map(String::as_str), term, "job {job}");
    }
}
