//! From an order to a running program.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd as _;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::attempt::{Attempt, Leader};
use super::capture::{self, Capture, Given};
use super::cgroup::Cgroup;
use super::claim::{self, Claim, Holder};
use super::mailbox::Mailbox;
use super::program::{self, Prepared, not_started};
use super::wire::{Adopt, Record};
use super::{Kind, Shim, complain};
use crate::exec::witness::TOKEN_VARIABLE;
use crate::exec::{Exit, Status};
use crate::failpoint;
use crate::launch::{Launch, OutputMode, ResourceLimits, ShimKind};
use crate::sys::poll::Interest;
use crate::sys::process::{self, Identity};
use crate::sys::spawn::{self, Program, Session, Stdio};
use crate::sys::time::{Boottime, Wall};

impl Shim {
    /// Starts a program, unless somebody else has a say in it. Whatever goes wrong becomes its exit.
    pub(super) fn launch(&mut self, launch: &Launch) {
        if self.tokens.contains_key(&launch.start.token) {
            return;
        }
        if self.journal_retry != Boottime::NEVER {
            // Whatever began now would have begun unseen, if this process died before the disk has room again.
            self.record(&Record::Voided { start: launch.start });
            return;
        }
        let lock = match claim::take(&self.claims, &launch.start, &mut self.drafts) {
            Ok(Claim::Ours(lock)) => lock,
            // Said twice.
            Ok(Claim::Theirs(Holder::Shim(id))) if id == self.id => return,
            Ok(Claim::Theirs(_)) => {
                self.record(&Record::Voided { start: launch.start });
                return;
            }
            Err(error) => {
                // Our own trouble, most likely a full disk: the job is not charged for it, and the next try waits.
                complain(&format!("the claim of {} cannot be written: {error}", launch.start));
                self.record(&Record::Voided { start: launch.start });
                return;
            }
        };
        if self.is_stopping {
            let why = "the machine or the service is going down".to_owned();
            return self.record_end(Exit::bare(launch.start, Status::Interrupted { why }, Wall::now()));
        }
        if let Err(status) = self.start(launch, &lock) {
            self.record_end(Exit::bare(launch.start, status, Wall::now()));
        }
    }

    fn start(&mut self, launch: &Launch, lock: &std::fs::File) -> Result<(), Status> {
        let key = self.key();
        let own_trouble = |what: &str, error: &io::Error| {
            not_started(error.raw_os_error().unwrap_or(libc::EIO), format!("{what} could not be opened: {error}"))
        };
        let mut more = vec![(TOKEN_VARIABLE, launch.start.token.to_string())];
        let mailbox = if launch.notify {
            let (mailbox, address) = self.mailbox(key).map_err(|error| own_trouble("the notify socket", &error))?;
            more.extend([("NOTIFY_SOCKET", address.clone()), ("STEADFAST_NOTIFY", address)]);
            Some(mailbox)
        } else {
            None
        };
        let prepared = program::prepare(launch, &more)?;
        let (cgroup, mut unenforced) = group(launch);
        let (capture, given) = capture::open(&launch.output).map_err(|error| own_trouble("the log", &error))?;
        self.wait_for(key, &capture, mailbox.as_ref()).map_err(|error| own_trouble("the poller", &error))?;
        failpoint!("shim::spawn::before");
        let (began, up) = (Wall::now(), Boottime::now());
        let pid = self.spawn(launch, &prepared, &given, lock, cgroup.as_ref(), &mut unenforced);
        failpoint!("shim::spawn::after");
        let pid = match pid {
            Ok(pid) => pid,
            Err(error) => {
                let mut capture = capture;
                drop(given);
                capture.finish(began);
                return Err(program::explain(&error, OsStr::new(&launch.argv[0]), &launch.workdir));
            }
        };
        process::raise_oom_score(pid);
        // The child is ours and not reaped, so there is a line about it; without `/proc` nothing here works.
        let who = Identity::of(pid).unwrap_or(Identity { pid, ticks: 0 });
        let mut attempt = Attempt::new(launch.start, launch.watch.clone(), Leader::Child(who), up, capture);
        let mailbox = mailbox.map(|mut mailbox| {
            mailbox.belongs_to(who);
            mailbox
        });
        (attempt.began, attempt.mailbox, attempt.cgroup, attempt.unenforced) =
            (Some(began), mailbox, cgroup, unenforced);
        let cgroup = attempt.cgroup.as_ref().map(|group| group.path().to_owned());
        self.hold(key, attempt);
        self.leaders.insert(pid, key);
        self.record(&Record::Started { start: launch.start, who, at: began, up, cgroup });
        failpoint!("shim::started::recorded");
        Ok(())
    }

