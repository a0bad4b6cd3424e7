//! The library with each of its features alone: what nobody builds on a desk, and users do.

use crate::invocation::Invocation;
use crate::steps::Steps;
use crate::{Trouble, root};

const MANIFEST: &str = "crates/steadfast-retry/Cargo.toml";

/// Adds, for no feature and for each alone, the lints of what a user would build, and its unit tests.
///
/// Lints come without tests here: the dependencies of the tests would switch features on and hide what is missing.
pub(crate) fn each_feature_alone(steps: &mut Steps) -> Result<(), Trouble> {
    let manifest =
        std::fs::read_to_string(root().join(MANIFEST)).map_err(|error| format!("cannot read `{MANIFEST}`: {error}"))?;
    for feature in std::iter::once("").chain(features(&manifest)) {
        let name = if feature.is_empty() { "none" } else { feature };
        let flags = format!("--locked -p steadfast-retry --lib --no-default-features --features={feature}");
        steps.run(
            &format!("library, feature {name}: clippy"),
            &Invocation::new(&format!("cargo clippy {flags} -- -D warnings")),
        );
        steps.run(&format!("library, feature {name}: tests"), &Invocation::new(&format!("cargo test --quiet {flags}")));
    }
    Ok(())
}

/// Returns the names of the features that a manifest declares, `default` excepted.
fn features(manifest: &str) -> impl Iterator<Item = &str> {
    let section = manifest.lines().skip_while(|line| line.trim() != "[features]").skip(1);
    let section = section.take_while(|line| !line.starts_with('['));
    section.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim()).filter(|name| *name != "default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_from_their_section_only() {
        let manifest = "[package]\nname = \"x\"\n\n[features]\ndefault = [\"std\"]\nstd     = []\nserde   = [\"dep:serde\"]\n\n[dependencies]\ntoml = \"1\"\n";
        assert_eq!(features(manifest).collect::<Vec<_>>(), ["std", "serde"]);
        assert_eq!(features("[package]\n").count(), 0);
    }

    #[test]
    fn the_library_has_features_to_check() {
        let manifest = std::fs::read_to_string(root().join(MANIFEST)).expect("the library has a manifest");
        assert!(features(&manifest).any(|name| name == "std"));
    }
}
