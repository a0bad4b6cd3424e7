//! JSON schema of the hand-written forms, for editors.

use alloc::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Classes, Located};
use crate::On;

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl JsonSchema for Classes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Classes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = json_schema!({ "type": "string", "pattern": "^[a-z0-9*-]{1,64}$" });
        json_schema!({
            "oneOf": [pattern.clone(), { "type": "array", "items": pattern, "minItems": 1 }],
        })
    }
}

const DURATION: &str = "^ *([0-9]+d *)?([0-9]+h *)?([0-9]+m *)?([0-9]+s *)?([0-9]+ms *)?([0-9]+(us|µs) *)?([0-9]+ns *)?$|^ *([0-9]+(d|h|m|s|ms|us|µs) *)*[0-9]+\\.[0-9]+(d|h|m|s|ms|us|µs|ns) *$";

pub(super) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": DURATION, "minLength": 2, "examples": ["250ms", "30s", "1h30m", "2d"] })
}

pub(super) fn durations(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": duration(generator), "minItems": 1 })
}

pub(super) fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
}

pub(super) fn attempts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": u32::MAX },
            { "type": "string", "const": "unlimited" },
        ],
    })
}

pub(super) fn factor(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "minimum": 1 })
}

pub(super) fn jitter(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "oneOf": [
            { "type": "string", "enum": ["none", "full", "equal"] },
            { "type": "number", "minimum": 0, "maximum": 1 },
        ],
    })
}

pub(super) fn on(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": On::ALL.map(On::as_str) })
}
