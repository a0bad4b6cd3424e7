//! `cargo xtask bench [NAME]`: our figures against the peers, as ratios in one run.

use crate::Trouble;
use crate::arguments::Arguments;
use crate::examples::stems;
use crate::invocation::Invocation;

/// Which folder's benches belong to which package.
const FOLDERS: [(&str, &str); 2] = [("benches", "steadfast"), ("crates/steadfast-retry/benches", "steadfast-retry")];

pub(crate) fn main(mut arguments: Arguments) -> Result<(), Trouble> {
    let wanted = arguments.name();
    arguments.finish()?;

    let mut known = Vec::new();
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
        Invocation::new(&format!("cargo bench --locked -p {package} --all-features --bench {name}")).run()
    })
}
