//! The files in `examples/jobs`, as somebody would try them.

use std::collections::BTreeMap;
use std::path::Path;

use super::transcript::Desk;

const FILES: [&str; 4] = ["flaky.toml", "nightly.toml", "polite.toml", "sweep.toml"];

/// A desk with a copy of them, because a folder of the repository is no place for runs to work in.
fn desk() -> Desk {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/jobs");
    let mut found: Vec<String> = std::fs::read_dir(&folder)
        .expect("the examples are there")
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, FILES, "each example is tried here");
    let texts = FILES.map(|file| (file, std::fs::read_to_string(folder.join(file)).unwrap()));
    texts.iter().fold(Desk::new(), |desk, (file, text)| desk.with(&format!("jobs/{file}"), text))
}

#[test]
fn the_examples_are_read_without_a_word() {
    let said = desk().say(&["check", "jobs"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
}

#[test]
fn the_examples_do_what_they_say() {
    let desk = desk();
    let served = desk.say(&["serve", "jobs", "--until-idle", "--slots", "4"]);
    assert_eq!(served.code, 0, "{}", served.err);
    let listed = desk.say(&["ps", "--all", "--json"]);
    let runs: serde_json::Value =
        serde_json::from_str(&listed.out).unwrap_or_else(|error| panic!("{error}: {listed:?}"));
    let mut endings: BTreeMap<(String, String, u64), u32> = BTreeMap::new();
    for run in runs["runs"].as_array().expect("a list of runs") {
        let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
        *endings.entry((text("job"), text("ending"), run["attempts"].as_u64().unwrap_or(0))).or_default() += 1;
    }
    let told: Vec<String> =
        endings.iter().map(|((job, ending, attempts), runs)| format!("{runs} {job} {ending} at {attempts}")).collect();
    let expected = [
        "1 flaky-download succeeded at 3",
        "1 read-archive succeeded at 2",
        "1 read-index succeeded at 1",
        "1 sweep gave-up at 2",
        "5 sweep succeeded at 1",
    ];
    assert_eq!(told, expected, "what is due at night and what follows it have no run yet");
    let next = desk.say(&["jobs", "next", "inventory", "--file", "jobs", "--from", "2026-03-27T12:00:00Z", "-n", "1"]);
    assert!(next.out.contains("2026-03-28"), "{next:?}");
}
