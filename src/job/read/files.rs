//! Finding files of jobs, looking at who may write them, and reading them.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use steadfast_retry::table::{LONGEST_TEXT, Source};

use super::Text;
use crate::job::{Code, Diagnostic};

/// Reads files and the `*.toml` files of folders, in the order given, each file once.
pub(super) fn read(paths: &[PathBuf], owner: Option<u32>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Text> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        match found(path) {
            Ok(found) => files.extend(found),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    let mut texts: Vec<Text> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for file in files {
        let real = fs::canonicalize(&file).unwrap_or_else(|_| file.clone());
        if seen.contains(&real) {
            continue;
        }
        match text_of(&file, &real, owner) {
            Ok(text) => texts.push(text),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
        seen.push(real);
    }
    texts
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Box<Diagnostic> {
    let help = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "allow the user that steadfast runs as to read it",
        std::io::ErrorKind::NotFound => "check the path; `steadfast init` writes a first file",
        _ => "check the path and the file system",
    };
    let code = if error.kind() == std::io::ErrorKind::NotFound { Code::NO_FILES } else { Code::UNREADABLE };
    Box::new(Diagnostic::of_file(code, &shown(path), format!("it cannot be read: {error}"), help))
}

/// Returns the files that a path stands for: itself, or the files of jobs in it if it is a folder that can be read.
pub(crate) fn files_of(path: &Path) -> Vec<PathBuf> {
    found(path).unwrap_or_default()
}

/// The files that a path stands for.
fn found(path: &Path) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    let about = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !about.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let file = entry.map_err(|error| unreadable(path, &error))?.path();
        // Editors leave hidden files beside the one that they are saving.
        let hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if file.extension().is_some_and(|ending| ending == "toml") && !hidden && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        let help = "name the folder that holds files of jobs; folders inside it are not searched";
        let message = "the folder has no file that ends in `.toml`";
        return Err(Box::new(Diagnostic::of_file(Code::NO_FILES, &shown(path), message, help)));
    }
    Ok(files)
}

fn text_of(path: &Path, real: &Path, owner: Option<u32>) -> Result<Text, Box<Diagnostic>> {
    let name = shown(path);
    let (mut file, about) = open(path)?;
    if let Some(owner) = owner {
        trusted(&name, real, &about, owner)?;
    }
    let mut bytes = Vec::new();
    // One byte more than is taken, so that the guard sees that it is too long.
    let limit = LONGEST_TEXT as u64 + 1;
    file.by_ref().take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned));
    let folder = folder.filter(|folder| folder.to_str().is_some()).ok_or_else(|| {
        let help = "move the file to a folder whose name is UTF-8";
        Box::new(Diagnostic::of_file(Code::NOT_TEXT, &name, "the path of its folder is no UTF-8 text", help))
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text { file: name, folder, text }),
        // A cut in the middle of a character is no mistake of the file's.
        Err(error) if error.as_bytes().len() as u64 == limit => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Ok(Text { file: name, folder, text })
        }
        Err(error) => Err(Box::new(no_text(&name, &error))),
    }
}

/// Opens a plain file. To open a named pipe waits for whoever writes to it, and to open a device may do something to it: so it
/// is looked at first, and opened so that what was put in its place meanwhile makes nobody wait either.
fn open(path: &Path) -> Result<(fs::File, fs::Metadata), Box<Diagnostic>> {
    let plain = |about: fs::Metadata| {
        if about.is_file() {
            return Ok(about);
        }
        let (message, help) = ("it is no plain file", "name a file or a folder of files, or take it out of the folder");
        Err(Box::new(Diagnostic::of_file(Code::UNREADABLE, &shown(path), message, help)))
    };
    plain(fs::metadata(path).map_err(|error| unreadable(path, &error))?)?;
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| unreadable(path, &error))?;
    let about = plain(file.metadata().map_err(|error| unreadable(path, &error))?)?;
    Ok((file, about))
}

fn no_text(name: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
    let at = error.utf8_error().valid_up_to();
    let before = String::from_utf8_lossy(&error.as_bytes()[..at]).into_owned();
    let byte = error.as_bytes()[at];
    let source = Source::new(name, before);
    let message = format!("the byte 0x{byte:02x} here begins no character: the file is no UTF-8 text");
    Diagnostic::at(Code::NOT_TEXT, &source, at..at, message, "save the file as UTF-8")
}

/// Refuses a file that others could have written: whoever can write it can run programs as the daemon's user.
fn trusted(name: &str, real: &Path, about: &fs::Metadata, owner: u32) -> Result<(), Box<Diagnostic>> {
    let refuse = |what: &Path, why: String, help: String| {
        let message = format!("`{}` {why}", what.display());
        Err(Box::new(Diagnostic::of_file(Code::UNSAFE, name, message, help)))
    };
    let judge = |path: &Path, about: &fs::Metadata| {
        let mode = about.mode();
        // In a sticky folder such as /tmp only the owner of an entry may replace it.
        let sticky = about.is_dir() && mode & 0o1000 != 0;
        if about.uid() != owner && about.uid() != 0 {
            let why = format!(
                "belongs to user {}, and a daemon takes jobs only from its own user {owner} and root",
                about.uid()
            );
            return refuse(path, why, format!("chown {owner} {}", path.display()));
        }
        if mode & 0o022 != 0 && !sticky {
            let who = if mode & 0o002 != 0 { "everybody" } else { "its group" };
            let why = format!("may be written by {who}, who could run programs as the daemon's user");
            return refuse(path, why, format!("chmod go-w {}", path.display()));
        }
        Ok(())
    };
    judge(real, about)?;
    for folder in real.ancestors().skip(1) {
        let about = fs::metadata(folder).map_err(|error| unreadable(folder, &error))?;
        judge(folder, &about)?;
    }
    Ok(())
}
