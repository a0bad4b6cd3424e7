//! The values that reach a command: matrix, parameters, environment, folder.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use steadfast_retry::table::Located;

use super::Maker;
use crate::job::expand::variable;
use crate::job::read::placeholder;
use crate::job::read::words::short;
use crate::job::table::JobTable;
use crate::job::table::forms::{Cell, ParameterForm};
use crate::job::{Code, Matrix, Parameter, Values};

impl Maker<'_, '_> {
    pub(super) fn placeholders(&mut self, span: &Range<usize>, text: &str, known: &[&str]) {
        self.no_zero(span, text);
        placeholder::in_text(self.source, span, text, known, &mut self.resolver.diagnostics);
    }

    /// Refuses the byte that the system takes for the end of a text.
    pub(super) fn no_zero(&mut self, span: &Range<usize>, text: &str) {
        if text.contains('\0') {
            self.tell(Code::ENVIRONMENT, span, "a zero byte cannot be passed to a program", "take `\\u0000` out");
        }
    }

    pub(super) fn env(&mut self, table: &JobTable, known: &[&str]) -> BTreeMap<String, String> {
        let mut env = BTreeMap::new();
        for (name, value) in &table.env.0 {
            if name.value.is_empty() || name.value.contains(['=', '\0']) {
                let message = format!("`{}` is no name for a variable", short(&name.value));
                self.tell(
                    Code::ENVIRONMENT,
                    &name.span,
                    message,
                    "names hold neither `=` nor a zero byte, and are not empty",
                );
            } else if name.value.starts_with("STEADFAST_") {
                let message = format!("`{}` belongs to steadfast, which sets it itself", short(&name.value));
                self.tell(Code::ENVIRONMENT, &name.span, message, "use another name");
            }
            let text = self.text(value);
            self.placeholders(&value.span, &text, known);
            env.insert(name.value.clone(), text);
        }
        env
    }

    pub(super) fn workdir(&mut self, table: &JobTable, known: &[&str]) -> PathBuf {
        let Some(workdir) = &table.workdir else { return literal(self.folder) };
        if workdir.value.is_empty() {
            self.tell(Code::ENVIRONMENT, &workdir.span, "`workdir` is empty", "leave it out for the file's own folder");
        }
        self.placeholders(&workdir.span, &workdir.value, known);
        literal(self.folder).join(&workdir.value)
    }

    pub(super) fn matrix(&mut self, table: &JobTable) -> Matrix {
        let Some(written) = &table.matrix else { return Matrix::default() };
        let mut matrix = Matrix::default();
        for (key, values) in &written.value.0 {
            self.value_name(key, "matrix key");
            if values.value.is_empty() {
                self.tell_missing(
                    Code::MATRIX,
                    &values.span,
                    format!("`{}` has no values", short(&key.value)),
                    "write at least one, or take the key out",
                );
                continue;
            }
            let mut texts: Vec<String> = Vec::new();
            for cell in &values.value {
                let text = self.text(cell);
                self.no_zero(&cell.span, &text);
                if texts.contains(&text) {
                    let message = format!("`{}` stands here twice, which would run the same point twice", short(&text));
                    self.tell(Code::MATRIX, &cell.span, message, "take one of them out");
                }
                texts.push(text);
            }
            matrix.axes.push((key.value.clone(), texts));
        }
        if written.value.0.is_empty() {
            self.tell_missing(
                Code::MATRIX,
                &written.span,
                "the matrix has no keys",
                "add one, such as seed = [1, 2, 3], or leave it out",
            );
        }
        if matrix.len() > Matrix::MOST_POINTS {
            let message = format!("the matrix has more than {} points", Matrix::MOST_POINTS);
            self.tell(Code::MATRIX, &written.span, message, "take values out, or make several jobs of it");
            return Matrix::default();
        }
        matrix
    }

    pub(super) fn parameters(&mut self, table: &JobTable, matrix: &Matrix) -> BTreeMap<String, Parameter> {
        let mut variables: BTreeMap<String, String> =
            matrix.axes.iter().map(|(key, _)| (variable(key), key.clone())).collect();
        let mut parameters = BTreeMap::new();
        for (name, form) in &table.parameters.0 {
            self.value_name(name, "parameter");
            if let Some(other) = variables.insert(variable(&name.value), name.value.clone()) {
                let message = format!(
                    "`{}` and `{}` would be the same variable, {}",
                    short(&name.value),
                    short(&other),
                    short(&variable(&name.value))
                );
                self.tell(Code::PARAMETER, &name.span, message, "rename one of them");
            }
            let parameter = self.parameter(table, name, form);
            parameters.insert(name.value.clone(), parameter);
        }
        parameters
    }

    pub(super) fn parameter(
        &mut self,
        job: &JobTable,
        name: &Located<String>,
        form: &Located<ParameterForm>,
    ) -> Parameter {
        let table = match &form.value {
            ParameterForm::Default(cell) => {
                let default = Some(self.text(&Located::new(cell.clone(), form.span.clone())));
                return Parameter { default, ..Parameter::default() };
            }
            ParameterForm::Table(table) => table,
        };
        let default = table.default.as_ref().map(|cell| self.text(cell));
        let required = table.required.as_ref().is_some_and(|required| required.value);
        if let Some(written) = table.required.as_ref().filter(|written| written.value) {
            let name = short(&name.value);
            if default.is_some() {
                let message = format!("`{name}` is required and has a default, which would never be used");
                self.tell(Code::PARAMETER, &written.span, message, "keep one of the two");
            } else if let Some(by) =
                [("schedule", job.schedule.is_some()), ("after", job.after.is_some())].iter().find(|by| by.1)
            {
                let message =
                    format!("`{name}` is required, and nobody is there to give it when `{}` starts the job", by.0);
                self.tell(Code::PARAMETER, &written.span, message, "give it a `default`");
            }
        }
        Parameter { default, required, help: table.help.clone() }
    }

    /// Checks the name of a parameter or matrix key.
    pub(super) fn value_name(&mut self, name: &Located<String>, kind: &str) {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let begins = name.value.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || name.value.len() > 64 || !name.value.chars().all(fits) {
            let message = format!("`{}` is no name for a {kind}", short(&name.value));
            let help = "names are letters, digits, `-` and `_`, begin with a letter and have at most 64 bytes";
            self.tell(Code::BAD_NAME, &name.span, message, help);
        } else if Values::BUILTINS.contains(&name.value.as_str()) {
            let message = format!("steadfast itself gives `{{{}}}` a value", name.value);
            self.tell(Code::PARAMETER, &name.span, message, "use another name");
        }
    }

    /// The text of a plain value: its own, or what was written.
    pub(super) fn text(&self, cell: &Located<Cell>) -> String {
        match &cell.value {
            Cell::Text(text) => text.clone(),
            Cell::AsWritten => self.source.text().get(cell.span.clone()).unwrap_or_default().to_owned(),
        }
    }
}

/// Writes the folder of a file so that braces in its name stand for themselves: nobody wrote them as a place for a value.
fn literal(folder: &Path) -> PathBuf {
    match folder.to_str() {
        Some(text) if text.contains(['{', '}']) => text.replace('{', "{{").replace('}', "}}").into(),
        Some(_) | None => folder.to_owned(),
    }
}
