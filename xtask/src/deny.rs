//! The tree of dependencies: bans, licences and sources always; advisories where their database can be had.

use crate::Trouble;
use crate::steps::Steps;
use crate::tools::DENY;

/// The bridge to a crate without a maintainer: the one place with exceptions, which stand in its folder.
const BRIDGE: &str =
    "--manifest-path crates/steadfast-backoff/Cargo.toml --config crates/steadfast-backoff/deny.toml --locked check";

/// Adds both halves, for what we ship and for the bridge.
pub(crate) fn run_all(steps: &mut Steps) -> Result<(), Trouble> {
    let parts = "--hide-inclusion-graph bans licenses sources";
    steps.run("dependencies", &DENY.invoke(&format!("--locked check {parts}"))?);
    steps.run("dependencies of the bridge", &DENY.invoke(&format!("{BRIDGE} {parts}"))?);

    // The advisories live in a repository of their own. Without it we have checked nothing and say so; with it, a
    // finding is a failure like any other.
    let fetch = DENY.invoke("--locked fetch db")?;
    for (step, check) in [
        ("advisories", DENY.invoke("--locked check --disable-fetch advisories")?),
        ("advisories of the bridge", DENY.invoke(&format!("{BRIDGE} --disable-fetch advisories"))?),
    ] {
        steps.check(step, &check.to_string(), || match fetch.capture() {
            Ok(_) => check.run().map(|()| None),
            Err(trouble) => Ok(Some(unchecked(&trouble))),
        });
    }
    Ok(())
}

/// Says what was not checked, and the last thing that was heard about why.
fn unchecked(trouble: &str) -> String {
    let why = trouble.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    format!("security advisories for the dependencies: the database cannot be fetched ({})", why.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_checked_is_named_with_the_reason() {
        let said = unchecked("cloning\nfatal: could not resolve host\n\n");
        assert!(said.starts_with("security advisories") && said.ends_with("(fatal: could not resolve host)"), "{said}");
    }
}
