//! What has to do with files: folders, who may write them, and what cannot be read.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use steadfast::job::{Reader, Reading};

const JOB: &str = "[job.NAME.command]\nrun = [\"true\"]\n";

fn write(path: &Path, name: &str) {
    fs::write(path, JOB.replace("NAME", name)).unwrap();
}

fn told(reading: &Reading, folder: &Path) -> Vec<String> {
    let folder = format!("{}/", folder.display());
    reading.diagnostics.iter().map(|told| told.to_string().replace(&folder, "")).collect()
}

fn one(path: impl Into<PathBuf>) -> [PathBuf; 1] {
    [path.into()]
}

#[test]
fn the_toml_files_of_a_folder_are_read_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("b.toml"), "b");
    write(&folder.path().join("a.toml"), "a");
    write(&folder.path().join(".hidden.toml"), "hidden");
    fs::write(folder.path().join("notes.md"), "no TOML").unwrap();
    fs::create_dir(folder.path().join("deeper.toml")).unwrap();
    write(&folder.path().join("deeper.toml/c.toml"), "c");
    let config = Reader::new().read(&one(folder.path())).config.unwrap();
    assert_eq!(config.jobs.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(config.jobs["a"].definition.workdir, folder.path());
}

#[test]
fn a_file_given_twice_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    write(&file, "a");
    std::os::unix::fs::symlink(&file, folder.path().join("z.toml")).unwrap();
    let reading = Reader::new().read(&[file, folder.path().to_owned()]);
    assert_eq!(reading.config.unwrap().files.len(), 1);
}

#[test]
fn a_path_that_leads_nowhere_is_told_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("a.toml"), "[job.a]\npolcy = 1\n").unwrap();
    let paths = ["a.toml", "gone.toml", "empty"].map(|name| folder.path().join(name));
    assert_eq!(
        told(&Reader::new().read(&paths), folder.path()),
        [
            "a.toml:1:6: error[SF0201]: the job `a` does nothing\nhelp: add `[job.a.command]` with run = [\"program\", \"argument\"]",
            "a.toml:2:1: error[SF0102]: unknown key `polcy`\nhelp: did you mean `policy`?",
            "empty: error[SF0007]: the folder has no file that ends in `.toml`\nhelp: name the folder that holds files of jobs; folders inside it are not searched",
            "gone.toml: error[SF0007]: it cannot be read: No such file or directory (os error 2)\nhelp: check the path; `steadfast init` writes a first file",
        ]
    );
}

#[test]
fn a_file_that_is_no_file_is_not_waited_for() {
    let reading = Reader::new().read(&one("/dev/zero"));
    assert_eq!(
        told(&reading, Path::new("/")),
        [
            "/dev/zero: error[SF0001]: it is no plain file\nhelp: name a file or a folder of files, or take it out of the folder"
        ]
    );
}

#[test]
fn a_file_of_more_than_256_kib_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.toml");
    // A character of two bytes across the border is no mistake of its own.
    fs::write(&file, format!("#{}\n[", "é".repeat(200 * 1024))).unwrap();
    let refused =
        ["large.toml: error[SF0002]: the file is longer than 256 KiB\nhelp: split it into several files of one folder"];
    assert_eq!(told(&Reader::new().read(&one(&file)), folder.path()), refused);
    fs::write(&file, format!("{JOB}#{}\n", "x".repeat(200 * 1024)).replace("NAME", "a")).unwrap();
    assert!(Reader::new().read(&one(&file)).config.is_some());
}

#[test]
fn a_last_line_without_an_end_is_refused_only_by_whoever_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, JOB.replace("NAME", "a").trim_end()).unwrap();
    assert!(Reader::new().read(&one(&file)).config.is_some());
    let strict = Reader::new().strict_newline(true).read(&one(&file));
    assert_eq!(
        told(&strict, folder.path()),
        [
            "a.toml:2:1: error[SF0005]: the last line has no end\nhelp: save the file with a newline at its end; it may still be being written"
        ]
    );
}

/// Whoever can write a file of jobs can run programs as the daemon's user.
#[test]
fn a_daemon_takes_no_jobs_that_others_could_have_written() {
    // In a sticky folder of everybody's, as the system's own for temporary files is.
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("jobs");
    fs::create_dir(&inner).unwrap();
    let file = inner.join("a.toml");
    write(&file, "a");
    let me = fs::metadata(&file).unwrap().uid();
    let modes = [
        (0o755, 0o644, None),
        (0o700, 0o600, None),
        (0o755, 0o664, Some("`jobs/a.toml` may be written by its group")),
        (0o755, 0o646, Some("`jobs/a.toml` may be written by everybody")),
        (0o775, 0o644, Some("`jobs` may be written by its group")),
        (0o777, 0o644, Some("`jobs` may be written by everybody")),
        (0o1777, 0o644, None),
    ];
    for (folder_mode, file_mode, wanted) in modes {
        fs::set_permissions(&file, Permissions::from_mode(file_mode)).unwrap();
        fs::set_permissions(&inner, Permissions::from_mode(folder_mode)).unwrap();
        let case = format!("{folder_mode:o} {file_mode:o}");
        assert!(Reader::new().read(&one(&file)).config.is_some(), "{case}: checking needs no trust");
        let reading = Reader::new().trust_only(me).read(&one(&file));
        let all = told(&reading, folder.path()).join("\n");
        match wanted {
            None => assert_eq!(all, "", "{case}"),
            Some(wanted) => {
                assert!(all.contains(wanted) && all.contains("SF0006") && all.contains("chmod go-w"), "{case}: {all}");
            }
        }
    }
}

#[test]
fn a_daemon_takes_no_jobs_of_another_user() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    write(&file, "a");
    let owner = fs::metadata(&file).unwrap().uid();
    let reading = Reader::new().trust_only(owner + 1).read(&one(&file));
    // Root's files are everybody's to trust.
    assert_eq!(reading.config.is_some(), owner == 0);
    if owner != 0 {
        assert!(reading.diagnostics[0].to_string().contains("SF0006"));
        return;
    }
    std::os::unix::fs::chown(&file, Some(12345), None).unwrap();
    let all = told(&Reader::new().trust_only(54321).read(&one(&file)), folder.path()).join("\n");
    assert!(all.contains("belongs to user 12345") && all.contains("chown 54321"), "{all}");
    assert!(Reader::new().trust_only(12345).read(&one(&file)).config.is_some());
}
