//! Figures, for whoever asks: `cargo test --release --test it store::speed -- --ignored --nocapture`.

use std::time::Instant;

use steadfast::store::view::{Filter, Order, Page, View};
use steadfast::store::{Batch, Store};

use super::words::{Run, at, bad_life, batch, good_life, opening, woke, write};

#[expect(clippy::print_stdout, reason = "the figures are what was asked for")]
fn timed<T>(what: &str, of: u64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    let took = begun.elapsed();
    println!("{what}: {took:.1?}, {:.2} µs each", took.as_secs_f64() * 1e6 / of as f64);
    result
}

#[test]
#[ignore = "a measurement, not a test"]
fn figures_of_a_hundred_thousand_runs() {
    let folder = super::quick_folder();
    let mut store = super::open(folder.path());
    let opened: Vec<_> = (1..=100_000).map(|run| Run::new(run).opened_as(opening(run, "crawl"))).collect();
    let batches: Vec<Batch> = opened.chunks(5_000).map(|entries| batch(entries.to_vec())).collect();
    timed("open 100,000 runs in batches of 5,000", 100_000, || {
        batches.iter().for_each(|batch| store.append(batch).unwrap());
    });
    let lives: Vec<_> = (100_001..=105_000)
        .flat_map(|run| if run % 4 == 0 { bad_life(run, "index") } else { good_life(run, "index") })
        .collect();
    timed("5,000 whole lives in one batch, per entry", 20_000, || write(&mut store, lives).unwrap());
    timed("1,000 batches of one entry", 1_000, || (0..1_000).for_each(|_| write(&mut store, [woke()]).unwrap()));
    timed("recover", 1, || store.recover().unwrap());
    timed("a window of 256", 1, || store.queued("/crawl", None, 256).unwrap());
    timed("rest", 1, || store.rest().unwrap());
    let view = View::open(folder.path()).unwrap();
    for order in [Order::Trouble, Order::Newest] {
        for filter in [
            "",
            "state:running",
            "state:closed",
            "index",
            "job:i*",
            "class:exit-*",
            "ending:succeeded",
            "job:index ending:failed",
            "since:1d",
            "state:closed job:crawl",
        ] {
            let filter: Filter = filter.parse().unwrap();
            let page = Page { order, after: None, limit: 50, now: at(200_000) };
            timed(&format!("a page of `{filter}` {order:?}"), 1, || view.runs(&filter, &page).unwrap());
        }
    }
    timed("counts and jobs", 1, || (view.counts().unwrap(), view.jobs().unwrap()));
    drop(store);
    let mut store = timed("open the store again after an unclean stop", 1, || super::open(folder.path()));
    timed("recover again", 1, || store.recover().unwrap());
    timed("verify", 1, || assert_eq!(store.verify().unwrap().wrong, Vec::<String>::new()));
    println!("{:#?}", store.info().unwrap());
}
