//! The tools that a step needs, installed beside the build where the machine has none.

use crate::invocation::Invocation;
use crate::{Trouble, root};

/// A cargo subcommand that we use but that does not come with the toolchain.
pub(crate) struct Tool {
    subcommand: &'static str,
    /// What is installed where there is none; one that the machine already has is taken as it is.
    version: &'static str,
}

pub(crate) const NEXTEST: Tool = Tool { subcommand: "nextest", version: "0.9.143" };
pub(crate) const DENY: Tool = Tool { subcommand: "deny", version: "0.20.2" };

impl Tool {
    /// Returns the program to call, after installing it under `target/tools` if the machine has none.
    pub(crate) fn ready(&self) -> Result<String, Trouble> {
        let name = format!("cargo-{}", self.subcommand);
        let own = root().join("target/tools/bin").join(&name);
        if own.is_file() {
            return Ok(own.display().to_string());
        }
        if Invocation::new(&name).argument(self.subcommand).argument("--version").capture().is_ok() {
            return Ok(name);
        }
        // The dev profile builds in a third of the time, and these tools spend theirs waiting for others.
        let install = Invocation::new("cargo install --locked --profile dev --root target/tools")
            .argument("--version")
            .argument(self.version)
            .argument(&name);
        println!("    {install}");
        install.run().map_err(|trouble| {
            format!("{name} is missing and cannot be installed: {trouble}\nhelp: this needs the network once, or {name} on the path")
        })?;
        Ok(own.display().to_string())
    }

    /// Begins an invocation of the tool, which is ready.
    pub(crate) fn invoke(&self, words: &str) -> Result<Invocation, Trouble> {
        let begun = Invocation::new(&self.ready()?).argument(self.subcommand);
        Ok(words.split_whitespace().fold(begun, Invocation::argument))
    }
}
