use steadfast_retry::retry;

fn main() {
    let _ = retry!(policy(atempts = 3), Err::<(), &str>("no"));
}
