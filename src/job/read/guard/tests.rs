use steadfast_retry::table::Source;

use super::{DEEPEST, MOST_BRACKETS, Nesting, nesting, refuse};

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
        assert_eq!(nesting(&harmless), Nesting::Fine, "{harmless}");
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
        assert!(matches!(nesting(&harmful), Nesting::TooDeep(_)), "{harmful}");
    }
}

#[test]
fn brackets_are_counted_in_all() {
    assert_eq!(nesting(&"[]".repeat(MOST_BRACKETS)), Nesting::Fine);
    assert_eq!(nesting(&"[]".repeat(MOST_BRACKETS + 1)), Nesting::TooMany(2 * MOST_BRACKETS));
}

#[test]
fn dots_count_between_names_and_not_in_numbers() {
    assert_eq!(nesting(&"a = [1.5, 2.5, 3.5]\n".repeat(100)), Nesting::Fine);
    assert_eq!(nesting("a . a.a = 1\n"), Nesting::Fine);
    assert!(matches!(nesting(&format!("[{}a]", "a.".repeat(40))), Nesting::TooManyDots(_)));
    assert!(matches!(nesting(&format!("x = {{ {}a = 1 }}", "a . ".repeat(40))), Nesting::TooManyDots(_)));
}

/// The file aborts a thread of 2 MiB of stack where it is parsed: it must not come so far.
#[test]
fn the_bomb_is_refused_before_the_parser() {
    let text = include_str!("../../../../tests/corpus/broken/bomb.toml");
    assert!(text.len() < 16 * 1024);
    let refusal = refuse(&Source::new("bomb.toml", text)).expect("it is refused");
    assert_eq!(refusal.code.to_string(), "SF0003");
}
