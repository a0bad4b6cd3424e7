use super::{explain, keys, schema};

#[test]
fn a_key_is_explained_by_its_name_or_its_way() {
    let page = explain("schedule.jitter").unwrap();
    assert!(page.starts_with("job.schedule.jitter\n  The most by which a start is put off"), "{page}");
    assert_eq!(explain("job.schedule.jitter").unwrap(), page);
    let overlap = explain("overlap").unwrap();
    assert!(overlap.contains("takes \"skip\", \"replace\", \"allow\" or a table"), "{overlap}");
    let attempts = explain("attempts").unwrap();
    for path in ["policy.loop.attempts", "policy.catch.attempts", "job.loop.attempts", "policy.finally.attempts"] {
        assert!(attempts.contains(path), "{attempts}");
    }
    assert!(explain("job.parameters.required").unwrap().contains("refused"));
    assert!(explain("command").unwrap().contains("keys: output, output-cap, run, shell, success"));
}

#[test]
fn codes_and_classes_are_explained_as_well() {
    assert!(explain("SF0102").unwrap().contains("Keys are never ignored"));
    assert!(explain("net-reset").unwrap().starts_with("net-reset ("));
    let unknown = explain("schedul").unwrap_err();
    assert_eq!(unknown, "nothing is named `schedul`\nhelp: did you mean `schedule`?");
}

#[test]
fn every_key_says_what_it_is() {
    let silent: Vec<String> = keys().into_iter().filter(|key| key.text.is_empty()).map(|key| key.path).collect();
    assert_eq!(silent, [] as [&str; 0]);
}

/// Editors complete and complain by it: unknown keys must be refused there too.
#[test]
fn the_schema_is_closed_and_names_every_table() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    let mut tables: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    tables.sort_unstable();
    assert_eq!(tables, ["class", "group", "job", "policy"]);
    for (name, table) in schema["definitions"].as_object().unwrap() {
        if table["properties"].is_object() {
            assert_eq!(table["additionalProperties"], false, "{name} lets unknown keys pass");
        }
    }
}

/// Every key of a good file is in the schema, at its place.
#[test]
fn the_schema_knows_every_key_that_is_read() {
    let text = include_str!("../../../tests/corpus/good/everything.toml");
    let file: toml::Table = text.parse().unwrap();
    let known: Vec<String> = keys().into_iter().map(|key| key.path).collect();
    for (kind, tables) in &file {
        for (_, table) in tables.as_table().unwrap() {
            for (key, value) in table.as_table().unwrap() {
                assert!(known.contains(&format!("{kind}.{key}")), "{kind}.{key}");
                let free = ["matrix", "env", "parameters", "overlap", "after"].contains(&key.as_str());
                for (inner, _) in value.as_table().into_iter().flatten().filter(|_| !free) {
                    assert!(known.contains(&format!("{kind}.{key}.{inner}")), "{kind}.{key}.{inner}");
                }
            }
        }
    }
}
