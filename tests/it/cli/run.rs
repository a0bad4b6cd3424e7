use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::transcript::{Desk, Said, steady};

/// A policy that waits no longer than a test should.
const SOON: [&str; 3] = ["run", "--delay", "10ms"];

fn run(desk: &Desk, more: &[&str]) -> Said {
    let arguments: Vec<&str> = SOON.into_iter().chain(more.iter().copied()).collect();
    desk.say(&arguments)
}

fn sh<'a>(options: &[&'a str], script: &'a str) -> Vec<&'a str> {
    options.iter().copied().chain(["--", "sh", "-c", script]).collect()
}

#[test]
fn success_at_once_says_nothing() {
    let said = run(&Desk::new(), &sh(&[], "echo out; echo err >&2"));
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "out\n", "err\n"));
}

#[test]
fn a_flaky_command_succeeds_at_its_third_attempt() {
    let desk = Desk::new();
    let said = run(
        &desk,
        &sh(&[], r#"echo "try $STEADFAST_ATTEMPT of $STEADFAST_MAX_ATTEMPTS"; [ $STEADFAST_ATTEMPT -ge 3 ]"#),
    );
    assert_eq!((said.code, said.out.as_str()), (0, "try 1 of 3\ntry 2 of 3\ntry 3 of 3\n"));
    insta::assert_snapshot!(steady(&said.err), @r"
    steadfast: #1 exit 1 after SPAN; #2 in SPAN (exit-nonzero: failed, 1 of 3 charged)
    steadfast: #2 exit 1 after SPAN; #3 in SPAN (exit-nonzero: failed, 2 of 3 charged)
    steadfast: #3 succeeded after SPAN; 3 attempts in SPAN
    ");
}

#[test]
fn the_last_exit_code_is_handed_on() {
    let desk = Desk::new();
    let code = |more: &[&str]| run(&desk, more).code;
    assert_eq!(code(&sh(&["-n", "2"], "exit 9")), 9);
    assert_eq!(code(&sh(&["-n", "1"], "kill -SEGV $$")), 128 + 11);
    assert_eq!(code(&["-n", "2", "--", "no-such-program"]), 127);
    assert_eq!(code(&["-n", "2", "--", "/etc/passwd"]), 126);
    assert_eq!(code(&["-n", "2", "--attempt-timeout", "50ms", "--", "sleep", "60"]), 124);
    assert_eq!(code(&["--deadline", "50ms", "--", "sleep", "60"]), 124);
    assert_eq!(code(&["--policy", "no-such-policy", "--", "true"]), 125);
    assert_eq!(code(&["--no-such-option", "--", "true"]), 125);
    assert_eq!(code(&sh(&["-n", "1", "--success", "0,3"], "exit 3")), 3);
    assert_eq!(code(&sh(&["-n", "1", "--exit-code", "steadfast"], "exit 9")), 1);
    assert_eq!(code(&["-n", "1", "--exit-code", "steadfast", "-t", "50ms", "--", "sleep", "60"]), 124);
}

/// Either would end the process where it came to the parser.
#[test]
fn a_bomb_on_the_command_line_is_refused_before_the_parser() {
    let desk = Desk::new();
    let bomb = include_str!("../../corpus/broken/bomb.toml");
    let (_, table) = bomb.split_once(" = ").expect("the bomb is the value of a key");
    let said = desk.say(&["run", "--policy", table, "--", "true"]);
    assert_eq!(said.code, 125);
    assert!(said.err.contains("more than 32 brackets are open at once\n"), "{}", &said.err[said.err.len() - 300..]);
    let said = desk.say(&["run", "--retry-on", &format!("exit:{}", "[".repeat(50_000)), "--", "true"]);
    assert_eq!(said.code, 125, "what is no number stays in quotes");
}

#[test]
fn a_program_that_is_not_there_is_not_tried_again() {
    let said = run(&Desk::new(), &["--", "no-such-program"]);
    insta::assert_snapshot!(steady(&said.err), @r"
    steadfast: #1 no program `no-such-program` on the path; stopped after 1 attempt in SPAN (start-not-found: a rule ends the run, rule 2 at steadfast:basic.toml:11)
    steadfast: recorded as run 1; see: steadfast why 1
    ");
}

#[test]
fn a_program_that_yields_is_run_again_at_once_and_free() {
    let desk = Desk::new();
    // An hour between attempts, of which a yield takes none.
    let script = "echo; [ $STEADFAST_ATTEMPT -ge 6 ] || exit 75";
    let said = desk.say(&["run", "--delay", "1h", "-n", "1", "--", "sh", "-c", script]);
    assert_eq!((said.code, said.out.len()), (0, 6), "{}", said.err);
    let said = desk.say(&["run", "--delay", "1h", "--", "sh", "-c", "echo; exit 75"]);
    assert_eq!((said.code, said.out.len()), (75, 10), "the guard ends it: {}", said.err);
    let once = desk.say(&["run", "--policy", "once", "--", "sh", "-c", "echo; exit 75"]);
    assert_eq!((once.code, once.out.len()), (75, 1), "what must never be done twice is not: {}", once.err);
}

#[test]
fn conditions_say_which_failures_are_tried_again() {
    let desk = Desk::new();
    let attempts = |options: &[&str], script: &str| run(&desk, &sh(options, &format!("echo; {script}"))).out.len();
    assert_eq!(attempts(&["--retry-on", "exit:75"], "exit 1"), 1);
    assert_eq!(attempts(&["--retry-on", "exit:75"], "exit 75"), 3);
    assert_eq!(attempts(&["--retry-on", "net-*"], "echo 'read: Connection reset by peer' >&2; exit 1"), 3);
    assert_eq!(attempts(&["--stop-on", "output:boom \\d+"], "echo boom 42 >&2; exit 1"), 1);
    assert_eq!(attempts(&["--stop-on", "output:boom \\d+"], "echo boom x >&2; exit 1"), 3);
    assert_eq!(attempts(&["--stop-on", "signal:TERM"], "kill $$"), 1);
}

#[test]
fn a_wrong_condition_is_told() {
    let desk = Desk::new();
    let options: [&[&str]; 4] = [
        &["run", "--retry-on", "net-rest", "--", "true"],
        &["run", "--retry-on", "exits:3", "--", "true"],
        &["run", "--stop-on", "output:(", "--", "true"],
        &["run", "--attempts", "0", "--", "true"],
    ];
    insta::assert_snapshot!(desk.transcript(&options));
}

#[test]
fn what_the_policy_says_follows() {
    let desk = Desk::new().with(
        "mine.toml",
        r#"[policy.mine]
loop    = { attempts = 2 }
delay   = { constant = "10ms" }
finally = [
  { on = "attempt-failed", run = ["sh", "-c", "echo between >> told"] },
  { on = "gave-up", run = ["sh", "-c", "echo {job} $STEADFAST_ENDING $STEADFAST_CLASS at $STEADFAST_ATTEMPT >> told; echo talk"] },
  { on = "succeeded", run = ["sh", "-c", "echo never >> told"] },
]
"#,
    );
    let said =
        desk.say(&["run", "--policy", "mine.toml", "--name", "it", "--", "sh", "-c", "echo try >> told; exit 4"]);
    assert_eq!((said.code, said.out.as_str()), (4, ""), "a finalizer's words are talk: {}", said.err);
    assert!(said.err.contains("talk\n"), "{}", said.err);
    let told = std::fs::read_to_string(desk.path("told")).unwrap();
    assert_eq!(told, "try\nbetween\ntry\nit gave-up exit-nonzero at 2\n");
}

#[test]
fn a_program_may_say_itself_how_it_failed() {
    let desk = Desk::new();
    let script = r#"python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"X_FAIL=auth-denied the token is old", os.environ["STEADFAST_NOTIFY"])
'; exit 1"#;
    if std::process::Command::new("python3").arg("-V").output().is_err() {
        return;
    }
    let said = run(&desk, &sh(&["--stop-on", "auth-denied"], script));
    assert_eq!(said.code, 1);
    assert!(said.err.contains("auth-denied: a rule ends the run"), "{}", said.err);
}

#[test]
fn nothing_is_left_behind() {
    let desk = Desk::new();
    let said = run(&desk, &sh(&["--grace", "1s"], "sleep 300 & echo $!"));
    assert_eq!(said.code, 0);
    let pid = said.out.trim().parse().unwrap();
    assert!(rustix::process::test_kill_process(Pid::from_raw(pid).unwrap()).is_err(), "the sleeper is gone");
}

#[test]
fn stdin_is_the_commands_own() {
    let said = Desk::new().say_with(&["run", "--", "cat"], "one\ntwo\n");
    assert_eq!((said.code, said.out.as_str()), (0, "one\ntwo\n"));
}

#[test]
fn bytes_pass_unchanged_and_long_output_whole() {
    let desk = Desk::new();
    let mut command = desk.command(&["run", "--", "sh", "-c", r"printf '\000\377'; head -c 3000000 /dev/zero"]);
    let output = command.output().unwrap();
    assert_eq!(output.stdout.len(), 3_000_002);
    assert_eq!(&output.stdout[..3], [0, 0xff, 0]);
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let desk = Desk::new();
    for option in ["--quiet", "--ephemeral"] {
        let mut command = desk.command(&["run", option, "-n", "5", "--delay", "10ms", "--", "yes"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 2];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(128 + 13), "{option}: yes ends as it would have without us");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{option}");
    }
}

/// Starts a command, waits for its first line, sends a signal, and says how it ended.
fn signalled(options: &[&str], script: &str, signals: &[Signal]) -> (Option<i32>, String) {
    let desk = Desk::new();
    let arguments: Vec<&str> =
        ["run"].into_iter().chain(options.iter().copied()).chain(["--", "sh", "-c", script]).collect();
    let mut child = desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    for signal in signals {
        lines.next().unwrap().unwrap();
        kill_process(pid, *signal).unwrap();
    }
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    (child.wait().unwrap().code(), rest.join(" "))
}

#[test]
fn a_signal_is_passed_on_and_ends_the_run() {
    let script = "trap 'echo heard; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    assert_eq!(signalled(&[], script, &[Signal::TERM]), (Some(143), "heard".into()));
    let script = "trap 'echo heard; exit 7' INT; echo ready; while :; do sleep 0.05; done";
    assert_eq!(signalled(&[], script, &[Signal::INT]), (Some(130), "heard".into()));
}

#[test]
fn a_second_interrupt_kills() {
    let script = "trap 'echo no' INT; echo ready; while :; do sleep 0.05; done";
    let began = std::time::Instant::now();
    assert_eq!(signalled(&["--grace", "300s"], script, &[Signal::INT, Signal::INT]).0, Some(130));
    assert!(began.elapsed().as_secs() < 100, "it did not wait for the ladder");
}

#[test]
fn an_interrupt_ends_a_wait_as_well() {
    let desk = Desk::new();
    let mut child = desk
        .command(&["run", "--delay", "constant=1h", "--", "false"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(talk.next().unwrap().unwrap().contains("#2 in 59m59"));
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let rest: Vec<String> = talk.map_while(Result::ok).collect();
    assert!(rest[0].starts_with("steadfast: cancelled before #2 after 1 attempt in "), "{rest:?}");
    assert_eq!(rest[1], "steadfast: recorded as run 1; see: steadfast why 1");
}

#[test]
fn a_caller_above_finds_our_attempts_in_its_trace() {
    let desk = Desk::new();
    let mut command = desk.command(&["run", "--", "sh", "-c", "echo $TRACEPARENT"]);
    let output =
        command.env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{said}");
    assert!(!said.contains("b7ad6b7169203331"), "the attempt has a span of its own");
}

#[test]
fn an_ephemeral_run_leaves_nothing() {
    let desk = Desk::new();
    assert_eq!(desk.say(&["run", "--ephemeral", "--", "true"]).code, 0);
    assert!(!desk.path("state").exists());
}
