//! Values that are a word or a number, one or many: each read by a visitor that says what it expected.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use steadfast_retry::table::Located;

use super::ParameterTable;
use crate::job::{Mode, Overlap, Succeeds};
use crate::schedule::Missed;

mod quantity;

pub(in crate::job) use self::quantity::{Size, Span};

/// The entries of a table whose keys are the writer's own, in file order, each key with its place.
#[derive(Clone, Debug)]
pub(in crate::job) struct Entries<V>(pub Vec<(Located<String>, V)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
            type Value = Entries<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<V>, A::Error> {
                let mut entries: Vec<(Located<String>, V)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                // The parser keeps tables sorted by key; people read them in the order of the file.
                entries.sort_by_key(|(key, _)| key.span.start);
                Ok(Entries(entries))
            }
        }

        from.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// A plain value: a text, or something that is taken as it was written (a number, a date, true or false).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::job) enum Cell {
    /// A text.
    Text(String),
    /// Anything else without parts; the file says what.
    AsWritten,
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct CellVisitor;

        impl<'de> Visitor<'de> for CellVisitor {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, a date, true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
                Ok(Cell::Text(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Cell, E> {
                Ok(Cell::AsWritten)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Cell, E> {
                Ok(Cell::AsWritten)
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Cell, E> {
                Ok(Cell::AsWritten)
            }

            fn visit_i128<E: Error>(self, _: i128) -> Result<Cell, E> {
                Ok(Cell::AsWritten)
            }

            fn visit_u128<E: Error>(self, _: u128) -> Result<Cell, E> {
                Ok(Cell::AsWritten)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Cell, E> {
                Ok(Cell::AsWritten)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cell, A::Error> {
                // Dates arrive as a map with a key of the parser's own, which no file can hold.
                toml::value::Datetime::deserialize(MapAccessDeserializer::new(map)).map(|_| Cell::AsWritten).map_err(
                    |_| A::Error::invalid_type(serde::de::Unexpected::Map, &"a text, a number, a date, true or false"),
                )
            }
        }

        from.deserialize_any(CellVisitor)
    }
}

/// The program and its arguments.
#[derive(Clone, Debug)]
pub(in crate::job) struct ArgvForm(pub Vec<Located<String>>);

impl<'de> Deserialize<'de> for ArgvForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ArgvVisitor;

        impl<'de> Visitor<'de> for ArgvVisitor {
            type Value = ArgvForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of a program and its arguments, such as [\"python3\", \"train.py\"]")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<ArgvForm, E> {
                Err(E::custom(
                    "`run` is a list of a program and its arguments, and this is one text\n\
                     help: write [\"python3\", \"train.py\"], each argument a text of its own; a line for the shell goes under `shell`",
                ))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ArgvForm, A::Error> {
                let mut argv = Vec::new();
                while let Some(item) = items.next_element()? {
                    argv.push(item);
                }
                Ok(ArgvForm(argv))
            }
        }

        from.deserialize_any(ArgvVisitor)
    }
}

/// The value of `overlap`.
#[derive(Clone, Copy, Debug)]
pub(in crate::job) struct OverlapForm(pub Overlap);

impl<'de> Deserialize<'de> for OverlapForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Queue {
            queue: Located<u32>,
        }

        struct OverlapVisitor;

        impl<'de> Visitor<'de> for OverlapVisitor {
            type Value = OverlapForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"skip\", \"replace\", \"allow\" or { queue = 1 }")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<OverlapForm, E> {
                match word {
                    "skip" => Ok(OverlapForm(Overlap::Skip)),
                    "replace" => Ok(OverlapForm(Overlap::Replace)),
                    "allow" => Ok(OverlapForm(Overlap::Allow)),
                    "queue" => Err(E::custom(
                        "`queue` does not say how many may wait\nhelp: write { queue = 1 }, or the number that may wait",
                    )),
                    other => Err(E::unknown_variant(other, &["skip", "replace", "allow", "queue"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OverlapForm, A::Error> {
                let Queue { queue } = Queue::deserialize(MapAccessDeserializer::new(map))?;
                match queue.value {
                    0 => Err(A::Error::custom(
                        "a queue in which none may wait drops every start\nhelp: write \"skip\", or { queue = 1 }",
                    )),
                    most => Ok(OverlapForm(Overlap::Queue(most))),
                }
            }
        }

        from.deserialize_any(OverlapVisitor)
    }
}

/// The value of `after`.
#[derive(Clone, Debug)]
pub(in crate::job) struct AfterForm {
    pub(in crate::job) jobs: Vec<Located<String>>,
    pub(in crate::job) mode: Mode,
}

impl<'de> Deserialize<'de> for AfterForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Forms {
            any: Option<Vec<Located<String>>>,
            ended: Option<Vec<Located<String>>>,
        }

        struct AfterVisitor;

        impl<'de> Visitor<'de> for AfterVisitor {
            type Value = AfterForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of jobs, { any = [...] } or { ended = [...] }")
            }

            fn visit_str<E: Error>(self, job: &str) -> Result<AfterForm, E> {
                Err(E::custom(format_args!("`after` takes a list of jobs\nhelp: write [{job:?}]")))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AfterForm, A::Error> {
                let mut jobs = Vec::new();
                while let Some(job) = items.next_element()? {
                    jobs.push(job);
                }
                Ok(AfterForm { jobs, mode: Mode::AllSucceeded })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AfterForm, A::Error> {
                match Forms::deserialize(MapAccessDeserializer::new(map))? {
                    Forms { any: Some(jobs), ended: None } => Ok(AfterForm { jobs, mode: Mode::AnySucceeded }),
                    Forms { any: None, ended: Some(jobs) } => Ok(AfterForm { jobs, mode: Mode::Ended }),
                    Forms { any: None, ended: None } | Forms { any: Some(_), ended: Some(_) } => Err(A::Error::custom(
                        "`after` has exactly one of `any` and `ended`\n\
                         help: write { any = [...] }, { ended = [...] }, or a plain list for all that must succeed",
                    )),
                }
            }
        }

        from.deserialize_any(AfterVisitor)
    }
}

/// The value of `succeeds`.
#[derive(Clone, Copy, Debug)]
pub(in crate::job) struct SucceedsForm(pub Succeeds);

impl<'de> Deserialize<'de> for SucceedsForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct SucceedsVisitor;

        impl Visitor<'_> for SucceedsVisitor {
            type Value = SucceedsForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", \"any\" or a number of points, at least 1")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<SucceedsForm, E> {
                match word {
                    "all" => Ok(SucceedsForm(Succeeds::All)),
                    "any" => Ok(SucceedsForm(Succeeds::Any)),
                    other => Err(E::unknown_variant(other, &["all", "any"])),
                }
            }

            fn visit_i64<E: Error>(self, points: i64) -> Result<SucceedsForm, E> {
                match u32::try_from(points) {
                    Ok(points) if points > 0 => Ok(SucceedsForm(Succeeds::AtLeast(points))),
                    Ok(_) | Err(_) => Err(E::invalid_value(serde::de::Unexpected::Signed(points), &self)),
                }
            }
        }

        from.deserialize_any(SucceedsVisitor)
    }
}

