//! What the engine's errors mean for whoever asked.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::SqliteFailure(fault, message) => of_engine(fault, message.unwrap_or(text)),
            // A column of an unexpected type or a value out of range means a damaged row.
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
            | Error::QueryReturnedNoRows => Self::Corrupt(text),
            Error::ToSqlConversionFailure(_) => Self::Conflict(text),
            _ => Self::Io(text),
        }
    }
}

fn of_engine(fault: ffi::Error, text: String) -> StoreError {
    match (fault.code, fault.extended_code) {
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => StoreError::Unsynced(text),
        (_, ffi::SQLITE_IOERR_CORRUPTFS) => StoreError::Corrupt(text),
        // A table or column that is not there: the schema is damaged, because the version said that they are.
        (_, ffi::SQLITE_ERROR) => StoreError::Corrupt(text),
        (ErrorCode::DiskFull, _) => StoreError::Full(text),
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => StoreError::Corrupt(text),
        (ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch, _) => StoreError::Conflict(text),
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => {
            StoreError::Held(format!("another program ({text})"))
        }
        _ => StoreError::Io(text),
    }
}

/// A line of the journal or a document that cannot be understood.
pub(in crate::store) fn unreadable(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use rusqlite::{Error, ffi};

    use crate::store::StoreError;

    #[test]
    fn each_trouble_of_the_engine_has_its_meaning() {
        let meaning = |code| StoreError::from(Error::SqliteFailure(ffi::Error::new(code), Some("why".to_owned())));
        let why = || "why".to_owned();
        assert_eq!(meaning(ffi::SQLITE_FULL), StoreError::Full(why()));
        assert_eq!(meaning(ffi::SQLITE_IOERR_WRITE), StoreError::Io(why()));
        assert_eq!(meaning(ffi::SQLITE_IOERR_FSYNC), StoreError::Unsynced(why()));
        assert_eq!(meaning(ffi::SQLITE_READONLY), StoreError::Io(why()));
        assert_eq!(meaning(ffi::SQLITE_CORRUPT), StoreError::Corrupt(why()));
        assert_eq!(meaning(ffi::SQLITE_NOTADB), StoreError::Corrupt(why()));
        assert_eq!(meaning(ffi::SQLITE_CONSTRAINT_UNIQUE), StoreError::Conflict(why()));
        assert!(matches!(meaning(ffi::SQLITE_BUSY), StoreError::Held(_)));
    }
}
