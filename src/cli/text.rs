//! How text is laid out: styles, columns, durations, counts.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

/// A heading.
pub(super) const HEADING: Style = Style::new().bold();
/// What went well.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What failed.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What waits or deserves a look.
pub(super) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// What to do next.
pub(super) const HINT: Style = AnsiColor::Cyan.on_default();
/// What matters less.
pub(super) const FAINT: Style = Style::new().dimmed();
/// No style.
pub(super) const PLAIN: Style = Style::new();

/// A piece of text in a table, with its style.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn new(text: impl std::fmt::Display) -> Self {
        Self { text: text.to_string(), style: PLAIN }
    }

    pub(super) fn styled(text: impl std::fmt::Display, style: Style) -> Self {
        Self { text: text.to_string(), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: std::fmt::Display> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Lays rows out in columns, two spaces apart, without borders. Lines that would be wider than `width` lose the end of
/// their last cell.
pub(super) fn table(rows: &[Vec<Cell>], width: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|column| widest(rows, column)).collect();
    let mut out = String::new();
    for row in rows {
        let mut used = 0;
        for (column, cell) in row.iter().enumerate() {
            let is_last = column + 1 == row.len();
            let shown = if is_last { cut(&cell.text, width.saturating_sub(used)) } else { cell.text.clone() };
            let style = if shown.is_empty() { PLAIN } else { cell.style };
            let _ = write!(out, "{style}{shown}{style:#}");
            if !is_last {
                let gap = widths[column] + 2 - cell.width();
                let _ = write!(out, "{:gap$}", "");
                used += widths[column] + 2;
            }
        }
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
    }
    out
}

/// Lays rows out in columns like [`table`], but goes on below where a last cell is too long, at its own column.
pub(super) fn prose(rows: &[Vec<Cell>], width: usize) -> String {
    let mut lines = Vec::new();
    for row in rows {
        let Some((last, before)) = row.split_last() else { continue };
        let column: usize = (0..before.len()).map(|at| widest(rows, at) + 2).sum();
        let room = width.saturating_sub(column).max(24);
        let text = wrap(&last.text, room, 0);
        for (at, line) in text.lines().enumerate() {
            let mut cells: Vec<Cell> = match at {
                0 => before.to_vec(),
                _ => before.iter().map(|cell| Cell::new(" ".repeat(cell.width()))).collect(),
            };
            cells.push(Cell { text: line.to_owned(), style: last.style });
            lines.push(cells);
        }
    }
    table(&lines, width.max(40))
}

fn widest(rows: &[Vec<Cell>], column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or(0)
}

/// Lays a heading and rows out in columns.
pub(super) fn headed<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: Vec<Vec<Cell>>, width: usize) -> String {
    let heading = heading.into_iter().map(|text| Cell::styled(text, FAINT)).collect();
    let all: Vec<Vec<Cell>> = std::iter::once(heading).chain(rows).collect();
    table(&all, width)
}

/// Cuts a text to a number of columns, at least 8, with a sign that something is missing.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let columns = columns.max(8);
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns - 1).chain(['…']).collect()
}

/// Breaks a paragraph into lines of at most `width` columns, each behind `indent` spaces.
pub(super) fn wrap(paragraph: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            let _ = write!(out, "{:indent$}{word}", "");
            column = indent + length;
        } else {
            let _ = write!(out, " {word}");
            column += 1 + length;
        }
    }
    out
}

/// Breaks a line that is too long; what follows stands two columns further in than its beginning.
pub(super) fn hang(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start().len();
    let whole = wrap(line, width.saturating_sub(2), indent);
    whole.replace('\n', "\n  ")
}

/// Writes a number with its noun: `1 job`, `3 jobs`.
pub(super) fn count(number: impl TryInto<u64>, noun: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, count, cut, table, wrap};

    #[test]
    fn columns_stand_under_one_another_and_end_at_the_width() {
        let rows = [vec![Cell::new("a"), Cell::new("first")], vec![Cell::new("long"), Cell::new("a text beyond it")]];
        assert_eq!(table(&rows, 18), "a     first\nlong  a text beyo…\n");
    }

    #[test]
    fn words_are_kept_whole() {
        assert_eq!(wrap("one two three four", 9, 2), "  one two\n  three\n  four");
        assert_eq!(cut("0123456789", 9), "01234567…");
        assert_eq!((count(1_u64, "job"), count(0_u64, "job")), ("1 job".into(), "0 jobs".into()));
    }
}
