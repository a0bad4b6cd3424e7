//! What keys mean: the schema that editors read, and the pages that `steadfast explain KEY` shows, made of the same types.

use steadfast_retry::table::nearest;

use serde_json::{Map, Value};

use super::Code;
use super::table::FileTable;
use crate::evidence::Classes;

/// Returns the JSON schema of a file of jobs.
#[must_use]
pub fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft07();
    let mut schema = settings.into_generator().into_root_schema_for::<FileTable>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".into(), "a file of jobs for steadfast".into());
    }
    schema
}

/// Returns the page about a code (`SF0102`), a key (`schedule.jitter`, `job.catch`, `overlap`) or a class (`net-reset`).
///
/// # Errors
///
/// Returns what is near, if nothing has that name.
pub fn explain(word: &str) -> Result<String, String> {
    if let Some(entry) = Code::find(word) {
        return Ok(entry.to_string());
    }
    if let Some(class) = Classes::shipped().describe(word) {
        return Ok(class.to_string());
    }
    let keys = keys();
    let wanted = word.replace(".NAME", "").replace(".*", "");
    let fits = |path: &str| path == wanted || path.ends_with(&format!(".{wanted}"));
    let pages: Vec<String> = keys.iter().filter(|key| fits(&key.path)).map(Key::page).collect();
    if !pages.is_empty() {
        return Ok(pages.join("\n"));
    }
    let names = keys.iter().map(|key| key.path.rsplit('.').next().unwrap_or_default());
    let classes = Classes::shipped();
    let all =
        names.chain(keys.iter().map(|key| key.path.as_str())).chain(classes.iter().map(|class| class.name.as_str()));
    let help = match nearest(word, all) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "give a code such as SF0102, a key such as schedule.jitter, or a class such as net-reset".to_owned(),
    };
    Err(format!("nothing is named `{word}`\nhelp: {help}"))
}

/// One key that a file may hold.
struct Key {
    /// The way to it, without the names that writers choose: `job.schedule.jitter`.
    path: String,
    text: String,
    takes: String,
    below: Vec<String>,
}

impl Key {
    fn page(&self) -> String {
        let mut page = format!("{}\n", self.path);
        if !self.text.is_empty() {
            // The lines are those of our source; whoever shows the page breaks it by the room that is there.
            let paragraphs: Vec<String> = self.text.split("\n\n").map(|text| text.replace('\n', " ")).collect();
            page.push_str(&format!("  {}\n", paragraphs.join("\n  ")));
        }
        if !self.takes.is_empty() {
            page.push_str(&format!("  takes {}\n", self.takes));
        }
        if !self.below.is_empty() {
            page.push_str(&format!("  keys: {}\n", self.below.join(", ")));
        }
        page
    }
}

/// Every key, in the order of the alphabet.
fn keys() -> Vec<Key> {
    let schema = schema();
    let mut found = Vec::new();
    for kind in ["class", "group", "job", "policy"] {
        let table = &schema["properties"][kind];
        // Below a kind stands the name that the writer chose.
        visit(&schema, kind, table, &table["additionalProperties"], &mut found);
    }
    found
}

/// Adds a key and all keys below it; `shape` is where its own keys stand, `about` what is said of it.
fn visit(root: &Value, path: &str, about: &Value, shape: &Value, found: &mut Vec<Key>) {
    let properties = properties(root, shape);
    let below: Vec<String> = properties.iter().map(|(key, _)| key.clone()).collect();
    let said = |value: &Value| value["description"].as_str().unwrap_or_default().to_owned();
    let text = match said(about) {
        text if text.is_empty() => said(shape),
        text => text,
    };
    found.push(Key { path: path.to_owned(), text, takes: takes(root, about, 0), below });
    for (key, value) in properties {
        visit(root, &format!("{path}.{key}"), &value, &value, found);
    }
}

/// Follows references, and looks into alternatives and lists, for the keys of a table.
fn properties(root: &Value, shape: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    let mut open = vec![shape];
    let mut looks = 0;
    while let Some(shape) = open.pop() {
        looks += 1;
        if looks > 64 {
            break;
        }
        if let Some(own) = shape["properties"].as_object() {
            found.extend(own.clone());
        }
        open.extend(shape["$ref"].as_str().and_then(|reference| root.pointer(reference.trim_start_matches('#'))));
        for part in ["oneOf", "anyOf", "allOf"] {
            open.extend(shape[part].as_array().into_iter().flatten());
        }
        open.extend(shape.get("items"));
        open.extend(shape.get("additionalProperties").filter(|value| value.is_object()));
    }
    found
}

/// What a key takes, in a few words.
fn takes(root: &Value, shape: &Value, depth: usize) -> String {
    if depth > 6 {
        return String::new();
    }
    if let Some(target) = shape["$ref"].as_str().and_then(|reference| root.pointer(reference.trim_start_matches('#'))) {
        return takes(root, target, depth + 1);
    }
    if let Some(words) = shape["enum"].as_array() {
        return words.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    }
    if let Some(word) = shape.get("const") {
        return word.to_string();
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = shape[part].as_array() {
            let mut all: Vec<String> = choices.iter().map(|choice| takes(root, choice, depth + 1)).collect();
            all.retain(|choice| !choice.is_empty());
            all.dedup();
            return all.join(" or ");
        }
    }
    let types: Vec<&str> = match &shape["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let words = types.iter().filter(|kind| **kind != "null").map(|kind| match *kind {
        "array" => match takes(root, &shape["items"], depth + 1) {
            items if items.is_empty() => "a list".to_owned(),
            items => format!("a list of: {items}"),
        },
        "object" => "a table".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "string" => match shape["examples"].as_array() {
            Some(examples) => {
                let examples: Vec<String> = examples.iter().map(Value::to_string).collect();
                format!("a text such as {}", examples.join(", "))
            }
            None => "a text".to_owned(),
        },
        other => other.to_owned(),
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
