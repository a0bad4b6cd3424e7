//! A folder, a daemon's side that can be killed, and the shims that survive it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use steadfast::exec::{Exit, Fate, Hands, Report, Site, Status};
use steadfast::ids::ShimId;
use steadfast::ids::{Piece, RunId, Token};
use steadfast::journal::Mark;
use steadfast::launch::Expected;
use steadfast::launch::{Launch, Leftovers, Output, ResourceLimits, ShimKind, Start, StopLadder, Watch};
use steadfast::sys::process::{BootId, Identity};
use steadfast_retry::AttemptNo;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The longest that anything here may take.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// A state folder with a daemon's side over it.
pub(super) struct House {
    pub(super) folder: tempfile::TempDir,
    daemon: Option<Daemon>,
    marks: HashMap<ShimId, u64>,
    runs: u64,
    expected: Vec<Expected>,
    /// What shims find in their environment.
    pub(super) environment: Vec<(String, String)>,
    /// The boot that the next daemon believes in.
    pub(super) boot: BootId,
}

struct Daemon {
    hands: Hands,
    reports: UnboundedReceiver<Report>,
    runtime: tokio::runtime::Runtime,
}

impl House {
    /// Makes a house whose daemon lives.
    pub(super) fn new() -> Self {
        Self::with_prefix("steadfast-")
    }

    /// Makes a house under a name, to have a long path.
    pub(super) fn with_prefix(prefix: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().unwrap();
        let mut house = Self {
            folder,
            daemon: None,
            marks: HashMap::new(),
            runs: 0,
            expected: Vec::new(),
            environment: Vec::new(),
            boot: BootId::current().unwrap(),
        };
        house.restart();
        house
    }

    pub(super) fn shims(&self) -> PathBuf {
        self.folder.path().join("shims")
    }

    pub(super) fn hands(&self) -> &Hands {
        &self.daemon.as_ref().unwrap().hands
    }

    /// Drops the daemon's side as a SIGKILL would: connections close, nothing is said.
    pub(super) fn crash(&mut self) {
        let Daemon { hands, reports, runtime } = self.daemon.take().unwrap();
        runtime.shutdown_background();
        drop((hands, reports));
    }

