use std::time::Instant;

use steadfast::api::{Client, RunsQuery, Start};

use super::house::{House, JOBS, start};

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Prints how long things take; worth something in a release build only.
#[test]
#[ignore = "it measures"]
fn speed() {
    let house = House::with(JOBS, "state", &["--slots", "1"]);
    house.client().drain(true).unwrap();
    let timed = |work: &dyn Fn()| {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64() * 1e3
    };
    let state = &house.state;
    let cold =
        |work: &dyn Fn(Client)| median((0..50).map(|_| timed(&|| work(Client::connect(state).unwrap()))).collect());
    let connect = cold(&drop);
    let status = cold(&|mut client| drop(client.status().unwrap()));
    let first = cold(&|mut client| drop(client.start(&[start("good")]).unwrap()));
    eprintln!("cold: connect {connect:.2} ms, status {status:.2} ms, start {first:.2} ms");
    for keyed in [false, true] {
        let key = |number: u32| keyed.then(|| format!("key-{number}"));
        let all: Vec<Start> = (0..50_000).map(|number| Start { key: key(number), ..start("good") }).collect();
        let mut client = house.client();
        let took = timed(&|| {
            // The client is borrowed for one call.
            Client::connect(state).unwrap().start(&all).unwrap();
        });
        eprintln!("50000 starts in one request, keys {keyed}: {took:.0} ms, {:.0} a second", 50_000.0 / took * 1e3);
        drop(client.status().unwrap());
    }
    let took = timed(&|| {
        Client::connect(state).unwrap().start(&[Start { count: Some(50_000), ..start("good") }]).unwrap();
    });
    eprintln!("50000 by a count: {took:.0} ms, {:.0} a second", 50_000.0 / took * 1e3);
    let page = cold(&|mut client| drop(client.runs(&RunsQuery::default()).unwrap()));
    let first = cold(&|mut client| drop(client.start(&[start("good")]).unwrap()));
    eprintln!("with 150000 queued: page {page:.2} ms, start {first:.2} ms");
}
