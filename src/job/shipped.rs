//! The policies that come with steadfast.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use steadfast_retry::Policy;
use steadfast_retry::table::{PolicySet, Resolved, Source};

/// The files, by the names that messages show.
const FILES: [(&str, &str); 3] = [
    ("steadfast:basic.toml", include_str!("../../policies/basic.toml")),
    ("steadfast:http.toml", include_str!("../../policies/http.toml")),
    ("steadfast:training.toml", include_str!("../../policies/training.toml")),
];

/// A policy put together: with the places of its values, and alone for the jobs that name it.
pub(super) type Ready = (Arc<Resolved>, Arc<Policy>);

/// Returns the shipped policies, put together.
///
/// # Panics
///
/// If an embedded policy is broken, which the tests rule out.
pub(super) fn resolved() -> &'static BTreeMap<String, Ready> {
    static READY: OnceLock<BTreeMap<String, Ready>> = OnceLock::new();
    READY.get_or_init(|| {
        let ready = |name: &str| {
            let resolved =
                policies().resolve(name).unwrap_or_else(|wrong| panic!("shipped policies can work: {wrong}"));
            let policy = Arc::new(resolved.policy.clone());
            (name.to_owned(), (Arc::new(resolved), policy))
        };
        policies().names().map(ready).collect()
    })
}

/// Returns the shipped policies as written.
///
/// # Panics
///
/// If an embedded file is broken, which the tests rule out.
pub(super) fn policies() -> &'static PolicySet {
    static SHIPPED: OnceLock<PolicySet> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let mut all = PolicySet::new();
        for (file, text) in FILES {
            let set = PolicySet::parse(text, file)
                .unwrap_or_else(|wrong| panic!("shipped policies are well formed: {wrong}"));
            all.extend(set).unwrap_or_else(|wrong| panic!("shipped policies have names of their own: {wrong}"));
        }
        all
    })
}

/// Returns the text of a shipped file; an unknown one is empty.
pub(super) fn source(file: &str) -> Source {
    let text = FILES.iter().find(|(name, _)| *name == file).map_or("", |(_, text)| *text);
    Source::new(file, text)
}
