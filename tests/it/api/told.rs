//! What is told of an attempt beside its outcome.

use super::house::House;

const JOBS: &str = r#"
[policy.short]
loop = { attempts = 1, deadline = "400ms" }
finally = [ { on = "always", run = ["sleep", "300"], timeout = "200ms", attempts = 1 } ]

[job.litter.command]
shell = 'setsid sleep 300 & until [ "$(cat /proc/$!/comm)" = sleep ]; do /bin/sleep 0.01; done'

[job.late]
policy = "short"
command = { run = ["sleep", "300"] }

[job.greedy]
limits = { memory = "20MiB" }
command = { run = ["true"] }
"#;

fn body(house: &House, path: &str) -> String {
    house.request("GET", path, &[], "").1
}

#[test]
fn leftovers_limits_and_deadlines_are_told() {
    let house = House::with(JOBS, "state", &["--no-trace-files"]);
    let litter = house.run("litter").run;
    let told = body(&house, &format!("/v1/runs/{litter}/attempts/1"));
    assert!(told.contains("\"stopped\":[\"sleep (") || told.contains("\"stopped\": [\"sleep ("), "{told}");
    let late = house.run("late").run;
    let told = body(&house, &format!("/v1/runs/{late}/attempts/1"));
    assert!(told.contains("deadline of 400ms") && !told.contains("attempt timeout"), "{told}");
    let told = body(&house, &format!("/v1/runs/{late}"));
    assert!(told.contains("timed out after 200ms: ended by signal 15"), "{told}");
    let greedy = house.run("greedy").run;
    let told = body(&house, &format!("/v1/runs/{greedy}/attempts/1"));
    let complaint = "memory limits cannot be enforced here: no memory controller is delegated (job greedy)";
    if house.complaints().contains(complaint) {
        assert!(told.contains("\"unenforced\":[\"memory\"]"), "{told}");
        assert_eq!(house.complaints().matches(complaint).count(), 1);
    } else {
        assert!(!told.contains("unenforced"), "{told}");
    }
}
