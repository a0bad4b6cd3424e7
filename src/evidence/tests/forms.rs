//! The table's form in files: what is accepted, what is refused and how, and what is stored.

use steadfast_retry::{Class, ClassPattern};

use super::judge_by;
use crate::evidence::{ClassTable, Classes, Fact, Kind, Origin};

pub(super) fn user(text: &str) -> Classes {
    #[derive(serde::Deserialize)]
    struct File {
        class: std::collections::BTreeMap<String, toml::Spanned<ClassTable>>,
    }
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    let mut tables: Vec<_> = file.class.into_iter().collect();
    tables.sort_by_key(|(_, table)| table.span().start);
    Classes::shipped().with(tables.into_iter().map(|(name, table)| (Class::new(name).unwrap(), table.into_inner())))
}

fn class_of(classes: &Classes, facts: &str) -> String {
    judge_by(classes, facts).class.map_or("succeeded".into(), |class| class.to_string())
}

#[test]
fn numbers_ranges_names_and_lists_of_them_are_all_accepted() {
    let classes = user(
        r#"
        [class.site-codes]
        when = [{ exit = 40 }, { exit = "41-43" }, { exit = [44, "46-47"] }, { status = ["520-529", 599] }]
        [class.site-signals]
        when = [{ signal = "USR1" }, { signal = "SIGUSR2" }, { signal = [14, "sigprof"] }]
        [class.site-words]
        when = [{ gpu = true }, { report = ["lock", "cache-*"] }, { error = ["dns", "tls"] }]
        "#,
    );
    for (facts, class) in [
        ("exit 40", "site-codes"),
        ("exit 42", "site-codes"),
        ("exit 45", "exit-nonzero"),
        ("exit 47", "site-codes"),
        ("status 525", "site-codes"),
        ("signal USR1", "site-signals"),
        ("signal USR2", "site-signals"),
        ("signal ALRM", "site-signals"),
        ("signal PROF", "site-signals"),
        ("gpu foreign", "site-words"),
        ("report lock", "site-words"),
        ("report cache-busy", "site-words"),
        ("report locks", "reported"),
        ("error tls", "site-words"),
    ] {
        assert_eq!(class_of(&classes, facts), class, "{facts}");
    }
}

#[test]
fn the_users_classes_stand_in_front_in_the_order_of_the_file() {
    let classes = user("[class.z-first]\nwhen = [{ exit = [1, 75] }]\n[class.a-second]\nwhen = [{ exit = [1, 2] }]");
    assert_eq!(class_of(&classes, "exit 1"), "z-first");
    assert_eq!(class_of(&classes, "exit 2"), "a-second");
    assert_eq!(class_of(&classes, "exit 75"), "z-first");
    let names: Vec<_> = classes.iter().take(3).map(|def| def.name.to_string()).collect();
    assert_eq!(names, ["z-first", "a-second", "intent-stop"]);
}

#[test]
fn the_same_name_replaces_the_matchers_and_keeps_the_words_that_are_not_given() {
    let classes = user(
        "[class.http-busy]\nwhen = [{ status = [429, 503] }, { output = '429 Too Many Requests' }]\nkind = 'ambiguous'",
    );
    let def = classes.describe("http-busy").unwrap();
    assert_eq!((def.origin, def.kind, def.when.len()), (Origin::User, Kind::Ambiguous, 2));
    assert!(def.means.starts_with("the server is busy"));
    assert_eq!(class_of(&classes, "program aria2c, exit 29"), "exit-nonzero");
    assert_eq!(classes.iter().filter(|def| def.name.as_str() == "http-busy").count(), 1);
}

#[test]
fn words_alone_change_no_matching() {
    let classes = user("[class.signal-kill]\nadvice = 'ask the cluster team'");
    let (shipped, ours) = (Classes::shipped(), &classes);
    let place = |classes: &Classes| classes.iter().position(|def| def.name.as_str() == "signal-kill");
    assert_eq!(place(shipped), place(ours));
    assert_eq!(ours.describe("signal-kill").unwrap().advice, "ask the cluster team");
    assert_eq!(class_of(ours, "signal KILL"), "signal-kill");
}

#[test]
fn a_class_without_entries_is_for_the_programs_own_report() {
    let classes = user("[class.site-cache-lock]\nmeans = 'the cache is locked'");
    assert_eq!(class_of(&classes, "report site-cache-lock, exit 1"), "site-cache-lock");
}

#[test]
fn patterns_speak_bytes_and_other_alphabets() {
    let classes = user("[class.site-memory]\nwhen = [{ output = '内存不足|\\bπ\\b' }, { output = '(?i)ENDE\\w+' }]");
    assert_eq!(class_of(&classes, "exit 1, stderr `错误: 内存不足`"), "site-memory");
    assert_eq!(class_of(&classes, "exit 1, stderr `am endegelände`"), "site-memory");
}

#[test]
fn many_large_patterns_are_split_into_several_sets() {
    let patterns: Vec<String> = (0..8).map(|at| format!("'{at}[a-z]{{1,4000}}z'")).collect();
    let classes = user(&format!("[class.site-big]\nwhen = [{{ output = [{}] }}]", patterns.join(", ")));
    assert_eq!(class_of(&classes, "exit 1, stderr `7abcz`"), "site-big");
    assert_eq!(class_of(&classes, "exit 1, stderr `ValueError: x`"), "python-exception");
    assert!(classes.patterns().count().1 > 1);
}

