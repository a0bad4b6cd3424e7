use super::transcript::Desk;

const COMMANDS: [&[&str]; 46] = [
    &[],
    &["run"],
    &["serve"],
    &["start"],
    &["ps"],
    &["show"],
    &["logs"],
    &["why"],
    &["wait"],
    &["retry"],
    &["cancel"],
    &["hold"],
    &["release"],
    &["jobs"],
    &["jobs", "list"],
    &["jobs", "show"],
    &["jobs", "next"],
    &["policy"],
    &["policy", "list"],
    &["policy", "show"],
    &["policy", "plot"],
    &["policy", "forecast"],
    &["policy", "match"],
    &["check"],
    &["schema"],
    &["explain"],
    &["events"],
    &["trace"],
    &["store"],
    &["store", "info"],
    &["store", "verify"],
    &["store", "backup"],
    &["store", "prune"],
    &["daemon"],
    &["daemon", "status"],
    &["daemon", "reload"],
    &["daemon", "log-level"],
    &["daemon", "drain"],
    &["daemon", "stop"],
    &["init"],
    &["doctor"],
    &["demo"],
    &["completions"],
    &["man"],
    &["help"],
    &["__train"],
];

#[test]
fn every_command_says_what_it_does() {
    let desk = Desk::new();
    for words in COMMANDS.iter().filter(|words| !matches!(words, ["__train" | "help"])) {
        let arguments: Vec<&str> = words.iter().copied().chain(["--help"]).collect();
        let said = desk.say(&arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{words:?}");
        let widest = said.out.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 90, "the help of {words:?} is {widest} columns wide");
        let name = if words.is_empty() { "steadfast".to_owned() } else { words.join("-") };
        insta::assert_snapshot!(format!("help-{name}"), said.out);
    }
}

/// A command that the list above forgets would have no snapshot.
#[test]
fn the_list_of_commands_is_whole() {
    let desk = Desk::new();
    let listed = |words: &[&str]| {
        let arguments: Vec<&str> = words.iter().copied().chain(["--help"]).collect();
        let help = desk.say(&arguments).out;
        let commands = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
        let commands = commands.lines().take_while(|line| !line.trim().is_empty());
        let names = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned));
        names.filter(|name| !name.is_empty()).collect::<Vec<_>>()
    };
    for name in listed(&[]) {
        assert!(COMMANDS.contains(&&[name.as_str()][..]), "{name}");
        for below in listed(&[&name]) {
            assert!(COMMANDS.contains(&&[name.as_str(), below.as_str()][..]), "{name} {below}");
        }
    }
}

#[test]
fn a_slip_is_told_with_what_was_meant() {
    let desk = Desk::new();
    insta::assert_snapshot!(desk.transcript(&[
        &["polcy"],
        &["policy", "shw"],
        &["ps", "--al"],
        &["policy", "plot", "http", "-n", "99"],
        &["start", "x", "-p", "oops"],
    ]));
}

#[test]
fn help_is_a_command_too() {
    let desk = Desk::new();
    assert_eq!(desk.say(&["help"]).out, desk.say(&["--help"]).out);
    assert_eq!(desk.say(&["help", "policy", "show"]).out, desk.say(&["policy", "show", "--help"]).out);
    assert_eq!(desk.say(&["help", "polcy"]).code, 2);
}

/// The desk names its state folder by the variable.
#[test]
fn a_state_folder_of_the_environment_is_not_asked_for() {
    let said = Desk::new().say(&["run"]);
    assert!(said.err.contains("Usage: steadfast run <CMD>...") && !said.err.contains("--state"), "{}", said.err);
}

#[test]
fn completions_and_pages_are_written() {
    let desk = Desk::new();
    for (shell, sign) in
        [("bash", "complete -F _steadfast"), ("zsh", "#compdef steadfast"), ("fish", "complete -c steadfast")]
    {
        let said = desk.say(&["completions", shell]);
        assert!(said.code == 0 && said.out.contains(sign), "{shell}");
    }
    assert!(desk.say(&["man"]).out.starts_with(".ie"), "a manual page is roff");
    std::fs::create_dir(desk.path("man1")).unwrap();
    let said = desk.say(&["man", "--folder", "man1"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for page in ["steadfast.1", "steadfast-run.1", "steadfast-policy-match.1"] {
        assert!(desk.path("man1").join(page).exists(), "{page}");
    }
}
