//! `run` on a terminal of its own.

use std::ffi::CString;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use rustix::process::{Pid, WaitOptions, waitpid};
use steadfast::sys::spawn::{Program, Session, Stdio, open_terminal, spawn};

use super::daemon::Serving;
use super::transcript::{Desk, program};

/// A command on a terminal, and the person in front of it.
struct Screen {
    terminal: std::fs::File,
    pid: Pid,
    seen: String,
}

impl Screen {
    fn open(desk: &Desk, arguments: &[&str]) -> Self {
        let (ours, path) = open_terminal(24, 80).unwrap();
        let c = |bytes: &[u8]| CString::new(bytes).unwrap();
        let file = c(program().as_os_str().as_bytes());
        let argv: Vec<CString> = ["steadfast"].iter().chain(arguments).map(|word| c(word.as_bytes())).collect();
        let state = format!("STEADFAST_STATE={}", desk.path("state").display());
        let path_variable = format!("PATH={}", std::env::var("PATH").unwrap());
        let env: Vec<CString> = [state.as_str(), &path_variable, "TERM=xterm"].map(|line| c(line.as_bytes())).to_vec();
        // The first process of a new session that opens a terminal has it as its own.
        let stdio = [Stdio::Open(&path), Stdio::Open(&path), Stdio::Open(&path)];
        let program =
            Program { file: &file, argv: &argv, env: &env, workdir: None, stdio, session: Session::Own, inherit: &[] };
        let pid = Pid::from_raw(spawn(&program).unwrap()).unwrap();
        Self { terminal: std::fs::File::from(ours), pid, seen: String::new() }
    }

    /// Reads until something is to be seen.
    fn until(&mut self, sign: &str) {
        let mut buffer = [0; 4096];
        while !self.seen.contains(sign) {
            match self.terminal.read(&mut buffer) {
                Ok(count) if count > 0 => self.seen.push_str(&String::from_utf8_lossy(&buffer[..count])),
                Ok(_) | Err(_) => panic!("`{sign}` never came: {}", self.seen),
            }
        }
    }

    fn types(&mut self, keys: &[u8]) {
        self.terminal.write_all(keys).unwrap();
    }

    /// Reads to the end and returns the exit code.
    fn close(mut self) -> (Option<i32>, String) {
        let mut buffer = [0; 4096];
        while let Ok(count) = self.terminal.read(&mut buffer) {
            if count == 0 {
                break;
            }
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        let (_, status) = waitpid(Some(self.pid), WaitOptions::empty()).unwrap().unwrap();
        (status.exit_status(), self.seen)
    }
}

#[test]
fn the_command_sees_a_terminal_of_our_size() {
    let desk = Desk::new();
    let script = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && stty size <&1";
    let (code, seen) = Screen::open(&desk, &["run", "--", "sh", "-c", script]).close();
    assert_eq!((code, seen.as_str()), (Some(0), "24 80\r\n"));
}

#[test]
fn a_key_reaches_the_command_once() {
    let desk = Desk::new();
    let script = "trap 'echo heard' INT; echo ready; while ! read line; do :; done; echo bye; exit 3";
    let mut screen = Screen::open(&desk, &["run", "--", "sh", "-c", script]);
    screen.until("ready");
    screen.types(&[3]);
    screen.until("heard");
    screen.types(b"enough\n");
    let (code, seen) = screen.close();
    assert_eq!(code, Some(130), "{seen}");
    assert_eq!(seen.matches("heard").count(), 1, "{seen}");
    assert!(seen.contains("stopping; Ctrl-C again kills") && seen.contains("bye"), "{seen}");
}

#[test]
fn a_wait_is_counted_down_and_can_be_ended() {
    let desk = Desk::new();
    let mut screen = Screen::open(&desk, &["run", "--delay", "1h", "--", "sh", "-c", "printf half; exit 1"]);
    screen.until("Ctrl-C ends the run");
    assert!(screen.seen.contains("half\r\n"), "our line begins on a line of its own: {}", screen.seen);
    screen.types(&[3]);
    assert_eq!(screen.close().0, Some(130));
}

#[test]
fn a_run_that_is_waited_for_is_counted_down() {
    let jobs = "[job.slow]\ndelay = { constant = \"1h\", jitter = \"none\" }\ncommand = { run = [\"false\"] }\n";
    let desk = Desk::new().with("jobs/all.toml", jobs);
    let _serving = Serving::begin(&desk);
    let mut screen = Screen::open(&desk, &["start", "slow", "--wait"]);
    screen.until("run 1: #2 in 1h after exit-nonzero; Ctrl-C ends the waiting, not the run");
    screen.types(&[3]);
    let (_, seen) = screen.close();
    assert!(seen.contains("#1 exit 1 after "), "the attempt's end stands above: {seen:?}");
    assert!(desk.say(&["ps"]).out.contains("waiting"), "the run goes on");
}

#[test]
fn a_log_cannot_touch_the_terminal_of_whoever_reads_it() {
    let desk = Desk::new();
    let script = r"printf '\033[31mred\033[0m \033]0;title\007 50%%\r60%%\033[2J \377\n'";
    assert_eq!(desk.say(&["run", "--", "sh", "-c", script]).code, 0);
    let (code, seen) = Screen::open(&desk, &["logs", "1"]).close();
    assert_eq!(code, Some(0), "{seen}");
    assert_eq!(seen, "\x1b[31mred\x1b[0m \\x1b]0;title\\x07 50%\\r60%\\x1b[2J \\xff\r\n");
    let script = r"printf 'fatal: \033]0;title\007\033[2J Connection reset by peer\n' >&2; exit 1";
    assert_eq!(desk.say(&["run", "-n", "1", "--", "sh", "-c", script]).code, 1);
    let (_, seen) = Screen::open(&desk, &["why", "2"]).close();
    assert!(seen.contains("net-reset") && !seen.contains("\x1b]") && !seen.contains("\x1b[2J"), "{seen:?}");
    let (code, seen) = Screen::open(&desk, &["logs", "1", "--raw"]).close();
    assert!(code == Some(0) && seen.contains("\x1b]0;title\x07 50%\r60%\x1b[2J"), "{seen:?}");
}
