//! What happens to output.

use std::path::Path;
use std::time::{Duration, Instant};

use steadfast::exec::Exit;
use steadfast::exec::log::{Log, Stream, bytes_path, index_path};
use steadfast::launch::{OutputMode, Rung, ShimKind};

use super::house::{House, code, eventually, lives};

fn open(exit: &Exit) -> Log {
    Log::open(exit.output.base.as_deref().expect("it wrote something")).unwrap()
}

#[test]
fn no_output_no_file() {
    for mode in [OutputMode::Pipe, OutputMode::File] {
        let mut house = House::new();
        let mut launch = house.launch(&["true"]);
        launch.output.mode = mode;
        let base = launch.output.base.clone();
        let exit = house.run(launch);
        assert_eq!((exit.output.bytes, exit.output.base), (0, None));
        assert!(!bytes_path(&base).exists() && !index_path(&base).exists(), "{mode:?}");
    }
}

#[test]
fn bytes_are_kept_exactly() {
    let mut house = House::new();
    let script = "import sys, random\n\
                  random.seed(7)\n\
                  sys.stdout.buffer.write(random.randbytes(8 << 20))\n\
                  sys.stdout.buffer.write(b'\\x00\\xff\\r\\n no newline at the end')";
    let launch = house.launch(&["python3", "-c", script]);
    let exit = house.run(launch);
    let direct = std::process::Command::new("python3").args(["-c", script]).output().unwrap().stdout;
    assert_eq!((exit.output.bytes, exit.output.dropped_bytes), (direct.len() as u64, 0));
    assert!(house.log(&exit) == direct, "8 MiB and a bit of bytes of any kind");
}

#[test]
fn a_script_cannot_truncate_its_log() {
    let mut house = House::new();
    let launch = house.script("echo one; echo two > /dev/stderr; echo three > /dev/stdout; echo four >&2");
    let exit = house.run(launch);
    let log = open(&exit);
    let text = String::from_utf8(log.read_all().unwrap()).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["four", "one", "three", "two"]);
    assert_eq!(exit.output.stderr_bytes, 9, "two and four");
    let told: u64 = log.chunks().iter().filter(|chunk| chunk.stream == Stream::Err).map(|chunk| chunk.length).sum();
    assert_eq!(told, 9);
}

#[test]
fn each_stream_keeps_its_order_and_chunks_their_time() {
    let mut house = House::new();
    let launch = house.script("for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; sleep 0.05; done");
    let exit = house.run(launch);
    let log = open(&exit);
    for (stream, word) in [(Stream::Out, "out"), (Stream::Err, "err")] {
        let mut text = Vec::new();
        for chunk in log.chunks().iter().filter(|chunk| chunk.stream == stream) {
            let mut bytes = vec![0; chunk.length as usize];
            log.read_at(chunk.offset, &mut bytes).unwrap();
            text.extend(bytes);
        }
        let expected: String = (1..=5).map(|i| format!("{word} {i}\n")).collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
    let times: Vec<u64> = log.chunks().iter().map(|chunk| chunk.at.0).collect();
    assert!(times.is_sorted() && times.last().unwrap() - times[0] >= 190_000_000, "{times:?}");
}

#[test]
fn a_line_without_an_end_is_seen_at_once() {
    let mut house = House::new();
    let launch = house.script("printf 'password: '; sleep 60");
    let base = launch.output.base.clone();
    let start = house.begin(launch);
    house.started(&start);
    let began = Instant::now();
    eventually("the question is in the log", || std::fs::read(bytes_path(&base)).is_ok_and(|log| log == b"password: "));
    assert!(began.elapsed() < Duration::from_secs(1));
    house.hands().stop(&start, Rung::Kill);
    house.ended(&start);
}

/// 256 MiB, or as many MiB as `STEADFAST_TEST_OUTPUT_MIB` says.
fn much() -> u64 {
    std::env::var("STEADFAST_TEST_OUTPUT_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(256) << 20
}

fn disk_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).unwrap().blocks() * 512
}

