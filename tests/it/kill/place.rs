//! Where the binary is put to the test: jobs, a state folder, side files, and daemons that come and go.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use steadfast::sys::proc;

/// The longest that anything here may take.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// A folder of its own for one test.
pub(super) struct Place {
    folder: tempfile::TempDir,
    jobs: String,
    worker: PathBuf,
    /// Where this process sees the state folder, if it is elsewhere than where the daemon sees it.
    view: Option<PathBuf>,
}

impl Place {
    /// Makes a place without jobs.
    pub(super) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("steadfast-kill-").tempdir().unwrap();
        for name in ["jobs", "side"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let worker = folder.path().join("worker.sh");
        std::fs::write(&worker, include_str!("worker.sh")).unwrap();
        std::fs::write(folder.path().join("side/log"), "").unwrap();
        Self { folder, jobs: String::new(), worker, view: None }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The state folder, as this process sees it.
    pub(super) fn state(&self) -> PathBuf {
        self.view.clone().unwrap_or_else(|| self.state_as_seen_inside())
    }

    /// The state folder, as the daemon sees it.
    pub(super) fn state_as_seen_inside(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Looks at the state folder elsewhere from now on.
    pub(super) fn see_state_at(&mut self, view: PathBuf) {
        self.view = Some(view);
    }

    /// Where daemons say what they say.
    pub(super) fn said_to(&self) -> File {
        File::options().append(true).create(true).open(self.path().join("said")).unwrap()
    }

    pub(super) fn side(&self) -> PathBuf {
        self.path().join("side")
    }

    /// What the processes wrote so far.
    pub(super) fn side_log(&self) -> String {
        std::fs::read_to_string(self.side().join("log")).unwrap()
    }

    /// Declares more jobs; they are read at the next start.
    pub(super) fn declare(&mut self, toml: &str) -> &mut Self {
        self.jobs.push_str(toml);
        self.write_jobs();
        self
    }

    /// Takes every declaration back. Runs that were opened go on.
    pub(super) fn declare_nothing(&mut self) -> &mut Self {
        self.jobs.clear();
        self.write_jobs();
        self
    }

    fn write_jobs(&self) {
        let (new, now) = (self.path().join("jobs/.new"), self.path().join("jobs/jobs.toml"));
        std::fs::write(&new, &self.jobs).unwrap();
        std::fs::rename(new, now).unwrap();
    }

    /// The command of a worker that takes some time and has a habit.
    pub(super) fn worker(&self, millis: u64, habit: &str) -> String {
        let (worker, side) = (self.worker.display(), self.side());
        let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
        format!("[\"sh\", \"{worker}\", \"{}\", \"{seconds}\", \"{habit}\"]", side.display())
    }

    /// Declares a job with so many runs under the policy `campaign`, with lines of its own.
    pub(super) fn declare_workers(&mut self, name: &str, runs: u64, millis: u64, habit: &str, more: &str) -> &mut Self {
        let mut toml = format!("[job.{name}]\npolicy = \"campaign\"\n{more}\n");
        if runs > 1 {
            let points: Vec<String> = (0..runs).map(|point| point.to_string()).collect();
            let _ = writeln!(toml, "matrix = {{ point = [{}] }}", points.join(", "));
        }
        let _ = writeln!(toml, "command = {{ run = {} }}\n", self.worker(millis, habit));
        self.declare(&toml)
    }

    /// Declares the policy of the workers: three attempts, short delays, finalizers for every case.
    pub(super) fn declare_policy(&mut self) -> &mut Self {
        let finalizer = self.worker(0, "finalizer");
        let toml = format!(
            "[policy.campaign]\nloop = {{ attempts = 3, interruptions = 100 }}\ndelay = {{ constant = \"5ms\", jitter = \"none\" }}\n\
             finally = [ {{ on = \"always\", run = {finalizer}, delay = \"5ms\" }}, {{ on = \"attempt-failed\", run = {finalizer}, delay = \"5ms\" }} ]\n\n"
        );
        self.declare(&toml)
    }

    /// The command of a daemon over this place.
    pub(super) fn serve(&self, flags: &[&str]) -> Command {
        self.serve_by(Command::new(env!("CARGO_BIN_EXE_steadfast")), flags)
    }

    fn serve_by(&self, mut command: Command, flags: &[&str]) -> Command {
        let said = self.said_to();
        command.arg("serve").arg(self.path().join("jobs")).arg("--state").arg(self.state_as_seen_inside()).args(flags);
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        command
    }

    /// Starts a daemon.
    pub(super) fn start(&self, flags: &[&str]) -> Daemon {
        Daemon(Some(self.serve(flags).spawn().unwrap()))
    }

    /// Starts a daemon with failpoints armed, in itself and in the shims that it starts. Each fires once in all of them.
    pub(super) fn start_armed(&self, flags: &[&str], armed: &str) -> Daemon {
        let hits = self.path().join("hits");
        std::fs::create_dir_all(&hits).unwrap();
        // Hits are counted in each process; with one processor there is one pool, which comes to everything twice.
        let mut command =
            if armed.ends_with("@2") { self.serve_by(on_one_processor(), flags) } else { self.serve(flags) };
        Daemon(Some(command.env("STEADFAST_FAILPOINTS", armed).env("STEADFAST_FAILPOINT_HITS", hits).spawn().unwrap()))
    }

    /// Says whether a failpoint has fired.
    pub(super) fn was_hit(&self, name: &str) -> bool {
        self.path().join("hits").join(name.replace("::", "-")).exists()
    }

    /// Lets a daemon finish everything, and returns its exit code.
    pub(super) fn calm(&self) -> Option<i32> {
        self.start(&["--until-idle"]).ends().code()
    }

    /// What the daemons have said so far: the end of it.
    pub(super) fn said(&self) -> String {
        let said = std::fs::read(self.path().join("said")).unwrap_or_default();
        String::from_utf8_lossy(&said[said.len().saturating_sub(20_000)..]).into_owned()
    }

    /// The shims of this place that live: their processes.
    pub(super) fn shims(&self) -> Vec<i32> {
        let home = self.state_as_seen_inside().join("shims").into_os_string().into_encoded_bytes();
        let is_shim = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            words.nth(1) == Some(b"__shim") && words.next().is_some_and(|folder| folder.starts_with(&home))
        };
        let all: Vec<_> = proc::everyone().into_iter().filter(is_shim).filter_map(proc::stat).collect();
        // A child that has not become another program yet still looks like the shim that started it.
        let is_child = |stat: &proc::Stat| all.iter().any(|other| other.pid == stat.parent);
        all.iter().filter(|stat| !stat.is_dead() && !is_child(stat)).map(|stat| stat.pid).collect()
    }

    /// Waits until no shim lives and nothing of any is left on disk, and says what is if it takes too long.
    pub(super) fn is_swept(&self) -> Vec<String> {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let mut left: Vec<String> = self.shims().iter().map(|pid| format!("shim {pid} lives")).collect();
            let shims = self.state().join("shims");
            for folder in [shims.clone(), shims.join("claims")] {
                let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
                left.extend(
                    entries.filter(|path| !path.ends_with("claims")).map(|path| format!("{} is left", path.display())),
                );
            }
            if left.is_empty() || Instant::now() > end {
                return left;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Keeps the folder, for a look at what went wrong.
    pub(super) fn keep(mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.path().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A test that fails leaves nothing running: a shim that gets TERM stops everything that it holds.
        for pid in self.shims() {
            signal(pid, "TERM");
        }
    }
}

/// A daemon that runs, killed where the test does not end it.
pub(super) struct Daemon(Option<Child>);

impl Daemon {
    pub(super) fn of(child: Child) -> Self {
        Self(Some(child))
    }

    pub(super) fn pid(&self) -> i32 {
        self.0.as_ref().map_or(0, |child| child.id().cast_signed())
    }

    /// Kills it with SIGKILL. Returns false if it had ended by itself.
    pub(super) fn kill(mut self) -> bool {
        use std::os::unix::process::ExitStatusExt as _;
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap().signal() == Some(9)
    }

    /// Says whether it has ended.
    pub(super) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.0.as_mut().unwrap().try_wait().unwrap()
    }

    /// Waits for its end.
    pub(super) fn ends(self) -> ExitStatus {
        self.ends_within(LONG)
    }

    /// The same, with more or less patience.
    pub(super) fn ends_within(mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(Instant::now() < end, "the daemon does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program on the first processor that we may use.
fn on_one_processor() -> Command {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let first = allowed.split([',', '-']).next().unwrap();
    let mut command = Command::new("taskset");
    command.args(["-c", first, env!("CARGO_BIN_EXE_steadfast")]);
    command
}

/// Says whether a process lives, the dead and unreaped not counted.
pub(super) fn lives(pid: i32) -> bool {
    proc::stat(pid).is_some_and(|stat| !stat.is_dead())
}

/// Sends a signal by name.
pub(super) fn signal(pid: i32, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).output().unwrap();
    drop(done);
}

/// Waits until something holds.
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
