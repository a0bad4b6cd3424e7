//! A small training run: logistic regression that can be killed anywhere and ends at the same weights.
//!
//! Everything is computed in a fixed order from a fixed seed, and a checkpoint holds the step and every weight to the bit. So a run
//! that crashed and resumed must end with the digest of one that was left alone, and anything else is a bug.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use sha2::{Digest, Sha256};

const FEATURES: usize = 16;
const SAMPLES: usize = 512;
const STEPS: u64 = 1_200;
const CHECKPOINT_EVERY: u64 = 100;
const RATE: f64 = 0.05;

/// Where a run stands: what a checkpoint holds.
#[derive(Clone, Debug, PartialEq)]
struct Model {
    step: u64,
    weights: [f64; FEATURES],
}

impl Model {
    const fn fresh() -> Self {
        Self { step: 0, weights: [0.0; FEATURES] }
    }

    /// Takes one step of stochastic gradient descent on the sample whose turn it is.
    fn learn(&mut self, data: &[([f64; FEATURES], f64)]) {
        let (features, label) = &data[(self.step as usize * 37) % data.len()];
        let score: f64 = self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
        let error = 1.0 / (1.0 + (-score).exp()) - label;
        for (weight, feature) in self.weights.iter_mut().zip(features) {
            *weight -= RATE * error * feature;
        }
        self.step += 1;
    }

    /// Writes a checkpoint that is whole or not there: a new file, made durable, then renamed.
    fn save(&self, path: &Path) -> io::Result<()> {
        let mut text = format!("step {}\n", self.step);
        for weight in self.weights {
            text.push_str(&format!("{:016x}\n", weight.to_bits()));
        }
        let fresh = path.with_extension("new");
        fs::write(&fresh, text)?;
        fs::File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, path)
    }

    /// Reads a checkpoint, if there is a whole one.
    fn load(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let mut lines = text.lines();
        let step = lines.next()?.strip_prefix("step ")?.parse().ok()?;
        let mut weights = [0.0; FEATURES];
        for weight in &mut weights {
            *weight = f64::from_bits(u64::from_str_radix(lines.next()?, 16).ok()?);
        }
        Some(Self { step, weights })
    }

    /// A short name of the weights: other weights have another one.
    fn digest(&self) -> String {
        let bytes: Vec<u8> = self.weights.iter().flat_map(|weight| weight.to_bits().to_le_bytes()).collect();
        Sha256::digest(&bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The weights that a training has come to.
///
/// Shown with a digest of every bit of them and the step.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights(Model);

impl Weights {
    /// Reads a checkpoint, if there is a whole one.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        Model::load(path).map(Self)
    }

    /// Says whether the training has come to its end.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.0.step == STEPS
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at step {}", self.0.digest(), self.0.step)
    }
}

/// Makes the data: a line through the origin decides the label.
fn data() -> Vec<([f64; FEATURES], f64)> {
    let mut state = 0x5eed_u64;
    let mut draw = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    };
    let sample = |_| {
        let features: [f64; FEATURES] = std::array::from_fn(|_| draw());
        let side: f64 =
            features.iter().enumerate().map(|(at, feature)| feature * if at % 2 == 0 { 1.0 } else { -0.5 }).sum();
        (features, if side > 0.0 { 1.0 } else { 0.0 })
    };
    (0..SAMPLES).map(sample).collect()
}

/// Tells the runner how far the run is. Nobody may be listening; a training run must not care.
struct Voice(Option<UnixDatagram>);

impl Voice {
    fn to(address: Option<&Path>) -> Self {
        let connect = |address: &Path| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            socket.connect(address).ok()?;
            Some(socket)
        };
        Self(address.and_then(connect))
    }

    fn say(&self, message: &str) {
        if let Some(socket) = &self.0 {
            // A full queue or a listener that went away costs a message, never a step.
            drop(socket.send(message.as_bytes()));
        }
    }
}

/// Trains to the end, or crashes on the way at the given step. `say` gets every line when there is something to say, because
/// nothing can be said after a crash.
///
/// # Errors
///
/// Returns the error of the file system if a checkpoint cannot be written, and that of `say`.
pub fn train(
    checkpoint: &Path,
    crash_at: Option<u64>,
    notify: Option<&Path>,
    mut say: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let data = data();
    let voice = Voice::to(notify);
    let mut model = Model::load(checkpoint).unwrap_or(Model::fresh());
    say(&format!("begins at step {} of {STEPS}", model.step))?;
    voice.say("READY=1\nX_PHASE=train");
    while model.step < STEPS {
        model.learn(&data);
        if crash_at == Some(model.step) {
            // A crash in earnest: no destructor runs, nothing is flushed, the kernel ends the process.
            say(&format!("crashes at step {}", model.step))?;
            std::process::abort();
        }
        if model.step.is_multiple_of(CHECKPOINT_EVERY) {
            model.save(checkpoint)?;
            say(&format!("step {}: checkpoint", model.step))?;
            voice.say(&format!("X_STEP={}\nX_CHECKPOINT=latest step={} durable=1", model.step, model.step));
        }
    }
    say(&format!("done at step {}, weights {}", model.step, model.digest()))
}

#[cfg(test)]
mod tests {
    use super::{Model, data};

    #[test]
    fn a_run_that_resumes_ends_where_an_undisturbed_one_does() {
        let (data, mut whole) = (data(), Model::fresh());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        for _ in 0..900 {
            whole.learn(&data);
        }
        let mut first = Model::fresh();
        for _ in 0..400 {
            first.learn(&data);
        }
        first.save(&path).unwrap();
        let mut second = Model::load(&path).unwrap();
        assert_eq!(second, first);
        for _ in 0..500 {
            second.learn(&data);
        }
        assert_eq!(second.digest(), whole.digest());
    }

    #[test]
    fn it_learns() {
        let (data, mut model) = (data(), Model::fresh());
        for _ in 0..super::STEPS {
            model.learn(&data);
        }
        let right = |(features, label): &&([f64; super::FEATURES], f64)| {
            let score: f64 = model.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
            (score > 0.0) == (*label > 0.5)
        };
        assert!(data.iter().filter(right).count() * 10 > data.len() * 9);
    }

    #[test]
    fn half_a_checkpoint_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        Model::fresh().save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for length in 0..text.len() - 1 {
            std::fs::write(&path, &text[..length]).unwrap();
            let loaded = Model::load(&path);
            assert!(loaded.is_none_or(|model| model == Model::fresh()), "{length} bytes");
        }
    }
}