#[test]
fn a_flood_is_kept_under_its_cap_and_costs_no_memory() {
    for mode in [OutputMode::Pipe, OutputMode::File] {
        let mut house = House::new();
        let (bytes, cap) = (much(), 16 << 20);
        // The first and the last line are the ones that matter.
        let script = format!("echo first; head -c {bytes} /dev/zero; echo last");
        let mut launch = house.script(&script);
        launch.output.mode = mode;
        launch.output.cap_bytes = cap;
        let base = launch.output.base.clone();
        let start = house.begin(launch);
        house.started(&start);
        let pid = house.shim();
        let exit = house.ended(&start);
        assert_eq!((exit.status.clone(), exit.output.bytes), (code(0), bytes + 11));
        let peak = peak_kib(pid);
        assert!(peak < 50 << 10, "the shim took {peak} KiB");
        let disk = disk_bytes(&bytes_path(&base)) + disk_bytes(&index_path(&base));
        assert!(disk <= cap + (1 << 20), "{disk} bytes of disk in mode {mode:?}");
        let log = open(&exit);
        let kept = log.kept();
        let sum: u64 = kept.iter().map(|range| range.end - range.start).sum();
        assert_eq!((kept.len(), sum + exit.output.dropped_bytes), (2, bytes + 11), "{kept:?}");
        let (mut head, mut tail) = ([0; 6], [0; 5]);
        log.read_at(0, &mut head).unwrap();
        log.read_at(bytes + 6, &mut tail).unwrap();
        assert_eq!((&head, &tail), (b"first\n", b"last\n"));
    }
}

fn peak_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn an_idle_shim_is_small() {
    let mut house = House::new();
    let launch = house.launch(&["true"]);
    house.run(launch);
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", house.shim())).unwrap();
    let own: u64 = rollup
        .lines()
        .filter(|line| line.starts_with("Anonymous:"))
        .map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(own < 4 << 10, "{own} KiB of its own");
}

#[test]
fn a_full_log_disk_costs_bytes_and_no_program() {
    let mut house = House::new();
    let mut launch = house.script("echo hello; sleep 0.1; exit 6");
    // A folder that is a file: nothing can be written there.
    let blocker = house.folder.path().join("blocker");
    std::fs::write(&blocker, "").unwrap();
    launch.output.base = blocker.join("x/1");
    let exit = house.run(launch);
    assert_eq!((exit.status, exit.output.bytes, exit.output.dropped_bytes), (code(6), 6, 6));
}

#[test]
fn below_the_reserve_less_is_kept() {
    let mut house = House::new();
    let mut launch = house.script("head -c 40000000 /dev/zero; echo last");
    launch.output.reserve_bytes = u64::MAX;
    let base = launch.output.base.clone();
    let exit = house.run(launch);
    assert_eq!((exit.status, exit.output.bytes), (code(0), 40_000_005));
    let disk = disk_bytes(&bytes_path(&base));
    assert!(disk < 12 << 20, "{disk} bytes: the first and the last MiB, and a step");
}

#[test]
fn a_program_in_file_mode_outlives_even_its_shim() {
    let mut house = House::new();
    let mut launch = house.script("echo before; while [ ! -e go ]; do sleep 0.02; done; echo after; exit 3");
    launch.shim = ShimKind::Own;
    launch.output.mode = OutputMode::File;
    let base = launch.output.base.clone();
    let start = house.begin(launch);
    let who = house.started(&start);
    let shim = house.shim();
    super::house::signal(shim, "KILL");
    eventually("the shim is dead", || !lives(shim));
    std::fs::write(house.folder.path().join("go"), "").unwrap();
    let exit = house.ended(&start);
    assert!(!lives(who.pid));
    assert_eq!(std::fs::read(bytes_path(&base)).unwrap(), b"before\nafter\n");
    assert_eq!(exit.output.bytes, 13);
}

#[test]
fn a_terminal_is_a_terminal() {
    let mut house = House::new();
    let mut launch = house.script("test -t 0 && test -t 1 && test -t 2 && stty size && echo yes && tty > /dev/tty");
    launch.shim = ShimKind::Own;
    launch.output.mode = OutputMode::Pty;
    let exit = house.run(launch);
    let text = String::from_utf8(house.log(&exit)).unwrap();
    assert_eq!(exit.status, code(0), "{text}");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["24 80", "yes"]);
    assert!(lines[2].starts_with("/dev/pts/"), "{lines:?}");
    house.empty();
}
