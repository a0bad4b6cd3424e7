//! A cgroup (version 2) of one program's own, where the machine delegates one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::launch::{ResourceLimits, Start};

/// A cgroup that holds one program and nothing else.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes one under a parent and sets what it can; returns the names of the limits that it cannot.
    pub(crate) fn create(parent: &Path, start: &Start, limits: &ResourceLimits) -> io::Result<(Self, Vec<String>)> {
        let path = parent.join(format!("steadfast-{start}"));
        fs::create_dir(&path)?;
        let group = Self { path };
        let mut refused = Vec::new();
        let wanted = [("memory", "memory.max", limits.memory_bytes), ("processes", "pids.max", limits.processes)];
        for (name, file, value) in wanted {
            if value.is_some_and(|value| fs::write(group.path.join(file), value.to_string()).is_err()) {
                refused.push(name.to_owned());
            }
        }
        if limits.memory_bytes.is_some() {
            // A program of several processes of which the kernel killed one hangs; all or nothing.
            let _ = fs::write(group.path.join("memory.oom.group"), "1");
            let _ = fs::write(group.path.join("memory.swap.max"), "0");
        }
        Ok((group, refused))
    }

    /// Takes one over that another shim has made.
    pub(crate) fn existing(path: PathBuf) -> Option<Self> {
        path.join("cgroup.procs").exists().then_some(Self { path })
    }

    /// Returns its folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the calling process in.
    pub(crate) fn enter(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.procs"), "0")
    }

    /// Returns who is in it.
    pub(crate) fn members(&self) -> Vec<i32> {
        let list = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
        list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| *pid > 0).collect()
    }

    /// Kills everyone in it at once. Returns whether the kernel can do that.
    pub(crate) fn kill(&self) -> bool {
        fs::write(self.path.join("cgroup.kill"), "1").is_ok()
    }

    /// Returns how many of its processes the kernel has killed for want of memory. Ask before it is removed.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        let events = fs::read_to_string(self.path.join("memory.events.local")).ok()?;
        events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Fails while somebody is in it, which is right: a service left behind stays where it is.
        let _ = fs::remove_dir(&self.path);
    }
}

/// Says whether anyone lives in a cgroup, by its path.
pub(crate) fn is_populated(path: &Path) -> bool {
    fs::read_to_string(path.join("cgroup.events")).is_ok_and(|events| events.lines().any(|line| line == "populated 1"))
}

/// Returns the controllers that a cgroup hands down to those under it; none without a cgroup.
#[must_use]
pub fn handed_down(parent: Option<&Path>) -> Vec<String> {
    let list = parent.and_then(|parent| fs::read_to_string(parent.join("cgroup.subtree_control")).ok());
    list.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
}

/// Finds the cgroup that this process may make children in: its own, if it is not the root and is writable.
#[must_use]
pub fn delegated() -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    if own.is_empty() {
        return None;
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        kind.starts_with("cgroup2 ").then(|| mount.split(' ').nth(4)).flatten()
    })?;
    let path = Path::new(mount).join(own);
    rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).ok()?;
    rustix::fs::access(path.join("cgroup.procs"), rustix::fs::Access::WRITE_OK).ok().map(|()| path)
}
