//! Very much output, and little memory and disk.
//!
//! Two GiB by each way, as the design promises; `STEADFAST_TEST_OUTPUT_MIB` writes more, or less on a small disk.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check::reader;
use super::place::Place;

/// The most that daemon and shim may ever have in memory.
const MOST_KIB: u64 = 50 * 1024;

fn peak_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The bytes of disk that a folder's files take.
fn disk(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
        .map(|(meta, path)| if meta.is_dir() { disk(&path) } else { meta.blocks() * 512 })
        .sum()
}

#[test]
fn two_gibibytes_of_output_cost_neither_memory_nor_disk() {
    let mib = std::env::var("STEADFAST_TEST_OUTPUT_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(2048_u64);
    let mut place = Place::new();
    for output in ["pipe", "file"] {
        // In steps, since what is written within a moment is given back only in the next.
        let write =
            format!("i=0; while [ $i -lt {} ]; do head -c 16M /dev/zero; i=$((i+1)); sleep 0.02; done", mib / 16);
        place.declare(&format!(
            "[job.{output}]\nloop = {{ attempts = 1 }}\n\
             command = {{ shell = '{write}', output = \"{output}\", output-cap = \"64MiB\" }}\n\n"
        ));
    }
    let mut daemon = place.start(&["--until-idle", "--slots", "2"]);
    let (mut of_daemon, mut of_shims) = (0, 0);
    while daemon.has_ended().is_none() {
        of_daemon = of_daemon.max(peak_kib(daemon.pid()));
        of_shims = place.shims().into_iter().map(peak_kib).fold(of_shims, u64::max);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(daemon.ends().code(), Some(0), "{}", place.said());
    let logs = disk(&place.state().join("logs"));
    println!("{mib} MiB each way: daemon {of_daemon} KiB, shim {of_shims} KiB, logs {logs} bytes of disk");
    assert!(of_shims > 0 && of_daemon < MOST_KIB && of_shims < MOST_KIB, "daemon {of_daemon} KiB, shim {of_shims} KiB");
    assert!(logs <= 2 * (64 << 20) + (1 << 20), "{logs} bytes of disk");
    let rows = reader(&place);
    let select =
        "SELECT sum(json_extract(body, '$.stepped.end.usage.\"output-bytes\"')) FROM journal WHERE kind = 'stepped'";
    let whole: u64 = rows.query_row(select, (), |row| row.get::<_, i64>(0)).unwrap().cast_unsigned();
    assert_eq!(whole, 2 * (mib << 20), "every byte is counted");
}
