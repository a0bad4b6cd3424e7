//! Reading good texts.

use super::{Reader, Text};
use crate::job::{Config, INIT};

fn read(text: &str) -> Config {
    let reading = Reader::new().read_texts(&[Text::new("jobs.toml", "/srv/jobs", text)]);
    let told: Vec<String> = reading.diagnostics.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    reading.config.expect("nothing is wrong")
}

#[test]
fn the_template_passes_its_own_check() {
    let config = read(INIT);
    assert_eq!(config.jobs["hello"].definition.policy.name(), "hello");
    assert_eq!(config.jobs["hello"].definition.policy.limits().attempts.to_string(), "4");
}

#[test]
fn nothing_at_all_gives_what_comes_along() {
    let (config, default) = (Reader::new().read_texts(&[]).config.expect("nothing is wrong"), Config::default());
    assert!(config.jobs.is_empty() && config.policies.contains_key("gpu-training"));
    assert!(Config::difference(&config, &default).is_empty());
}
