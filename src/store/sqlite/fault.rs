//! What the engine's errors mean for whoever asked.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let Error::SqliteFailure(fault, message) = &error else { return of_use(error) };
        let text = message.clone().unwrap_or(text);
        match fault.extended_code {
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC => return Self::Unsynced(text),
            ffi::SQLITE_IOERR_CORRUPTFS => return Self::Corrupt(text),
            // The library's own test for a foreign-key or other rule, as apart from a wrong type.
            _ => {}
        }
        match fault.code {
            ErrorCode::DiskFull => Self::Full(text),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(text),
            ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => Self::Conflict(text),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Held(format!("another program: {text}")),
            ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::OutOfMemory
            | ErrorCode::TooBig
            | ErrorCode::OperationAborted
            | ErrorCode::OperationInterrupted
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::SchemaChanged
            | ErrorCode::NotFound
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::ApiMisuse
            | ErrorCode::InternalMalfunction => Self::Io(text),
            _ if matches!(fault.code, ErrorCode::Unknown) => of_unknown(fault.extended_code, text),
            _ => Self::Io(text),
        }
    }
}

/// Errors that the wrapper itself raises: a column of an unexpected type or a value out of range means a damaged row.
fn of_use(error: Error) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..)
        | Error::QueryReturnedNoRows => StoreError::Corrupt(error.to_string()),
        Error::ToSqlConversionFailure(_) => StoreError::Conflict(error.to_string()),
        other => StoreError::Io(other.to_string()),
    }
}

/// A damaged schema is reported without a code of its own.
fn of_unknown(code: i32, text: String) -> StoreError {
    if code == ffi::SQLITE_ERROR { StoreError::Corrupt(text) } else { StoreError::Io(text) }
}

/// A line of the journal or a document that cannot be understood.
pub(in crate::store) fn unreadable(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {error}"))
}
