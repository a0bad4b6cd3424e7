//! What is known after the daemon, the shim or both have died.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use steadfast::exec::{Exit, Fate, Report, Status, Witness};
use steadfast::launch::{Launch, Rung, ShimKind, Start};
use steadfast::sys::process::{BootId, Identity};

use super::house::{House, code, eventually, killed_by, lives, number_in, processor_ticks, signal};

fn only(mut fates: Vec<(Start, Fate)>, start: &Start) -> Fate {
    assert_eq!(fates.len(), 1, "{fates:?}");
    let (of, fate) = fates.remove(0);
    assert_eq!(of, *start);
    fate
}

fn interrupted(exit: &Exit) -> bool {
    matches!(exit.status, Status::Interrupted { .. }) && exit.witness == Witness::None
}

/// A program that waits for a file and then ends with a code.
fn waiting(house: &mut House, name: &str, code: u8) -> Launch {
    house.script(&format!("echo $$ > {name}.pid; while [ ! -e {name} ]; do sleep 0.01; done; exit {code}"))
}

fn let_go(house: &House, name: &str) {
    std::fs::write(house.folder.path().join(name), "").unwrap();
}

#[test]
fn a_program_that_ended_while_nobody_looked_is_found_with_its_code() {
    for kind in [ShimKind::Pool, ShimKind::Own] {
        let mut house = House::new();
        let mut launch = waiting(&mut house, "go", 75);
        launch.shim = kind;
        let start = house.begin(launch);
        let who = house.started(&start);
        house.crash();
        let_go(&house, "go");
        eventually("it has ended", || !lives(who.pid));
        eventually("it is written", || journal_holds_end(&house));
        let Fate::Ended { exit, mark } = only(house.restart(), &start) else { panic!("it has ended") };
        assert_eq!((exit.status.clone(), exit.witness), (code(75), Witness::Parent));
        // A second crash before anything was committed: the same word again.
        house.crash();
        let Fate::Ended { exit: again, mark: same } = only(house.restart(), &start) else { panic!("it has ended") };
        assert_eq!((again.status, same), (exit.status, mark));
        house.commit(&start, mark);
        house.empty();
    }
}

fn journal_holds_end(house: &House) -> bool {
    homes(house).iter().any(|home| {
        let bytes = std::fs::read(home.join("journal")).unwrap_or_default();
        bytes.windows(7).any(|window| window == b"\"Ended\"")
    })
}

fn homes(house: &House) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(house.shims()).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir() && !path.ends_with("claims")).collect()
}

#[test]
fn a_program_that_runs_is_found_and_goes_on() {
    let mut house = House::new();
    let launch = waiting(&mut house, "go", 5);
    let start = house.begin(launch);
    let who = house.started(&start);
    for _ in 0..3 {
        house.crash();
        assert_eq!(only(house.restart(), &start), Fate::Running { who: Some(who) });
    }
    let next = house.script("exit 6");
    assert_eq!(house.run(next).status, code(6), "new programs get a new pool");
    let_go(&house, "go");
    assert_eq!(house.ended(&start).status, code(5));
    house.empty();
}

#[test]
fn a_program_is_stopped_by_a_daemon_that_did_not_start_it() {
    let mut house = House::new();
    let launch = house.script("sleep 60");
    let start = house.begin(launch);
    house.started(&start);
    house.crash();
    house.restart();
    house.hands().stop(&start, Rung::Leader);
    assert_eq!(house.ended(&start).status, killed_by(15));
}

#[test]
fn time_runs_out_though_the_daemon_is_dead() {
    let mut house = House::new();
    let mut launch = house.script("trap '' TERM; while :; do sleep 0.02; done");
    launch.watch.limit = Some(Duration::from_millis(300));
    let start = house.begin(launch);
    let who = house.started(&start);
    house.crash();
    eventually("the shim has ended it", || !lives(who.pid));
    eventually("it is written", || journal_holds_end(&house));
    let Fate::Ended { exit, .. } = only(house.restart(), &start) else { panic!("it has ended") };
    assert_eq!((exit.status, exit.act), (killed_by(9), Some(steadfast::exec::Act::TimedOut)));
    assert!(exit.ran < Duration::from_secs(3), "{:?}", exit.ran);
}

