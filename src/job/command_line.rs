//! A run's command as one would type it. For people to read and repeat; what is started is an argument list and never this text.

use std::collections::BTreeMap;

use super::{Action, Definition, Point, Program, Values};
use crate::ids::RunId;

impl Definition {
    /// Returns the command of a run with its values in place: the arguments quoted as a shell needs it, or the text for the shell.
    ///
    /// `{attempt}` stays as it is, since it is another each time.
    #[must_use]
    pub fn command_line(
        &self,
        job: &str,
        run: RunId,
        point: Option<&Point>,
        parameters: &BTreeMap<String, String>,
    ) -> String {
        let Action::Command(command) = &self.action;
        match &command.program {
            Program::Shell(text) => text.trim_end().to_owned(),
            Program::Argv(argv) => {
                let declared = self.parameters.iter().map(|(name, parameter)| {
                    let value = parameters.get(name).or(parameter.default.as_ref());
                    (name.clone(), value.cloned().unwrap_or_default())
                });
                let swept = point.into_iter().flat_map(|point| point.values.iter().cloned());
                let own = [("job".to_owned(), job.to_owned()), ("run".to_owned(), run.to_string())];
                let values = declared.chain(swept).chain(own);
                let values = values.fold(Values::default(), |values, (name, value)| values.with(name, value));
                let words: Vec<String> = argv.iter().map(|word| quoted(&values.replace(word))).collect();
                words.join(" ")
            }
        }
    }
}

/// Writes a word so that a shell reads it as one, and as it is.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+=:,./-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_a_word_as_it_is() {
        let words = ["--lr=1e-3", "", "two words", "it's", "$HOME", "a\nb", "*", "{x}", "~", "ü"];
        let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        assert_eq!(line[..4], ["--lr=1e-3", "''", "'two words'", r"'it'\''s'"]);
        let script = format!("printf '%s\\0' {}", line.join(" "));
        #[expect(clippy::disallowed_methods, reason = "a shell is the judge of what is quoted for it")]
        let out = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        let told: Vec<&str> = std::str::from_utf8(&out.stdout).unwrap().split_terminator('\0').collect();
        assert_eq!(told, words);
    }
}
