//! From a command to a file that can be executed, and from an error number to a sentence.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::exec::Status;
use crate::launch::Launch;

/// What the kernel gets: the file, the arguments, the environment, the folder.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) file: CString,
    pub(crate) argv: Vec<CString>,
    pub(crate) env: Vec<CString>,
    pub(crate) workdir: CString,
}

/// The path where a child's environment has none.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Makes the kernel's form of a launch, with more variables.
pub(crate) fn prepare(launch: &Launch, more: &[(&str, String)]) -> Result<Prepared, Status> {
    let Some(name) = launch.argv.first().filter(|name| !name.is_empty()) else {
        return Err(not_started(libc::EINVAL, "the command is empty"));
    };
    let text = |text: &str, of: &str| {
        CString::new(text).map_err(|_| not_started(libc::EINVAL, format!("{of} of `{name}` holds a zero byte")))
    };
    let workdir = text(&launch.workdir.to_string_lossy(), "the folder")?;
    let argv = launch.argv.iter().map(|word| text(word, "an argument")).collect::<Result<_, _>>()?;
    let own = launch.env.iter().filter(|(key, _)| more.iter().all(|(other, _)| other != key));
    let mut env = Vec::with_capacity(launch.env.len() + more.len());
    for (key, value) in
        own.map(|(key, value)| (key.as_str(), value)).chain(more.iter().map(|(key, value)| (*key, value)))
    {
        env.push(text(&format!("{key}={value}"), "the environment")?);
    }
    let path = launch.env.get("PATH").map_or(PATH, String::as_str);
    let file = find(OsStr::new(name), OsStr::new(path), &launch.workdir)?;
    let file = CString::new(file.as_os_str().as_bytes()).map_err(|_| not_started(libc::EINVAL, "a zero byte"))?;
    Ok(Prepared { file, argv, env, workdir })
}

/// Looks a program up as `execvp` would, but on the child's `PATH` and from the child's folder.
pub(crate) fn find(name: &OsStr, path: &OsStr, workdir: &Path) -> Result<PathBuf, Status> {
    if name.as_bytes().contains(&b'/') {
        // A relative path is taken by the kernel from the folder that the child has entered by then.
        return Ok(PathBuf::from(name));
    }
    let mut refused = None;
    for folder in path.as_bytes().split(|byte| *byte == b':') {
        let file = workdir.join(OsStr::from_bytes(folder)).join(name);
        if !file.is_file() {
            continue;
        }
        if rustix::fs::access(&file, rustix::fs::Access::EXEC_OK).is_ok() {
            return Ok(file);
        }
        refused.get_or_insert(file);
    }
    if !workdir.is_dir() {
        return Err(no_folder(workdir));
    }
    match refused {
        Some(file) => Err(not_started(libc::EACCES, format!("`{}` may not be executed", file.display()))),
        None => {
            let (name, path) = (name.to_string_lossy(), path.to_string_lossy());
            Err(not_started(libc::ENOENT, format!("no program `{name}` on the path {path}")))
        }
    }
}

/// Says why a program that was found could not be started.
pub(crate) fn explain(error: &io::Error, name: &OsStr, workdir: &Path) -> Status {
    let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
    let file = workdir.join(name);
    let has_slash = name.as_bytes().contains(&b'/');
    let name = name.to_string_lossy();
    let what = match errno {
        libc::ENOENT | libc::ENOTDIR if !workdir.is_dir() => return no_folder(workdir),
        libc::EACCES if rustix::fs::access(workdir, rustix::fs::Access::EXEC_OK).is_err() => {
            format!("the folder `{}` may not be entered", workdir.display())
        }
        libc::ENOENT if has_slash && !file.exists() => format!("no program `{name}`"),
        libc::ENOENT => format!("the interpreter that `{name}` asks for in its first line is missing"),
        libc::EACCES => format!("`{name}` may not be executed"),
        libc::E2BIG => format!("the arguments and the environment of `{name}` are longer than the kernel takes"),
        libc::ETXTBSY => format!("`{name}` is open for writing in another process"),
        libc::ENOEXEC => format!("`{name}` is no program for this machine, and names no interpreter in its first line"),
        libc::EMFILE | libc::ENFILE => format!("no descriptors are left to start `{name}`"),
        _ => format!("`{name}` could not be started: {error}"),
    };
    not_started(errno, what)
}

fn no_folder(folder: &Path) -> Status {
    not_started(libc::ENOENT, format!("the folder `{}` is not there", folder.display()))
}

pub(crate) fn not_started(errno: i32, what: impl Into<String>) -> Status {
    Status::NotStarted { errno, what: what.into() }
}
