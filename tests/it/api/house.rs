//! A daemon of its own for one test, and ways to ask it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use steadfast::api::{Client, Start};
use steadfast::ids::RunId;
use steadfast::state::StateDir;
use steadfast::store::view::RunRow;
use steadfast::sys::socket;

/// The longest that anything here may take.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// Jobs for most tests: one that succeeds, one that fails for good, one that talks, one that stays until it is ended.
pub(super) const JOBS: &str = r#"
[job.good.command]
run = ["true"]

[job.bad]
policy = "twice"
command = { shell = "echo first try failed >&2; exit 3" }

[job.talk.command]
shell = "echo out 1; echo err 1 >&2; sleep 0.1; echo out 2"

[job.long.command]
run = ["sleep", "300"]

[job.asks]
parameters = { to = { required = true } }
command = { run = ["echo", "{to}"] }

[job.grid]
matrix = { lr = ["1e-3", "3e-3"], seed = [1, 2] }
command = { run = ["true"] }

[policy.twice]
loop = { attempts = 2 }
delay = { constant = "100ms" }
"#;

/// A folder with jobs, a state folder and a daemon over them.
pub(super) struct House {
    folder: tempfile::TempDir,
    pub(super) state: StateDir,
    daemon: Child,
}

impl House {
    pub(super) fn new(jobs: &str) -> Self {
        Self::with(jobs, "state", &["--slots", "4"])
    }

    /// Makes a house with its state folder at a path of its own and with arguments for the daemon.
    pub(super) fn with(jobs: &str, state: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("steadfast-api-").tempdir().unwrap();
        let state = StateDir::at(folder.path().join(state));
        std::fs::create_dir_all(folder.path().join("jobs")).unwrap();
        std::fs::write(folder.path().join("jobs/jobs.toml"), jobs).unwrap();
        let daemon = begin(folder.path(), &state, arguments);
        let house = Self { folder, state, daemon };
        house.wait_for_socket();
        house
    }

    fn wait_for_socket(&self) {
        let begun = Instant::now();
        while socket::connect(&self.state.socket()).is_err() {
            assert!(begun.elapsed() < LONG, "no socket: {}", self.complaints());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns what the daemon says on stderr.
    pub(super) fn complaints(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    pub(super) fn jobs(&self) -> std::path::PathBuf {
        self.folder.path().join("jobs/jobs.toml")
    }

    pub(super) fn client(&self) -> Client {
        Client::connect(&self.state).unwrap()
    }

    /// Kills the daemon and starts the next one.
    pub(super) fn crash(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
        self.daemon = begin(self.folder.path(), &self.state, &["--slots", "4"]);
        self.wait_for_socket();
    }

    /// Waits for the daemon's process to end.
    pub(super) fn ended(&mut self) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.daemon.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < LONG, "it does not end: {}", self.complaints());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts one run of a job.
    pub(super) fn start(&self, job: &str) -> RunId {
        self.client().start(&[start(job)]).unwrap().runs[0]
    }

    /// Starts one run of a job and waits until it is over.
    pub(super) fn run(&self, job: &str) -> RunRow {
        self.client().wait(self.start(job), LONG).unwrap()
    }

    /// Sends bytes as they are and returns everything that comes back until the daemon closes.
    pub(super) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.stream();
        // The daemon may have answered and closed before everything was written.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends a request with headers of its own; returns the status and the body.
    pub(super) fn request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> (u16, String) {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        let answer = self.raw(format!("{head}{headers}\r\n{body}").as_bytes());
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
    }

    pub(super) fn stream(&self) -> UnixStream {
        let stream = socket::connect(&self.state.socket()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.state)
            && client.stop(true).is_ok()
        {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(20) && !matches!(self.daemon.try_wait(), Ok(Some(_))) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn begin(folder: &Path, state: &StateDir, arguments: &[&str]) -> Child {
    let stderr = std::fs::File::options().append(true).create(true).open(folder.join("stderr")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(["--state".as_ref(), state.root().as_os_str(), "serve".as_ref(), "jobs".as_ref()])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// Asks for one run of a job.
pub(super) fn start(job: &str) -> Start {
    Start { job: job.to_owned(), ..Start::default() }
}
