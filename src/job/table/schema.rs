//! JSON schema of the hand-written forms and of a whole file, for editors.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use steadfast_retry::table::PolicyTable;

use super::forms::{
    AfterForm, ArgvForm, Cell, Entries, MissedForm, OverlapForm, ParameterForm, Size, Span, SucceedsForm,
};
use super::{GroupTable, JobTable, ParameterTable};
use crate::evidence::ClassTable;

/// A file of jobs.
///
/// Read by the schema only: a file's tables are decoded one by one.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is made")]
#[schemars(rename = "steadfast", deny_unknown_fields)]
pub(in crate::job) struct FileTable {
    /// Jobs: what is done, when, and how to go on after a failure.
    #[serde(default)]
    job: BTreeMap<String, JobTable>,
    /// Policies: how to go on after a failure, for any number of jobs.
    #[serde(default)]
    policy: BTreeMap<String, PolicyTable>,
    /// Exception classes: which evidence makes a failure one of this kind.
    #[serde(default)]
    class: BTreeMap<String, ClassTable>,
    /// Groups: jobs that share slots.
    #[serde(default)]
    group: BTreeMap<String, GroupTable>,
}

/// Declares the schema of a form: its name, whether it is written in place, and the schema.
macro_rules! form {
    ($form:ty, |$generator:ident| $schema:expr) => {
        impl JsonSchema for $form {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($form).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

fn names(description: &str) -> Schema {
    json_schema!({
        "description": description,
        "type": "array",
        "items": { "type": "string" },
        "minItems": 1,
        "uniqueItems": true,
    })
}

form!(Cell, |_generator| json_schema!({ "type": ["string", "number", "boolean"] }));
form!(ArgvForm, |_generator| json_schema!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }));
form!(Span, |_generator| json_schema!({ "type": "string", "minLength": 2, "examples": ["30s", "1h30m", "2d"] }));
form!(Size, |_generator| json_schema!({
    "oneOf": [
        { "type": "string", "pattern": "^[0-9]+ *(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$", "examples": ["64MiB", "8GiB"] },
        { "type": "integer", "minimum": 0 },
    ],
}));
form!(OverlapForm, |_generator| json_schema!({
    "oneOf": [
        { "type": "string", "enum": ["skip", "replace", "allow"] },
        {
            "type": "object",
            "properties": { "queue": { "description": "How many starts may wait; beyond, they are dropped.", "type": "integer", "minimum": 1, "maximum": u32::MAX } },
            "required": ["queue"],
            "additionalProperties": false,
        },
    ],
}));
form!(AfterForm, |_generator| {
    let any = names("The jobs of which one success is enough.");
    let ended = names("The jobs that must have ended, whatever the ending.");
    json_schema!({
        "oneOf": [
            names("The jobs that must all have succeeded."),
            { "type": "object", "properties": { "any": any }, "required": ["any"], "additionalProperties": false },
            { "type": "object", "properties": { "ended": ended }, "required": ["ended"], "additionalProperties": false },
        ],
    })
});
form!(SucceedsForm, |_generator| json_schema!({
    "oneOf": [{ "type": "string", "enum": ["all", "any"] }, { "type": "integer", "minimum": 1 }],
}));
form!(MissedForm, |_generator| json_schema!({
    "oneOf": [
        { "type": "string", "enum": ["skip", "once"] },
        {
            "type": "object",
            "properties": { "all": { "description": "How many of the newest missed due times are made up for.", "type": "integer", "minimum": 1, "maximum": 1000 } },
            "required": ["all"],
            "additionalProperties": false,
        },
    ],
}));
form!(ParameterForm, |generator| {
    let table = generator.subschema_for::<ParameterTable>();
    json_schema!({ "oneOf": [{ "type": ["string", "number", "boolean"] }, table] })
});

impl<V: JsonSchema> JsonSchema for Entries<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Entries_{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, V>::json_schema(generator)
    }
}
