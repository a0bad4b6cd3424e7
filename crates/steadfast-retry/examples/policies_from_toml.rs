//! Policies from a file: the program says what it does, the file says how it goes on after a failure.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::io;

use steadfast_retry::retry;
use steadfast_retry::table::PolicySet;

const FILE: &str = r#"
[policy.base]
loop  = { attempts = 4, deadline = "5s" }
delay = { exponential = "2ms", cap = "20ms", jitter = "full" }

[policy.mirror]
extends = "base"
loop    = { attempts = 6 }
catch   = [
  { class = "not-found", stop = true },
  { class = "net-*", attempts = 8, delay = { linear = "1ms", cap = "5ms", jitter = "equal" } },
]
finally = [{ on = "failed", run = ["page-somebody"] }]
"#;

fn fetch(attempt: u32) -> io::Result<&'static str> {
    match attempt {
        1 | 2 => Err(io::ErrorKind::ConnectionReset.into()),
        3 => Err(io::Error::other("half a page")),
        _ => Ok("a whole page"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let policies = PolicySet::parse(FILE, "policies.toml")?;
    policies.check()?;
    let resolved = policies.resolve("mirror")?;
    println!("{}", resolved.policy);
    for (key, origin) in &resolved.origins {
        println!("  {key:<14} {origin}");
    }
    assert_eq!(resolved.origins["loop.attempts"].line, 8, "the policy's own");
    assert_eq!(resolved.origins["loop.deadline"].line, 3, "inherited");
    for finalizer in resolved.policy.unperformed() {
        println!("left to the runner: {:?} on {}", finalizer.run, finalizer.on);
    }

    let page = retry!(resolved.policy, |attempt| fetch(attempt.number()))?;
    println!("{page}");
    assert_eq!(page, "a whole page");

    // Every mistake of a file is told at once, with its place and a remedy.
    let wrong = "[policy.a]\nloop = { atempts = 3 }\n\n[policy.b]\ndelay = { linear = \"1\" }\n";
    let mistakes = PolicySet::parse(wrong, "wrong.toml").expect_err("two mistakes");
    println!("{mistakes}");
    assert_eq!(mistakes.as_slice().len(), 2);
    Ok(())
}
