//! The tree of commands. What a command takes stands in its own file.

use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Parser, Subcommand};

use super::console::Colour;
use super::{
    change, check, completions, daemon, demo, doctor, events, explain, init, jobs, logs, man, policy, ps, run, schema,
    serve, show, start, store, trace, train, wait, why,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Runs work that is expected to fail on the way, under declarative retry policies
#[derive(Debug, Parser)]
#[command(name = "steadfast", version, styles = STYLES, max_term_width = 100)]
#[command(
    infer_subcommands = false,
    disable_help_flag = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Begin with:
  steadfast run -- CMD      tries a command again until it succeeds
  steadfast init            writes a first file of jobs
  steadfast doctor          says whether this machine is fit

The state folder is that of --state, else $STEADFAST_STATE, else
$STATE_DIRECTORY (systemd sets it for a service), else
$XDG_STATE_HOME/steadfast, which is ~/.local/state/steadfast.

Exit codes: 0 done, 1 failed for good, 2 usage, 3 configuration, 4 not found,
5 conflict, 6 no daemon, 7 denied, 70 the daemon's own trouble, 75 still being
tried, 124 deadline.")]
pub(super) struct Arguments {
    /// The folder of the journal, the logs and the socket [env: STEADFAST_STATE]
    // The parser would count a variable as given, and show it in usage lines as if it were required.
    #[arg(long, global = true, value_name = "DIR")]
    #[arg(help_heading = "Everywhere", display_order = 900)]
    pub(super) state: Option<PathBuf>,
    /// When colours are used: auto, always, never
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    #[arg(hide_possible_values = true, hide_default_value = true, help_heading = "Everywhere", display_order = 901)]
    pub(super) color: Colour,
    /// Print help
    #[arg(long, short, global = true, action = clap::ArgAction::Help)]
    #[arg(help_heading = "Everywhere", display_order = 902)]
    help: Option<bool>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Run(run::Arguments),
    Serve(serve::Arguments),
    Start(start::Arguments),
    Ps(ps::Arguments),
    Show(show::Arguments),
    Logs(logs::Arguments),
    Why(why::Arguments),
    Wait(wait::Arguments),
    Retry(change::Retry),
    Cancel(change::Cancel),
    Hold(change::Hold),
    Release(change::Release),
    Jobs(jobs::Arguments),
    Policy(policy::Arguments),
    Check(check::Arguments),
    Schema(schema::Arguments),
    Explain(explain::Arguments),
    Events(events::Arguments),
    Trace(trace::Arguments),
    Store(store::Arguments),
    Daemon(daemon::Arguments),
    Init(init::Arguments),
    Doctor(doctor::Arguments),
    Demo(demo::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    #[command(name = "__train", hide = true)]
    Train(train::Arguments),
}
