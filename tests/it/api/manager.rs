//! What a service manager hears.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use steadfast::api::Client;
use steadfast::state::StateDir;

use super::house::{JOBS, LONG};

/// Hears one message, its lines apart.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned).collect()
}

#[test]
fn a_service_manager_hears_of_every_turn() {
    let folder = tempfile::tempdir().unwrap();
    let jobs = folder.path().join("jobs.toml");
    std::fs::write(&jobs, JOBS).unwrap();
    let address = folder.path().join("notify");
    let socket = UnixDatagram::bind(&address).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let state = StateDir::at(folder.path().join("state"));
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(["--state".as_ref(), state.root().as_os_str(), "serve".as_ref(), jobs.as_os_str()])
        .arg("--no-watch")
        .env("NOTIFY_SOCKET", &address)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(heard(&socket), ["READY=1", "STATUS=6 jobs loaded"]);
    let mut client = Client::connect(&state).unwrap();
    assert_eq!(client.status().unwrap().config.jobs, 6, "who is ready answers");

    // A reload by signal, as `systemctl reload` does it: the time tells which reload the later READY belongs to.
    std::fs::write(&jobs, "[job.one.command]\nrun = [\"true\"]\n").unwrap();
    kill_process(Pid::from_child(&daemon), Signal::HUP).unwrap();
    let before = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec;
    let words = heard(&socket);
    assert_eq!(words[0], "RELOADING=1");
    let micros: i64 = words[1].strip_prefix("MONOTONIC_USEC=").unwrap().parse().unwrap();
    assert!((micros / 1_000_000 - before).abs() <= 60, "{micros} is no time of this boot's clock");
    assert_eq!(heard(&socket), ["READY=1", "STATUS=1 job loaded"]);

    // A reload that is refused ends as well, or the manager would wait for it.
    std::fs::write(&jobs, "[job.one]\nbroken = 1\n").unwrap();
    assert!(client.reload().is_err());
    assert_eq!(heard(&socket)[0], "RELOADING=1");
    let refused = "STATUS=1 job loaded; the files that were read last are wrong";
    assert_eq!(heard(&socket), ["READY=1", refused]);

    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert_eq!(heard(&socket)[0], "STOPPING=1");
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}
