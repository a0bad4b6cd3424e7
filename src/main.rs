//! The `steadfast` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|word| word == "__shim") {
        return steadfast::shim::main(arguments[2].as_ref());
    }
    let settings = steadfast::daemon::Settings {
        paths: vec![arguments[1].clone().into()],
        state: arguments[2].clone().into(),
        slots: 4,
        until_idle: true,
        stop_jobs: false,
        watch: true,
    };
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
