use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use steadfast::api::{Client, Code, Problem, RunsQuery, document};
use steadfast::state::StateDir;
use steadfast::sys::socket;

use super::house::{House, JOBS, LONG};

#[test]
fn the_socket_and_its_folder_are_for_the_owner_alone() {
    let house = House::new(JOBS);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(house.state.root()), 0o700);
    assert_eq!(mode(&house.state.socket()), 0o600);
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::write(folder.path().join("jobs.toml"), JOBS).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(["--state".as_ref(), state.as_os_str(), "serve".as_ref(), folder.path().join("jobs.toml").as_os_str()])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success());
    assert!(complaint.contains("can be written by others"), "{complaint}");
}

/// Asks as another user, with the path opened wide: only the kernel's word stands in the way.
#[test]
fn another_user_is_turned_away_even_where_modes_let_him_through() {
    if socket::own_user() != 0 || Command::new("setpriv").arg("--version").output().is_err() {
        return;
    }
    let house = House::new(JOBS);
    let path = house.state.socket();
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for folder in path.ancestors().skip(1).take(2) {
        open(folder, 0o755);
    }
    open(&path, 0o666);
    let script = format!(
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect({:?}); s.sendall(b'GET /v1/status HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'); print(s.recv(4096).decode())",
        path.to_str().unwrap()
    );
    let ask = |user: &str| {
        let program = ["--reuid", user, "--clear-groups", "/usr/bin/env", "PATH=/usr/bin:/bin", "python3", "-c"];
        let out = Command::new("setpriv").args(program).arg(&script).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let (ran, answer) = ask("65534");
    if !ran && answer.is_empty() {
        // There is no python that others may run.
        return;
    }
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains(r#""code":"denied""#), "{answer}");
    assert!(ask("0").1.starts_with("HTTP/1.1 200"), "root may ask");
    assert!(house.complaints().contains("somebody else was turned away"));
}

#[test]
fn requests_of_web_pages_are_refused_at_every_place() {
    let house = House::new(JOBS);
    let document = document();
    let mut places = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            for header in ["origin: http://localhost", "origin: null", "sec-fetch-site: same-origin"] {
                let path = path.replace("{run}", "1").replace("{attempt}", "1").replace("{job}", "good");
                let (status, body) = house.request(&method.to_uppercase(), &path, &[header], "");
                assert_eq!(status, 403, "{method} {path} {body}");
                places += 1;
            }
        }
    }
    assert!(places > 60);
    let (_, answer) = house.request("GET", "/v1/status", &[], "");
    assert!(!answer.to_lowercase().contains("access-control"));
}

#[test]
fn garbage_is_refused_and_hurts_nobody() {
    let house = House::new(JOBS);
    for garbage in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET /v1/status SPDY/9\r\n\r\n"]
    {
        let mut stream = house.stream();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let long = format!("GET /v1/runs?filter={} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    assert!(house.raw(long.as_bytes()).starts_with("HTTP/1.1 4"));
    for path in [
        "/v1/runs/abc",
        "/v1/runs/-1",
        "/v1/runs/99999999999999999999999",
        "/v1/runs/1/attempts/0x",
        "/v1/events?after=x",
    ] {
        assert_eq!(house.request("GET", path, &[], "").0, 400, "{path}");
    }
    for path in ["/", "/v1", "/v1/runs/", "/v2/runs", "/v1/jobs/../status", "/v1/runs/1/healthz"] {
        assert_eq!(house.request("GET", path, &[], "").0, 404, "{path}");
    }
    let (status, body) = house.request("DELETE", "/v1/runs", &[], "");
    assert_eq!((status, body.contains("wrong-method")), (405, true));
    assert_eq!(house.run("good").attempts, 1);
}

#[test]
fn bodies_have_their_limits() {
    let house = House::new(JOBS);
    let json = "content-type: application/json";
    let (status, body) = house.request("POST", "/v1/runs", &[], r#"{"job": "good"}"#);
    assert_eq!((status, body.contains("wrong-media")), (415, true));
    let large = format!("{{\"filter\": \"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(house.request("PUT", "/v1/daemon/log-filter", &[json], &large).0, 413);
    // A length that is only claimed is refused before anything is read.
    let claimed = "POST /v1/runs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n";
    assert!(house.raw(claimed.as_bytes()).starts_with("HTTP/1.1 413"));
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(house.request("POST", "/v1/runs", &[json], &nested).0, 400);
    assert_eq!(house.request("GET", "/healthz", &[], ""), (204, String::new()));
}

#[test]
fn slow_clients_hold_up_nobody() {
    let house = House::new(JOBS);
    // Some say half a head, some half a body, some never read what they follow.
    let mut slow = Vec::new();
    for number in 0..30 {
        let mut stream = house.stream();
        let half = match number % 3 {
            0 => "GET /v1/sta".to_owned(),
            1 => "POST /v1/runs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n[{"
                .to_owned(),
            _ => "GET /v1/events?follow=true&after=0 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        };
        stream.write_all(half.as_bytes()).unwrap();
        slow.push(stream);
    }
    let mut client = house.client();
    let started = client.start(&vec![super::house::start("good"); 300]).unwrap();
    for run in started.runs {
        assert_eq!(client.wait(run, LONG).unwrap().attempts, 1);
    }
}

#[test]
fn beyond_the_most_connections_the_next_is_told_so() {
    let house = House::new(JOBS);
    let held: Vec<_> = (0..256).map(|_| house.stream()).collect();
    // The daemon takes them in the order in which they came.
    let answer = house.raw(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    drop(held);
    let begun = std::time::Instant::now();
    while house.request("GET", "/healthz", &[], "").0 != 204 {
        assert!(begun.elapsed() < LONG);
    }
}

#[test]
fn a_state_folder_may_lie_deeper_than_a_socket_path_reaches() {
    let deep = format!("{}/state", ["a-folder-with-a-name-that-goes-on-and-on"; 4].join("/"));
    let house = House::with(JOBS, &deep, &[]);
    assert!(house.state.socket().as_os_str().len() > socket::PATH_BYTES);
    assert_eq!(house.run("good").attempts, 1);
}

#[test]
fn a_socket_that_a_dead_daemon_left_is_replaced_and_a_living_one_is_not() {
    let mut house = House::new(JOBS);
    house.crash();
    assert_eq!(house.run("good").attempts, 1);
    let second = Command::new(env!("CARGO_BIN_EXE_steadfast"))
        .args(["--state".as_ref(), house.state.root().as_os_str(), "serve".as_ref(), house.jobs().as_os_str()])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(5), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(house.run("good").attempts, 1, "the first one still answers");
}

#[test]
fn where_no_daemon_is_the_client_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::at(folder.path());
    let problem = Problem::from(Client::connect(&state).unwrap_err());
    assert_eq!((problem.code, problem.code.exit_code()), (Code::Unreachable, 6));
    assert_eq!(problem.help.as_deref(), Some("start one with `steadfast serve`"));
    // A file that nobody listens at is the same.
    drop(std::os::unix::net::UnixListener::bind(state.socket()).unwrap());
    assert_eq!(Problem::from(Client::connect(&state).unwrap_err()).code, Code::Unreachable);
}

#[test]
fn a_client_finds_the_next_daemon_by_itself() {
    let mut house = House::new(JOBS);
    let mut client = house.client();
    assert_eq!(client.runs(&RunsQuery::default()).unwrap().runs.len(), 0);
    house.run("good");
    house.crash();
    assert_eq!(client.runs(&RunsQuery::default()).unwrap().runs.len(), 1);
}
