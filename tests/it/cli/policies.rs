use super::transcript::Desk;

const MINE: &str = r#"
[policy.fetch]
extends = "http"
loop    = { attempts = 4, deadline = "10m" }
catch   = [ { class = "not-found", stop = true } ]
finally = [ { on = "failed", run = ["scripts/page.sh", "{job}"] } ]

[class.site-down]
means = "the site is being rebuilt"
when  = [ { output = "under construction" } ]
"#;

#[test]
fn policies_are_listed_and_shown_with_the_place_of_every_value() {
    let desk = Desk::new().with("mine.toml", MINE);
    insta::assert_snapshot!(desk.transcript(&[
        &["policy", "list"],
        &["policy", "show", "gpu-training"],
        &["policy", "show", "fetch", "--file", "mine.toml"],
        &["policy", "show", "mine.toml"],
        &["policy", "show", "extends=flaky, attempts=9, exponential=1s, cap=1m"],
    ]));
}

#[test]
fn a_curve_is_drawn_with_its_spread_and_its_cap() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.transcript(&[
        &["policy", "plot", "http"],
        &["policy", "plot", "exponential=1s, cap=20s, jitter=equal, attempts=9", "--ascii"],
        &["policy", "plot", "constant=0s"],
    ]));
}

#[test]
fn a_forecast_plays_the_engine_in_simulated_time() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.transcript(&[
        &["policy", "forecast", "http", "--outcomes", "503 503@2m net-reset ok", "--seed", "7"],
        &["policy", "forecast", "once"],
        &["policy", "forecast", "training", "--outcomes", "exit=75*2 lost host-oom-job*2", "--took", "20m"],
        &["policy", "forecast", "http", "--outcomes", "net-rest"],
    ]));
}

#[test]
fn a_match_names_the_rule_and_what_follows() {
    let desk = Desk::new().with("mine.toml", MINE);
    insta::assert_snapshot!(desk.transcript(&[
        &["policy", "match", "http", "--http", "429", "--retry-after", "2m"],
        &["policy", "match", "gpu-training", "--exit", "1", "--output", "torch.OutOfMemoryError: CUDA out of memory"],
        &["policy", "match", "training", "--signal", "KILL", "--oom", "own"],
        &["policy", "match", "fetch", "--file", "mine.toml", "--class", "site-down"],
        &["policy", "match", "http", "--class", "auth-denid"],
        &["policy", "match", "http"],
    ]));
}

#[test]
fn what_cannot_be_understood_is_told_in_one_line_with_the_remedy() {
    let desk = Desk::new().with("two.toml", "[policy.a]\n[policy.b]\n").with("none.toml", "");
    insta::assert_snapshot!(desk.transcript(&[
        &["policy", "show", "htp"],
        &["policy", "show", "nothing-like-it"],
        &["policy", "show", "two.toml"],
        &["policy", "show", "two.toml#b", "--json"],
        &["policy", "show", "none.toml"],
        &["policy", "show", "gone.toml"],
        &["policy", "show", "atempts=3"],
        &["policy", "show", "attempts=0"],
        &["policy", "show", "extends=htp, attempts=2"],
        &["policy", "show", "attempts=3, stop-on=net-rest"],
    ]));
}

#[test]
fn json_is_one_document() {
    let desk = Desk::new();
    for arguments in [
        &["policy", "list", "--json"][..],
        &["policy", "show", "http", "--json"],
        &["policy", "plot", "http", "--json"],
        &["policy", "forecast", "http", "--json"],
        &["policy", "match", "http", "--http", "503", "--json"],
        &["explain", "--json"],
        &["explain", "net-reset", "--json"],
        &["schema"],
    ] {
        let said = desk.say(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
        assert!(serde_json::from_str::<serde_json::Value>(&said.out).is_ok(), "{arguments:?}");
    }
}
