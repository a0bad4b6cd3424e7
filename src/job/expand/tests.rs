use proptest::prelude::*;

use super::{Values, variable};

fn values() -> Values {
    Values::default().with("lr", "{seed}").with("seed", "7").with("gpu.count", "4").with("empty", "")
}

#[test]
fn only_known_names_are_replaced() {
    for (text, wanted) in [
        ("{seed}", "7"),
        ("a{seed}{gpu.count}b", "a74b"),
        ("{empty}", ""),
        ("{lr}", "{seed}"),
        ("{{seed}}", "{seed}"),
        ("{{{seed}}}", "{7}"),
        ("{other} {Seed} { seed } {}", "{other} {Seed} { seed } {}"),
        ("{se{seed}", "{se7"),
        ("${seed} {seed", "$7 {seed"),
        ("}seed{", "}seed{"),
        ("{\"a\": 1}", "{\"a\": 1}"),
        ("é{seed}é", "é7é"),
    ] {
        assert_eq!(values().replace(text), wanted, "{text}");
    }
}

#[test]
fn names_become_variables() {
    assert_eq!(variable("lr"), "STEADFAST_PARAM_LR");
    assert_eq!(variable("learning-rate"), "STEADFAST_PARAM_LEARNING_RATE");
}

proptest! {
    /// Doubling is the way to write any text whatever, so it must bring back every text.
    #[test]
    fn doubled_braces_stand_for_themselves(text in "[a-z{}. é]{0,40}") {
        let doubled = text.replace('{', "{{").replace('}', "}}");
        prop_assert_eq!(values().replace(&doubled), text);
    }

    /// A text without known names and doubled braces passes unharmed.
    #[test]
    fn what_is_not_meant_stays(text in "([A-Z ]|\\{[A-Z]{0,3}\\}[A-Z ]|\\{ |[A-Z]\\} ){0,20}") {
        prop_assert_eq!(values().replace(&text), text);
    }

    /// A value is never looked at again: a value that holds braces, or a name, arrives as it is.
    #[test]
    fn values_are_not_replaced_in(value in "[a-z{}]{0,20}", before in "[a-z ]{0,5}", after in "[a-z ]{0,5}") {
        let values = values().with("x", value.clone());
        prop_assert_eq!(values.replace(&format!("{before}{{x}}{after}")), format!("{before}{value}{after}"));
    }
}
