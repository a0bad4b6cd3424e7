use steadfast_retry::retry;

fn main() {
    let _ = retry!(3, Err::<(), &str>("no"));
}