    fn mailbox(&mut self, key: u32) -> io::Result<(Mailbox, String)> {
        let mailbox = match self.mailboxes.pop() {
            Some(mailbox) => mailbox,
            None => Mailbox::open(&self.folder, &format!("n{key}"))?,
        };
        let address = mailbox.address(self.folder_fd.as_fd());
        Ok((mailbox, address))
    }

    fn spawn(
        &self,
        launch: &Launch,
        prepared: &Prepared,
        given: &Given,
        lock: &std::fs::File,
        cgroup: Option<&Cgroup>,
        unenforced: &mut Vec<String>,
    ) -> io::Result<i32> {
        use std::os::fd::AsRawFd as _;
        let null = Stdio::To(self.null.as_fd());
        let stdio = match given {
            Given::Pipes(out, err) => [null, Stdio::To(out.as_fd()), Stdio::To(err.as_fd())],
            Given::File(log) => [null, Stdio::To(log.as_fd()), Stdio::To(log.as_fd())],
            Given::Terminal(path) => [Stdio::Open(path), Stdio::Open(path), Stdio::Open(path)],
        };
        let inherit = [(lock.as_fd(), lock.as_raw_fd())];
        let program = Program {
            file: &prepared.file,
            argv: &prepared.argv,
            env: &prepared.env,
            workdir: Some(&prepared.workdir),
            stdio,
            session: Session::Own,
            inherit: &inherit,
        };
        let limits = rlimits(&launch.limits);
        if launch.shim == ShimKind::Pool {
            unenforced.extend(limits.iter().map(|(name, ..)| (*name).to_owned()));
        }
        if launch.shim == ShimKind::Pool || (limits.is_empty() && cgroup.is_none()) {
            return spawn::spawn(&program);
        }
        spawn::fork(&program, || {
            cgroup.map_or(Ok(()), Cgroup::enter)?;
            for (_, resource, limit) in limits {
                setrlimit(resource, limit)?;
            }
            Ok(())
        })
    }

    /// Waits for the descriptors of a program that is about to begin. One whose output nobody reads would stand still for ever.
    fn wait_for(&self, key: u32, capture: &Capture, mailbox: Option<&Mailbox>) -> io::Result<()> {
        for (which, end) in capture.ends() {
            let kind = if which == 0 { Kind::Out } else { Kind::Err };
            self.poller.add(end, kind.token(key), Interest::Read)?;
        }
        mailbox.map_or(Ok(()), |mailbox| self.poller.add(mailbox, Kind::Mailbox.token(key), Interest::Read))
    }

    /// Enters a program into the books.
    fn hold(&mut self, key: u32, attempt: Attempt) {
        if let Leader::Foreign(_, handle) = &attempt.leader
            && let Err(error) = self.poller.add(handle, Kind::Foreign.token(key), Interest::Read)
        {
            complain(&format!("the end of {} will not be noticed: {error}", attempt.start));
        }
        self.tokens.insert(attempt.start.token, key);
        self.attempts.insert(key, attempt);
        self.rearm(key);
    }

