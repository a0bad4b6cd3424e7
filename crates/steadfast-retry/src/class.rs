//! Names of exception classes, and patterns of names. What makes a failure one of a class is not known here: the
//! runner's matchers say, or the error's own type.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;

/// The name of an exception class, such as `net-reset` or `gpu-oom-own`.
///
/// Names are kebab-case: lower-case ASCII letters, digits and single hyphens, beginning with a letter, at most 64 bytes.
/// Families share a prefix, so that one pattern (`net-*`) speaks of all of them.
///
/// ```
/// use steadfast_retry::Class;
///
/// const BUSY: Class = Class::known("http-busy");
/// assert_eq!(BUSY.as_str(), "http-busy");
/// assert!(Class::new("Http Busy").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(Cow<'static, str>);

impl Class {
    /// The class of an error that nobody classified.
    pub const ERROR: Self = Self::known("error");

    /// The class of an attempt that was cut at its time limit.
    pub const TIMEOUT: Self = Self::known("timeout");

    /// Makes a class from a literal, in constants.
    ///
    /// # Panics
    ///
    /// At compile time, when used in a constant, if the name is not kebab-case.
    #[must_use]
    pub const fn known(name: &'static str) -> Self {
        assert!(is_kebab_case(name.as_bytes()), "a class name is kebab-case, such as `net-reset`");
        Self(Cow::Borrowed(name))
    }

    /// Makes a class from a name read at run time.
    ///
    /// # Errors
    ///
    /// Returns [`BadClassName`] if the name is not kebab-case.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, BadClassName> {
        let name = name.into();
        if is_kebab_case(name.as_bytes()) { Ok(Self(name)) } else { Err(BadClassName(name.into_owned())) }
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Class({})", self.0)
    }
}

/// A class name in which `*` stands for any run of characters: `net-*`, `*-timeout`, `*`.
///
/// ```
/// use steadfast_retry::{Class, ClassPattern};
///
/// let net = ClassPattern::new("net-*")?;
/// assert!(net.matches(&Class::known("net-reset")));
/// assert!(!net.matches(&Class::known("http-busy")));
/// # Ok::<(), steadfast_retry::BadClassName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClassPattern(Cow<'static, str>);

impl ClassPattern {
    /// Makes a pattern.
    ///
    /// # Errors
    ///
    /// Returns [`BadClassName`] if it is empty or holds anything but lower-case letters, digits, hyphens and `*`.
    pub fn new(pattern: impl Into<Cow<'static, str>>) -> Result<Self, BadClassName> {
        let pattern = pattern.into();
        let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'*');
        if !pattern.is_empty() && pattern.len() <= 64 && pattern.bytes().all(fits) {
            Ok(Self(pattern))
        } else {
            Err(BadClassName(pattern.into_owned()))
        }
    }

    /// Says whether a class has a name of this form.
    #[must_use]
    pub fn matches(&self, class: &Class) -> bool {
        glob(&self.0, &class.0)
    }

    /// Says whether a text has this form, be it a class's name or another pattern.
    pub(crate) fn matches_text(&self, text: &str) -> bool {
        glob(&self.0, text)
    }

    /// Returns the pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Class> for ClassPattern {
    fn from(class: Class) -> Self {
        Self(class.0)
    }
}

impl fmt::Display for ClassPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClassPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClassPattern({})", self.0)
    }
}

/// A name that is no class name or pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadClassName(pub(crate) String);

impl fmt::Display for BadClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no class name: names are kebab-case, such as `net-reset`, patterns may hold `*`", self.0)
    }
}

impl core::error::Error for BadClassName {}

pub(crate) const fn is_kebab_case(name: &[u8]) -> bool {
    if name.is_empty() || name.len() > 64 || !name[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 0;
    while at < name.len() {
        let here = name[at];
        let hyphen = here == b'-';
        if !(here.is_ascii_lowercase() || here.is_ascii_digit() || hyphen) {
            return false;
        }
        if hyphen && (at + 1 == name.len() || name[at + 1] == b'-') {
            return false;
        }
        at += 1;
    }
    true
}

/// Says whether a name has the form of a pattern in which `*` stands for any letters, or none.
///
/// Class patterns match so; it is here for names of other kinds. It takes time linear in `name` for each star.
///
/// ```
/// assert!(steadfast_retry::glob("crawl-*-pdf", "crawl-acl-pdf"));
/// assert!(!steadfast_retry::glob("crawl-*", "index"));
/// ```
#[must_use]
pub fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p, n));
            p += 1;
        } else if p < pattern.len() && pattern[p] == name[n] {
            p += 1;
            n += 1;
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            p = star + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

impl TryFrom<String> for Class {
    type Error = BadClassName;

    fn try_from(name: String) -> Result<Self, BadClassName> {
        Self::new(name)
    }
}

impl TryFrom<String> for ClassPattern {
    type Error = BadClassName;

    fn try_from(pattern: String) -> Result<Self, BadClassName> {
        Self::new(pattern)
    }
}

impl core::str::FromStr for Class {
    type Err = BadClassName;

    fn from_str(name: &str) -> Result<Self, BadClassName> {
        Self::new(name.to_string())
    }
}

#[cfg(feature = "serde")]
mod form {
    use super::{Class, ClassPattern};
    use alloc::string::String;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    impl Serialize for Class {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_str(self.as_str())
        }
    }

    impl<'de> Deserialize<'de> for Class {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Self::new(String::deserialize(from)?).map_err(D::Error::custom)
        }
    }

    impl Serialize for ClassPattern {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_str(self.as_str())
        }
    }

    impl<'de> Deserialize<'de> for ClassPattern {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Self::new(String::deserialize(from)?).map_err(D::Error::custom)
        }
    }
}
