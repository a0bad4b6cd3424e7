//! The `steadfast` command: the shim where it is called as one, the command line otherwise.

use std::process::ExitCode;

use steadfast::cli::Surroundings;

fn main() -> ExitCode {
    let surroundings = Surroundings::of_this_process();
    // A shim is started once for every few attempts and must not pay for a parser that it does not need.
    match surroundings.arguments.get(1..) {
        Some([word, folder]) if word == "__shim" => steadfast::shim::main(folder.as_ref()),
        Some(_) | None => steadfast::cli::main(&surroundings),
    }
}
