//! Very many processes, and nothing left of them.

use steadfast::sys::proc;

use super::check::reader;
use super::place::Place;

#[test]
fn ten_thousand_programs_leave_no_zombie_and_no_file() {
    // Without optimisation, a third of them takes as long.
    const RUNS: i64 = if cfg!(debug_assertions) { 3_000 } else { 10_000 };
    let mut place = Place::new();
    let points: Vec<String> = (0..RUNS).map(|point| point.to_string()).collect();
    place.declare(&format!(
        "[job.many]\nmatrix = {{ n = [{}] }}\ncommand = {{ run = [\"true\"] }}\n",
        points.join(", ")
    ));
    let mut daemon = place.start(&["--until-idle", "--slots", "4"]);
    let (mut most, mut looks) = (0, 0);
    while daemon.has_ended().is_none() {
        let ours = [daemon.pid()].into_iter().chain(place.shims()).collect::<Vec<_>>();
        let children = proc::everyone().into_iter().filter_map(proc::stat).filter(|stat| ours.contains(&stat.parent));
        // What ended a moment ago may not have been looked at yet; what piles up is more than the slots.
        most = most.max(children.filter(proc::Stat::is_dead).count());
        looks += 1;
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(daemon.ends().code(), Some(0), "{}", place.said());
    assert!(most <= 8, "{most} zombies at once, in {looks} looks");
    let select = "SELECT count(*) FROM attempts WHERE state = 'succeeded' AND number = 1";
    let good: i64 = reader(&place).query_row(select, (), |row| row.get(0)).unwrap();
    assert_eq!(good, RUNS);
    assert_eq!(place.is_swept(), Vec::<String>::new());
    let logs = std::fs::read_dir(place.state().join("logs")).unwrap().count();
    assert_eq!(logs, 0, "no output, no file");
}
