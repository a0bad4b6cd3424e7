//! A job that kills its daemon.

use super::check::reader;
use super::place::{Place, eventually};

#[test]
fn a_job_that_kills_its_daemon_is_quarantined_after_the_third_death() {
    let mut place = Place::new();
    let lock = place.state().join("lock");
    let log = place.side().join("log");
    // The daemon is not its parent, so the job looks its number up where the store's lock has it.
    let script = format!(
        "echo began $STEADFAST_RUN $STEADFAST_ATTEMPT >> {log}; read -r daemon < {lock}; kill -9 $daemon; sleep 0.1; exit 1",
        log = log.display(),
        lock = lock.display(),
    );
    place.declare(&format!(
        "[job.poison]\nloop = {{ attempts = 10 }}\ndelay = {{ constant = \"1ms\", jitter = \"none\" }}\ncommand = {{ shell = '{script}' }}\n\
         [job.harmless]\nafter = {{ ended = [\"poison\"] }}\ncommand = {{ run = [\"true\"] }}\n"
    ));
    let mut deaths = 0;
    let code = loop {
        let ended = place.start(&["--until-idle"]).ends();
        match ended.code() {
            None => deaths += 1,
            Some(code) => break code,
        }
        assert!(deaths < 10, "it kills for ever: {}", place.said());
    };
    assert_eq!((code, deaths), (1, 3), "{}", place.said());
    let rows = reader(&place);
    let ending = |job: &str| -> String {
        rows.query_row("SELECT ending FROM runs WHERE job = ?1", [job], |row| row.get(0)).unwrap()
    };
    assert_eq!((ending("poison").as_str(), ending("harmless").as_str()), ("quarantined", "succeeded"));
    let began = std::fs::read_to_string(&log).unwrap().lines().count();
    assert_eq!(began, 3, "one attempt for each death");
    eventually("no shim is left", || place.shims().is_empty());
}
