//! One value or a list of them, as the keys of `when` take them, with the messages and the schema of either form.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What can stand in a [`List`].
pub trait Item: Sized + Clone + 'static {
    /// What `true` stands for; `None` where `true` means nothing.
    const ANY: Option<&'static [Self]> = None;
    /// What a reader may write, for messages.
    const EXPECTS: &'static str;
}

impl Item for String {
    const EXPECTS: &'static str = "a text or a list of texts";
}

/// Alternatives: one value or a list of them, where any may hold.
///
/// In files `oom = "own"`, `oom = ["own", "global"]` and, for closed sets of words, `oom = true`. Written back as one
/// value or a list. Empty only where the key is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    /// Says whether the key is absent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes through the alternatives.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Turns each alternative into another type.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> List<U> {
        List(self.0.into_iter().map(change).collect())
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        Self(items)
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(to),
            many => many.serialize(to),
        }
    }
}

impl<'de, T: Item + Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneOrMany(PhantomData))
    }
}

struct OneOrMany<T>(PhantomData<T>);

impl<'de, T: Item + Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTS)
    }

    fn visit_bool<E: Error>(self, any: bool) -> Result<List<T>, E> {
        match (any, T::ANY) {
            (true, Some(all)) => Ok(List(all.to_vec())),
            (true | false, Some(_) | None) => Err(E::invalid_type(serde::de::Unexpected::Bool(any), &self)),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<List<T>, E> {
        if T::ANY.is_some() {
            return Err(E::invalid_type(serde::de::Unexpected::Signed(number), &self));
        }
        T::deserialize(number.into_deserializer()).map(|one| List(vec![one]))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<List<T>, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<List<T>, E> {
        T::deserialize(word.into_deserializer()).map(|one| List(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        if list.is_empty() {
            Err(A::Error::custom("an empty list matches nothing: leave the key out"))
        } else {
            Ok(List(list))
        }
    }
}

impl<T: Item + JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        let mut forms = vec![item.clone(), json_schema!({ "type": "array", "items": item, "minItems": 1 })];
        if T::ANY.is_some() {
            forms.push(json_schema!({ "const": true }));
        }
        json_schema!({ "anyOf": forms })
    }
}
