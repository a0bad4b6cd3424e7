use super::Config;

/// The limits that need a cgroup: as files call them, and the controller that enforces them.
const GROUPED: [(&str, &str); 2] = [("memory", "memory"), ("processes", "pids")];

impl Config {
    /// Says which limits of jobs cannot be enforced where only these controllers are handed down to cgroups: one text for each
    /// kind of limit, with the remedy on a line of its own.
    ///
    /// Nothing takes their place: a limit on the address space, for one, counts what a program reserves and not what it uses.
    #[must_use]
    pub fn not_enforced(&self, controllers: &[String]) -> Vec<String> {
        let missing = GROUPED.iter().filter(|(_, controller)| !controllers.iter().any(|found| found == controller));
        missing.filter_map(|(limit, controller)| self.told(limit, controller)).collect()
    }

    fn told(&self, limit: &str, controller: &str) -> Option<String> {
        let has_limit = |job: &super::Job| match limit {
            "memory" => job.definition.limits.memory_bytes.is_some(),
            _ => job.definition.limits.processes.is_some(),
        };
        let jobs: Vec<&str> = self.jobs.values().filter(|job| has_limit(job)).map(|job| job.name.as_str()).collect();
        let (first, more) = jobs.split_first()?;
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        Some(format!(
            "{limit} limits cannot be enforced here: no {controller} controller is delegated (job {first}{more})\n\
             help: run the daemon as a service with Delegate=yes, as packaging/steadfast.service does; `steadfast doctor` looks again"
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::job::Reader;

    #[test]
    fn a_limit_that_nothing_enforces_is_told_with_its_jobs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("jobs.toml");
        let toml = "[job.a]\nlimits = { memory = \"20MiB\" }\ncommand = { run = [\"true\"] }\n\
                    [job.b]\nlimits = { memory = \"1GiB\", processes = 9 }\ncommand = { run = [\"true\"] }\n\
                    [job.c]\ncommand = { run = [\"true\"] }\n";
        std::fs::write(&file, toml).unwrap();
        let config = Reader::new().read(&[file]).config.unwrap();
        let first = |controllers: &[&str]| -> Vec<String> {
            let controllers: Vec<String> = controllers.iter().map(|name| (*name).to_owned()).collect();
            config.not_enforced(&controllers).iter().map(|text| text.lines().next().unwrap().to_owned()).collect()
        };
        let memory = "memory limits cannot be enforced here: no memory controller is delegated (job a and 1 more)";
        let processes = "processes limits cannot be enforced here: no pids controller is delegated (job b)";
        assert_eq!(first(&[]), [memory, processes]);
        assert_eq!(first(&["cpu", "memory"]), [processes]);
        assert_eq!(first(&["memory", "pids"]), [""; 0]);
    }
}