/// The value of `missed`.
#[derive(Clone, Copy, Debug)]
pub(in crate::job) struct MissedForm(pub Missed);

impl<'de> Deserialize<'de> for MissedForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct All {
            all: u32,
        }

        struct MissedVisitor;

        impl<'de> Visitor<'de> for MissedVisitor {
            type Value = MissedForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"skip\", \"once\" or { all = 10 }")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<MissedForm, E> {
                let told = |wrong: crate::schedule::ScheduleError| {
                    E::custom(format_args!("{}\nhelp: {}", wrong.message, wrong.help))
                };
                Missed::from_word(word).map(MissedForm).map_err(told)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MissedForm, A::Error> {
                let All { all } = All::deserialize(MapAccessDeserializer::new(map))?;
                Ok(MissedForm(Missed::All(all)))
            }
        }

        from.deserialize_any(MissedVisitor)
    }
}

/// A parameter: its default alone, or a table.
#[derive(Clone, Debug)]
pub(in crate::job) enum ParameterForm {
    /// The default.
    Default(Cell),
    /// More is said.
    Table(ParameterTable),
}

impl<'de> Deserialize<'de> for ParameterForm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ParameterVisitor;

        impl<'de> Visitor<'de> for ParameterVisitor {
            type Value = ParameterForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a default value, or a table with `default`, `required` and `help`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ParameterForm, E> {
                Ok(ParameterForm::Default(Cell::Text(text.to_owned())))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<ParameterForm, E> {
                Ok(ParameterForm::Default(Cell::AsWritten))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<ParameterForm, E> {
                Ok(ParameterForm::Default(Cell::AsWritten))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<ParameterForm, E> {
                Ok(ParameterForm::Default(Cell::AsWritten))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ParameterForm, A::Error> {
                ParameterTable::deserialize(MapAccessDeserializer::new(map)).map(ParameterForm::Table)
            }
        }

        from.deserialize_any(ParameterVisitor)
    }
}
