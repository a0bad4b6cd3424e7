//! The policies that the repository ships: they are right, and the default is what the code says.
#![cfg(feature = "toml")]

use steadfast_retry::Policy;
use steadfast_retry::table::PolicySet;

fn shipped() -> PolicySet {
    let texts = [
        ("basic.toml", include_str!("../../../policies/basic.toml")),
        ("http.toml", include_str!("../../../policies/http.toml")),
        ("training.toml", include_str!("../../../policies/training.toml")),
    ];
    let mut all = PolicySet::new();
    for (file, text) in texts {
        let set = PolicySet::parse(text, file).unwrap_or_else(|errors| panic!("{errors}"));
        all.extend(set).unwrap_or_else(|errors| panic!("{errors}"));
    }
    all
}

#[test]
fn every_shipped_policy_can_be_put_together() {
    let all = shipped();
    all.check().unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = all.names().collect();
    assert_eq!(
        names,
        [
            "default",
            "flaky",
            "forever",
            "gpu-training",
            "http",
            "model-download",
            "once",
            "patient",
            "polite-http",
            "training"
        ]
    );
}

#[test]
fn the_written_default_is_the_default_with_rules_for_programs() {
    let written = shipped().get("default").expect("it is shipped");
    assert_eq!((written.limits(), written.delay()), (Policy::DEFAULT.limits(), Policy::DEFAULT.delay()));
    let rules: Vec<String> = written.catch().iter().map(|rule| format!("{:?}", rule.classes)).collect();
    assert!(written.catch()[0].free && rules[0].contains("yielded"), "{rules:?}");
    assert!(written.catch()[1].stops && rules[1].contains("start-not-found"), "{rules:?}");
}

#[test]
fn a_policy_that_extends_nothing_has_no_rule_of_the_default() {
    for name in ["once", "forever"] {
        assert!(shipped().get(name).expect("it is shipped").catch().is_empty(), "{name}");
    }
}