#[test]
fn a_shim_without_a_daemon_ends_and_leaves_its_journal() {
    let mut house = House::new();
    let launch = house.script("exit 3");
    let start = house.begin(launch);
    house.started(&start);
    let shim = house.shim();
    house.crash();
    eventually("it has waited its seconds", || !lives(shim));
    let Fate::Ended { exit, mark } = only(house.restart(), &start) else { panic!("it has ended") };
    assert_eq!(exit.status, code(3));
    house.commit(&start, mark);
    house.empty();
}

/// Says whether this kernel tells the exits of other people's children, and its init reaps them.
fn kernel_tells(exit: &Exit) -> bool {
    exit.witness == Witness::Kernel
}

#[test]
fn when_a_shim_dies_its_program_is_watched_by_another() {
    for (is_away, expected) in [(false, 0), (true, 0), (false, 9)] {
        let mut house = House::new();
        let launch = waiting(&mut house, "go", expected);
        let start = house.begin(launch);
        let who = house.started(&start);
        let shim = house.shim();
        if is_away {
            house.crash();
        }
        signal(shim, "KILL");
        eventually("the shim is dead", || !lives(shim));
        if is_away {
            assert_eq!(only(house.restart(), &start), Fate::Running { who: Some(who) });
        }
        eventually("another shim watches", || house.hands().shims().iter().any(|view| view.starts.contains(&start)));
        assert!(lives(who.pid), "nobody was harmed");
        // The new shim must hold the handle before the end, else nobody can tell.
        eventually("it is adopted", || journals_hold(&house, "\"Adopted\""));
        let_go(&house, "go");
        let exit = house.ended(&start);
        if kernel_tells(&exit) {
            assert_eq!(exit.status, code(expected));
        } else {
            assert!(interrupted(&exit), "no evidence, no success: {exit:?}");
        }
        house.empty();
    }
}

fn journals_hold(house: &House, word: &str) -> bool {
    homes(house).iter().any(|home| {
        let bytes = std::fs::read(home.join("journal")).unwrap_or_default();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    })
}

#[test]
fn an_adopted_program_has_the_same_time() {
    let mut house = House::new();
    let mut launch = house.script("exec sleep 60");
    launch.watch.limit = Some(Duration::from_secs(1));
    let start = house.begin(launch);
    house.started(&start);
    signal(house.shim(), "KILL");
    let exit = house.ended(&start);
    assert_eq!(exit.act, Some(steadfast::exec::Act::TimedOut));
    assert!(exit.ran < Duration::from_secs(3), "{exit:?}");
    house.empty();
}

#[test]
fn without_evidence_there_is_no_success() {
    for is_away in [false, true] {
        let mut house = House::new();
        let launch = waiting(&mut house, "go", 0);
        let start = house.begin(launch);
        let who = house.started(&start);
        let shim = house.shim();
        if is_away {
            house.crash();
        }
        // The shim stands still while its program ends well, and is killed before it can look.
        signal(shim, "STOP");
        let_go(&house, "go");
        eventually("the program has ended", || !lives(who.pid));
        signal(shim, "KILL");
        eventually("the shim is dead", || !lives(shim));
        let exit = if is_away {
            let Fate::Ended { exit, mark } = only(house.restart(), &start) else { panic!("nothing lives") };
            house.commit(&start, mark);
            *exit
        } else {
            house.ended(&start)
        };
        assert!(interrupted(&exit), "{exit:?}");
        house.empty();
    }
}

