//! A policy written out on the command line.

use std::fmt::Write as _;

use steadfast_retry::table::nearest;

use crate::cli::failure::Failure;

/// The name of a policy that was written out.
pub(in crate::cli) const NAME: &str = "inline";

/// The keys of the short form, and the table that each belongs to.
const KEYS: [(&str, Table); 21] = [
    ("extends", Table::Top),
    ("inherit-finally", Table::Top),
    ("attempts", Table::Loop),
    ("attempt-min", Table::Loop),
    ("attempt-timeout", Table::Loop),
    ("ceiling", Table::Loop),
    ("deadline", Table::Loop),
    ("free-guard", Table::Loop),
    ("interruptions", Table::Loop),
    ("obey-server", Table::Loop),
    ("without-progress", Table::Loop),
    ("cap", Table::Delay),
    ("constant", Table::Delay),
    ("decorrelated", Table::Delay),
    ("exponential", Table::Delay),
    ("factor", Table::Delay),
    ("fibonacci", Table::Delay),
    ("jitter", Table::Delay),
    ("linear", Table::Delay),
    ("list", Table::Delay),
    ("stop-on", Table::Catch),
];

#[derive(Clone, Copy, PartialEq)]
enum Table {
    Top,
    Loop,
    Delay,
    Catch,
}

/// Turns a policy written out into a file of policies: either the inside of a TOML table in braces, or the short form
/// `KEY=VALUE, KEY=VALUE`.
pub(in crate::cli) fn toml(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.starts_with('{') {
        return Ok(format!("policy.{NAME} = {text}\n"));
    }
    let mut tables = [const { String::new() }; 4];
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((key, value)) = part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
            let message = format!("`{part}` in the policy is no `KEY=VALUE`");
            return Err(Failure::usage(message).help("write for example `attempts=8, exponential=1s, cap=2m`"));
        };
        let Some((_, table)) = KEYS.iter().find(|(known, _)| *known == key) else {
            let unknown = Failure::usage(format_args!("unknown key `{key}` in the policy `{text}`"));
            let known = KEYS.iter().map(|(key, _)| *key);
            return Err(match nearest(key, known.clone()) {
                Some(meant) => unknown.help(format_args!("did you mean `{meant}`?")),
                None => unknown.help(format_args!("known keys are: {}", known.collect::<Vec<_>>().join(", "))),
            });
        };
        let written = match *table {
            Table::Catch => format!("{{ class = [{}], stop = true }}", words(value)),
            Table::Top | Table::Loop | Table::Delay if key == "list" => format!("list = [{}]", words(value)),
            Table::Top | Table::Loop | Table::Delay => format!("{key} = {}", literal(value)),
        };
        let all = &mut tables[*table as usize];
        let _ = write!(all, "{}{written}", if all.is_empty() || *table == Table::Top { "" } else { ", " });
        if *table == Table::Top {
            all.push('\n');
        }
    }
    let [top, limits, delay, catch] = tables;
    let mut toml = format!("[policy.{NAME}]\n{top}");
    for (key, open, inside, close) in
        [("loop", "{", limits, "}"), ("delay", "{", delay, "}"), ("catch", "[", catch, "]")]
    {
        if !inside.is_empty() {
            let _ = writeln!(toml, "{key} = {open} {inside} {close}");
        }
    }
    Ok(toml)
}

/// A value as TOML writes it: numbers and booleans as they are, everything else as a text.
fn literal(value: &str) -> String {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number || matches!(value, "true" | "false") { value.to_owned() } else { quoted(value.trim_matches('"')) }
}

fn words(value: &str) -> String {
    let words: Vec<String> = value.split_whitespace().map(quoted).collect();
    words.join(", ")
}

fn quoted(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::toml;

    #[test]
    fn the_short_form_becomes_a_file() {
        let short = "extends=http, attempts=8, exponential=1s, cap=2m, jitter=0.5, stop-on=auth-* not-found";
        let long = "[policy.inline]\nextends = \"http\"\nloop = { attempts = 8 }\n\
                    delay = { exponential = \"1s\", cap = \"2m\", jitter = 0.5 }\n\
                    catch = [ { class = [\"auth-*\", \"not-found\"], stop = true } ]\n";
        assert_eq!(toml(short).unwrap(), long);
        assert_eq!(toml("list=1s 5s 1m").unwrap(), "[policy.inline]\ndelay = { list = [\"1s\", \"5s\", \"1m\"] }\n");
        assert_eq!(toml("{ loop = { attempts = 2 } }").unwrap(), "policy.inline = { loop = { attempts = 2 } }\n");
    }

    #[test]
    fn a_value_cannot_break_out_of_its_quotes() {
        let toml = toml("deadline=1h\"}x").unwrap();
        assert!(toml::from_str::<toml::Table>(&toml).is_ok(), "{toml}");
    }

    #[test]
    fn a_mistyped_key_is_named() {
        let failure = toml("atempts=3").unwrap_err();
        assert_eq!(failure.help.as_deref(), Some("did you mean `attempts`?"));
    }
}
