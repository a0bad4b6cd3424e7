//! How programs are stopped, and what they leave behind.

use std::path::Path;
use std::time::{Duration, Instant};

use steadfast::exec::{Act, Report};
use steadfast::launch::{Leftovers, Rung, ShimKind};

use super::house::{House, code, eventually, killed_by, lives, number_in, processor_ticks, signal};

#[test]
fn a_program_that_heeds_term_gets_no_more() {
    let mut house = House::new();
    let launch = house.script("trap 'exit 75' TERM; echo ready; while :; do sleep 0.01; done");
    let base = launch.output.base.clone();
    let start = house.begin(launch);
    house.started(&start);
    eventually("it is ready", || base.with_extension("log").exists());
    house.hands().stop(&start, Rung::Ask);
    let exit = house.ended(&start);
    assert_eq!((exit.status, exit.act, exit.rung), (code(75), Some(Act::Stopped), Some(Rung::Leader)));
}

#[test]
fn a_program_that_ignores_term_is_killed_in_time() {
    let mut house = House::new();
    let mut launch = house.script("trap '' TERM; while :; do sleep 0.05; done");
    launch.watch.limit = Some(Duration::from_millis(300));
    let began = Instant::now();
    let exit = house.run(launch);
    assert_eq!((exit.status, exit.act, exit.rung), (killed_by(9), Some(Act::TimedOut), Some(Rung::Kill)));
    assert!(exit.ran >= Duration::from_millis(900), "limit, grace for the leader, grace for all: {:?}", exit.ran);
    assert!(began.elapsed() < Duration::from_millis(2900), "by grace and one second: {:?}", began.elapsed());
}

#[test]
fn the_stop_file_comes_first() {
    let mut house = House::new();
    let file = house.folder.path().join("stop/1");
    let mut launch =
        house.script(&format!("trap 'exit 9' TERM; while [ ! -e {} ]; do sleep 0.01; done; exit 4", file.display()));
    launch.watch.stop.file = Some(file.clone());
    launch.watch.stop.ask = Duration::from_secs(20);
    let start = house.begin(launch);
    house.started(&start);
    house.hands().stop(&start, Rung::Ask);
    let exit = house.ended(&start);
    assert_eq!((exit.status, exit.rung), (code(4), Some(Rung::Ask)));
    assert!(!file.exists(), "it is gone with the attempt");
}

#[test]
fn term_goes_to_the_leader_before_it_goes_to_all() {
    let mut house = House::new();
    // The leader saves with its worker's help: it fails if the worker is dead by then.
    let script = "sh -c 'while :; do sleep 0.02; done' & worker=$!\n\
                  trap 'kill -0 $worker && exit 75; exit 1' TERM\n\
                  echo ready; while :; do sleep 0.01; done";
    let launch = house.script(script);
    let base = launch.output.base.clone();
    let start = house.begin(launch);
    eventually("it is ready", || base.with_extension("log").exists());
    house.hands().stop(&start, Rung::Ask);
    let exit = house.ended(&start);
    assert_eq!(exit.status, code(75));
    assert!(exit.survivors.is_empty());
}

#[test]
fn more_time_is_given_to_a_program_that_asks_for_it() {
    let mut house = House::new();
    let script = r#"
import os, signal, socket, time
def save(*_):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(b"EXTEND_TIMEOUT_USEC=10000000", os.environ["NOTIFY_SOCKET"])
    time.sleep(1.5)
    os._exit(75)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
while True: time.sleep(0.01)
"#;
    let mut launch = house.launch(&["python3", "-c", script]);
    launch.notify = true;
    launch.watch.stop.extend = Duration::from_secs(10);
    let base = launch.output.base.clone();
    let start = house.begin(launch);
    eventually("it is ready", || base.with_extension("log").exists());
    house.hands().stop(&start, Rung::Leader);
    assert_eq!(house.ended(&start).status, code(75), "the ladder alone gives 0.6 seconds");
}

#[test]
fn escaped_children_are_found_and_killed() {
    let mut house = House::new();
    let note = house.folder.path().join("pid");
    for (which, escape) in ["setsid sh", "sh", "env -i setsid sh"].into_iter().enumerate() {
        let note = note.with_extension(which.to_string());
        // Forks twice, in a session of its own, ignores TERM, and holds no pipe.
        let script = format!(
            "({escape} -c 'trap \"\" TERM HUP; echo $$ > {}; exec >/dev/null 2>&1 </dev/null; while :; do /bin/sleep 0.05; done' &) & while [ ! -s {} ]; do sleep 0.01; done; exit 3",
            note.display(),
            note.display()
        );
        let launch = house.script(&script);
        let exit = house.run(launch);
        assert_eq!((exit.status.clone(), exit.act), (code(3), None), "{escape}: the leader's own end counts");
        assert_eq!(exit.rung, Some(Rung::Kill), "{escape}");
        assert!(exit.survivors.is_empty() && !lives(number_in(&note)), "{escape}: {exit:?}");
    }
    house.empty();
}

