//! What a policy would do, before anybody relies on it: the timeline with short, nominal and long delays, and warnings.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use steadfast_retry::{BadPolicy, Class, Delay, Expected, Failure, Forecast, Policy, Rule};

fn main() -> Result<(), BadPolicy> {
    let busy = Class::known("http-busy");
    let policy = Policy::named("model-download")
        .attempts(8)
        .deadline(Duration::from_secs(3600))
        .attempt_timeout(Duration::from_secs(1200))
        .delay(Delay::exponential(Duration::from_secs(10)).cap(Duration::from_secs(60)))
        .catch(Rule::on(busy.clone()).attempts(30).obey_server(Duration::from_secs(3600)))
        .build()?;

    // Ten minutes, then a reset; and so on.
    let reset = Expected::from(Class::known("net-reset")).taking(Duration::from_secs(600));
    let resets = Forecast::of(&policy, [reset.clone()]);
    println!("{resets}");
    assert_eq!(resets.typical().attempts, 6, "the deadline of an hour ends it, not the eight attempts");
    assert_eq!(resets.warnings().len(), 1, "which is worth a warning");

    // First the server asks for half an hour, then the link breaks.
    let asked = Failure::of(busy).server_asks(Duration::from_secs(1800));
    let busy = Forecast::of(&policy, [asked.into(), reset]);
    println!("{busy}");
    assert_eq!(busy.rows()[1].wait.typical, Some(Duration::from_secs(1800)), "the server's word is obeyed");
    assert_eq!(busy.typical().attempts, 4);
    Ok(())
}
