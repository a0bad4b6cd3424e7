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
    println!("{}", Forecast::of(&policy, [reset.clone()]));

    // First the server asks for half an hour, then the link breaks.
    let asked = Failure::of(busy).server_asks(Duration::from_secs(1800));
    println!("{}", Forecast::of(&policy, [asked.into(), reset]));
    Ok(())
}
