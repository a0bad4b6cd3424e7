use steadfast_retry::table::Source;

use super::{Code, Diagnostic, Rendering, Severity};

fn example() -> Diagnostic {
    let source = Source::new("jobs/a,b.toml", "[job.a]\npolicy = \"htpp\"\n");
    let told =
        Diagnostic::at(Code::UNKNOWN_POLICY, &source, 17..23, "no policy is named `htpp`", "did you mean `http`?");
    told.label("100 % wrong")
}

#[test]
fn a_diagnostic_is_shown_with_its_line() {
    assert_eq!(
        Rendering::default().show(&example()),
        "error[SF0205]: no policy is named `htpp`\n --> jobs/a,b.toml:2:10\n  |\n2 | policy = \"htpp\"\n  |          ^^^^^^ 100 % wrong\n  |\n  = help: did you mean `http`?"
    );
    let coloured = Rendering { colour: true, width: 80 }.show(&example());
    assert!(coloured.contains("\u{1b}[") && !Rendering::default().show(&example()).contains('\u{1b}'));
}

#[test]
fn long_lines_are_cut_to_the_width() {
    let text = format!("a = [{}]\n", "\"item\", ".repeat(200));
    let source = Source::new("x.toml", text);
    let told = Diagnostic::at(Code::SYNTAX, &source, 800..806, "message", "help");
    for width in [40, 60, 100] {
        let shown = Rendering { colour: false, width }.show(&told);
        assert!(shown.lines().all(|line| line.chars().count() <= width + 10), "{width}: {shown}");
        assert!(shown.contains("^^^^^^"));
    }
}

#[test]
fn a_code_host_gets_one_line() {
    assert_eq!(
        example().annotation(),
        "::error file=jobs/a%2Cb.toml,line=2,col=10,title=SF0205::no policy is named `htpp`%0Ahelp: did you mean `http`?"
    );
    let whole = Diagnostic::of_file(Code::TOO_LARGE, "a.toml", "50% too long", "split it");
    assert_eq!(whole.annotation(), "::error file=a.toml,title=SF0002::50%25 too long%0Ahelp: split it");
}

#[test]
fn programs_get_the_same_in_json() {
    let value = serde_json::to_value(example()).unwrap();
    assert_eq!(value["code"], "SF0205");
    assert_eq!(value["severity"], "error");
    assert_eq!((&value["line"], &value["column"]), (&2.into(), &10.into()));
    assert_eq!(value["span"], serde_json::json!({ "start": 17, "end": 23 }));
    assert!(value.get("source").is_none() && value.get("related").is_none());
}

#[test]
fn a_span_never_parts_a_character() {
    let source = Source::new("x.toml", "aé");
    for (span, wanted) in [(2..2, 1..3), (1..2, 1..3), (0..99, 0..3), (50..60, 3..3)] {
        assert_eq!(Diagnostic::at(Code::SYNTAX, &source, span.clone(), "m", "h").span, wanted, "{span:?}");
    }
}

#[test]
fn every_code_is_told_at_length() {
    let mut last = None;
    for entry in Code::ALL {
        assert!(last < Some(entry.code), "{} stands out of order", entry.code);
        last = Some(entry.code);
        assert!(entry.text.len() > 60 && entry.text.ends_with('.'), "{}", entry.code);
        assert!(
            !entry.title.ends_with('.') && entry.title.chars().next().is_some_and(char::is_lowercase),
            "{}",
            entry.code
        );
        let warns = entry.code.to_string().starts_with("SF09");
        assert_eq!(entry.severity == Severity::Warning, warns, "{}", entry.code);
    }
    for text in ["SF0102", "sf0102", "sf102", " 102 "] {
        assert_eq!(Code::find(text).map(|entry| entry.code), Some(Code::UNKNOWN_KEY), "{text}");
    }
    assert!(Code::find("SF9999").is_none() && Code::find("policy").is_none());
}