#[test]
fn of_two_programs_only_the_right_one_loses_its_children() {
    // Told apart by the token, and, without an environment, by the claim that they hold open.
    for clean in ["", "env -i "] {
        let mut house = House::new();
        let (kept, lost) = (house.folder.path().join("kept"), house.folder.path().join("lost"));
        let escape = |note: &Path| format!("({clean}setsid sh -c 'echo $$ > {}; sleep 60' &)", note.display());
        let first = house.script(&format!("{}; sleep 60", escape(&kept)));
        let first = house.begin(first);
        let kept = number_in(&kept);
        let second = format!("{}; while [ ! -s {} ]; do sleep 0.01; done", escape(&lost), lost.display());
        let second = house.script(&second);
        let exit = house.run(second);
        assert_eq!(exit.status, code(0));
        assert!(!lives(number_in(&lost)) && lives(kept) && exit.survivors.is_empty(), "{exit:?}");
        house.hands().stop(&first, Rung::Leader);
        house.ended(&first);
        assert!(!lives(kept), "{clean}");
    }
}

#[test]
fn what_is_left_behind_is_asked_before_it_is_killed() {
    let mut house = House::new();
    let (note, asked) = (house.folder.path().join("pid"), house.folder.path().join("asked"));
    let service = format!(
        "setsid sh -c 'trap \"echo 1 > {}; exit\" TERM; echo $$ > {}; while :; do /bin/sleep 0.02; done' &",
        asked.display(),
        note.display()
    );
    let launch = house.script(&format!("{service} while [ ! -s {} ]; do sleep 0.01; done", note.display()));
    let exit = house.run(launch);
    assert!(asked.exists() && !lives(number_in(&note)), "{exit:?}");
    assert_eq!((exit.status, exit.rung), (code(0), Some(Rung::All)));
}

#[test]
fn a_service_left_behind_lives_and_is_named() {
    let mut house = House::new();
    let note = house.folder.path().join("pid");
    let service = format!("setsid sh -c 'echo $$ > {}; exec sleep 60' >/dev/null 2>&1 &", note.display());
    let mut launch = house.script(&format!("{service} while [ ! -s {} ]; do sleep 0.01; done", note.display()));
    launch.watch.leftovers = Leftovers::Leave;
    let began = Instant::now();
    let exit = house.run(launch);
    let pid = number_in(&note);
    assert!(began.elapsed() < Duration::from_secs(2), "it holds no pipe");
    assert_eq!((exit.status, exit.survivors.len()), (code(0), 1));
    assert!(exit.survivors[0].who.pid == pid && exit.survivors[0].certain && lives(pid));
    let next = house.script("exit 0");
    assert!(house.run(next).survivors.is_empty(), "it is no concern of the next attempt");
    signal(pid, "KILL");
    house.empty();
}

#[test]
fn a_held_pipe_delays_the_end_by_two_seconds_and_no_more() {
    let mut house = House::new();
    let mut launch = house.script("echo before; setsid sleep 60 & exit 0");
    launch.watch.leftovers = Leftovers::Leave;
    let start = house.begin(launch);
    let began = Instant::now();
    house.until(|report| matches!(report, Report::LeaderEnded { .. }).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(1), "the leader's end is told at once");
    let exit = house.ended(&start);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!((exit.status.clone(), exit.survivors.len()), (code(0), 1));
    assert_eq!(house.log(&exit), b"before\n");
    signal(exit.survivors[0].who.pid, "KILL");
}

#[test]
fn a_leftover_that_ignores_term_and_holds_the_pipe_costs_its_neighbours_nothing() {
    let mut house = House::new();
    // The sleeper inherits the ignored signal and stdout; it has 20 seconds before it is killed.
    let mut launch = house.script("trap '' TERM; sleep 60 & exit 3");
    launch.watch.stop.all = Duration::from_secs(20);
    let leaving = house.begin(launch);
    house.until(|report| matches!(report, Report::LeaderEnded { .. }).then_some(()));
    let (began, shim) = (Instant::now(), house.shim());
    while began.elapsed() < Duration::from_secs(4) {
        let (launch, asked) = (house.script("sleep 0.1"), Instant::now());
        assert_eq!(house.run(launch).status, code(0));
        assert!(asked.elapsed() < Duration::from_secs(2), "served after {:?}", asked.elapsed());
    }
    assert!(processor_ticks(shim) < 100, "the shim had nothing to do, and took {} ticks", processor_ticks(shim));
    house.hands().stop(&leaving, Rung::Kill);
    assert_eq!(house.ended(&leaving).status, code(3));
    house.empty();
}

