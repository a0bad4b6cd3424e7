use steadfast_retry::{Policy, retry};

#[derive(Debug)]
struct MyError;

impl std::fmt::Display for MyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("mine")
    }
}

fn main() {
    let _ = retry!(Policy::DEFAULT, Err::<(), MyError>(MyError));
}
