//! What `doctor` looks at outside of steadfast: the kernel, the clock, the limits. It changes nothing.

use std::path::Path;

use jiff::tz::TimeZone;

use super::Finding;
use crate::clock::Clock;
use crate::sys::{proc, process};

/// Looks at the kernel, the clock and the limits.
pub(super) fn look() -> Vec<Finding> {
    vec![clock(), zone(), processes(), exits(), cgroup(), descriptors(), reaper()]
}

fn clock() -> Finding {
    let now = Clock::wall();
    let built: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("a date in our own source is right");
    if now < built {
        let remedy = "set it, or start the time service; schedules and deadlines follow it";
        return Finding::fail("clock", format_args!("it says {now:.0}, which is long past"), remedy);
    }
    Finding::ok("clock", format_args!("{now:.0}"))
}

fn zone() -> Finding {
    let zone = TimeZone::system();
    match zone.iana_name() {
        Some(name) => Finding::ok("zone", format_args!("{name}; every zone of a schedule is built in")),
        None if zone.is_unknown() => Finding::warn(
            "zone",
            "the machine does not say in which zone it is, so times are shown in UTC",
            "link /etc/localtime to a zone, or set TZ; schedules name their own zone and are not affected",
        ),
        None => Finding::ok("zone", "the machine's own; every zone of a schedule is built in"),
    }
}

/// Whether `/proc` tells what is needed to leave nothing behind.
fn processes() -> Finding {
    let own = process::own_pid();
    match (proc::stat(own), proc::own_children()) {
        (None, _) => {
            Finding::fail("processes", "/proc cannot be read", "mount it: without it no process is told from another")
        }
        (Some(_), None) => Finding::warn(
            "processes",
            "this kernel has no lists of children, so what a job leaves behind is found the slow way",
            "a kernel with CONFIG_PROC_CHILDREN has them",
        ),
        (Some(_), Some(_)) => Finding::ok("processes", "/proc tells who belongs to whom"),
    }
}

/// Whether exits are known even where their witness died.
fn exits() -> Finding {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) if (major, minor) >= (6, 15) => {
            Finding::ok("kernel", format_args!("{release} tells how a process ended that lost its shim"))
        }
        (Some(major), Some(minor)) if (major, minor) >= (5, 4) => Finding::ok(
            "kernel",
            format_args!("{release}; an attempt that loses its shim counts as interrupted (6.15 would know)"),
        ),
        _ => Finding::fail("kernel", format_args!("{release} has no handles for processes"), "use Linux 5.4 or later"),
    }
}

fn cgroup() -> Finding {
    match crate::shim::delegated() {
        Some(path) if !crate::shim::handed_down(Some(&path)).iter().any(|name| name == "memory") => Finding::warn(
            "cgroup",
            format_args!(
                "{} hands no memory controller down: limits on memory of a job cannot be enforced",
                path.display()
            ),
            "run the daemon as a service with Delegate=yes, as packaging/steadfast.service does",
        ),
        Some(path) => Finding::ok("cgroup", format_args!("{} is ours to divide", path.display())),
        None => Finding::warn(
            "cgroup",
            "none is delegated to us: limits on memory and processes of a job cannot be enforced",
            "run the daemon as a service with Delegate=yes, as packaging/steadfast.service does",
        ),
    }
}

fn descriptors() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        Some(files) if files < 1024 => Finding::warn(
            "files",
            format_args!("a process may open {files} files, and each running attempt takes a handful"),
            "raise it: ulimit -n 4096, or LimitNOFILE= in the unit",
        ),
        Some(files) => Finding::ok("files", format_args!("a process may open {files} files")),
        None => Finding::ok("files", "a process may open as many files as it likes"),
    }
}

/// In a container, process 1 must take in orphans.
fn reaper() -> Finding {
    let init = proc::stat(1).map_or_else(|| "hidden".to_owned(), |stat| stat.name);
    let in_container = Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists();
    let fit = ["systemd", "init", "tini", "dumb-init", "catatonit", "s6-svscan", "runit", "docker-init"];
    if in_container && !fit.contains(&init.as_str()) {
        return Finding::warn(
            "init",
            format_args!(
                "this is a container whose process 1 is `{init}`: when it ends, everything does, and it may not take in orphans"
            ),
            "start the container with an init (--init), or run `steadfast serve` as its only service",
        );
    }
    Finding::ok("init", format_args!("process 1 is `{init}`"))
}
