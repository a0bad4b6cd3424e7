//! Limits that hold while no daemon lives.

use std::time::{Duration, Instant};

use super::check::reader;
use super::place::{Place, eventually, lives};

#[test]
fn a_time_limit_is_kept_though_the_daemon_is_dead() {
    const CASES: usize = 10;
    let mut place = Place::new();
    let side = place.side();
    for case in 0..CASES {
        // Half of them do not listen to TERM; every second one has a shim of its own.
        let trap = if case % 2 == 0 { "trap \"\" TERM;" } else { "" };
        let limits = if case % 4 < 2 { "limits = { open-files = 64 }\n" } else { "" };
        place.declare(&format!(
            "[job.stubborn-{case}]\nloop = {{ attempts = 1, attempt-timeout = \"400ms\" }}\nstop = {{ leader = \"100ms\", all = \"100ms\" }}\n{limits}\
             command = {{ shell = '{trap} echo $$ > {side}/pid-{case}; while :; do sleep 0.05; done' }}\n",
            side = side.display(),
        ));
    }
    let daemon = place.start(&["--until-idle", "--slots", "10"]);
    let pid = |case: usize| std::fs::read_to_string(side.join(format!("pid-{case}"))).ok()?.trim().parse::<i32>().ok();
    eventually("all run", || (0..CASES).all(|case| pid(case).is_some()));
    let begun = Instant::now();
    assert!(daemon.kill());
    let pids: Vec<i32> = (0..CASES).filter_map(pid).collect();
    eventually("all are dead", || !pids.iter().any(|pid| lives(*pid)));
    // 400 ms and two steps of 100 ms, and a second for a busy machine.
    assert!(begun.elapsed() < Duration::from_millis(1_600), "they lived for {:?}", begun.elapsed());
    assert_eq!(place.calm(), Some(1), "{}", place.said());
    let select = "SELECT count(*) FROM attempts WHERE state = 'failed' AND class = 'timeout'";
    let timed_out: i64 = reader(&place).query_row(select, (), |row| row.get(0)).unwrap();
    assert_eq!(timed_out, CASES as i64, "{}", place.said());
    assert_eq!(place.is_swept(), Vec::<String>::new());
}

#[test]
fn a_program_that_uses_up_its_time_of_the_processor_ends_with_a_class_of_its_own() {
    let mut place = Place::new();
    place.declare(
        "[job.busy]\nloop = { attempts = 1 }\nlimits = { cpu-time = \"1s\" }\ncommand = { shell = 'while :; do :; done' }\n",
    );
    assert_eq!(place.calm(), Some(1), "{}", place.said());
    let class: String = reader(&place).query_row("SELECT class FROM attempts", (), |row| row.get(0)).unwrap();
    assert_eq!(class, "signal-xcpu", "{}", place.said());
}