#[test]
fn what_is_left_when_leader_and_shim_are_dead_is_ended_before_the_attempt_is() {
    for clean in ["", "env -i "] {
        let mut house = House::new();
        let note = house.folder.path().join("pid");
        let worker = format!(
            "{clean}setsid sh -c 'trap \"\" TERM; echo $$ > {}; while :; do /bin/sleep 0.05; done' >/dev/null 2>&1 &",
            note.display()
        );
        let launch = house.script(&format!("{worker} sleep 60"));
        let start = house.begin(launch);
        let who = house.started(&start);
        let worker = number_in(&note);
        signal(house.shim(), "KILL");
        signal(who.pid, "KILL");
        let exit = house.ended(&start);
        assert!(matches!(exit.status, Status::Interrupted { .. } | Status::Signalled { signal: 9, .. }), "{exit:?}");
        assert!(!lives(worker), "attempt 2 would have met it ({clean})");
        house.empty();
    }
}

#[test]
fn the_watcher_may_die_too() {
    let mut house = House::new();
    let launch = waiting(&mut house, "go", 4);
    let start = house.begin(launch);
    let who = house.started(&start);
    for _ in 0..3 {
        let view = house.hands().shims().into_iter().find(|view| view.starts.contains(&start)).unwrap();
        let shim = view.who.unwrap().pid;
        signal(shim, "KILL");
        eventually("another one watches", || {
            let shims = house.hands().shims();
            shims.iter().any(|view| view.starts.contains(&start) && view.who.is_some_and(|who| who.pid != shim))
        });
        eventually("it has begun to", || journals_hold(&house, "\"Adopted\""));
    }
    assert!(lives(who.pid));
    let_go(&house, "go");
    let exit = house.ended(&start);
    assert!(exit.status == code(4) || interrupted(&exit), "{exit:?}");
    house.empty();
}

#[test]
fn after_a_restart_of_the_machine_everything_from_before_is_over() {
    let mut house = House::new();
    let launch = house.script("exec sleep 60");
    let start = house.begin(launch);
    let who = house.started(&start);
    let shim = house.shim();
    house.crash();
    signal(shim, "KILL");
    eventually("the shim is dead", || !lives(shim));
    house.boot = BootId("another".to_owned());
    let Fate::Ended { exit, mark } = only(house.restart(), &start) else { panic!("another boot") };
    assert_eq!(exit.status, Status::Interrupted { why: "the machine was restarted".to_owned() });
    assert!(lives(who.pid), "a process of this number is a stranger, and strangers get no signals");
    signal(who.pid, "KILL");
    house.commit(&start, mark);
    house.empty();
}

#[test]
fn a_start_that_nobody_claimed_never_happens() {
    let mut house = House::new();
    let first = house.launch(&["true"]);
    house.run(first);
    let shim = house.shim();
    signal(shim, "STOP");
    let launch = house.script("echo x > happened");
    let start = house.begin(launch);
    house.crash();
    assert_eq!(only(house.restart(), &start), Fate::NeverStarted);
    signal(shim, "CONT");
    eventually("the shim has read its orders and ended", || !lives(shim));
    assert!(!house.folder.path().join("happened").exists());
    house.forget(&start);
    house.crash();
    assert_eq!(house.restart(), []);
    house.empty();
}

