use alloc::sync::Arc;
use core::ops::Range;

use serde::{Deserialize, Deserializer};

use crate::Origin;

/// A value and the bytes of the file that it was written in.
///
/// It can be read from TOML only: other formats do not tell places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The bytes of the file, without what stands around the value.
    pub span: Range<usize>,
}

impl<T> Located<T> {
    /// Makes a value that somebody says was written there.
    pub const fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }

    /// Turns the value into another one at the same place.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: turn(self.value), span: self.span }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(from)?;
        Ok(Self { span: spanned.span(), value: spanned.into_inner() })
    }
}

/// A file that tables were read from: its name, and its text for turning bytes into lines. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source {
    file: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// Makes a source of a file's name, as the user knows it, and its text.
    #[must_use]
    pub fn new(file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    /// Returns the file's name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the file and line of a byte; a byte behind the end is taken for the last one.
    #[must_use]
    pub fn origin(&self, byte: usize) -> Origin {
        Origin { file: self.file.clone(), line: self.line_and_column(byte).0 }
    }

    /// Returns the line and the column (in characters) of a byte, both from 1.
    #[must_use]
    pub fn line_and_column(&self, byte: usize) -> (u32, u32) {
        let before = &self.text.as_bytes()[..byte.min(self.text.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
        let line = before[..line_start].iter().filter(|b| **b == b'\n').count() + 1;
        // A character begins at every byte that is no UTF-8 continuation byte.
        let column = before[line_start..].iter().filter(|b| **b & 0xC0 != 0x80).count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

/// The table that is spoken of: the policy's (or job's) name and the place of its header.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// The name.
    pub name: &'a str,
    /// The file.
    pub source: &'a Source,
    /// The bytes of the header's name.
    pub span: Range<usize>,
}
