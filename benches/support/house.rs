//! What the benches share: a daemon of the program under test, clocks, and figures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use steadfast::api::{Client, Start};
use steadfast::state::StateDir;

/// How many attempts a daemon runs at once.
pub(crate) const SLOTS: u32 = 4;

/// A daemon of the program under test.
pub(crate) struct Daemon {
    state: StateDir,
    jobs: PathBuf,
    child: Child,
}

impl Daemon {
    /// Begins one in a new folder, with a file of jobs.
    pub(crate) fn begin(folder: &Path, text: &str) -> Self {
        let jobs = folder.join("jobs.toml");
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(&jobs, text).expect("a file of jobs");
        let state = StateDir::at(folder.join("state"));
        let child = spawn(&state, &jobs);
        let daemon = Self { state, jobs, child };
        daemon.wait_until_it_answers();
        daemon
    }

    fn wait_until_it_answers(&self) {
        while Client::connect(&self.state).is_err() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills it and begins another on the same state; does not wait for anything.
    pub(crate) fn kill_and_begin(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it was ours");
        self.child = spawn(&self.state, &self.jobs);
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.state).expect("the daemon answers")
    }

    /// Opens so many runs with one request.
    pub(crate) fn open(&self, job: &str, count: u32) {
        let start = Start { job: job.into(), count: Some(count), ..Start::default() };
        self.client().start(&[start]).expect("a bulk start");
    }

    /// Opens so many runs and waits until all of them have ended.
    pub(crate) fn run_all(&self, job: &str, runs: u32) -> Duration {
        let mut client = self.client();
        let mut succeeded = || client.status().expect("the daemon answers").counts.succeeded;
        let before = succeeded();
        timed(|| {
            self.open(job, runs);
            while succeeded() < before + u64::from(runs) {
                std::thread::sleep(Duration::from_millis(10));
            }
        })
    }

    /// Runs the program against it.
    pub(crate) fn program(&self, words: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
        command.args(words).arg("--state").arg(self.state.root()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().expect("the program begins").success(), "{words:?}");
    }

    /// Returns the daemon and its shims.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let root = self.state.root().to_string_lossy().into_owned();
        let numbers = std::fs::read_dir("/proc").expect("/proc").flatten();
        let all = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_ours = |pid: &u32| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            *pid == self.child.id() || line.contains("__shim") && line.contains(&root)
        };
        all.filter(is_ours).collect()
    }

    /// Returns the proportional memory of the daemon and its shims, in KiB.
    pub(crate) fn pss_kib(&self) -> u64 {
        self.processes().into_iter().map(pss_kib).sum()
    }

    /// Returns what each thread of the daemon and its shims has done until now.
    pub(crate) fn work(&self) -> Work {
        Work(self.processes().into_iter().flat_map(work).collect())
    }
}

/// What threads have done: how long each was on a processor, exact to the nanosecond, and how often it woke up.
pub(crate) struct Work(BTreeMap<u32, (Duration, u64)>);

impl Work {
    /// Returns what was done since then by the threads that are still there.
    pub(crate) fn since(&self, before: &Self) -> (Duration, u64) {
        self.0.iter().fold((Duration::ZERO, 0), |(ran, woken), (thread, now)| {
            let then = before.0.get(thread).copied().unwrap_or_default();
            (ran + now.0.saturating_sub(then.0), woken + now.1.saturating_sub(then.1))
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.state) {
            let _ = client.stop(true);
        }
        let _ = self.child.wait();
    }
}

fn spawn(state: &StateDir, jobs: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(["serve", "--slots", &SLOTS.to_string(), "--log", "error", "--no-trace-files", "--state"]);
    command.arg(state.root()).arg(jobs).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("the daemon begins")
}

fn pss_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn work(pid: u32) -> Vec<(u32, (Duration, u64))> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let one = |thread: std::fs::DirEntry| {
        let read = |name: &str| std::fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        let nanos = read("schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok())?;
        let status = read("status");
        let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse();
        let number = thread.file_name().to_str()?.parse().ok()?;
        Some((number, (Duration::from_nanos(nanos), switches.ok()?)))
    };
    threads.filter_map(one).collect()
}

/// What a command of ours does when a bench is its own job: it appends the time of its first instruction to a file.
pub(crate) fn stamp_if_asked() -> bool {
    let now = since_epoch();
    let words: Vec<String> = std::env::args().collect();
    let [_, word, file, rest @ ..] = &words[..] else { return false };
    if word != "stamp" {
        return false;
    }
    use std::io::Write as _;
    let line = format!("{} {}\n", now.as_nanos(), rest.join(" "));
    let file = std::fs::File::options().append(true).create(true).open(file);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a stamp");
    true
}

/// Returns the lines that [`stamp_if_asked`] has written: the time, and what follows it.
pub(crate) fn stamps(file: &Path) -> Vec<(Duration, String)> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let line = |line: &str| {
        let (nanos, rest) = line.split_once(' ')?;
        Some((Duration::from_nanos(nanos.parse().ok()?), rest.to_owned()))
    };
    whole.lines().filter_map(line).collect()
}

/// Says how a job's command is written that stamps into a file.
pub(crate) fn stamping(file: &Path, words: &str) -> String {
    let own = std::env::current_exe().expect("a bench has a path");
    format!("run = [\"{}\", \"stamp\", \"{}\"{words}]\n", own.display(), file.display())
}

pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970")
}

pub(crate) fn timed(what: impl FnOnce()) -> Duration {
    let began = Instant::now();
    what();
    began.elapsed()
}

pub(crate) fn median(times: &mut [Duration]) -> Duration {
    quantile(times, 50)
}

/// Returns the time below which so many of a hundred lie.
pub(crate) fn quantile(times: &mut [Duration], hundredths: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() * hundredths / 100).min(times.len() - 1)]
}

pub(crate) fn median_of(times: usize, mut what: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<Duration> = (0..times).map(|_| what()).collect();
    median(&mut all)
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// How long a small write takes until it is durable.
pub(crate) fn fdatasync(folder: &Path) -> Duration {
    use std::os::unix::fs::FileExt as _;
    let file = std::fs::File::create(folder.join("sync")).expect("a file");
    let mut at = 0;
    median_of(200, || {
        file.write_all_at(&[7; 4096], at).expect("a write");
        at += 4096;
        timed(|| file.sync_data().expect("a sync"))
    })
}
