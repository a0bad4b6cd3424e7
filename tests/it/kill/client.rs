//! A client that starts runs while the daemon is killed, and remembers what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use steadfast::api::{Client, Start};
use steadfast::state::StateDir;

use super::check::reader;
use super::place::Place;

/// A thread that asks again and again, each start under a key of its own, and under the same key until there is an answer.
pub(super) struct Asker {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Acknowledged>,
}

/// What was answered.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// Keys, and the runs that they were said to be.
    pub(super) starts: Vec<(String, i64)>,
    /// How many were asked for more than once, because the connection broke.
    pub(super) again: usize,
}

impl Asker {
    pub(super) fn begin(place: &Place, job: &str) -> Self {
        let (state, job) = (StateDir::at(place.state()), job.to_owned());
        let over = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut acknowledged = Acknowledged::default();
            let (mut client, mut asked) = (None, 0);
            while !theirs.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(if asked == 0 { 30 } else { 3 }));
                client = client.or_else(|| Client::connect(&state).ok());
                let Some(open) = &mut client else { continue };
                let key = format!("key-{}", acknowledged.starts.len());
                let start = Start { job: job.clone(), key: Some(key.clone()), ..Start::default() };
                asked += 1;
                match open.start(&[start]) {
                    Ok(started) => {
                        acknowledged.starts.push((key, started.runs[0].0.cast_signed()));
                        acknowledged.again += usize::from(asked > 1);
                        asked = 0;
                    }
                    Err(_) => client = None,
                }
            }
            acknowledged
        });
        Self { over, thread }
    }

    pub(super) fn end(self) -> Acknowledged {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

impl Acknowledged {
    /// Returns the starts that the store does not hold as they were acknowledged.
    pub(super) fn lost(&self, place: &Place) -> Vec<String> {
        let rows = reader(place);
        let mut select = rows.prepare("SELECT id FROM runs WHERE key = ?1").unwrap();
        let mut lost = Vec::new();
        for (key, run) in &self.starts {
            let held: Option<i64> = select.query_row([key], |row| row.get(0)).ok();
            if held != Some(*run) {
                lost.push(format!("the start {key} was acknowledged as run {run} and is {held:?}"));
            }
        }
        if self.starts.is_empty() {
            lost.push("no start was acknowledged at all".to_owned());
        }
        lost
    }
}
