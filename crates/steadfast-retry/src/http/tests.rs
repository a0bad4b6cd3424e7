use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use core::time::Duration;
use std::time::SystemTime;

use super::{checked, class_of, server_delay};
use crate::{Class, Classify};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    pairs.iter().map(pair).collect()
}

fn asked(pairs: &[(&'static str, &'static str)]) -> Option<u64> {
    server_delay(&headers(pairs), None).map(|delay| delay.as_millis().try_into().unwrap())
}

#[test]
fn a_server_may_ask_in_many_ways() {
    assert_eq!(asked(&[]), None);
    assert_eq!(asked(&[("retry-after", "120")]), Some(120_000));
    assert_eq!(asked(&[("retry-after", " 0 ")]), Some(0));
    assert_eq!(asked(&[("retry-after-ms", "1500")]), Some(1_500));
    assert_eq!(asked(&[("retry-after", "1"), ("retry-after-ms", "1500")]), Some(1_500), "the longest counts");
    assert_eq!(asked(&[("ratelimit", "\"resolvers\";r=0;t=55")]), Some(55_000));
    assert_eq!(asked(&[("ratelimit", "\"day\"; r=0; t=3600, \"burst\"; r=0; t=1")]), Some(3_600_000));
    assert_eq!(asked(&[("ratelimit", "\"day\";r=7;t=3600")]), None, "something remains");
    assert_eq!(asked(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")]), Some(30_000));
    assert_eq!(asked(&[("ratelimit-remaining", "3"), ("ratelimit-reset", "30")]), None);
}

#[test]
fn what_cannot_be_read_asks_for_nothing() {
    for value in ["", "-1", "1.5", "soon", "99999999999999999999999", "Thu, 99 Foo 2026 10:00:00 GMT"] {
        assert_eq!(asked(&[("retry-after", value)]), None, "{value:?}");
    }
    assert_eq!(asked(&[("ratelimit", ";;r=0,t=;=,r=0;t=x")]), None);
}

#[test]
fn a_date_counts_from_the_answer_and_not_from_a_clock_that_is_off() {
    let until = ("retry-after", "Tue, 24 Nov 2026 10:05:00 GMT");
    assert_eq!(asked(&[until, ("date", "Tue, 24 Nov 2026 10:00:00 GMT")]), Some(300_000));
    assert_eq!(asked(&[until, ("date", "Tue, 24 Nov 2026 10:06:00 GMT")]), Some(0), "it has passed");
    assert_eq!(asked(&[until]), None, "nobody knows from when");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_514_640);
    let of_ours = server_delay(&headers(&[until]), Some(now));
    assert_eq!(of_ours, Some(Duration::from_secs(60)), "2026-11-24 10:04:00");
}

#[test]
fn every_status_of_an_error_has_a_class() {
    let class = |status| class_of(StatusCode::from_u16(status).unwrap());
    assert!((100..300).all(|status| class(status).is_none()));
    assert!((300..1_000).all(|status| class(status).is_some()));
    let ok = StatusCode::OK.classify().class;
    assert_eq!(ok, Class::ERROR, "whoever calls it an error has a reason");
}

#[test]
fn an_answer_that_is_no_failure_passes() {
    let answer = Response::builder().status(206).body("part").unwrap();
    assert_eq!(checked(answer).unwrap().into_body(), "part");
    let gone = Response::builder().status(410).body(()).unwrap();
    let refused = checked(gone).unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.server_delay()), (410, None));
    assert_eq!(refused.classify().class.as_str(), "not-found");
}
