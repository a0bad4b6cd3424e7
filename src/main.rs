//! The `steadfast` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "__shim") {
        return steadfast::shim::main(arguments[1].as_ref());
    }
    let mut settings = steadfast::daemon::Settings { paths: Vec::new(), state: "state".into(), slots: 4, until_idle: false, stop_jobs: false, watch: true };
    let mut words = arguments.into_iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--state" => settings.state = words.next().unwrap().into(),
            "--slots" => settings.slots = words.next().unwrap().parse().unwrap(),
            "--until-idle" => settings.until_idle = true,
            "--stop-jobs" => settings.stop_jobs = true,
            _ => settings.paths.push(word.into()),
        }
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let served = runtime.block_on(steadfast::daemon::serve(settings, vec![], |_door| Ok(())));
    match served {
        Ok(served) => {
            println!("{served:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
