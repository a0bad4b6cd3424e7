//! What programs say on their socket.

use std::time::Duration;

use steadfast::evidence::{Fact, Request};
use steadfast::exec::{Notice, Report};
use steadfast::journal::Told;

use super::house::{House, code};

fn say(lines: &str) -> String {
    format!(
        "import os, socket\n\
         s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         assert os.environ['NOTIFY_SOCKET'] == os.environ['STEADFAST_NOTIFY']\n\
         for line in {lines}: s.sendto(line.encode(), os.environ['NOTIFY_SOCKET'])\n"
    )
}

#[test]
fn words_are_forwarded_live_and_kept_for_the_end() {
    for prefix in ["steadfast-", &"a-very-long-name-".repeat(8)] {
        let mut house = House::with_prefix(prefix);
        let script = say("['READY=1', 'X_FAIL=gpu-oom-own at batch 3', 'X_RETRY_AFTER=7\\nX_REQUEST=no-retry', \
                         'X_TOTAL=10', 'X_CHECKPOINT=c7 step=7 durable=1', 'X_PHASE=save', 'STATUS=fine', 'X_STEP=8', 'FOO=1']");
        let script = format!("{script}\nwhile not os.path.exists('go'): pass\nos._exit(1)");
        let mut launch = house.launch(&["python3", "-c", &script]);
        launch.notify = true;
        let start = house.begin(launch);
        let mut heard = Vec::new();
        while heard.len() < 8 {
            house.until(|report| match report {
                Report::Notified { start: of, notice, .. } if of == start => {
                    heard.push(notice);
                    Some(())
                }
                Report::Ended { exit, .. } => panic!("{exit:?}"),
                _ => None,
            });
        }
        let fail = Fact::Report { word: "gpu-oom-own".into(), detail: "at batch 3".into() };
        let wait = Fact::RetryAfter(Duration::from_secs(7));
        for notice in [
            Notice::Told(Told::Ready),
            Notice::Fact(fail.clone()),
            Notice::Fact(wait.clone()),
            Notice::Told(Told::Checkpoint { id: "c7".into(), step: 7 }),
            Notice::Told(Told::Step { at: 8, of: Some(10) }),
        ] {
            assert!(heard.contains(&notice), "{notice:?} in {heard:?}");
        }
        std::fs::write(house.folder.path().join("go"), "").unwrap();
        let exit = house.ended(&start);
        assert_eq!((exit.status.clone(), exit.said.step, exit.said.phase.as_deref()), (code(1), Some(8), Some("save")));
        assert_eq!(exit.said.facts, [fail.clone(), wait.clone(), Fact::Request(Request::NoRetry)]);
        assert_eq!(exit.status.fact(), Fact::Exit(1));
        house.empty();
    }
}

#[test]
fn a_socket_that_goes_to_the_next_program_tells_it_nothing_of_the_last() {
    let mut house = House::new();
    let mut sockets = Vec::new();
    for (said, code_) in [("['X_STEP=5', 'X_FAIL=out-of-luck', 'X_PHASE=save']", 1), ("['X_STEP=2']", 0), ("[]", 0)] {
        let script =
            format!("{}\nopen('socket', 'w').write(os.environ['NOTIFY_SOCKET'])\nos._exit({code_})", say(said));
        let mut launch = house.launch(&["python3", "-c", &script]);
        launch.notify = true;
        let start = house.begin(launch);
        let exit = house.ended(&start);
        sockets.push(std::fs::read_to_string(house.folder.path().join("socket")).unwrap());
        let heard = (exit.status.clone(), exit.said.step, exit.said.phase.as_deref(), exit.said.facts.len());
        let expected = match sockets.len() {
            1 => (code(1), Some(5), Some("save"), 1),
            2 => (code(0), Some(2), None, 0),
            _ => (code(0), None, None, 0),
        };
        assert_eq!(heard, expected);
    }
    assert!(sockets.iter().all(|socket| *socket == sockets[0]), "the socket is used again: {sockets:?}");
    house.empty();
}

#[test]
fn a_chatterbox_is_heard_once_a_second() {
    let mut house = House::new();
    let script = format!("{}\nprint('done')", say("(f'X_STEP={n}' for n in range(3000))"));
    let mut launch = house.launch(&["python3", "-c", &script]);
    launch.notify = true;
    let start = house.begin(launch);
    let mut steps = 0;
    let exit = house.until(|report| match report {
        Report::Notified { .. } => {
            steps += 1;
            None
        }
        Report::Ended { exit, .. } if exit.start == start => Some(exit),
        _ => None,
    });
    assert_eq!((exit.status.clone(), exit.said.step), (code(0), Some(2999)));
    assert!((1..10).contains(&steps), "{steps} records for 3,000 messages");
}

#[test]
fn a_program_that_talks_without_end_does_not_stop_the_others() {
    let mut house = House::new();
    let script = format!("{}\nwhile True: s.sendto(b'X_PHASE=x', os.environ['NOTIFY_SOCKET'])", say("[]"));
    let mut launch = house.launch(&["python3", "-c", &script]);
    launch.notify = true;
    launch.watch.limit = Some(Duration::from_secs(1));
    let loud = house.begin(launch);
    house.started(&loud);
    let other = house.script("exit 2");
    assert_eq!(house.run(other).status, code(2));
    let exit = house.ended(&loud);
    assert!(exit.said.dropped > 0 || exit.said.phase.is_some());
}

#[test]
fn a_program_with_an_address_is_told_to_stop() {
    let mut house = House::new();
    // Binding to nothing gives an address of the kernel's choice.
    let script = "import os, socket\n\
                  s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                  s.bind('')\n\
                  s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])\n\
                  os._exit(75 if s.recv(100) == b'STOPPING=1' else 1)";
    let mut launch = house.launch(&["python3", "-c", script]);
    launch.notify = true;
    launch.watch.stop.ask = Duration::from_secs(20);
    let start = house.begin(launch);
    house.until(|report| matches!(report, Report::Notified { .. }).then_some(()));
    house.hands().stop(&start, steadfast::launch::Rung::Ask);
    assert_eq!(house.ended(&start).status, code(75));
}
