//! How ends are told.

use steadfast::exec::{Status, Witness};

use super::house::{House, code, killed_by};

#[test]
fn every_end_has_its_name() {
    let mut house = House::new();
    let table = [
        ("exit 0", code(0)),
        ("exit 1", code(1)),
        ("exit 75", code(75)),
        ("exit 255", code(255)),
        ("kill -9 $$", killed_by(9)),
        ("kill -15 $$", killed_by(15)),
        ("kill -2 $$", killed_by(2)),
        ("kill -13 $$", killed_by(13)),
        ("exec nothing-of-that-name", code(127)),
    ];
    for (script, status) in table {
        let launch = house.script(script);
        let exit = house.run(launch);
        assert_eq!((exit.status, exit.witness), (status, Witness::Parent), "{script}");
        assert!(exit.began.is_some() && exit.act.is_none() && exit.survivors.is_empty(), "{script}");
    }
    house.empty();
}

#[test]
fn a_core_dump_is_told() {
    let mut house = House::new();
    let launch = house.script("ulimit -c unlimited 2>/dev/null; kill -ABRT $$");
    let Status::Signalled { signal: 6, core } = house.run(launch).status else { panic!("a signal") };
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.trim() == "core" {
        assert!(core, "the folder is writable and the limit is off");
    }
}

#[test]
fn what_was_used_is_told() {
    let mut house = House::new();
    let launch = house.launch(&["python3", "-c", "b = bytearray(64 << 20)\nfor i in range(300000): pass"]);
    let exit = house.run(launch);
    assert_eq!(exit.status, code(0));
    assert!(exit.usage.max_rss_kib > 60 << 10, "{:?}", exit.usage);
    assert!(exit.usage.processor().as_micros() > 1000 && exit.ran.as_micros() > 1000, "{exit:?}");
}
