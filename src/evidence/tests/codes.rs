//! Exit codes, signals and transfers: each row of the shipped table for commands and downloads.

use super::check;

#[test]
fn signals_and_what_shells_make_of_them() {
    check("signal ILL", "signal-ill");
    check("exit 132", "signal-ill");
    check("signal SEGV", "signal-segv");
    check("exit 139", "signal-segv");
    check("signal FPE", "signal-segv");
    check("exit 136", "signal-segv");
    check("signal KILL", "signal-kill");
    check("exit 137", "signal-kill");
    check("signal ABRT", "signal-other");
    check("exit 134", "signal-other");
    check("signal PIPE", "signal-pipe");
    check("exit 141", "signal-pipe");
    check("signal XCPU", "signal-xcpu");
    check("exit 152", "signal-xcpu");
    for (exit, signal) in [(129, "HUP"), (130, "INT"), (131, "QUIT")] {
        check(&format!("exit {exit}"), "signal-interrupt");
        check(&format!("signal {signal}"), "signal-interrupt");
    }
    check("signal USR1", "signal-other");
}

#[test]
fn exit_codes_that_mean_the_same_everywhere() {
    check("exit 0", "succeeded");
    check("exit 1", "exit-nonzero");
    check("exit 2", "exit-usage");
    for (class, codes) in [
        ("exit-usage", vec![64]),
        ("exit-data", vec![65, 66, 67, 68]),
        ("exit-unavailable", vec![69, 71, 74]),
        ("exit-software", vec![70, 72, 73, 76]),
        ("yielded", vec![75]),
        ("auth-denied", vec![77]),
        ("exit-config", vec![78]),
        ("exit-tool-failed", vec![125]),
        ("start-denied", vec![126]),
        ("start-not-found", vec![127]),
    ] {
        codes.iter().for_each(|code| check(&format!("exit {code}"), class));
    }
    check("not-started 2", "start-not-found");
    check("not-started 13", "start-denied");
    check("not-started 7", "start-failed");
    check("not-started 11", "start-busy");
    check("not-started 26", "start-busy");
}

#[test]
fn exit_codes_that_depend_on_the_program() {
    for (program, class, codes) in [
        ("curl", "net-dns", vec![5, 6]),
        ("curl", "net-connect", vec![7]),
        ("curl", "net-stream", vec![16, 92, 95, 96]),
        ("curl", "net-short-body", vec![18]),
        ("curl", "net-timeout", vec![28]),
        ("curl", "net-tls", vec![35]),
        ("curl", "net-reset", vec![52, 55, 56]),
        ("curl", "http-unknown", vec![22]),
        ("curl", "disk-write", vec![23, 27]),
        ("curl", "http-range", vec![33, 36]),
        ("curl", "exit-usage", vec![1, 2, 3, 4, 43, 48]),
        ("curl", "http-redirect", vec![47]),
        ("curl", "tls-untrusted", vec![58, 59, 60, 77, 90, 91]),
        ("curl", "download-too-large", vec![63]),
        ("curl", "auth-denied", vec![67]),
        ("curl", "not-found", vec![78]),
        ("wget", "net-error", vec![4]),
        ("wget", "disk-write", vec![3]),
        ("wget", "tls-untrusted", vec![5]),
        ("wget", "auth-denied", vec![6]),
        ("wget", "http-protocol", vec![7]),
        ("wget", "http-unknown", vec![8]),
        ("wget", "exit-usage", vec![1, 2]),
        ("rsync", "net-reset", vec![10]),
        ("rsync", "net-stream", vec![12]),
        ("rsync", "net-timeout", vec![30, 35]),
        ("rsync", "sync-partial", vec![23]),
        ("rsync", "sync-vanished", vec![24]),
        ("rsync", "sync-refused", vec![1, 2, 3, 4, 5, 6, 25]),
        ("rsync", "disk-write", vec![11]),
        ("rsync", "net-ssh", vec![255]),
        ("ssh", "net-ssh", vec![255]),
        ("aria2c", "net-timeout", vec![2]),
        ("aria2c", "net-error", vec![6]),
        ("aria2c", "net-dns", vec![19]),
        ("aria2c", "http-busy", vec![29]),
        ("aria2c", "not-found", vec![3]),
        ("aria2c", "auth-denied", vec![24]),
        ("aria2c", "disk-full", vec![9]),
        ("systemd-run", "exit-setup", vec![200, 203, 217, 245]),
        ("ft_launcher", "delegate-norestart", vec![93]),
    ] {
        codes.iter().for_each(|code| check(&format!("program /usr/bin/{program}, exit {code}"), class));
    }
}

#[test]
fn the_same_code_of_another_program_means_nothing() {
    check("program mytool, exit 7", "exit-nonzero");
    check("program mytool, exit 255", "exit-nonzero");
    check("program mytool, exit 203", "exit-nonzero");
    check("program sh, exit 255, stderr `ssh: connect to host h port 22: Connection refused`", "net-ssh");
}

#[test]
fn download_tools_that_name_the_status() {
    let curl =
        |status: u16| format!("program curl, exit 22, stderr `curl: (22) The requested URL returned error: {status}`");
    let wget = |status: u16| format!("program wget, exit 8, stderr `2026-11-23 20:12:14 ERROR {status}: Reason.`");
    for (status, class) in [
        (408, "http-error"),
        (425, "http-error"),
        (429, "http-busy"),
        (503, "http-busy"),
        (500, "http-error"),
        (502, "http-error"),
        (401, "auth-denied"),
        (403, "auth-denied"),
        (404, "not-found"),
        (410, "not-found"),
        (400, "http-refused"),
        (451, "http-refused"),
    ] {
        check(&curl(status), class);
        check(&wget(status), class);
        check(&format!("status {status}"), class);
    }
    check("program curl, exit 23, stderr `write: No space left on device`", "disk-full");
    check("program rsync, exit 11, stderr `rsync: write failed: No space left on device (28)`", "disk-full");
}

#[test]
fn errors_of_the_downloader() {
    for (error, class) in [
        ("dns", "net-dns"),
        ("connect", "net-connect"),
        ("tls", "net-tls"),
        ("certificate", "tls-untrusted"),
        ("timeout", "net-timeout"),
        ("reset", "net-reset"),
        ("short-body", "net-short-body"),
        ("protocol", "http-protocol"),
        ("redirects", "http-redirect"),
        ("range", "http-range"),
        ("changed", "download-changed"),
        ("digest", "checksum-mismatch"),
        ("implausible", "download-implausible"),
        ("expired-url", "url-expired"),
        ("quota", "quota-wall"),
        ("disk-full", "disk-full"),
        ("disk", "disk-write"),
    ] {
        check(&format!("error {error}"), class);
    }
    check("status 416", "http-range");
    check("status 302", "http-redirect");
}