#[test]
fn mistakes_are_named_at_their_place() {
    let mistake = |text: &str| toml::from_str::<ClassTable>(text).unwrap_err().to_string();
    for (text, words) in [
        ("when = [{ exit = 300 }]", "300 is out of range: numbers from 0 to 255 can occur here"),
        ("when = [{ status = \"599-500\" }]", "the range `599-500` runs backwards: write it as \"500-599\""),
        ("when = [{ status = \"5xx\" }]", "`5xx` is no range of numbers: write it as \"100-599\""),
        ("when = [{ exit = [] }]", "an empty list matches nothing: leave the key out"),
        ("when = [{ exit = true }]", "expected a number from 0 to 255, a range such as \"0-255\", or a list of them"),
        ("when = [{ signal = \"KIL\" }]", "`KIL` is no signal\nhelp: did you mean `KILL`?"),
        ("when = [{ signal = 99 }]", "there is no signal 99: signals are 1 to 64"),
        ("when = [{ oom = \"owm\" }]", "unknown variant `owm`, expected `own` or `global`"),
        ("when = [{ oom = 1 }]", "`true` (any), one or a list of: own, global"),
        ("when = [{ output = \"(\" }]", "the pattern `(` is none: unclosed group"),
        ("when = [{ output = \"(?:a{1,1000}){1,1000}\" }]", "needs more than 1048576 bytes when compiled"),
        ("when = [{ output = \"\" }]", "an empty pattern matches every line"),
        ("when = [{ program = \"curl\" }]", "this entry names no evidence"),
        ("when = [{}]", "this entry names no evidence"),
        ("when = [{ exti = 1 }]", "unknown field `exti`, expected one of `program`"),
        ("mean = \"x\"", "unknown field `mean`, expected one of `means`, `advice`, `kind`, `when`"),
        ("kind = \"hardware\"", "unknown variant `hardware`, expected one of `transient`, `permanent`"),
    ] {
        let said = mistake(&format!("advice = \"x\"\n{text}"));
        assert!(said.contains(words), "{text}\nsaid: {said}\nwanted: {words}");
        assert!(said.contains("line 2, column "), "{said}");
    }
}

#[test]
fn a_pattern_that_matches_no_class_names_the_nearest() {
    let classes = Classes::shipped();
    let check =
        |pattern: &str| classes.check(&ClassPattern::new(pattern.to_string()).unwrap()).map_err(|error| error.nearest);
    assert_eq!(check("net-*"), Ok(()));
    assert_eq!(check("*"), Ok(()));
    assert_eq!(check("disk-full"), Ok(()));
    assert_eq!(check("nett-*"), Err(Some("net-*".into())));
    assert_eq!(check("gpu-oom"), Err(Some("gpu-oom-*".into())));
    assert_eq!(check("htpp-busy"), Err(Some("http-busy".into())));
    assert_eq!(check("weather"), Err(None));
}

#[test]
fn the_resolved_table_is_stored_and_read_back() {
    let classes = user(
        "[class.site]\nwhen = [{ exit = [3, \"5-7\"], output = 'x+', program = 'make', signal = 'KILL', role = 'confirm' }]",
    );
    let stored = serde_json::to_string(&classes).unwrap();
    let back: Classes = serde_json::from_str(&stored).unwrap();
    assert_eq!(back, classes);
    assert_eq!(serde_json::to_string(&back).unwrap(), stored);
    assert_ne!(&back, Classes::shipped());
}

#[test]
fn evidence_and_verdicts_are_stored_and_read_back() {
    let classes = Classes::shipped();
    let text = "program curl, progress made, intent drain, deadline, stalled slow, oom own, xid 79, gpu foreign, host lost, \
                request skip:7, report odd thing, retry-after 2.5, status 503, error dns, not-started 2, exit 3, signal KILL, \
                stderr `ValueError: x`";
    let evidence = super::evidence(classes, text);
    let stored = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<crate::evidence::Evidence>(&stored).unwrap(), evidence);
    assert_eq!(serde_json::to_string(&Fact::Exit(3)).unwrap(), r#"{"exit":3}"#);
    let delay = Fact::RetryAfter(std::time::Duration::from_millis(90_500));
    assert_eq!(serde_json::to_string(&delay).unwrap(), r#"{"retry-after":"1m30.5s"}"#);
    let verdict = judge_by(classes, text);
    let stored = serde_json::to_string(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<crate::evidence::Verdict>(&stored).unwrap(), verdict);
}

#[test]
fn the_schema_knows_the_mixed_forms() {
    let schema = serde_json::to_value(schemars::schema_for!(ClassTable)).unwrap();
    let when = &schema["$defs"]["When"];
    assert_eq!(when["additionalProperties"], false);
    assert_eq!(when["properties"]["exit"]["anyOf"][0]["maximum"], 255);
    assert_eq!(when["properties"]["oom"]["anyOf"][2]["const"], true);
    assert_eq!(when["properties"]["output"]["anyOf"][0]["format"], "regex");
    assert!(when["properties"]["not-started"].is_object());
}

#[test]
fn each_shipped_class_has_sentences_and_a_proper_end() {
    for def in Classes::shipped().iter() {
        for sentence in [&def.means, &def.advice] {
            assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{}: {sentence}", def.name);
            assert!(sentence.starts_with(|c: char| !c.is_uppercase()), "{}: {sentence}", def.name);
        }
        assert_eq!(def.origin, Origin::Shipped);
    }
}

#[test]
fn each_shipped_pattern_is_one() {
    #[derive(serde::Deserialize)]
    struct File {
        class: std::collections::BTreeMap<String, ClassTable>,
    }
    let checked: File = toml::from_str(include_str!("../../../policies/classes.toml")).unwrap();
    assert_eq!(checked.class.len(), Classes::shipped().iter().count());
}

#[test]
fn the_shipped_classes_and_their_kinds() {
    let list: Vec<_> = Classes::shipped().iter().map(|def| format!("{} {}", def.name, def.kind)).collect();
    insta::assert_snapshot!(list.join("\n"));
}
