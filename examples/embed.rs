//! steadfast in a program of your own: shipped policies from their file, the macro around a call, and what it says when it gives up.
//!
//! The library is `steadfast-retry`; nothing of the runner is needed. Time is simulated here, so that nobody waits.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::io;
use std::time::Duration;

use steadfast_retry::table::PolicySet;
use steadfast_retry::world::VirtualWorld;
use steadfast_retry::{Ending, Policy, retry};

/// Fails as often as it is told, and then answers.
struct Mirror {
    failures: u32,
}

impl Mirror {
    async fn fetch(&mut self, page: &str) -> io::Result<String> {
        match self.failures.checked_sub(1) {
            Some(left) => {
                self.failures = left;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            None => Ok(format!("{page}: all of it")),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut policies = PolicySet::parse(include_str!("../policies/http.toml"), "policies/http.toml")?;
    // What `http` extends stands there.
    policies.extend(PolicySet::parse(include_str!("../policies/basic.toml"), "policies/basic.toml")?)?;
    let http: Policy = policies.get("http")?;
    println!("{http}");

    let world = VirtualWorld::new();
    let mut mirror = Mirror { failures: 3 };
    let page = retry!(http, async { mirror.fetch("index").await }, world = world.clone())?;
    println!("{page}, after waiting {:?}", world.waits());
    assert_eq!(page, "index: all of it");
    assert_eq!(world.waits().len(), 3, "one delay before each further attempt");
    assert!(world.waits().iter().sum::<Duration>() <= Duration::from_secs(15 * 60), "within the deadline");

    let mut broken = Mirror { failures: 99 };
    let gave_up = retry!(http, async { broken.fetch("index").await }, world = VirtualWorld::new())
        .expect_err("the policy gives five attempts");
    println!("{gave_up}");
    assert_eq!((gave_up.report().attempts(), gave_up.report().ending()), (5, Ending::GaveUp));
    Ok(())
}
