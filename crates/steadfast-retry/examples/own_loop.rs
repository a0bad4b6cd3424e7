//! A loop of your own: no closure and no macro, for code that wants to see every step.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use steadfast_retry::{Class, Delay, Failure, GaveUp, Jitter, Policy};

/// Copies a file of ten blocks; each attempt gets four further.
struct Copy {
    done: u32,
}

impl Copy {
    fn go_on(&mut self) -> Result<u32, String> {
        self.done += 4;
        if self.done < 10 { Err(format!("the link broke at block {}", self.done)) } else { Ok(10) }
    }
}

fn main() -> Result<(), GaveUp<String>> {
    let delay = Delay::fibonacci(Duration::from_millis(3)).jitter(Jitter::Equal);
    let policy = Policy::simple("copy", 5, delay);
    let mut copy = Copy { done: 0 };
    let mut run = policy.start();
    let blocks = loop {
        println!("attempt {}, from block {}", run.attempt().number(), copy.done);
        match copy.go_on() {
            Ok(blocks) => break run.succeed(blocks),
            Err(error) => {
                // `failed` would do for an error that knows its class; here the loop knows it.
                let pause = run.failed_as(error, Failure::of(Class::known("net-reset")))?;
                println!("  waiting {:?}", pause.delay());
                pause.wait()?;
            }
        }
    };
    println!("{blocks} blocks");
    assert_eq!((blocks, copy.done), (10, 12), "three attempts of four blocks each");
    Ok(())
}
