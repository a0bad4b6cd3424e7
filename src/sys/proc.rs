//! `/proc`, as far as it tells who belongs to whom.

use std::collections::{HashMap, HashSet};
use std::fs;

/// A line of `/proc/PID/stat`, shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The process id.
    pub pid: i32,
    /// The short name of the program.
    pub name: String,
    /// The state's letter: `R`, `S`, `D`, `Z`, …
    pub state: u8,
    /// The parent's id.
    pub parent: i32,
    /// The session's id, which is the pid of its first process.
    pub session: i32,
    /// The start time in ticks since boot, field 22.
    pub ticks: u64,
}

impl Stat {
    /// Says whether the process is over and only waits for its parent's look.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Reads the line. The name stands in brackets and may hold brackets and spaces itself.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|byte| *byte == b'(')?;
        let close = line.iter().rposition(|byte| *byte == b')')?;
        let pid = std::str::from_utf8(&line[..open]).ok()?.trim().parse().ok()?;
        let name = String::from_utf8_lossy(line.get(open + 1..close)?).into_owned();
        let mut fields = std::str::from_utf8(line.get(close + 1..)?).ok()?.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let parent = fields.next()?.parse().ok()?;
        let session = fields.nth(1)?.parse().ok()?;
        let ticks = fields.nth(15)?.parse().ok()?;
        Some(Self { pid, name, state, parent, session, ticks })
    }
}

/// Reads who a process is. `None` where there is none.
#[must_use]
pub fn stat(pid: i32) -> Option<Stat> {
    use std::io::Read as _;
    let mut buffer = [0; 1024];
    let mut file = fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    let count = file.read(&mut buffer).ok()?;
    Stat::parse(&buffer[..count])
}

/// Returns the children of a process: of all its threads, the dead and unreaped included.
///
/// `None` where the kernel does not tell (it was built without the list).
#[must_use]
pub fn children(pid: i32) -> Option<Vec<i32>> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let list = fs::read_to_string(thread.path().join("children")).ok()?;
        found.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    Some(found)
}

/// Returns the children of this single-threaded process.
#[must_use]
pub fn own_children() -> Option<Vec<i32>> {
    let pid = super::process::own_pid();
    let list = fs::read_to_string(format!("/proc/self/task/{pid}/children")).ok()?;
    Some(list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// Returns every process that there is to see.
#[must_use]
pub fn everyone() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Returns the given processes and all who descend from them, parents first, without the dead.
#[must_use]
pub fn family(roots: &[i32]) -> Vec<Stat> {
    let mut seen: HashSet<i32> = roots.iter().copied().collect();
    let mut todo: Vec<i32> = roots.to_vec();
    let mut found = Vec::new();
    let mut parents: Option<HashMap<i32, Vec<i32>>> = None;
    let mut next = 0;
    while next < todo.len() {
        let pid = todo[next];
        next += 1;
        found.extend(stat(pid).filter(|stat| !stat.is_dead()));
        let young = match children(pid) {
            Some(young) => young,
            // A process that ended meanwhile has no folder; a kernel without the lists has none either way.
            None if stat(pid).is_none() => continue,
            None => parents.get_or_insert_with(by_parent).get(&pid).cloned().unwrap_or_default(),
        };
        todo.extend(young.into_iter().filter(|pid| seen.insert(*pid)));
    }
    found
}

/// Sorts every process under its parent, the slow way.
#[must_use]
pub fn by_parent() -> HashMap<i32, Vec<i32>> {
    let mut parents: HashMap<i32, Vec<i32>> = HashMap::new();
    for stat in everyone().into_iter().filter_map(stat) {
        parents.entry(stat.parent).or_default().push(stat.pid);
    }
    parents
}

/// Returns a variable of the environment that a process was started with. `None` also where we may not look.
#[must_use]
pub fn variable(pid: i32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        String::from_utf8(value.to_vec()).ok()
    })
}

/// Says whether a process has a file open. False also where we may not look.
#[must_use]
pub fn has_open(pid: i32, path: &std::path::Path) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    entries.flatten().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let line = b"42 (a) b (c) S 7 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.pid, stat.name.as_str(), stat.state, stat.parent), (42, "a) b (c", b'S', 7));
        assert_eq!((stat.session, stat.ticks), (41, 987_654));
    }

    #[test]
    fn this_process_is_in_its_own_family() {
        let own = super::super::process::own_pid();
        assert!(family(&[own]).iter().any(|stat| stat.pid == own));
        assert!(everyone().contains(&own));
    }
}