#[test]
fn void_and_claim_are_never_both_true() {
    let mut house = House::new();
    let mut tally = (0, 0);
    for round in 0..100_u32 {
        let name = format!("nonce-{round}");
        let launch = house.script(&format!("echo x >> {name}"));
        let start = house.begin(launch);
        for _ in 0..(round % 10) * 2_000 {
            std::hint::spin_loop();
        }
        house.crash();
        let fate = only(house.restart(), &start);
        let file = house.folder.path().join(&name);
        match fate {
            Fate::NeverStarted => {
                tally.0 += 1;
                house.forget(&start);
                let next = house.launch(&["true"]);
                house.run(next);
                assert!(!file.exists(), "round {round}: voided and started");
            }
            Fate::Running { .. } => {
                tally.1 += 1;
                assert_eq!(house.ended(&start).status, code(0), "round {round}");
                assert_eq!(std::fs::read_to_string(&file).unwrap(), "x\n", "round {round}");
            }
            Fate::Ended { exit, mark } => {
                tally.1 += 1;
                assert_eq!(exit.status, code(0), "round {round}");
                house.commit(&start, mark);
            }
            Fate::Unclear { .. } => panic!("round {round}: nobody is in doubt"),
        }
    }
    eprintln!("{} voided, {} started", tally.0, tally.1);
    house.empty();
    let nonces: HashSet<_> =
        std::fs::read_dir(house.folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(nonces.iter().filter(|name| name.to_string_lossy().starts_with("nonce")).count(), tally.1);
}

/// A house whose shim has ended a program with a code and is dead; nobody has read its journal.
fn with_unread_journal(status: u8) -> (House, Start, PathBuf) {
    let mut house = House::new();
    let launch = waiting(&mut house, "go", status);
    let start = house.begin(launch);
    house.started(&start);
    let shim = house.shim();
    house.crash();
    let_go(&house, "go");
    eventually("it is written", || journal_holds_end(&house));
    signal(shim, "KILL");
    eventually("the shim is dead", || !lives(shim));
    let journal = homes(&house).remove(0).join("journal");
    (house, start, journal)
}

fn read_again(house: &mut House, start: &Start) -> Exit {
    let Fate::Ended { exit, .. } = only(house.restart(), start) else { panic!("everything is dead") };
    house.crash();
    *exit
}

#[test]
fn a_torn_or_garbled_record_is_no_exit() {
    let (mut house, start, journal) = with_unread_journal(0);
    let whole = std::fs::read(&journal).unwrap();
    let exit = read_again(&mut house, &start);
    assert_eq!(exit.status, code(0));
    let ended = whole.windows(7).rposition(|window| window == b"\"Ended\"").unwrap();
    for length in [0, 1, ended - 9, ended, ended + 20, whole.len() - 1] {
        std::fs::write(&journal, &whole[..length]).unwrap();
        assert!(interrupted(&read_again(&mut house, &start)), "cut at {length}");
    }
    for at in [ended - 5, ended, ended + 40, whole.len() - 2] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&journal, &bytes).unwrap();
        assert!(interrupted(&read_again(&mut house, &start)), "changed at {at}");
    }
    std::fs::remove_file(&journal).unwrap();
    assert!(interrupted(&read_again(&mut house, &start)), "no journal at all");
    house.restart();
}

#[test]
fn the_exit_of_another_start_is_no_exit() {
    let (mut house, mut start, _journal) = with_unread_journal(0);
    // The store expects a later start of the same attempt, which was claimed and left nothing.
    house.forget(&start);
    start.token.0 ^= 1;
    std::fs::write(house.shims().join("claims").join(start.to_string()), "shim 00000000000000aa\n").unwrap();
    house.expect(&start);
    assert!(interrupted(&read_again(&mut house, &start)));
    house.restart();
}

#[test]
fn a_claim_without_a_word_may_have_been_a_start() {
    for text in ["", "shim", "shim 00000000000000aa\n"] {
        let mut house = House::new();
        let start = house.launch(&["true"]).start;
        std::fs::write(house.shims().join("claims").join(start.to_string()), text).unwrap();
        house.crash();
        house.expect(&start);
        let Fate::Ended { exit, mark } = only(house.restart(), &start) else { panic!("nothing lives") };
        assert!(interrupted(&exit), "`{text}`: {exit:?}");
        house.commit(&start, mark);
        assert!(!Path::new(&house.shims().join("claims").join(start.to_string())).exists());
    }
}

#[test]
fn a_claim_without_a_word_is_nobodys_while_a_shim_lives_that_may_hold_it() {
    let mut house = House::new();
    let running = waiting(&mut house, "go", 3);
    let running = house.begin(running);
    house.started(&running);
    let nameless = house.launch(&["true"]).start;
    std::fs::write(house.shims().join("claims").join(nameless.to_string()), "").unwrap();
    house.expect(&nameless);
    house.crash();
    let fates = house.restart();
    let fate = fates.into_iter().find(|(start, _)| *start == nameless).unwrap().1;
    assert_eq!(fate, Fate::Running { who: None });
    let_go(&house, "go");
    assert_eq!(house.ended(&running).status, code(3));
    let exit = house.ended(&nameless);
    assert!(interrupted(&exit), "the last that could have held it is gone: {exit:?}");
    house.empty();
}

