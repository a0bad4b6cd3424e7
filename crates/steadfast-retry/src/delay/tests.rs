use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Delay, Factor, Jitter, Shape};
use crate::Dice;
use proptest::prelude::*;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn nominal(delay: &Delay, failures: core::ops::RangeInclusive<u32>) -> Vec<u64> {
    failures.map(|count| delay.after_failures(count, Dice::NONE).as_secs()).collect()
}

#[test]
fn each_shape_has_its_curve() {
    assert_eq!(nominal(&Delay::constant(secs(7)), 0..=3), [0, 7, 7, 7]);
    assert_eq!(nominal(&Delay::linear(secs(5)), 1..=4), [5, 10, 15, 20]);
    assert_eq!(nominal(&Delay::exponential(secs(1)), 1..=10), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert_eq!(nominal(&Delay::fibonacci(secs(1)), 1..=8), [1, 1, 2, 3, 5, 8, 13, 21]);
    assert_eq!(nominal(&Delay::list(Cow::Owned(alloc::vec![secs(1), secs(5), secs(60)])), 1..=5), [1, 5, 60, 60, 60]);
    assert_eq!(nominal(&Delay::list(Cow::Borrowed(&[])), 1..=2), [0, 0]);
    assert_eq!(nominal(&Delay::decorrelated(secs(1)).cap(secs(20)), 1..=5), [1, 3, 9, 20, 20]);
}

#[test]
fn a_factor_is_exact_in_thousandths() {
    let delay = Delay::exponential(Duration::from_millis(50)).factor(Factor::thousandths(1_500).unwrap());
    assert_eq!(delay.after_failures(3, Dice::NONE), Duration::from_micros(112_500));
    assert_eq!(Factor::thousandths(999), None);
}

#[test]
fn a_huge_count_costs_little_and_saturates() {
    let slow = Delay::exponential(Duration::from_nanos(1)).factor(Factor::thousandths(1_001).unwrap()).uncapped();
    assert_eq!(
        slow.after_failures(u32::MAX, Dice::NONE),
        Duration::from_nanos(1),
        "a nanosecond cannot grow by a thousandth"
    );
    assert_eq!(Delay::fibonacci(Duration::ZERO).uncapped().after_failures(u32::MAX, Dice::NONE), Duration::ZERO);
    assert_eq!(
        Delay::fibonacci(secs(1)).uncapped().after_failures(u32::MAX, Dice::NONE),
        Duration::from_nanos(u64::MAX)
    );
    assert_eq!(
        Delay::exponential(secs(1)).uncapped().after_failures(u32::MAX, Dice::NONE),
        Duration::from_nanos(u64::MAX)
    );
}

#[test]
fn a_delay_reads_as_it_is_written() {
    let delay = Delay::exponential(secs(2)).factor(Factor::thousandths(1_250).unwrap()).jitter(Jitter::Fraction(200));
    assert_eq!(delay.to_string(), "exponential 2s, factor 1.25, cap 5m, jitter 0.2");
}

fn any_delay() -> impl Strategy<Value = Delay> {
    let span = (0_u64..100_000_000_000_000).prop_map(Duration::from_nanos);
    let shape = prop_oneof![
        span.clone().prop_map(Shape::Constant),
        span.clone().prop_map(Shape::Linear),
        (span.clone(), 1_000_u32..5_000)
            .prop_map(|(first, factor)| Shape::Exponential { first, factor: Factor::thousandths(factor).unwrap() }),
        span.clone().prop_map(Shape::Fibonacci),
        span.clone().prop_map(Shape::Decorrelated),
        proptest::collection::vec(span.clone(), 0..4).prop_map(|list| Shape::List(Cow::Owned(list))),
    ];
    let jitter = prop_oneof![
        Just(Jitter::None),
        Just(Jitter::Full),
        Just(Jitter::Equal),
        (0_u16..=1_000).prop_map(Jitter::Fraction)
    ];
    (shape, proptest::option::of(span), jitter).prop_map(|(shape, cap, jitter)| Delay { shape, cap, jitter })
}

proptest! {
    #[test]
    fn the_cap_holds_after_jitter(delay in any_delay(), failures in 0_u32..200, previous: u32, bits: u64) {
        let got = delay.next(failures, secs(u64::from(previous)), Dice::thrown(bits));
        if let Some(cap) = delay.cap {
            prop_assert!(got <= cap);
        }
    }

    #[test]
    fn dice_stay_between_lowest_and_highest(delay in any_delay(), failures in 1_u32..200, bits: u64) {
        let at = |dice| delay.next(failures, secs(5), dice);
        prop_assert!(at(Dice::LOWEST) <= at(Dice::thrown(bits)));
        prop_assert!(at(Dice::thrown(bits)) <= at(Dice::HIGHEST));
        prop_assert!(at(Dice::NONE) <= at(Dice::HIGHEST));
    }
}
