//! Many programs, and a shim that is killed at every one of its steps.

use std::collections::HashMap;
use std::time::Instant;

use steadfast::exec::{Fate, Report, Status};
use steadfast::failpoint;

use super::house::{House, code, eventually};

#[test]
fn two_thousand_programs_leave_nothing() {
    let mut house = House::new();
    let (count, slots) = (2_000, 4);
    let began = Instant::now();
    let (mut launched, mut ended) = (0, 0);
    while ended < count {
        while launched < count && launched - ended < slots {
            let launch = house.launch(&["true"]);
            house.begin(launch);
            launched += 1;
        }
        let report = house.next();
        if let Report::Ended { exit, mark } = report {
            assert_eq!(exit.status, code(0));
            house.commit(&exit.start, mark);
            ended += 1;
        }
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    for shim in house.pools() {
        let children = steadfast::sys::proc::children(shim).unwrap();
        assert!(children.is_empty(), "zombies or worse: {children:?}");
        let open = std::fs::read_dir(format!("/proc/{shim}/fd")).unwrap().count();
        assert!(open < 20, "{open} descriptors");
    }
    house.empty();
    assert!(!house.folder.path().join("logs").exists(), "no output, no file");
    eprintln!("{rate:.0} a second, raw loop {:.0} a second", raw(count, slots));
}

/// One pool holds what comes one by one; several share what comes at once, and those to spare are closed after a while.
#[test]
fn pools_come_with_the_rush_and_go_with_it() {
    let mut house = House::new();
    for _ in 0..20 {
        let launch = house.launch(&["true"]);
        house.run(launch);
    }
    let first = house.shim();
    let launches: Vec<_> = (0..40).map(|_| house.launch(&["true"])).collect();
    let starts: Vec<_> = launches.into_iter().map(|launch| house.begin(launch)).collect();
    let pools = house.pools();
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(pools.len(), processors.min(4), "a rush is shared by as many as there are processors, up to four");
    let mut ended = Vec::new();
    while ended.len() < starts.len() {
        if let Report::Ended { exit, mark } = house.next() {
            house.commit(&exit.start, mark);
            ended.push(exit.start);
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, starts, "each once");
    eventually("the spare ones are gone", || house.pools() == [first]);
    house.empty();
}

/// The bare loop: spawn and wait, so many at a time.
fn raw(count: i32, slots: i32) -> f64 {
    let began = Instant::now();
    let mut children: Vec<std::process::Child> = Vec::new();
    for _ in 0..count {
        if children.len() as i32 == slots {
            children.remove(0).wait().unwrap();
        }
        children.push(std::process::Command::new("/bin/true").spawn().unwrap());
    }
    children.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// Whatever happens to the shim at whichever step: one end for each start, and none that did not happen.
#[test]
fn every_step_of_a_shim_may_be_its_last() {
    let names = failpoint::NAMES.iter().filter(|name| name.starts_with("shim::"));
    for name in names {
        for action in ["abort@1", "abort@2", "error@1", "exit@1", "stall(20)@1"] {
            let charge = format!("{name}={action}");
            eprintln!("{charge}");
            crash_at(&charge);
        }
    }
}

fn crash_at(charge: &str) {
    let mut house = House::new();
    house.crash();
    house.environment = vec![(failpoint::VARIABLE.to_owned(), charge.to_owned())];
    house.restart();
    let mut open = HashMap::new();
    for which in 0..3 {
        let launch = house.script(&format!("echo x >> nonce-{which}; echo y; exit 4"));
        open.insert(house.begin(launch), which);
    }
    let mut ended = Vec::new();
    while !open.is_empty() {
        match house.next() {
            Report::Ended { exit, mark } => {
                let which = open.remove(&exit.start).unwrap_or_else(|| panic!("{charge}: a second end: {exit:?}"));
                house.commit(&exit.start, mark);
                ended.push((which, Some(exit.status)));
            }
            Report::NeverStarted { start, .. } => {
                ended.push((open.remove(&start).unwrap_or_else(|| panic!("{charge}: a second end")), None));
                house.forget(&start);
            }
            _ => {}
        }
    }
    for (which, status) in ended {
        let nonce = std::fs::read_to_string(house.folder.path().join(format!("nonce-{which}"))).unwrap_or_default();
        match status {
            Some(Status::Exited { code: 4 }) => assert_eq!(nonce, "x\n", "{charge}"),
            Some(Status::Interrupted { .. }) => assert!(nonce.len() <= 2, "{charge}: {nonce}"),
            Some(Status::NotStarted { .. }) | None => assert_eq!(nonce, "", "{charge}"),
            // Its reader died while it wrote.
            Some(Status::Signalled { signal: 13, .. } | Status::Exited { .. }) => assert!(nonce.len() <= 2, "{charge}"),
            Some(other) => panic!("{charge}: {other:?}"),
        }
    }
    house.crash();
    house.environment.clear();
    let fates = house.restart();
    assert!(fates.iter().all(|(_, fate)| matches!(fate, Fate::NeverStarted)), "{charge}: {fates:?}");
    house.empty();
}