    /// Watches a program whose shim has died.
    pub(super) fn adopt(&mut self, adopt: Adopt) {
        if self.tokens.contains_key(&adopt.start.token) {
            return;
        }
        failpoint!("shim::adopt::before");
        let now = Boottime::now();
        let leader = adopt.leader.and_then(|who| who.open().map(|handle| Leader::Foreign(who, handle)));
        let leader = leader.unwrap_or(Leader::Gone(adopt.session.or(adopt.leader)));
        let is_gone = matches!(leader, Leader::Gone(_));
        let capture = Capture::adopt(&adopt.output);
        let mut attempt = Attempt::new(adopt.start, adopt.watch, leader, adopt.up.unwrap_or(now), capture);
        (attempt.began, attempt.others) = (adopt.began, adopt.others);
        attempt.lost_reader = had_reader(&attempt.leader, adopt.output.mode);
        attempt.cgroup = adopt.cgroup.clone().and_then(Cgroup::existing);
        self.record(&Record::Adopted { start: adopt.start, leader: adopt.leader, up: adopt.up, cgroup: adopt.cgroup });
        let key = self.key();
        self.hold(key, attempt);
        if is_gone {
            self.lost_leader(key, "its shim died, and it ended unseen");
        }
        failpoint!("shim::adopt::after");
    }
}

/// Says whether a program wrote to somebody who is dead. Where it lives it is looked at: a log disk may have been full when it
/// was given its output.
fn had_reader(leader: &Leader, wanted: OutputMode) -> bool {
    let output = |fd| match leader {
        Leader::Child(who) | Leader::Foreign(who, _) => std::fs::read_link(format!("/proc/{}/fd/{fd}", who.pid)).ok(),
        Leader::Gone(_) => None,
    };
    let is_read = |path: &std::path::Path| {
        path.starts_with("/dev/pts") || path.as_os_str().as_encoded_bytes().starts_with(b"pipe:")
    };
    match (output(1), output(2)) {
        (None, None) => wanted != OutputMode::File,
        ends => [ends.0, ends.1].into_iter().flatten().any(|path| is_read(&path)),
    }
}

/// Makes the cgroup that a launch asks for. Returns also the limits that cannot be enforced.
fn group(launch: &Launch) -> (Option<Cgroup>, Vec<String>) {
    let limits = &launch.limits;
    let wanted = [("memory", limits.memory_bytes), ("processes", limits.processes)];
    let refused = || wanted.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| (*name).to_owned()).collect();
    let Some(parent) = limits.cgroup.as_ref().filter(|_| launch.shim == ShimKind::Own) else {
        return (None, refused());
    };
    match Cgroup::create(parent, &launch.start, limits) {
        Ok((group, refused)) => (Some(group), refused),
        Err(_) => (None, refused()),
    }
}

/// How long a program may go on that has used up its time of the processor: it gets XCPU then, may put its work away, and is
/// killed only after that. With one number for both it would be killed at once, and nobody could tell why.
const GRACE_SECONDS: u64 = 5;

fn rlimits(limits: &ResourceLimits) -> Vec<(&'static str, Resource, Rlimit)> {
    let all = [
        ("address-space", Resource::As, limits.address_space_bytes),
        ("open-files", Resource::Nofile, limits.open_files),
        ("core", Resource::Core, limits.core_bytes),
        ("file", Resource::Fsize, limits.file_bytes),
        ("cpu", Resource::Cpu, limits.cpu_seconds),
    ];
    let limit = |resource, value: u64| {
        let mut maximum = value;
        if resource == Resource::Cpu {
            // Where this process itself may not use as much, the program gets the most that it can be given.
            let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
            maximum = value.saturating_add(GRACE_SECONDS).min(most.max(value));
        }
        Rlimit { current: Some(value), maximum: Some(maximum) }
    };
    let all = all.into_iter().filter_map(|(name, resource, value)| Some((name, resource, value?)));
    all.map(|(name, resource, value)| (name, resource, limit(resource, value))).collect()
}
