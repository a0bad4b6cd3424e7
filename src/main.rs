//! The `steadfast` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(word), Some(folder)) if word == "__shim" => steadfast::shim::main(folder.as_ref()),
        _ => ExitCode::from(2),
    }
}
