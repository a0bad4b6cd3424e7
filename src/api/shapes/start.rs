use std::collections::BTreeMap;

use axum::body::Bytes;
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::api::problem::Problem;
use crate::api::route::Body;
use crate::ids::RunId;

/// A run that somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The job.
    pub job: String,
    /// How many runs of it, 1 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// One point of the job's matrix, from 0; without it, all points are opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<u32>,
    /// Values of the job's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The caller's own name for this start. A second start with the same key opens nothing and is answered with the same run,
    /// for as long as the store keeps that. With a count, the runs' keys are `key/1`, `key/2` and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The priority where it differs from the job's: higher goes first, from -1000 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
}

/// What was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Started {
    /// The runs, in the order of the starts. A matrix has one for each of its points.
    pub runs: Vec<RunId>,
}

/// One start or a list of them. Either all are opened or none.
#[derive(Clone, Debug)]
pub(in crate::api) struct Starts(pub(in crate::api) Vec<Start>);

impl Body for Starts {
    const MOST_BYTES: usize = 64 << 20;

    fn schema(generator: &mut SchemaGenerator) -> Option<Schema> {
        let start = generator.subschema_for::<Start>();
        Some(schemars::json_schema!({ "oneOf": [start, { "type": "array", "items": start, "minItems": 1 }] }))
    }

    fn read(bytes: &Bytes) -> Result<Self, Problem> {
        let is_list = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        let read = if is_list {
            serde_json::from_slice(bytes)
        } else {
            serde_json::from_slice(bytes).map(|start| vec![start])
        };
        let starts: Vec<Start> =
            read.map_err(|error| Problem::usage(format_args!("the body cannot be understood: {error}")))?;
        if starts.is_empty() {
            return Err(Problem::usage(
                "the list is empty\nhelp: send at least one start, such as {\"job\": \"name\"}",
            ));
        }
        Ok(Self(starts))
    }
}
