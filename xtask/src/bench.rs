//! `cargo xtask bench [NAME]`: our figures against the peers, as ratios in one run.

use crate::Trouble;
use crate::arguments::Arguments;
use crate::examples::stems;
use crate::invocation::Invocation;

/// Which folder's benches belong to which package.
const FOLDERS: [(&str, &str); 2] = [("benches", "steadfast"), ("crates/steadfast-retry/benches", "steadfast-retry")];

/// The library beside its peers: a workspace of its own.
const PEERS: &str = "crates/steadfast-retry/benches/peers";

fn beside_peers() -> Result<(), Trouble> {
    Invocation::new(&format!(
        "cargo run --locked --release --target-dir target/peers --manifest-path {PEERS}/Cargo.toml"
    ))
    .run()
}

pub(crate) fn main(mut arguments: Arguments) -> Result<(), Trouble> {
    let wanted = arguments.name();
    arguments.finish()?;

    let mut known = vec![(PEERS, "retry".to_owned())];
    for (folder, package) in FOLDERS {
        known.extend(stems(folder)?.into_iter().map(|name| (package, name)));
    }
    let chosen: Vec<_> = known.iter().filter(|(_, name)| wanted.as_ref().is_none_or(|wanted| wanted == name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = known.iter().map(|(_, name)| name.as_str()).collect();
        let asked = wanted.map_or_else(|| "no bench at all".to_owned(), |wanted| format!("no bench `{wanted}`"));
        let known = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        return Err(format!("{asked}\nhelp: there are these: {known}"));
    }
    chosen.iter().try_for_each(|(package, name)| {
        if *package == PEERS {
            return beside_peers();
        }
        Invocation::new(&format!("cargo bench --locked -p {package} --all-features --bench {name}")).run()
    })
}
