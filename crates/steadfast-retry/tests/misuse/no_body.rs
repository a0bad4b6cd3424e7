use steadfast_retry::{Policy, retry};

fn main() {
    retry!(Policy::DEFAULT);
}