#[test]
fn workers_that_close_everything_and_outlive_their_leader_are_stopped() {
    for kind in [ShimKind::Pool, ShimKind::Own] {
        let mut house = House::new();
        let note = house.folder.path().join("pid");
        let script = format!(
            "import subprocess, time, os\n\
             p = subprocess.Popen(['sleep', '60'], close_fds=True, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n\
             open('{}', 'w').write(f'{{p.pid}}\\n')\n\
             os._exit(5)",
            note.display()
        );
        let mut launch = house.launch(&["python3", "-c", &script]);
        launch.shim = kind;
        let exit = house.run(launch);
        assert_eq!(exit.status, code(5));
        assert!(!lives(number_in(&note)) && exit.survivors.is_empty(), "{exit:?}");
        house.empty();
    }
}

#[test]
fn a_stopped_process_is_woken_to_be_ended() {
    let mut house = House::new();
    let launch = house.script("trap 'exit 75' TERM; kill -STOP $$; while :; do sleep 0.01; done");
    let start = house.begin(launch);
    let who = house.started(&start);
    eventually("it stands still", || steadfast::sys::proc::stat(who.pid).is_some_and(|stat| stat.state == b'T'));
    house.hands().stop(&start, Rung::Leader);
    assert_eq!(house.ended(&start).status, code(75));
}

#[test]
fn a_crowd_that_keeps_forking_is_killed_to_the_last() {
    let mut house = House::new();
    let note = house.folder.path().join("crowd");
    // Ten comets: each forks and dies, so that no pid is good for longer than a few milliseconds.
    let script = format!(
        "import os, signal, time\n\
         signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         end = time.time() + 20\n\
         for _ in range(10):\n\
         \x20   if os.fork() == 0:\n\
         \x20       os.setsid()\n\
         \x20       while time.time() < end:\n\
         \x20           time.sleep(0.01)\n\
         \x20           if os.fork(): os._exit(0)\n\
         \x20           open('{}', 'a').write(f'{{os.getpid()}}\\n')\n\
         \x20       os._exit(0)\n\
         time.sleep(20)",
        note.display()
    );
    let mut launch = house.launch(&["python3", "-c", &script]);
    launch.watch.limit = Some(Duration::from_millis(300));
    let exit = house.run(launch);
    assert_eq!((exit.act, exit.rung), (Some(Act::TimedOut), Some(Rung::Kill)));
    let all = std::fs::read_to_string(&note).unwrap();
    let left: Vec<&str> = all.lines().filter(|pid| pid.parse().is_ok_and(lives)).collect();
    assert!(left.is_empty() && exit.survivors.is_empty(), "{left:?} of {}", all.lines().count());
    assert!(exit.ran < Duration::from_secs(5), "{:?}", exit.ran);
}

#[test]
fn the_shim_stops_everything_when_the_machine_goes_down() {
    let mut house = House::new();
    let launch = house.script("trap 'exit 75' TERM; echo ready; while :; do sleep 0.01; done");
    let base = launch.output.base.clone();
    let start = house.begin(launch);
    house.started(&start);
    eventually("it is ready", || base.with_extension("log").exists());
    signal(house.shim(), "TERM");
    let exit = house.ended(&start);
    assert_eq!((exit.status, exit.act), (code(75), Some(Act::SystemStop)));
}

#[test]
fn what_was_left_behind_and_stopped_is_named() {
    let mut house = House::new();
    // It ends when its child has become what it will be.
    let launch =
        house.script("setsid sleep 300 & until [ \"$(cat /proc/$!/comm)\" = sleep ]; do /bin/sleep 0.01; done");
    let exit = house.run(launch);
    assert_eq!((exit.status.clone(), exit.act, exit.survivors.len()), (code(0), None, 0));
    assert!(exit.stopped.len() == 1 && exit.stopped[0].name == "sleep", "{exit:?}");
    let sentence = exit.sentence(None);
    assert!(sentence.starts_with("exited 0; what it left behind was stopped: sleep ("), "{sentence}");
    // What falls with its leader was not left behind.
    let mut launch = house.script("sleep 300 & sleep 300");
    launch.watch.limit = Some(Duration::from_millis(100));
    let exit = house.run(launch);
    assert_eq!((exit.act, exit.stopped.len()), (Some(Act::TimedOut), 0), "{exit:?}");
    assert_eq!(exit.sentence(Some(Duration::from_millis(100))), "timed out after 100ms: ended by signal 15");
    house.empty();
}
