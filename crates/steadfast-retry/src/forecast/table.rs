use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use super::{End, Forecast, Row, Three};
use crate::{DelaySource, Pretty};

/// A table for a terminal: one line per attempt, then how each timeline ends, then the warnings.
impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "policy {}", self.policy)?;
        writeln!(f, "{:>7}  {:<28}  {:<28}  delay of", "attempt", "begins", "after a delay of")?;
        for row in &self.rows {
            line(f, row)?;
        }
        let ends = &self.ends;
        if ends.earliest == ends.typical && ends.typical == ends.latest {
            end(f, "ends", &ends.typical)?;
        } else {
            end(f, "at best", &ends.earliest)?;
            end(f, "typical", &ends.typical)?;
            end(f, "at worst", &ends.latest)?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    let source = match row.source {
        None if row.number == 1 => "",
        None => "nobody: at once",
        Some(DelaySource::Loop) => "the loop",
        Some(DelaySource::Rule) => "the rule",
        Some(DelaySource::Server) => "the server",
    };
    let wait = if row.number == 1 { String::new() } else { spread(&row.wait) };
    let line = format!("{:>7}  {:<28}  {wait:<28}  {source}", row.number, spread(&row.begins));
    writeln!(f, "{}", line.trim_end())
}

/// One length, or the shortest, the typical and the longest.
fn spread(three: &Three<Option<Duration>>) -> String {
    let [earliest, typical, latest] = [three.earliest, three.typical, three.latest]
        .map(|span| span.map_or_else(|| "-".to_string(), |span| Pretty(span).rounded().to_string()));
    if earliest == typical && typical == latest { typical } else { format!("{earliest} / {typical} / {latest}") }
}

fn end(f: &mut fmt::Formatter<'_>, label: &str, end: &End) -> fmt::Result {
    let lasts = Pretty(end.lasts).rounded();
    let many = if end.attempts == 1 { "" } else { "s" };
    match &end.ending {
        Some((ending, because)) => {
            writeln!(f, "{label}: {ending} after {lasts} and {} attempt{many} ({})", end.attempts, because.cause)
        }
        None => writeln!(f, "{label}: still going on after {lasts} and {} attempts", end.attempts),
    }
}
