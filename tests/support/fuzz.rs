//! A small mutational fuzzer that runs on stable Rust, inside a test.
//!
//! # Theory of operation
//!
//! A [`Target`] is a function that reads bytes and panics where a promise is broken. [`hunt`] first gives it every sample
//! as it is, then mutated samples: flipped bits, cut and doubled pieces, tokens of the language, pieces of other
//! samples, and brackets nested far too deep. What panics is made smaller and comes back as a [`Finding`].
//!
//! The n-th input depends on the samples, the seed and n, and on nothing else: no coverage, no clock. So a seed and a
//! number are enough to meet the same input again. What ends the whole process (a stack that overflows) cannot be
//! caught; a hunt by the clock therefore writes each input to `target/fuzz/NAME.last` before it tries it.

use std::cell::Cell;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

/// Something that reads what others wrote.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Panics if the reader breaks a promise; an input that is refused is fine.
    pub(crate) read: fn(&[u8]),
    /// Short inputs that are right.
    pub(crate) samples: &'static [&'static str],
    /// Folders of the repository whose files are samples too. `tests/corpus/NAME` always is.
    pub(crate) folders: &'static [&'static str],
    /// Words of the language, which chance alone would never spell.
    pub(crate) tokens: &'static [&'static str],
    /// How many inputs the suite tries: a few seconds' worth.
    pub(crate) tries: u64,
}

/// Where a hunt ends.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    Tries(u64),
    Time(Duration),
}

/// An input that a target could not stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    target: &'static str,
    seed: u64,
    number: u64,
    pub(crate) input: Vec<u8>,
    pub(crate) message: String,
}

/// No input grows beyond this.
const LONGEST_INPUT: usize = 64 * 1024;

/// A reader that takes longer than this for such an input is broken too.
const SLOWEST: Duration = Duration::from_secs(10);

/// How often a finding is tried again to make it smaller.
const SHRINKING_TRIES: usize = 4_000;

/// Tries inputs until the bound, and returns how many were tried.
pub(crate) fn hunt(target: &Target, seed: u64, bound: Bound) -> Result<u64, Finding> {
    let samples = samples(target);
    let began = Instant::now();
    let last = matches!(bound, Bound::Time(_)).then(|| last_words(target));
    for number in 0.. {
        let over = match bound {
            Bound::Tries(tries) => number >= tries.max(samples.len() as u64),
            Bound::Time(time) => began.elapsed() >= time && number >= samples.len() as u64,
        };
        if over {
            return Ok(number);
        }
        let input = input(target, &samples, seed, number);
        if let Some(last) = &last {
            // One file that stays open: made anew for each input, it would cost a hundred times the try.
            last.write_all_at(&input, 0)
                .and_then(|()| last.set_len(input.len() as u64))
                .expect("target/fuzz can be written");
        }
        if let Some(first) = trouble(target, &input) {
            let input = smaller(target, input);
            let message = trouble(target, &input).unwrap_or(first);
            return Err(Finding { target: target.name, seed, number, input, message });
        }
    }
    unreachable!("a hunt ends at its bound")
}

/// Returns the n-th input of a seed: the samples in their order, then mutated ones.
fn input(target: &Target, samples: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    if let Some(sample) = usize::try_from(number).ok().and_then(|number| samples.get(number)) {
        return sample.clone();
    }
    let mut dice = Dice(seed ^ number.wrapping_mul(0xA24B_AED4_963E_E407));
    let mut bytes = dice.one_of(samples).cloned().unwrap_or_default();
    for _ in 0..=dice.below(5) {
        mutate(&mut bytes, target, samples, &mut dice);
        bytes.truncate(LONGEST_INPUT);
    }
    bytes
}

