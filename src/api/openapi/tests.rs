use std::collections::BTreeSet;

use super::*;

#[test]
fn the_document_and_the_router_know_the_same_places() {
    let document = document();
    let told: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    let known: BTreeSet<String> = routes::table()
        .iter()
        .map(|route| format!("{} {}", route.method.as_str().to_ascii_lowercase(), route.path))
        .collect();
    assert_eq!(told, known);
    assert_eq!(known.len(), routes::table().len(), "no place stands in the table twice");
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
    let table = routes::table();
    let names: BTreeSet<&str> = table.iter().map(|route| route.name).collect();
    assert_eq!(names.len(), table.len());
    assert!(table.iter().all(|route| route.about.len() > 10 && !route.about.ends_with('.')));
}

#[test]
fn every_parameter_in_a_path_is_described_and_every_reference_leads_somewhere() {
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                let parameters = operation["parameters"].as_array().unwrap();
                let found = parameters.iter().find(|parameter| parameter["in"] == "path" && parameter["name"] == name);
                assert!(found.is_some_and(|parameter| parameter["description"].is_string()), "{path} {name}");
            }
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn the_page_of_documentation_lists_every_place() {
    let page = include_str!("../../../docs/api.md");
    let listed: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| `")).filter(|line| line.contains("` | `/")).collect();
    let table: Vec<String> = routes::table()
        .iter()
        .map(|route| format!("| `{}` | `{}` | {} |", route.method, route.path, route.about))
        .collect();
    assert_eq!(listed, table);
}
