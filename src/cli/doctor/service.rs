use std::path::Path;

use super::Finding;
use crate::cli::surroundings::Surroundings;

/// Looks at what would kill shims that the daemon leaves behind on purpose.
pub(super) fn look(surroundings: &Surroundings) -> Vec<Finding> {
    if !Path::new("/run/systemd/system").exists() {
        return vec![Finding::ok("service", "no systemd here: whoever starts the daemon must leave its shims alone")];
    }
    let mut findings = vec![unit()];
    if let Some(user) = surroundings.variable("USER").and_then(|user| user.to_str())
        && user != "root"
    {
        findings.push(session(user));
    }
    findings
}

/// The places where a unit of ours would stand, the administrator's first.
const UNITS: [&str; 4] = [
    "/etc/systemd/system/steadfast.service",
    "/usr/local/lib/systemd/system/steadfast.service",
    "/usr/lib/systemd/system/steadfast.service",
    "/etc/systemd/user/steadfast.service",
];

fn unit() -> Finding {
    let found = UNITS.iter().find_map(|path| Some((*path, std::fs::read_to_string(path).ok()?)));
    let Some((path, text)) = found else {
        return Finding::ok("service", "no unit is installed; packaging/ has one");
    };
    judge(path, &text)
}

/// Says what a unit would do to running jobs when the daemon is restarted.
fn judge(path: &str, text: &str) -> Finding {
    let value = |key: &str| {
        let lines = text.lines().map(str::trim).filter_map(|line| line.split_once('='));
        lines.rev().find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
    };
    match value("KillMode") {
        Some("process") => {}
        mode => {
            let mode = mode.unwrap_or("control-group");
            return Finding::fail(
                "service",
                format_args!("{path} has KillMode={mode}: a restart of the daemon kills every running job"),
                "set KillMode=process",
            );
        }
    }
    if !matches!(value("Delegate"), Some("yes" | "true" | "1")) {
        let what = format!("{path} has no Delegate=yes: limits on memory cannot be enforced");
        return Finding::warn("service", what, "set Delegate=yes");
    }
    Finding::ok("service", format_args!("{path} leaves running jobs alone"))
}

/// A user's processes go with the last session, unless the user lingers.
fn session(user: &str) -> Finding {
    let lingers = Path::new("/var/lib/systemd/linger").join(user).exists();
    if lingers {
        return Finding::ok("session", format_args!("{user} lingers: jobs live on after logging out"));
    }
    Finding::warn(
        "session",
        format_args!("{user} does not linger: a daemon of this user may end when the last session does"),
        format_args!("loginctl enable-linger {user}"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Grade;
    use super::judge;

    #[test]
    fn a_unit_that_would_kill_running_jobs_is_named() {
        let grade = |text| judge("x.service", text).grade;
        assert_eq!(grade("[Service]\nKillMode=process\nDelegate=yes\n"), Grade::Ok);
        assert_eq!(grade("[Service]\nKillMode=process\n"), Grade::Warn);
        assert_eq!(grade("[Service]\nKillMode=mixed\nDelegate=yes\n"), Grade::Fail);
        assert_eq!(grade("[Service]\n"), Grade::Fail, "the default kills the whole control group");
        assert_eq!(grade(include_str!("../../../packaging/steadfast.service")), Grade::Ok);
    }
}
