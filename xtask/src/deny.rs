//! The tree of dependencies: bans, licences and sources always; advisories where their database can be had.

use crate::Trouble;
use crate::steps::Steps;
use crate::tools::DENY;

/// Adds both halves.
pub(crate) fn run_all(steps: &mut Steps) -> Result<(), Trouble> {
    steps.run("dependencies", &DENY.invoke("--locked check --hide-inclusion-graph bans licenses sources")?);

    // The advisories live in a repository of their own. Without it we have checked nothing and say so; with it, a
    // finding is a failure like any other.
    let fetch = DENY.invoke("--locked fetch db")?;
    let check = DENY.invoke("--locked check --disable-fetch advisories")?;
    steps.check("advisories", &check.to_string(), || match fetch.capture() {
        Ok(_) => check.run().map(|()| None),
        Err(trouble) => Ok(Some(unchecked(&trouble))),
    });
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
