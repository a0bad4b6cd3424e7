//! The examples, run as a reader would run them.

use crate::invocation::Invocation;
use crate::steps::Steps;
use crate::{Trouble, root};

/// Which folder's examples belong to which package.
const FOLDERS: [(&str, &str); 2] = [("crates/steadfast-retry/examples", "steadfast-retry"), ("examples", "steadfast")];

/// Adds one step for each example file.
///
/// The library's examples get all features, since each example may show another door.
pub(crate) fn run_all(steps: &mut Steps) -> Result<(), Trouble> {
    for (folder, package) in FOLDERS {
        for name in stems(folder)? {
            let run =
                Invocation::new(&format!("cargo run --quiet --locked -p {package} --all-features --example {name}"));
            steps.run(&format!("example {name}"), &run);
        }
    }
    Ok(())
}

/// Returns the names of the Rust files of a folder, in order; none if there is no such folder.
pub(crate) fn stems(folder: &str) -> Result<Vec<String>, Trouble> {
    let path = root().join(folder);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&path).map_err(|error| format!("cannot list `{folder}`: {error}"))?;
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let rust = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let mut stems: Vec<_> = rust.filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())).collect();
    stems.sort();
    Ok(stems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_files_are_listed_in_order_and_a_missing_folder_holds_none() {
        let own = stems("xtask/src").expect("our own folder can be listed");
        assert!(own.is_sorted() && own.iter().any(|name| name == "examples"), "{own:?}");
        assert_eq!(stems("no/such/folder"), Ok(Vec::new()));
    }
}
