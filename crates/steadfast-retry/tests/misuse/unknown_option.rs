use steadfast_retry::{Policy, retry};

fn main() {
    let _ = retry!(Policy::DEFAULT, Err::<(), &str>("no"), finaly = |_| ());
}
