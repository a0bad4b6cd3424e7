//! The library's doors name the same classes as the table does: a rule means the same for a call and for a command.

use std::process::ExitStatus;

use steadfast_retry::{Class, exit, http};

use crate::evidence::{Classes, Evidence, ExitCodes, Fact, classify};

fn of_table(fact: Fact) -> String {
    let evidence = Evidence { facts: vec![fact], ..Evidence::of_program("work") };
    let class = classify(Classes::shipped(), &evidence, &ExitCodes::one(0)).class;
    class.map_or_else(|| "none".to_owned(), |class: Class| class.as_str().to_owned())
}

#[test]
fn a_status_means_the_same_to_a_call_and_to_a_command() {
    for status in 300..600 {
        let of_library = http::class_of(::http::StatusCode::from_u16(status).unwrap()).unwrap();
        assert_eq!(of_library.as_str(), of_table(Fact::Status(status)), "status {status}");
    }
}

#[test]
fn an_exit_code_means_the_same_to_a_call_and_to_a_command() {
    for code in 1..=255 {
        assert_eq!(exit::class_of_exit(code).as_str(), of_table(Fact::Exit(code)), "exit {code}");
    }
}

#[test]
fn a_signal_means_the_same_to_a_call_and_to_a_command() {
    use std::os::unix::process::ExitStatusExt as _;
    use steadfast_retry::Classify as _;
    for number in 1..=31 {
        let of_table = of_table(Fact::Signal { number, core: false });
        assert_eq!(exit::class_of_signal(Some(number)).as_str(), of_table, "signal {number}");
        let failed = exit::checked(ExitStatus::from_raw(number)).unwrap_err();
        assert_eq!(failed.classify().class.as_str(), of_table);
    }
}
