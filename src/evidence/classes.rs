//! The table of classes: the shipped ones, with a user's own in front. The order counts, because the first class
//! whose entry holds wins.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use steadfast_retry::{Class, ClassPattern};

use super::search::PatternSet;
use super::table::{ClassTable, Kind, Pattern, When};
use super::words::words;

/// The resolved table of exception classes: the user's in front of the shipped ones.
///
/// The table is a value: runs store its serde form (a list of [`ClassDef`]) by digest. Cloning shares it.
///
/// ```
/// use steadfast::evidence::Classes;
/// use steadfast_retry::ClassPattern;
///
/// let classes = Classes::shipped();
/// assert!(classes.known(&ClassPattern::new("net-*")?));
/// let unknown = classes.check(&ClassPattern::new("net-rest")?).unwrap_err();
/// assert_eq!(unknown.to_string(), "no class matches `net-rest`\nhelp: did you mean `net-reset`?");
/// # Ok::<(), steadfast_retry::BadClassName>(())
/// ```
#[derive(Clone)]
pub struct Classes(Arc<Table>);

struct Table {
    defs: Vec<ClassDef>,
    /// Compiled by the first search, so that a daemon whose attempts all succeed never pays for it.
    patterns: OnceLock<PatternSet>,
}

/// One class of the resolved table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClassDef {
    /// The name.
    #[schemars(with = "String")]
    pub name: Class,
    /// What happened, in one sentence.
    pub means: String,
    /// What a person can do about it, in one sentence; may be empty for a user's class.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub advice: String,
    /// Whether trying again can help.
    pub kind: Kind,
    /// Who wrote the entries.
    pub origin: Origin,
    /// The entries; any of them names the class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<When>,
}

words! {
    /// Who wrote a class.
    Origin {
        /// It came with the runner.
        Shipped = "shipped",
        /// A file of the user.
        User = "user",
    }
}

impl Classes {
    /// Returns the classes that come with the runner.
    ///
    /// # Panics
    ///
    /// If the embedded file is broken, which the tests of this crate rule out.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Classes> = OnceLock::new();
        SHIPPED.get_or_init(|| Self::of(shipped(include_str!("../../policies/classes.toml"))))
    }

    fn of(defs: Vec<ClassDef>) -> Self {
        Self(Arc::new(Table { defs, patterns: OnceLock::new() }))
    }

    /// Puts a user's `[class.*]` tables in front of these classes; the tables come in the order of their file.
    #[must_use]
    pub fn with(&self, tables: impl IntoIterator<Item = (Class, ClassTable)>) -> Self {
        let mut behind = self.0.defs.clone();
        let mut front = Vec::new();
        for (name, table) in tables {
            let at = behind.iter().position(|def| def.name == name);
            match (at, table.when) {
                (Some(at), None) => behind[at].reword(table.means, table.advice, table.kind),
                (Some(at), Some(when)) => {
                    let mut def = behind.remove(at);
                    def.reword(table.means, table.advice, table.kind);
                    front.push(ClassDef { origin: Origin::User, when: accepted(when), ..def });
                }
                (None, when) => {
                    let mut def = ClassDef {
                        means: format!("the failure that the configuration calls `{name}`"),
                        name,
                        advice: String::new(),
                        kind: Kind::Ambiguous,
                        origin: Origin::User,
                        when: when.map(accepted).unwrap_or_default(),
                    };
                    def.reword(table.means, table.advice, table.kind);
                    front.push(def);
                }
            }
        }
        front.append(&mut behind);
        Self::of(front)
    }

    /// Goes through the classes, in the order in which they are tried.
    pub fn iter(&self) -> std::slice::Iter<'_, ClassDef> {
        self.0.defs.iter()
    }

    /// Returns a class by its name.
    #[must_use]
    pub fn describe(&self, name: &str) -> Option<&ClassDef> {
        self.iter().find(|def| def.name.as_str() == name)
    }

    /// Says whether a pattern matches at least one class.
    #[must_use]
    pub fn known(&self, pattern: &ClassPattern) -> bool {
        self.iter().any(|def| pattern.matches(&def.name))
    }

    /// Checks a pattern of a catch rule.
    ///
    /// # Errors
    ///
    /// Returns [`UnknownClass`] with the nearest name if no class matches, because such a rule would never catch anything.
    pub fn check(&self, pattern: &ClassPattern) -> Result<(), UnknownClass> {
        if self.known(pattern) {
            return Ok(());
        }
        Err(UnknownClass { pattern: pattern.clone(), nearest: self.nearest(pattern.as_str()) })
    }

    /// Returns the class or family (`net-*`) whose name is nearest to a word, if one is near.
    #[must_use]
    pub fn nearest(&self, word: &str) -> Option<String> {
        let family = format!("{word}-");
        if self.iter().any(|def| def.name.as_str().starts_with(&family)) {
            return Some(format!("{word}-*"));
        }
        let names = self.iter().map(|def| def.name.as_str().to_string());
        let families =
            self.iter().filter_map(|def| def.name.as_str().split_once('-')).map(|(family, _)| format!("{family}-*"));
        let star = word.contains('*');
        let near = names.chain(families).filter(|name| name.contains('*') == star);
        let (distance, name) = near.map(|name| (strsim::damerau_levenshtein(&name, word), name)).min()?;
        (distance <= 1 + word.len() / 4).then_some(name)
    }

    #[cfg(test)]
    pub(crate) fn compiled(&self) -> bool {
        self.0.patterns.get().is_some()
    }

    pub(crate) fn patterns(&self) -> &PatternSet {
        self.0.patterns.get_or_init(|| {
            let entries = self.iter().flat_map(|def| &def.when);
            PatternSet::compile(entries.flat_map(|when| when.output.iter().map(Pattern::as_str)))
        })
    }
}

