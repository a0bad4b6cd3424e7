//! Sets of numbers as files write them: one, a range, or a list of both.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of numbers between `LOW` and `HIGH`, written as a number, a range `"500-599"`, or a list of both.
///
/// ```
/// use steadfast::evidence::ExitCodes;
///
/// let success: ExitCodes = serde_json::from_str(r#"[0, "3-5"]"#)?;
/// assert!(success.contains(4) && !success.contains(2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes<const LOW: i32, const HIGH: i32>(Vec<(i32, i32)>);

/// Exit codes of programs.
pub type ExitCodes = Codes<0, 255>;
/// HTTP status numbers.
pub type StatusCodes = Codes<100, 599>;
/// Xid numbers of the NVIDIA driver.
pub type XidCodes = Codes<1, 9999>;

impl<const LOW: i32, const HIGH: i32> Codes<LOW, HIGH> {
    /// Makes a set of one number.
    ///
    /// # Panics
    ///
    /// If the number is out of range.
    #[must_use]
    pub fn one(code: i32) -> Self {
        assert!((LOW..=HIGH).contains(&code), "a code lies in its range");
        Self(vec![(code, code)])
    }

    /// Says whether a number is in the set.
    #[must_use]
    pub fn contains(&self, code: i32) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&code))
    }

    /// Says whether the set is empty, as it is where the key is absent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn number<E: Error>(number: i64) -> Result<i32, E> {
        i32::try_from(number).ok().filter(|code| (LOW..=HIGH).contains(code)).ok_or_else(|| {
            E::custom(format_args!("{number} is out of range: numbers from {LOW} to {HIGH} can occur here"))
        })
    }

    fn range<E: Error>(text: &str) -> Result<(i32, i32), E> {
        let wrong = || E::custom(format_args!("`{text}` is no range of numbers: write it as \"{LOW}-{HIGH}\""));
        let parse = |part: &str| part.trim().parse::<i64>().map_err(|_| wrong());
        let (low, high) = match text.split_once('-') {
            Some((low, high)) => (parse(low)?, parse(high)?),
            None => (parse(text)?, parse(text)?),
        };
        let range = (Self::number(low)?, Self::number(high)?);
        if range.0 > range.1 {
            return Err(E::custom(format_args!("the range `{text}` runs backwards: write it as \"{high}-{low}\"")));
        }
        Ok(range)
    }
}

impl<const LOW: i32, const HIGH: i32> fmt::Display for Codes<LOW, HIGH> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (low, high)) in self.0.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            if low == high { write!(f, "{comma}{low}")? } else { write!(f, "{comma}{low}-{high}")? }
        }
        Ok(())
    }
}

struct CodesVisitor<const LOW: i32, const HIGH: i32>;

impl<'de, const LOW: i32, const HIGH: i32> Visitor<'de> for CodesVisitor<LOW, HIGH> {
    type Value = Codes<LOW, HIGH>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from {LOW} to {HIGH}, a range such as \"{LOW}-{HIGH}\", or a list of them")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Codes::<LOW, HIGH>::number(number).map(|code| Codes(vec![(code, code)]))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Codes::<LOW, HIGH>::range(text).map(|range| Codes(vec![range]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut ranges = Vec::new();
        while let Some(OneCode(range)) = items.next_element::<OneCode<LOW, HIGH>>()? {
            ranges.push(range);
        }
        if ranges.is_empty() {
            return Err(A::Error::custom("an empty list matches nothing: leave the key out"));
        }
        Ok(Codes(ranges))
    }
}

impl<'de, const LOW: i32, const HIGH: i32> Deserialize<'de> for Codes<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(CodesVisitor)
    }
}

/// One number or range inside a list; lists do not nest.
struct OneCode<const LOW: i32, const HIGH: i32>((i32, i32));

impl<'de, const LOW: i32, const HIGH: i32> Deserialize<'de> for OneCode<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct One<const LOW: i32, const HIGH: i32>;
        impl<const LOW: i32, const HIGH: i32> Visitor<'_> for One<LOW, HIGH> {
            type Value = OneCode<LOW, HIGH>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a number from {LOW} to {HIGH} or a range such as \"{LOW}-{HIGH}\"")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Codes::<LOW, HIGH>::number(number).map(|code| OneCode((code, code)))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Codes::<LOW, HIGH>::range(text).map(OneCode)
            }
        }
        from.deserialize_any(One)
    }
}

impl<const LOW: i32, const HIGH: i32> Serialize for Codes<LOW, HIGH> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.0.len()))?;
        for (low, high) in &self.0 {
            if low == high {
                list.serialize_element(low)?;
            } else {
                list.serialize_element(&format_args!("{low}-{high}"))?;
            }
        }
        list.end()
    }
}

impl<const LOW: i32, const HIGH: i32> JsonSchema for Codes<LOW, HIGH> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("CodesFrom{LOW}To{HIGH}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = json_schema!({ "type": "integer", "minimum": LOW, "maximum": HIGH });
        let range = json_schema!({ "type": "string", "pattern": "^ *[0-9]+ *(- *[0-9]+ *)?$" });
        json_schema!({ "anyOf": [number, range, { "type": "array", "minItems": 1, "items": { "anyOf": [number, range] } }] })
    }
}
