use alloc::format;

use super::{DEEPEST, LONGEST_TEXT, MOST_BRACKETS, Refusal};
use crate::table::{PolicyErrorKind, PolicySet};

#[test]
fn brackets_count_where_the_parser_would_see_them() {
    let deep = "[".repeat(DEEPEST + 1);
    for harmless in [
        format!("a = \"{deep}\"\n"),
        format!("a = '{deep}'\n"),
        format!("a = \"\"\"\n{deep}\"\"\"\n"),
        format!("a = '''\n{deep}'''\n"),
        format!("a = \"\\\"{deep}\"\n"),
        format!("# {deep}\n"),
        "[a]\n".repeat(1000),
        "a = [[1], [2]]\n".repeat(1000),
        "[".repeat(DEEPEST),
    ] {
        assert_eq!(Refusal::of(&harmless), None, "{harmless}");
    }
    for harmful in [
        format!("a = {deep}"),
        format!("a = \"x\n{deep}"),
        format!("# x\r{deep}"),
        format!("a = ''''''{deep}"),
        "{a=".repeat(DEEPEST + 1),
        "[ } ".repeat(DEEPEST + 1),
        "{ ] ".repeat(DEEPEST + 1),
    ] {
        assert!(matches!(Refusal::of(&harmful), Some(Refusal::TooDeep(_))), "{harmful}");
    }
}

#[test]
fn brackets_are_counted_in_all() {
    assert_eq!(Refusal::of(&"[]".repeat(MOST_BRACKETS)), None);
    assert_eq!(Refusal::of(&"[]".repeat(MOST_BRACKETS + 1)), Some(Refusal::TooManyBrackets(2 * MOST_BRACKETS)));
}

#[test]
fn dots_count_between_names_and_not_in_numbers() {
    assert_eq!(Refusal::of(&"a = [1.5, 2.5, 3.5]\n".repeat(100)), None);
    assert_eq!(Refusal::of("a . a.a = 1\n"), None);
    assert!(matches!(Refusal::of(&format!("[{}a]", "a.".repeat(40))), Some(Refusal::TooManyDots(_))));
    assert!(matches!(Refusal::of(&format!("x = {{ {}a = 1 }}", "a . ".repeat(40))), Some(Refusal::TooManyDots(_))));
}

/// The file aborts a thread of 2 MiB of stack where it is parsed: it must not come so far.
#[test]
fn the_bomb_is_refused_before_the_parser() {
    let text = include_str!("../../../../../tests/corpus/broken/bomb.toml");
    assert!(text.len() < 16 * 1024);
    let refusals = PolicySet::parse(text, "bomb.toml").expect_err("it is refused");
    let [refusal] = refusals.as_slice() else { panic!("one refusal is enough: {refusals}") };
    assert_eq!(*refusal.kind(), PolicyErrorKind::TooDeep);
    assert_eq!(refusal.message(), "more than 32 brackets are open at once");
}

#[test]
fn a_text_has_a_longest_size() {
    assert_eq!(Refusal::of(&"#".repeat(LONGEST_TEXT)), None);
    assert_eq!(Refusal::of(&"#".repeat(LONGEST_TEXT + 1)), Some(Refusal::TooLong));
}