impl ClassDef {
    fn reword(&mut self, means: Option<String>, advice: Option<String>, kind: Option<Kind>) {
        if let Some(means) = means {
            self.means = means;
        }
        if let Some(advice) = advice {
            self.advice = advice;
        }
        if let Some(kind) = kind {
            self.kind = kind;
        }
    }
}

fn accepted(when: Vec<When<super::table::CheckedPattern>>) -> Vec<When> {
    when.into_iter().map(When::accept).collect()
}

/// Reads the embedded file. Its order counts, and a TOML table has none, so the places of the tables restore it.
fn shipped(text: &str) -> Vec<ClassDef> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        class: BTreeMap<String, toml::Spanned<ClassTable<Pattern>>>,
    }
    let file: File =
        toml::from_str(text).unwrap_or_else(|error| panic!("the embedded classes are well formed: {error}"));
    let mut tables: Vec<_> = file.class.into_iter().collect();
    tables.sort_by_key(|(_, table)| table.span().start);
    let sentence = |text: Option<String>| text.expect("a shipped class has its sentences");
    let def = |(name, table): (String, toml::Spanned<ClassTable<Pattern>>)| {
        let table = table.into_inner();
        ClassDef {
            name: Class::new(name).expect("a shipped class has a proper name"),
            means: sentence(table.means),
            advice: sentence(table.advice),
            kind: table.kind.expect("a shipped class has a kind"),
            origin: Origin::Shipped,
            when: table.when.unwrap_or_default(),
        }
    };
    tables.into_iter().map(def).collect()
}

impl PartialEq for Classes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.defs == other.0.defs
    }
}

impl Eq for Classes {}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|def| &def.name)).finish()
    }
}

impl Serialize for Classes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.defs.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Classes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self::of)
    }
}

/// The page that `steadfast explain` shows.
impl fmt::Display for ClassDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({}, {}): {}", self.name, self.kind, self.origin, self.means)?;
        if !self.advice.is_empty() {
            writeln!(f, "help: {}", self.advice)?;
        }
        if self.when.is_empty() {
            writeln!(f, "named by nothing but the program's own report or the runner")?;
        }
        self.when.iter().try_for_each(|when| writeln!(f, "when {when}"))
    }
}

/// A pattern of a catch rule that no class matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownClass {
    /// The pattern as written.
    pub pattern: ClassPattern,
    /// The nearest name or family.
    pub nearest: Option<String>,
}

impl fmt::Display for UnknownClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no class matches `{}`", self.pattern)?;
        match &self.nearest {
            Some(nearest) => write!(f, "\nhelp: did you mean `{nearest}`?"),
            None => write!(f, "\nhelp: declare `[class.…]` or see `steadfast explain` for the list"),
        }
    }
}

impl std::error::Error for UnknownClass {}
