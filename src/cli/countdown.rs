use std::fmt;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use steadfast_retry::Pretty;

/// One line at the bottom of a terminal on stderr that changes while somebody waits. Where nobody watches there is none.
pub(super) struct Countdown {
    is_watched: bool,
    bar: Option<ProgressBar>,
}

impl Countdown {
    pub(super) fn new(is_quiet: bool) -> Self {
        Self { is_watched: !is_quiet && std::io::stderr().is_terminal(), bar: None }
    }

    /// Says whether a person sees it.
    pub(super) const fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// Shows a line in place of the one before.
    pub(super) fn show(&mut self, line: impl fmt::Display) {
        if !self.is_watched {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg}").expect("the template names one known part");
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
        });
        bar.set_message(line.to_string());
        bar.tick();
    }

    /// Takes the line away: whatever is said next begins in its place.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Returns what is left in whole seconds, the begun one counted.
    pub(super) fn whole(left: Duration) -> Pretty {
        Pretty(Duration::from_secs(left.as_secs_f64().ceil() as u64))
    }
}
