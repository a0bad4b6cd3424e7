use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::console::Console;
use super::exit::Exit;
use super::failure::Failure;

/// Writes the completions of a shell to stdout
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  steadfast completions bash > ~/.local/share/bash-completion/completions/steadfast
  steadfast completions zsh  > \"${fpath[1]}/_steadfast\"
  steadfast completions fish > ~/.config/fish/completions/steadfast.fish")]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn perform(what: &Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(what.shell, &mut super::arguments::Arguments::command(), "steadfast", &mut script);
    console.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::GOOD)
}
