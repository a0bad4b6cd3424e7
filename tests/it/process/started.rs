//! How programs begin, and what keeps them from it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use steadfast::exec::{Exit, Report, Status};
use steadfast::launch::{Rung, ShimKind, Start};

use super::house::{House, code, killed_by, lives, number_in};

fn refused(exit: Exit, errno: i32, words: &str) {
    let Status::NotStarted { errno: found, what } = exit.status else { panic!("{exit:?}") };
    assert_eq!(found, errno, "{what}");
    assert!(what.contains(words), "`{what}` says nothing of `{words}`");
    assert_eq!(exit.began, None);
}

fn file(house: &House, name: &str, text: &str, mode: u32) -> String {
    let path = house.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn what_cannot_start_says_why() {
    for kind in [ShimKind::Pool, ShimKind::Own] {
        let mut house = House::new();
        let mut run = |argv: &[&str], change: &dyn Fn(&mut steadfast::launch::Launch)| {
            let mut launch = house.launch(argv);
            launch.shim = kind;
            if kind == ShimKind::Own {
                // Through fork and exec.
                launch.limits.open_files = Some(64);
            }
            change(&mut launch);
            house.run(launch)
        };
        let keep = |_: &mut steadfast::launch::Launch| {};
        refused(run(&[], &keep), libc::EINVAL, "empty");
        refused(run(&[""], &keep), libc::EINVAL, "empty");
        refused(run(&["a\0b"], &keep), libc::EINVAL, "zero byte");
        refused(run(&["no-such-program"], &keep), libc::ENOENT, "no program `no-such-program` on the path");
        refused(run(&["./no-such-program"], &keep), libc::ENOENT, "no program `./no-such-program`");
        refused(run(&["/"], &keep), libc::EACCES, "may not be executed");
        let gone = |launch: &mut steadfast::launch::Launch| launch.workdir = "/nowhere/at/all".into();
        refused(run(&["true"], &gone), libc::ENOENT, "the folder `/nowhere/at/all` is not there");
        refused(run(&["/bin/true"], &gone), libc::ENOENT, "the folder `/nowhere/at/all` is not there");
        refused(run(&["sh", "-c", &"x".repeat(200_000)], &keep), libc::E2BIG, "longer than the kernel takes");
        house.empty();
    }
}

#[test]
fn files_that_are_no_programs_say_why() {
    let mut house = House::new();
    let plain = file(&house, "plain", "#!/bin/sh\nexit 0\n", 0o644);
    let launch = house.launch(&[&plain]);
    refused(house.run(launch), libc::EACCES, "may not be executed");
    let odd = file(&house, "odd", "\x01\x02\x03 no program\n", 0o755);
    let launch = house.launch(&[&odd]);
    refused(house.run(launch), libc::ENOEXEC, "no interpreter");
    let lost = file(&house, "lost", "#!/no/such/interpreter\n", 0o755);
    let launch = house.launch(&[&lost]);
    refused(house.run(launch), libc::ENOENT, "interpreter");
    let busy = file(&house, "busy", "", 0o755);
    std::fs::copy("/bin/true", &busy).unwrap();
    let _writer = std::fs::File::options().append(true).open(&busy).unwrap();
    let launch = house.launch(&[&busy]);
    refused(house.run(launch), libc::ETXTBSY, "open for writing");
}

#[test]
fn the_path_is_the_childs() {
    let mut house = House::new();
    std::fs::create_dir(house.folder.path().join("tools")).unwrap();
    file(&house, "tools/mine", "#!/bin/sh\nexit 7\n", 0o755);
    let mut launch = house.launch(&["mine"]);
    launch.env.insert("PATH".into(), "tools:/usr/bin:/bin".into());
    assert_eq!(house.run(launch).status, code(7), "a relative entry counts from the child's folder");
    let launch = house.launch(&["tools/mine"]);
    assert_eq!(house.run(launch).status, code(7), "and so does a relative program");
}

#[test]
fn nothing_of_ours_reaches_a_program() {
    let look = r#"
import os, signal
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
links = [os.readlink(f"/proc/self/fd/{fd}") for fd in fds if os.path.exists(f"/proc/self/fd/{fd}")]
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(sum("/claims/" in link for link in links))
print([link for link in links if "/claims/" not in link and "/proc/" not in link and "pipe:" not in link and link != "/dev/null"])
print(sum("pipe:" in link for link in links))
print(status["SigBlk"].strip(), int(status["SigIgn"], 16) & ~(1 << (signal.SIGPIPE - 1)) & ~(1 << 24))
print(sorted(os.environ))
print(os.getpid() == os.getsid(0) == os.getpgid(0))
print(os.getcwd())
print(open("/proc/self/oom_score_adj").read().strip())
"#;
    for kind in [ShimKind::Pool, ShimKind::Own] {
        let mut house = House::new();
        // A program that is there already must not lend its descriptors to the next.
        let other = house.script("echo x; sleep 60");
        let other = house.begin(other);
        house.started(&other);
        let mut launch = house.launch(&["python3", "-c", look]);
        launch.shim = kind;
        if kind == ShimKind::Own {
            launch.limits.open_files = Some(64);
        }
        launch.env.insert("LC_ALL".into(), "C.UTF-8".into());
        let exit = house.run(launch);
        let text = String::from_utf8(house.log(&exit)).unwrap();
        let folder = house.folder.path().canonicalize().unwrap();
        let mut lines = text.lines();
        let mut is = |expected: &str, what: &str| assert_eq!(lines.next(), Some(expected), "{what} ({kind:?})");
        is("1", "one descriptor beside the standard ones: the lock");
        is("[]", "no other files");
        is("2", "two pipes");
        is("0000000000000000 0", "no signal blocked, none ignored");
        is("['LC_ALL', 'PATH', 'STEADFAST_TOKEN']", "the environment is the launch's and the token");
        is("True", "a session of its own");
        is(&folder.to_string_lossy(), "its folder");
        lines.next().expect("the score");
        house.hands().stop(&other, Rung::Kill);
        house.ended(&other);
    }
}

#[test]
fn a_broken_pipe_kills_as_it_should() {
    let mut house = House::new();
    let launch = house.script("yes | head -1");
    let exit = house.run(launch);
    assert_eq!(house.log(&exit), b"y\n", "yes dies of SIGPIPE and complains of nothing");
}

#[test]
fn the_job_is_killed_before_us_when_memory_is_short() {
    let mut house = House::new();
    let launch = house.script("while [ $(cat /proc/self/oom_score_adj) != 500 ]; do sleep 0.01; done");
    assert_eq!(house.run(launch).status, code(0));
    let own = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", house.shim())).unwrap();
    assert_ne!(own.trim(), "500");
}

#[test]
fn limits_hold_in_a_shim_of_its_own_and_are_named_where_they_cannot() {
    let mut house = House::new();
    let mut launch = house.script("ulimit -n; ulimit -c");
    launch.limits.open_files = Some(77);
    launch.limits.core_bytes = Some(0);
    let mut own = launch.clone();
    let exit = house.run(launch);
    assert_eq!(exit.unenforced, ["open-files", "core"], "a pool cannot");
    own.start = house.launch(&[]).start;
    own.shim = ShimKind::Own;
    own.limits.memory_bytes = Some(1 << 30);
    let exit = house.run(own);
    assert_eq!(String::from_utf8(house.log(&exit)).unwrap(), "77\n0\n");
    assert_eq!(exit.unenforced, ["memory"], "there is no cgroup");
    house.empty();
}

#[test]
fn a_cgroup_of_its_own_holds_everything() {
    let Some(parent) = cgroup() else {
        eprintln!("skipped: this machine lets us make no cgroup");
        return;
    };
    let mut house = House::new();
    let note = house.folder.path().join("pid");
    let script = format!(
        "setsid sh -c 'trap \"\" TERM; echo $$ > {}; sleep 60' & sleep 0.2; cat /proc/self/cgroup",
        note.display()
    );
    let mut launch = house.script(&script);
    launch.shim = ShimKind::Own;
    launch.limits.cgroup = Some(parent.0.clone());
    let exit = house.run(launch);
    let text = String::from_utf8(house.log(&exit)).unwrap();
    assert!(text.contains("steadfast-1-1-"), "{text}");
    assert!(exit.survivors.is_empty() && !lives(number_in(&note)), "{exit:?}");
    house.empty();
    assert_eq!(std::fs::read_dir(&parent.0).unwrap().flatten().filter(|entry| entry.path().is_dir()).count(), 0);
}

struct Parent(std::path::PathBuf);

impl Drop for Parent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn cgroup() -> Option<Parent> {
    let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
    let root = roots.into_iter().find(|root| root.join("cgroup.procs").exists())?;
    let path = root.join(format!("steadfast-test-{}", std::process::id()));
    std::fs::create_dir(&path).ok()?;
    Some(Parent(path))
}

/// A house whose shims have failpoints armed.
fn armed(charges: &str) -> House {
    let mut house = House::new();
    house.crash();
    house.environment = vec![(steadfast::failpoint::VARIABLE.to_owned(), charges.to_owned())];
    house.restart();
    house
}

fn never_started(house: &mut House, start: &Start) {
    house.until(|report| match report {
        Report::NeverStarted { start: of, .. } if of == *start => Some(()),
        Report::Ended { exit, .. } if exit.start == *start => panic!("ended: {exit:?}"),
        _ => None,
    });
    house.forget(start);
}

#[test]
fn a_start_whose_claim_says_no_word_never_happens() {
    let mut house = armed("shim::claim::write=error@1");
    let refused = house.script("echo x > happened");
    let refused = house.begin(refused);
    never_started(&mut house, &refused);
    assert!(!house.shims().join("claims").join(refused.to_string()).exists());
    let next = house.script("exit 4");
    assert_eq!(house.run(next).status, code(4), "the next one may");
    assert!(!house.folder.path().join("happened").exists());
    house.empty();
}

#[test]
fn nothing_begins_that_cannot_be_written_down() {
    // The journal takes nothing from the first start on, and takes up again after a few seconds.
    let mut house = armed(&["shim::journal::before=error@2"; 6].join(";"));
    let note = house.folder.path().join("pid");
    let first = house.script("echo $$ > pid; exec sleep 60");
    let first = house.begin(first);
    let program = number_in(&note);
    let second = house.script("echo x > happened");
    let second = house.begin(second);
    never_started(&mut house, &second);
    assert!(!house.folder.path().join("happened").exists());
    assert!(lives(program), "what had begun goes on");
    house.hands().stop(&first, Rung::Kill);
    assert_eq!(house.ended(&first).status, killed_by(9));
    let next = house.script("exit 4");
    assert_eq!(house.run(next).status, code(4), "there is room again");
    house.empty();
}

#[test]
fn a_program_that_uses_up_its_time_of_the_processor_is_told_before_it_is_killed() {
    let mut house = House::new();
    let mut launch = house.script("trap 'echo put away; exit 3' XCPU; while :; do :; done");
    (launch.shim, launch.limits.cpu_seconds) = (ShimKind::Own, Some(1));
    let exit = house.run(launch);
    assert_eq!((house.log(&exit), exit.status), (b"put away\n".to_vec(), code(3)));
}
