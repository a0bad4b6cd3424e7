//! Every broken file gets a place, a sentence and a remedy for each of its mistakes, and none harms the reader.

use steadfast::job::{Code, Reader, Rendering, Severity};

use super::corpus;

/// A file is read alone. Its whole rendering is kept, so that a change of any message is seen by whoever makes it.
#[test]
fn every_broken_file_is_told_its_mistakes() {
    let files = corpus("broken");
    assert!(files.len() >= 60, "the corpus has {} files", files.len());
    let mut told = String::new();
    let mut seen: Vec<Code> = Vec::new();
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let reading = Reader::new().read(std::slice::from_ref(path));
        assert!(!reading.diagnostics.is_empty(), "{name}: nothing is told");
        let warns = name.starts_with("warning-");
        assert_eq!(reading.config.is_some(), warns, "{name}");
        let mut diagnostics = reading.diagnostics;
        for diagnostic in &mut diagnostics {
            diagnostic.file = format!("{name}.toml");
            if let Some(related) = &mut diagnostic.related {
                related.file.clone_from(&diagnostic.file);
            }
            seen.push(diagnostic.code);
            let whole_file = matches!(diagnostic.code.to_string().as_str(), "SF0002");
            assert!(whole_file || diagnostic.line > 0 && diagnostic.column > 0, "{name}: no place: {diagnostic}");
            assert!(!diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'), "{name}: {diagnostic}");
            assert!(diagnostic.help.len() > 5 && !diagnostic.help.ends_with('.'), "{name}: no remedy: {diagnostic}");
            assert_eq!(diagnostic.severity == Severity::Warning, warns, "{name}: {diagnostic}");
        }
        told.push_str(&format!("==== {name}\n"));
        told.push_str(&Rendering { colour: false, width: 100 }.show_all(&diagnostics));
        told.push('\n');
    }
    insta::with_settings!({ prepend_module_to_snapshot => false }, { insta::assert_snapshot!("broken", told) });
    // What needs a file system is told in `files.rs`.
    let by_system = ["SF0001", "SF0002", "SF0005", "SF0006", "SF0007"];
    let untold = Code::ALL.iter().filter(|entry| !seen.contains(&entry.code));
    let untold: Vec<String> =
        untold.map(|entry| entry.code.to_string()).filter(|code| !by_system.contains(&code.as_str())).collect();
    assert_eq!(untold, [] as [&str; 0], "codes that no file of the corpus shows");
}