#[test]
fn a_shim_that_holds_a_claim_is_none_of_the_programs() {
    let mut house = House::new();
    let start = house.launch(&["true"]).start;
    let claim = house.folder.path().join("claim");
    std::fs::write(&claim, "").unwrap();
    let lock = std::fs::File::open(&claim).unwrap();
    assert!(steadfast::sys::files::lock(&lock).unwrap());
    for (name, expected) in [("somebody", 1), ("steadfast-shim", 0)] {
        let script = format!("exec 9<{}; printf {name} > /proc/self/comm; echo ready; read word", claim.display());
        let piped = std::process::Stdio::piped;
        let mut command = std::process::Command::new("sh");
        let mut holder = command.args(["-c", &script]).stdin(piped()).stdout(piped()).spawn().unwrap();
        std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0; 6]).unwrap();
        assert_eq!(steadfast::exec::witness::members(&start, None, &claim, None, &[]).len(), expected, "{name}");
        drop(holder.stdin.take());
        holder.wait().unwrap();
    }
}

#[test]
fn watchers_that_die_at_once_follow_each_other_with_pauses() {
    let mut house = House::new();
    house.crash();
    let charge = (steadfast::failpoint::VARIABLE.to_owned(), "shim::adopt::before=abort".to_owned());
    house.environment = vec![charge];
    house.restart();
    let launch = waiting(&mut house, "go", 3);
    let start = house.begin(launch);
    house.started(&start);
    signal(house.shim(), "KILL");
    let began = Instant::now();
    for _ in 0..5 {
        house.until(|report| matches!(report, Report::ShimLost { .. }).then_some(()));
    }
    assert!(began.elapsed() > Duration::from_millis(600), "five shims died in {:?}", began.elapsed());
    let_go(&house, "go");
    let exit = house.ended(&start);
    assert!(interrupted(&exit), "{exit:?}");
    house.empty();
}

#[test]
fn a_shim_that_only_hangs_up_is_called_with_pauses() {
    let mut house = House::new();
    house.crash();
    let home = house.shims().join("00000000000000aa");
    std::fs::create_dir(&home).unwrap();
    let lock = std::fs::File::create(home.join("lock")).unwrap();
    assert!(steadfast::sys::files::lock(&lock).unwrap());
    let listener = std::os::unix::net::UnixListener::bind(home.join("socket")).unwrap();
    let (caller, called) = std::sync::mpsc::channel();
    std::thread::spawn(move || listener.incoming().take(5).for_each(|_| caller.send(()).unwrap()));
    house.restart();
    let began = Instant::now();
    (0..5).for_each(|_| called.recv_timeout(Duration::from_secs(30)).unwrap());
    assert!(began.elapsed() > Duration::from_millis(600), "called five times in {:?}", began.elapsed());
    drop(lock);
    house.empty();
}

#[test]
fn a_lonely_shim_that_cannot_write_waits_for_room_at_rest() {
    let mut house = House::new();
    house.crash();
    house.environment = vec![(steadfast::failpoint::VARIABLE.to_owned(), "shim::journal::before=error@2+".to_owned())];
    house.restart();
    let launch = house.script("echo $$ > pid; exit 3");
    let start = house.begin(launch);
    let program = number_in(&house.folder.path().join("pid"));
    eventually("the program has ended", || !lives(program));
    let shim = house.shim();
    house.crash();
    let alone = Instant::now();
    eventually("a shim that is lonely would have ended", || alone.elapsed() > Duration::from_secs(7));
    assert!(lives(shim), "it has something to say");
    assert!(processor_ticks(shim) < 50, "it took {} ticks to wait", processor_ticks(shim));
    signal(shim, "KILL");
    eventually("it is dead", || !lives(shim));
    let Fate::Ended { exit, mark } = only(house.restart(), &start) else { panic!("nothing lives") };
    assert!(interrupted(&exit), "{exit:?}");
    house.commit(&start, mark);
    house.empty();
}