    /// Starts a new daemon's side; says what became of everything that was launched and has not ended here.
    pub(super) fn restart(&mut self) -> Vec<(Start, Fate)> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, reports) = unbounded_channel();
        let site = Site {
            folder: self.shims(),
            program: PathBuf::from(env!("CARGO_BIN_EXE_steadfast")),
            environment: self.environment.clone(),
            boot: self.boot.clone(),
            marks: self.marks.clone(),
        };
        let inside = runtime.enter();
        let (hands, fates) = Hands::open(site, self.expected.clone(), sender).unwrap();
        drop(inside);
        self.daemon = Some(Daemon { hands, reports, runtime });
        fates
    }

    /// Makes a launch of a command, with a path and nothing else in its environment.
    pub(super) fn launch(&mut self, argv: &[&str]) -> Launch {
        self.runs += 1;
        let token = Token(u128::from(steadfast::clock::random_bits()) << 64 | u128::from(self.runs));
        let start = Start { run: RunId(self.runs), piece: Piece::Attempt(AttemptNo::FIRST), token };
        let base = self.folder.path().join("logs").join(format!("{}-1", self.runs));
        let stop =
            StopLadder { leader: Duration::from_millis(300), all: Duration::from_millis(300), ..StopLadder::default() };
        Launch {
            start,
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]),
            workdir: self.folder.path().to_owned(),
            output: Output::piped(base),
            watch: Watch { limit: None, stop, leftovers: Leftovers::Stop },
            shim: ShimKind::Pool,
            limits: ResourceLimits::default(),
            notify: false,
        }
    }

    /// The same of a shell script.
    pub(super) fn script(&mut self, script: &str) -> Launch {
        self.launch(&["sh", "-c", script])
    }

    /// Launches, and expects it from then on.
    pub(super) fn begin(&mut self, launch: Launch) -> Start {
        let start = launch.start;
        let (watch, output) = (launch.watch.clone(), launch.output.clone());
        self.expected.push(Expected { start, watch, output });
        self.hands().launch(launch);
        start
    }

    /// Waits for the next report.
    pub(super) fn next(&mut self) -> Report {
        let daemon = self.daemon.as_mut().unwrap();
        let next = async { tokio::time::timeout(LONG, daemon.reports.recv()).await };
        daemon.runtime.block_on(next).expect("a report in time").expect("the hands live")
    }

    /// Waits for a report that a closure wants; the others are dropped.
    pub(super) fn until<T>(&mut self, mut wanted: impl FnMut(Report) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.next()) {
                return found;
            }
        }
    }

    /// Waits until a program runs.
    pub(super) fn started(&mut self, start: &Start) -> Identity {
        self.until(|report| match report {
            Report::Started { start: of, who, .. } if of == *start => Some(who),
            Report::Ended { exit, .. } if exit.start == *start => panic!("ended: {exit:?}"),
            _ => None,
        })
    }

    /// Waits for the end of a program, and acknowledges it.
    pub(super) fn ended(&mut self, start: &Start) -> Exit {
        let (exit, mark) = self.until(|report| match report {
            Report::Ended { exit, mark } if exit.start == *start => Some((exit, mark)),
            Report::NeverStarted { start: of, why } if of == *start => panic!("never started: {why}"),
            _ => None,
        });
        self.commit(start, mark);
        *exit
    }

    /// Makes an end durable: no later daemon expects it.
    pub(super) fn commit(&mut self, start: &Start, mark: Mark) {
        let known = self.marks.entry(mark.shim).or_default();
        *known = mark.offset.max(*known);
        self.expected.retain(|expected| expected.start != *start);
        self.hands().acknowledge(start, mark);
    }

    /// Has the store expect a start that was never launched from here.
    pub(super) fn expect(&mut self, start: &Start) {
        let launch = self.launch(&[]);
        self.expected.push(Expected { start: *start, watch: launch.watch, output: launch.output });
    }

    /// Forgets that a start was ever made.
    pub(super) fn forget(&mut self, start: &Start) {
        self.expected.retain(|expected| expected.start != *start);
    }

    /// Launches and waits for the end.
    pub(super) fn run(&mut self, launch: Launch) -> Exit {
        let start = self.begin(launch);
        self.ended(&start)
    }

    /// Reads a log whole.
    pub(super) fn log(&self, exit: &Exit) -> Vec<u8> {
        match &exit.output.base {
            Some(base) => steadfast::exec::log::Log::open(base).unwrap().read_all().unwrap(),
            None => Vec::new(),
        }
    }

    /// The process of the only shim that lives.
    pub(super) fn shim(&self) -> i32 {
        let shims = self.hands().shims();
        assert_eq!(shims.len(), 1, "{shims:?}");
        shims[0].who.unwrap().pid
    }

    /// The processes of the shims that live.
    pub(super) fn pools(&self) -> Vec<i32> {
        self.hands().shims().into_iter().filter_map(|shim| shim.who).map(|who| who.pid).collect()
    }

    /// Closes the pool and waits until no shim lives and no file is left.
    pub(super) fn empty(&mut self) {
        self.hands().close_pool();
        let shims = self.shims();
        let left = || -> Vec<PathBuf> {
            let read = |folder: &Path| std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
            let mut all: Vec<PathBuf> = read(&shims);
            all.extend(read(&shims.join("claims")));
            all.retain(|path| !path.ends_with("claims"));
            all
        };
        eventually("every shim has ended and removed its files", || left().is_empty());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind: a shim that gets TERM stops everything that it holds.
        if let Some(daemon) = self.daemon.take() {
            for who in daemon.hands.shims().into_iter().filter_map(|shim| shim.who) {
                signal(who.pid, "TERM");
            }
            daemon.runtime.shutdown_background();
        }
    }
}

/// Waits until something holds.
pub(super) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = std::time::Instant::now() + LONG;
    while !holds() {
        assert!(std::time::Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal by name.
pub(super) fn signal(pid: i32, name: &str) {
    let done = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).output().unwrap();
    drop(done);
}

/// Says whether a process lives, the dead and unreaped not counted.
pub(super) fn lives(pid: i32) -> bool {
    steadfast::sys::proc::stat(pid).is_some_and(|stat| !stat.is_dead())
}

/// What a process has taken of the processor: user and system, in hundredths of a second.
pub(super) fn processor_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Waits until a file holds a number, and returns it.
pub(super) fn number_in(path: &Path) -> i32 {
    eventually(&format!("a number in {}", path.display()), || read_number(path).is_some());
    read_number(path).unwrap()
}

fn read_number(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.strip_suffix('\n')?.trim().parse().ok()
}

/// The shorthand for a code.
pub(super) const fn code(code: u8) -> Status {
    Status::Exited { code }
}

/// The shorthand for a signal.
pub(super) const fn killed_by(signal: i32) -> Status {
    Status::Signalled { signal, core: false }
}
