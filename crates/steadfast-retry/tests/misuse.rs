//! What the compiler says when the macro is used wrongly: the message names the remedy.
#![cfg(all(feature = "std", feature = "tokio"))]

#[test]
fn wrong_uses_are_told_what_would_be_right() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
