//! What a call tells to `tracing`: one span, one event per step, an error only at the end.
#![cfg(feature = "tracing")]

use std::fmt::{Debug, Write};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use steadfast_retry::world::VirtualWorld;
use steadfast_retry::{Delay, Policy, retry};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes every span and event as one line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    told: Vec<String>,
    entered: u32,
    spans: u64,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}").expect("a string takes all"),
            name => write!(self.0, " {name}={value:?}").expect("a string takes all"),
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "steadfast_retry" || metadata.target() == "user"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields(format!("span {}", span.metadata().name()));
        span.record(&mut fields);
        let mut inner = self.0.lock().unwrap();
        inner.told.push(fields.0);
        inner.spans += 1;
        Id::from_u64(inner.spans)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let mut inner = self.0.lock().unwrap();
        let inside = if event.is_contextual() { format!(" inside {}", inner.entered) } else { String::new() };
        let line = format!("{}{}{inside}", event.metadata().level(), fields.0);
        inner.told.push(line);
    }

    fn enter(&self, _: &Id) {
        self.0.lock().unwrap().entered += 1;
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered -= 1;
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

fn told(call: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), call);
    let inner = lines.0.lock().unwrap();
    assert_eq!(inner.entered, 0, "every span that was entered was left");
    inner.told.clone()
}

fn flaky(attempt: u32, failures: u32) -> io::Result<u32> {
    tracing::info!(target: "user", "called");
    if attempt <= failures { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(attempt) }
}

const FETCH: Policy = Policy::simple("fetch", 2, Delay::constant(Duration::from_secs(1)));

#[test]
fn failures_on_the_way_are_warnings_and_success_is_quiet() {
    let blocking = told(|| {
        retry!(FETCH, |attempt| flaky(attempt.number(), 1), world = VirtualWorld::new()).unwrap();
    });
    let lines = [
        "span retry policy=\"fetch\"",
        "DEBUG attempt began attempt=1",
        "INFO called inside 1",
        "WARN attempt failed attempt=1 class=\"net-reset\" error=\"connection reset\"",
        "DEBUG waiting attempt=1 delay=1s because=net-reset: failed, 1 of 2 charged",
        "DEBUG attempt began attempt=2",
        "INFO called inside 1",
        "DEBUG over attempts=2 ending=succeeded",
    ];
    assert_eq!(blocking, lines);
    let in_a_task = told(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let call = async {
            retry!(FETCH, async |attempt| flaky(attempt.number(), 1), world = VirtualWorld::new()).unwrap();
        };
        runtime.block_on(call);
    });
    assert_eq!(in_a_task, lines);
}

#[test]
fn only_giving_up_is_an_error_and_a_dropped_call_is_cancelled() {
    let gave_up = told(|| {
        let _gave_up = FETCH.run_in(VirtualWorld::new(), |attempt| flaky(attempt.number(), 9));
    });
    assert_eq!(gave_up.iter().filter(|line| line.starts_with("ERROR")).count(), 1);
    assert_eq!(
        gave_up.last().unwrap(),
        "ERROR gave up attempts=2 ending=gave-up because=net-reset: all attempts are spent, 2 of 2 charged"
    );
    let dropped = told(|| drop(FETCH.start()));
    assert_eq!(dropped.last().unwrap(), "DEBUG over attempts=1 ending=cancelled");
}
