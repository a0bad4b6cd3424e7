//! Evidence: what was seen of a failed attempt, and the exception class that it names.
//!
//! # Theory of operation
//!
//! Whoever watches an attempt (the shim, the downloader, the daemon itself) writes down [`Fact`]s in the order in which
//! they happened. Output is read once, when the attempt has ended, by [`Classes::search`]: a line that a pattern matched
//! becomes a fact and the rest is forgotten here. [`classify`] then weighs the facts against the table of classes and
//! returns a [`Verdict`]: succeeded, failed with a class, cancelled or lost, with one [`Step`] per fact that says what the
//! fact named and why it won or lost. The same evidence and the same table always give the same verdict, so a verdict is
//! made again from the journal whenever somebody asks `why`.
//!
//! How facts are weighed:
//!
//! - A fact names the first class of the table of which it meets an entry; the user's classes stand before the shipped ones.
//! - Facts have a [`Rank`], from the operator's intent down to a line of output. The highest rank wins, inside a rank the
//!   earliest fact. An entry with several keys weighs as much as the strongest fact that it used.
//! - Entries have a [`Role`]. A root wins over every cascade, a cascade over every confirmation, whatever their ranks,
//!   because a consequence must not hide its cause. A note is shown and never wins.
//! - Where no fact names a class, the exit status falls back to `exit-nonzero` or `signal-other`.
//!
//! The table is data: `policies/classes.toml` in the binary, `[class.*]` tables of the user ([`ClassTable`]) in front of
//! it. Patterns are compiled when the first failed attempt with output asks for them, never at rest.
//!
//! Deliberately not here: gathering (no file, process or clock is touched), and what follows from a class (that is a
//! policy's rule).

mod chain;
mod classes;
mod codes;
mod excerpt;
mod fact;
mod list;
mod matching;
mod notify;
mod search;
mod seen;
mod signal;
mod span;
mod systemd;
pub mod table;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub use chain::{Fate, Step};
pub use classes::{ClassDef, Classes, Origin, UnknownClass};
pub use codes::{Codes, ExitCodes, StatusCodes, XidCodes};
pub use excerpt::{EXCERPT_BYTES, LINE_BYTES, Part, Stream};
pub use fact::{Act, Evidence, Fact, MOST_REPORTS, Progress, Rank, Request};
pub use list::List;
pub use seen::Seen;
pub use signal::Signal;
pub use table::{CheckedPattern, ClassTable, Kind, Pattern, Role, When};
pub use verdict::{Conclusion, Verdict, classify};
pub use words::{ActWord, GpuTrouble, HostEvent, Intent, OomScope, Stall, StartTrouble, TransferError};
