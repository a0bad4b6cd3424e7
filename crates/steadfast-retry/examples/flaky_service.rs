//! A service that is busy, resets connections and sometimes knows nothing: rules, hooks and a fallback around one call.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::fmt;
use std::time::Duration;

use steadfast_retry::{Class, Classify, Delay, Failure, Policy, Rule, retry};

const BUSY: Class = Class::known("http-busy");
const RESET: Class = Class::known("net-reset");
const GONE: Class = Class::known("not-found");

/// What the service answers when it does not answer.
#[derive(Debug)]
enum ServiceError {
    Busy { retry_after: Duration },
    Reset,
    NoSuchPaper(u32),
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { .. } => f.write_str("503 service unavailable"),
            Self::Reset => f.write_str("connection reset by peer"),
            Self::NoSuchPaper(number) => write!(f, "no paper has the number {number}"),
        }
    }
}

impl std::error::Error for ServiceError {}

/// Once said here, every policy can speak of it.
impl Classify for ServiceError {
    fn classify(&self) -> Failure {
        match self {
            Self::Busy { retry_after } => Failure::of(BUSY).server_asks(*retry_after),
            Self::Reset => Failure::of(RESET),
            Self::NoSuchPaper(_) => Failure::of(GONE),
        }
    }
}

/// Is busy, then resets, then answers, then begins anew.
struct Service {
    calls: u32,
}

impl Service {
    fn title(&mut self, number: u32) -> Result<String, ServiceError> {
        self.calls += 1;
        match self.calls % 3 {
            _ if number > 100 => Err(ServiceError::NoSuchPaper(number)),
            1 => Err(ServiceError::Busy { retry_after: Duration::from_millis(8) }),
            2 => Err(ServiceError::Reset),
            _ => Ok(format!("On the stability of paper {number}")),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policy = Policy::named("titles")
        .attempts(4)
        .deadline(Duration::from_secs(2))
        .delay(Delay::exponential(Duration::from_millis(2)).cap(Duration::from_millis(20)))
        .catch(Rule::on(BUSY).attempts(10).obey_server(Duration::from_millis(50)))
        .catch(Rule::on(GONE).stop())
        .build()?;
    let mut service = Service { calls: 0 };

    let title = retry!(
        policy,
        service.title(7),
        before_sleep = |upcoming| println!("  {upcoming}"),
        finally = |closing| println!("  over: {} after {} attempts", closing.ending(), closing.attempts()),
    )?;
    println!("{title}");
    assert_eq!((title.as_str(), service.calls), ("On the stability of paper 7", 3));

    let title = retry!(
        policy,
        service.title(1_000),
        else_with = |gave_up| {
            println!("  {gave_up}");
            "an unknown paper".to_string()
        }
    );
    println!("{title}");
    assert_eq!((title.as_str(), service.calls), ("an unknown paper", 4), "a rule ends it at its first attempt");
    Ok(())
}
