//! The document that describes everything that can be asked, made of the table of routes and of nothing else.

use axum::http::Method;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::problem::{Code, Problem};
use super::route::Route;
use super::routes;

/// Makes the document: OpenAPI 3.1, JSON.
#[must_use]
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut paths = Map::new();
    for route in routes::table() {
        let operation = operation(&route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let problem = generator.subschema_for::<Problem>();
    let description = "What a daemon can be asked over the Unix socket `api.sock` in its state folder.";
    json!({
        "openapi": "3.1.0",
        "info": { "title": "steadfast", "version": env!("CARGO_PKG_VERSION"), "description": description },
        "paths": paths,
        "components": {
            "responses": { "problem": {
                "description": "It was not done, and why.",
                "content": { "application/json": { "schema": problem } },
            } },
            "schemas": generator.take_definitions(true),
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut parameters = parameters("path", &(route.places)(generator));
    parameters.extend(self::parameters("query", &(route.query)(generator)));
    let mut operation = json!({ "operationId": route.name, "summary": route.about, "responses": {} });
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = (route.body)(generator) {
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    let contents = (route.answer)(generator);
    let responses = &mut operation["responses"];
    if contents.is_empty() {
        responses["204"] = json!({ "description": "Done, or under way." });
    } else {
        let contents =
            contents.into_iter().map(|content| (content.media.to_owned(), json!({ "schema": content.schema })));
        responses["200"] = json!({ "description": "Done.", "content": contents.collect::<Map<String, Value>>() });
    }
    for status in statuses(route) {
        responses[status.to_string()] = json!({ "$ref": "#/components/responses/problem" });
    }
    operation
}

/// Returns the statuses of the problems that a route may answer with.
fn statuses(route: &Route) -> Vec<u16> {
    if route.path == "/healthz" {
        return vec![Code::Denied.status()];
    }
    let mut codes = vec![Code::Usage, Code::Denied, Code::Internal, Code::Unreachable];
    if route.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if route.method != Method::GET {
        codes.extend([Code::NotFound, Code::Conflict, Code::TooLarge, Code::WrongMedia]);
    }
    if route.name == "reload" {
        codes.push(Code::Configuration);
    }
    let mut statuses: Vec<u16> = codes.into_iter().map(Code::status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// Makes parameters of the fields of a type.
fn parameters(place: &str, schema: &Schema) -> Vec<Value> {
    let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Value)| {
        let about = schema.as_object_mut().and_then(|schema| schema.remove("description")).unwrap_or_default();
        let required = place == "path" || required.iter().any(|required| *required == json!(name));
        json!({ "name": name, "in": place, "required": required, "description": about, "schema": schema })
    };
    fields.into_iter().map(parameter).collect()
}

#[cfg(test)]
mod tests;