/// Changes one thing.
fn mutate(bytes: &mut Vec<u8>, target: &Target, samples: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let end = at + dice.below((bytes.len() - at).min(64) + 1);
    match dice.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 if at < bytes.len() => {
            bytes[at] = *dice.one_of(b"\0\x01\x7f\x80\xff\n\r\t \"'\\#=.,-+0189eE_").expect("not empty");
        }
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.extend_from_within(at..end),
        5 => insert(bytes, at, &nest(dice)),
        6 => {
            let other = dice.one_of(samples).map(Vec::as_slice).unwrap_or_default();
            let begin = dice.below(other.len() + 1);
            insert(bytes, at, &other[begin..begin + dice.below(other.len() - begin + 1)]);
        }
        7 => insert(bytes, at, &[b'0' + u8::try_from(dice.below(10)).expect("a digit")].repeat(dice.below(40))),
        _ => insert(bytes, at, dice.one_of(target.tokens).map(|token| token.as_bytes()).unwrap_or_default()),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

/// Returns one kind of bracket many times, sometimes closed, sometimes closed too often.
fn nest(dice: &mut Dice) -> Vec<u8> {
    let (open, close) = *dice
        .one_of(&[("[", "]"), ("{", "}"), ("(", ")"), ("{a=", "}"), ("[[", "]]"), ("\"", "\"")])
        .expect("not empty");
    let depth = 1 << dice.below(13);
    let closed = match dice.below(3) {
        0 => 0,
        1 => depth,
        _ => depth * 2,
    };
    format!("{}{}", open.repeat(depth), close.repeat(closed)).into_bytes()
}

/// Tries one input, and returns what went wrong.
fn trouble(target: &Target, input: &[u8]) -> Option<String> {
    let began = Instant::now();
    let caught = quietly(|| panic::catch_unwind(AssertUnwindSafe(|| (target.read)(input))));
    let took = began.elapsed();
    match caught {
        Ok(()) => (took > SLOWEST).then(|| format!("it took {:.1} s", took.as_secs_f64())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Some(text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned())
        }
    }
}

/// Takes pieces out of an input for as long as it still makes trouble.
fn smaller(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let mut tries = 0;
    let mut piece = input.len().div_ceil(2);
    while piece > 0 {
        let (mut at, before) = (0, input.len());
        while at < input.len() && tries < SHRINKING_TRIES {
            let mut candidate = input.clone();
            candidate.drain(at..(at + piece).min(input.len()));
            tries += 1;
            if trouble(target, &candidate).is_some() {
                input = candidate;
            } else {
                at += piece;
            }
        }
        // A pass over single bytes that took something out may have opened the way for another.
        piece = if piece == 1 && input.len() < before { 1 } else { piece / 2 };
    }
    input
}

/// Runs something whose panics are expected, without their messages.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let result = work();
    QUIET.set(false);
    result
}

/// Returns the samples of a target in an order that does not depend on the file system.
fn samples(target: &Target) -> Vec<Vec<u8>> {
    let own = format!("tests/corpus/{}", target.name);
    let folders = target.folders.iter().copied().chain([own.as_str()]);
    let mut files: Vec<PathBuf> =
        folders.flat_map(|folder| files_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))).collect();
    files.sort();
    let read =
        |file: &PathBuf| fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    target.samples.iter().map(|sample| sample.as_bytes().to_vec()).chain(files.iter().map(read)).collect()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

/// Opens the file that holds the input which is being tried.
fn last_words(target: &Target) -> File {
    File::create(findings_folder().join(format!("{}.last", target.name))).expect("target/fuzz can be written")
}

/// Returns the folder where findings are left, which exists afterwards.
fn findings_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    fs::create_dir_all(&folder).expect("target/fuzz can be made");
    folder
}

impl Finding {
    /// Writes the input where a developer finds it, and returns the whole story.
    pub(crate) fn report(&self) -> String {
        let file = findings_folder().join(format!("{}-{}-{}", self.target, self.seed, self.number));
        fs::write(&file, &self.input).expect("target/fuzz can be written");
        format!(
            "{self}\nhelp: the input is in target/fuzz/{}; keep it in tests/corpus/{} when it is mended",
            file.file_name().unwrap_or_default().display(),
            self.target,
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.input[..self.input.len().min(400)];
        writeln!(f, "fuzz target `{}` fell at input {}: {}", self.target, self.number, self.message)?;
        writeln!(f, "  {} bytes: \"{}\"", self.input.len(), shown.escape_ascii())?;
        write!(f, "help: meet it again with `cargo xtask fuzz {} --seed {}`", self.target, self.seed)
    }
}

/// A SplitMix64 generator: small, and good enough to choose mutations.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below the end, or 0 if that is 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).expect("below a usize")
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}
