//! The points of a matrix, in the order of the file, with their values as written.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The values that a job is run with, axis by axis; its points are their cartesian product.
///
/// The last axis changes fastest, as nested loops in file order would have it. Values are texts as written in the file:
/// `1e-3` stays `1e-3`.
///
/// ```
/// use steadfast::job::Matrix;
///
/// let axis = |name: &str, values: &[&str]| (name.to_owned(), values.iter().map(|v| v.to_string()).collect());
/// let matrix = Matrix { axes: vec![axis("lr", &["1e-3", "3e-3"]), axis("seed", &["1", "2", "3"])] };
/// assert_eq!(matrix.len(), 6);
/// assert_eq!(matrix.point(4).unwrap().to_string(), "lr=3e-3 seed=2");
/// assert!(matrix.point(6).is_none());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Matrix {
    /// Each key and its values, in file order.
    pub axes: Vec<(String, Vec<String>)>,
}

impl Matrix {
    /// The most points that a matrix may have.
    pub const MOST_POINTS: u32 = 10_000;

    /// Says whether the job has no matrix: it has one run, without a point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.axes.is_empty()
    }

    /// Returns the number of points: zero for a job without a matrix.
    #[must_use]
    pub fn len(&self) -> u32 {
        let product = self
            .axes
            .iter()
            .try_fold(1_u32, |points, (_, values)| points.checked_mul(u32::try_from(values.len()).unwrap_or(u32::MAX)));
        if self.is_empty() { 0 } else { product.unwrap_or(u32::MAX) }
    }

    /// Returns a point by its index, from 0.
    #[must_use]
    pub fn point(&self, index: u32) -> Option<Point> {
        if index >= self.len() {
            return None;
        }
        let mut rest = index as usize;
        let mut values: Vec<(String, String)> = Vec::with_capacity(self.axes.len());
        for (key, choices) in self.axes.iter().rev() {
            values.push((key.clone(), choices[rest % choices.len()].clone()));
            rest /= choices.len();
        }
        values.reverse();
        Some(Point { index, values })
    }

    /// Goes through all points.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.len()).filter_map(|index| self.point(index))
    }
}

/// One combination of a matrix's values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Point {
    /// Its index in the matrix, from 0.
    pub index: u32,
    /// Each key and its value as written, in file order.
    pub values: Vec<(String, String)>,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.values.iter().enumerate() {
            let gap = if at > 0 { " " } else { "" };
            write!(f, "{gap}{key}={value}")?;
        }
        Ok(())
    }
}

/// How many points of a matrix must succeed for the job to have succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Succeeds {
    /// Every one.
    #[default]
    All,
    /// One is enough.
    Any,
    /// This many.
    AtLeast(u32),
}

impl Succeeds {
    /// Returns how many of so many points must succeed.
    #[must_use]
    pub const fn of(self, points: u32) -> u32 {
        match self {
            Self::All => points,
            Self::Any => 1,
            Self::AtLeast(number) => number,
        }
    }
}
