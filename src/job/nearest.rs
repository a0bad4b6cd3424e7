/// The known name that a mistyped one is nearest to, if it is near enough to be meant: a third of the letters may be wrong.
pub(super) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names beyond this length are nobody's typing mistake, and the comparison is quadratic.
    if typed.is_empty() || typed.len() > 64 {
        return None;
    }
    let lower = typed.to_ascii_lowercase().replace('_', "-");
    let far = |name: &str| strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase().replace('_', "-"));
    // So is a comparison with every name of a large configuration, for each name that is wrong.
    let near = known.into_iter().take(2_000).filter(|name| name.len() <= 64).map(|name| (far(name), name));
    // On equal distance the first in the alphabet, so that the message does not depend on any order.
    near.min().filter(|(distance, name)| distance * 3 <= typed.len().max(name.len())).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_could_be_meant_is_offered() {
        let known = ["attempts", "deadline", "delay", "may-fail"];
        for (typed, meant) in [
            ("atempts", Some("attempts")),
            ("Delay", Some("delay")),
            ("may_fail", Some("may-fail")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
