//! Our words as values of columns.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use steadfast_retry::Moment;

use crate::ids::{Digest, RunId, ShimId, Token};

/// A number that is never negative; the engine's own are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Whole(pub(in crate::store) u64);

impl FromSql for Whole {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Self).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

impl ToSql for Whole {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number = i64::try_from(self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(ToSqlOutput::from(number))
    }
}

impl FromSql for RunId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Whole::column_result(value).map(|number| Self(number.0))
    }
}

impl ToSql for RunId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number = i64::try_from(self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(ToSqlOutput::from(number))
    }
}

/// Declares how a fixed number of bytes is kept.
macro_rules! bytes {
    ($name:ident($bits:ty)) => {
        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let bytes = value.as_blob()?;
                let bytes = bytes.try_into().map_err(|_| FromSqlError::InvalidBlobSize {
                    expected_size: size_of::<$bits>(),
                    blob_size: bytes.len(),
                })?;
                Ok(Self(<$bits>::from_be_bytes(bytes)))
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.0.to_be_bytes().to_vec()))
            }
        }
    };
}

bytes!(Digest(u128));
bytes!(Token(u128));
bytes!(ShimId(u64));

/// Returns a moment for a column that is compared; the last quarter of its range, from the year 2262, becomes one moment.
pub(in crate::store) fn nanos(at: Moment) -> i64 {
    i64::try_from(at.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns the moment that a column holds.
pub(in crate::store) fn moment(nanos: i64) -> Moment {
    Moment::from_nanos(nanos.max(0).cast_unsigned())
}
