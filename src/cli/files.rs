//! Files of jobs, policies and classes, read for a command.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast_retry::table::{PolicyErrors, PolicySet};

use super::exit::Exit;
use super::failure::Failure;
use crate::job::Config;

const SHIPPED: [(&str, &str); 3] = [
    ("policies/basic.toml", include_str!("../../policies/basic.toml")),
    ("policies/http.toml", include_str!("../../policies/http.toml")),
    ("policies/training.toml", include_str!("../../policies/training.toml")),
];

pub(super) fn read(paths: &[PathBuf]) -> Result<Config, Failure> {
    let set = policy_tables(paths)?;
    let mut config = Config::default();
    for name in set.names() {
        let resolved = set.resolve(name).map_err(refused)?;
        config.policies.insert(name.to_owned(), Arc::new(resolved));
    }
    Ok(config)
}

/// Returns the names of the policies that one file declares.
pub(super) fn declared_policies(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::not_found(format_args!("`{}` cannot be read: {error}", path.display())))?;
    let set = PolicySet::parse(&text, &path.to_string_lossy()).map_err(refused)?;
    Ok(set.names().map(str::to_owned).collect())
}

/// Returns the tables of policies as they are written, those of the given files before the shipped ones.
pub(super) fn policy_tables(paths: &[PathBuf]) -> Result<PolicySet, Failure> {
    let mut set = PolicySet::new();
    for path in paths {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::not_found(format_args!("`{}` cannot be read: {error}", path.display())))?;
        set.extend(PolicySet::parse(&text, &path.to_string_lossy()).map_err(refused)?).map_err(refused)?;
    }
    for (file, text) in SHIPPED {
        set.stand_behind(PolicySet::parse(text, file).map_err(refused)?);
    }
    Ok(set)
}

fn refused(errors: PolicyErrors) -> Failure {
    Failure::new(Exit::CONFIGURATION, errors)
}