#[test]
fn a_lost_shim_is_told_with_its_complaints() {
    let mut house = House::new();
    let launch = house.script("sleep 60");
    let start = house.begin(launch);
    house.started(&start);
    signal(house.shim(), "KILL");
    let starts = house.until(|report| match report {
        Report::ShimLost { starts, .. } => Some(starts),
        _ => None,
    });
    assert_eq!(starts, 1);
    house.hands().stop(&start, Rung::Kill);
    house.ended(&start);
}

#[test]
fn a_program_that_dies_of_its_shims_death_is_interrupted_and_has_not_failed() {
    let mut house = House::new();
    let launch = house.script("while :; do echo x; /bin/sleep 0.02; done");
    let start = house.begin(launch);
    house.started(&start);
    signal(house.shim(), "KILL");
    let exit = house.ended(&start);
    assert!(matches!(exit.status, Status::Interrupted { .. }), "{exit:?}");
    house.empty();
}

/// A mark settles everything before it in its journal. Told in another order, and committed so, the later end would have settled
/// the earlier one that a second crash kept from being written down, and that start would have been called never started.
#[test]
fn ends_are_told_in_the_order_of_the_journal() {
    let mut house = House::new();
    let slow = waiting(&mut house, "second", 2);
    let quick = waiting(&mut house, "first", 1);
    let (slow, quick) = (house.begin(slow), house.begin(quick));
    let (slow_one, quick_one) = (house.started(&slow), house.started(&quick));
    house.crash();
    let_go(&house, "first");
    eventually("the later start ends first", || !lives(quick_one.pid));
    let_go(&house, "second");
    eventually("then the earlier one", || !lives(slow_one.pid));
    eventually("both are written", || count_ends(&house) == 2);
    let fates = house.restart();
    let ends: Vec<_> = fates
        .iter()
        .map(|(start, fate)| match fate {
            Fate::Ended { mark, .. } => (*mark, *start),
            other => panic!("{start} is {other:?}"),
        })
        .collect();
    assert_eq!(ends.iter().map(|(_, start)| *start).collect::<Vec<_>>(), [quick, slow]);
    assert!(ends[0].0 < ends[1].0);
    // The first is committed, the second is not: a third daemon still finds it with its code.
    house.commit(&quick, ends[0].0);
    house.crash();
    let Fate::Ended { exit, mark } = only(house.restart(), &slow) else { panic!("it has ended") };
    assert_eq!(exit.status, code(2));
    house.commit(&slow, mark);
    house.empty();
}

fn count_ends(house: &House) -> usize {
    let journals = homes(house).into_iter().map(|home| std::fs::read(home.join("journal")).unwrap_or_default());
    journals.map(|bytes| bytes.windows(7).filter(|window| *window == b"\"Ended\"").count()).sum()
}

/// Found by reading: a session was known by its number alone. Where a shim had died and the numbers had gone round since, whoever
/// led a session of that number by now was taken for the attempt, and stopped.
#[test]
fn a_stranger_who_got_the_number_of_a_dead_session_is_left_alone() {
    let mut house = House::new();
    let launch = house.script("true");
    let start = launch.start;
    let mut stranger = std::process::Command::new("setsid").args(["sleep", "60"]).spawn().unwrap();
    let who = Identity::of(i32::try_from(stranger.id()).unwrap()).unwrap();
    eventually("it leads a session", || {
        steadfast::sys::proc::stat(who.pid).is_some_and(|stat| stat.session == who.pid)
    });
    let claim = house.folder.path().join("no-claim");
    let members = |first| steadfast::exec::witness::members(&start, Some(first), &claim, None, &[]).len();
    assert_eq!(members(who), 1, "its own session is seen");
    assert_eq!(
        members(Identity { ticks: who.ticks - 1, ..who }),
        0,
        "one that began earlier under this number is over"
    );
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
