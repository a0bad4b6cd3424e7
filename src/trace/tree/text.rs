//! The timeline as text, for `steadfast trace RUN`.

use jiff::tz::TimeZone;

use crate::trace::clean::{clean, columns, cut_to_columns};
use crate::trace::looks::{Parts, Tone, date_and_clock, short, sign_of};

use super::{Kind, Node, Tree};

/// How many pieces of one piece are shown; a program may retry inside itself for ever.
const MOST_CHILDREN: usize = 200;

impl Tree {
    /// Writes the timeline as lines, one for each piece: its name, how it ended, how long it took, and a note.
    ///
    /// Without a limit of columns, nothing is cut.
    #[must_use]
    pub fn text(&self, colour: bool, most_columns: Option<usize>, zone: &TimeZone) -> String {
        let mut head = Parts::default();
        head.add(Tone::Name, format!("{} {}", self.job, self.run));
        head.add(Tone::Dim, date_and_clock(self.root.began, zone));
        head.extra(Tone::Dim, format!("trace {}", self.trace), 1);
        let mut lines = vec![head.line(colour, most_columns)];
        let mut rows = Vec::new();
        gather(&self.root, "", "", &mut rows);
        let widest = rows.iter().map(|(branch, node)| columns(branch) + columns(&clean(&name_of(node)))).max();
        let name_columns = widest.unwrap_or_default().min(40);
        for (branch, row) in &rows {
            lines.push(line(branch, row, name_columns, colour, most_columns));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// A line to come.
enum Row<'a> {
    Piece(&'a Node),
    /// So many pieces that are not shown.
    More(usize),
}

fn gather<'a>(node: &'a Node, first: &str, rest: &str, rows: &mut Vec<(String, Row<'a>)>) {
    rows.push((first.to_owned(), Row::Piece(node)));
    let shown = node.children.len().min(MOST_CHILDREN);
    let hidden = node.children.len() - shown;
    for (at, child) in node.children[..shown].iter().enumerate() {
        let last = at + 1 == shown && hidden == 0;
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        gather(child, &format!("{rest}{branch}"), &format!("{rest}{below}"), rows);
    }
    if hidden > 0 {
        rows.push((format!("{rest}└─ "), Row::More(hidden)));
    }
}

fn name_of(row: &Row<'_>) -> String {
    match row {
        Row::Piece(node) if node.kind == Kind::Phase => format!("phase {}", node.name),
        Row::Piece(node) if node.kind == Kind::Inner => format!("inner {}", node.name),
        Row::Piece(node) => node.name.clone(),
        Row::More(count) => format!("… {count} more"),
    }
}

fn line(branch: &str, row: &Row<'_>, name_columns: usize, colour: bool, most_columns: Option<usize>) -> String {
    let name = clean(&name_of(row)).into_owned();
    let name = format!("{branch}{}", cut_to_columns(&name, name_columns.saturating_sub(columns(branch))));
    let mut parts = Parts::default();
    parts.column(Tone::Plain, name, name_columns);
    if let Row::Piece(node) = row {
        let took = node.ended.map(|ended| short(node.ran.unwrap_or_else(|| ended.since(node.began))));
        // What was waited for has a length, also where it is nothing.
        let is_wait = matches!(node.kind, Kind::Queue | Kind::Wait);
        let instant = node.kind == Kind::Checkpoint || (node.ended == Some(node.began) && !is_wait);
        let took = took.filter(|_| !instant).unwrap_or_else(|| if instant { String::new() } else { "…".to_owned() });
        parts.column(Tone::Plain, format!("{took:>7}"), 7);
        if let Some(outcome) = &node.outcome {
            let (sign, tone) = sign_of(outcome.split(' ').next().unwrap_or_default());
            parts.add(tone, format!("{sign} {outcome}"));
        } else if node.ended.is_none() {
            parts.add(Tone::Care, "· goes on");
        }
        parts.add(Tone::Dim, node.note.as_deref().map(str::trim).unwrap_or_default());
        if let (Some(ran), Some(ended)) = (node.ran, node.ended) {
            let around = ended.since(node.began).saturating_sub(ran);
            parts.extra(Tone::Dim, format!("+{} to start and record", short(around)), 1);
        }
    }
    parts.line(colour, most_columns)
}
