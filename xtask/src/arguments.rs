//! The words behind `cargo xtask`, taken one by one.

use std::str::FromStr;

use crate::Trouble;

/// The words that no command has asked for yet.
pub(crate) struct Arguments {
    left: Vec<String>,
}

impl Arguments {
    pub(crate) fn from_command_line() -> Self {
        Self { left: std::env::args().skip(1).collect() }
    }

    /// Takes the next word, whatever it is.
    pub(crate) fn word(&mut self) -> Option<String> {
        if self.left.is_empty() { None } else { Some(self.left.remove(0)) }
    }

    /// Takes the next word unless it is a flag.
    pub(crate) fn name(&mut self) -> Option<String> {
        if self.left.first()?.starts_with('-') { None } else { self.word() }
    }

    /// Takes the flag, wherever it stands.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let at = self.left.iter().position(|word| word == name);
        at.map(|at| self.left.remove(at)).is_some()
    }

    /// Takes the flag and the value behind it, wherever they stand.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Trouble> {
        let Some(at) = self.left.iter().position(|word| word == name) else { return Ok(None) };
        self.left.remove(at);
        if at == self.left.len() {
            return Err(format!("`{name}` wants a value"));
        }
        parse(&self.left.remove(at), name).map(Some)
    }

    /// Says so if a word is left that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Trouble> {
        match self.left.first() {
            None => Ok(()),
            Some(word) => Err(format!("no use for `{word}` here\nhelp: `cargo xtask help` lists the commands")),
        }
    }
}

/// Reads a value, and names the argument if it cannot be read.
pub(crate) fn parse<T: FromStr>(text: &str, name: &str) -> Result<T, Trouble> {
    text.parse().map_err(|_| format!("`{text}` is no value for `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments { left: line.split_whitespace().map(String::from).collect() }
    }

    #[test]
    fn flags_and_values_may_stand_anywhere() {
        let mut given = arguments("duration --seconds 5 --quick");
        assert!(given.flag("--quick"));
        assert_eq!(given.value("--seconds"), Ok(Some(5)));
        assert_eq!(given.name().as_deref(), Some("duration"));
        assert_eq!(given.finish(), Ok(()));
    }

    #[test]
    fn what_nobody_asked_for_is_named() {
        assert!(arguments("--slow").finish().unwrap_err().contains("`--slow`"));
        assert!(arguments("--seconds").value::<u64>("--seconds").unwrap_err().contains("wants a value"));
        assert!(arguments("--seconds x").value::<u64>("--seconds").unwrap_err().contains("`x` is no value"));
        assert_eq!(arguments("--seconds 5").name(), None);
    }
}
