//! From the version of the file to the version of the program.

use rusqlite::{Connection, TransactionBehavior};

use crate::failpoint;
use crate::store::{Birth, StoreError};

/// What stands in the file's header: `sfst`.
pub(super) const APPLICATION: i32 = 0x7366_7374;

/// The steps, the first from an empty file; each is one transaction. A step that was released is never changed.
const STEPS: [&str; 1] = [include_str!("migrations/1.sql")];

/// The newest version that this program knows.
pub(super) const NEWEST: u32 = STEPS.len() as u32;

/// Brings a file to the newest version; a new file is born with an identity.
///
/// # Errors
///
/// Returns [`StoreError::Newer`] for a file of a newer program, [`StoreError::Corrupt`] for one that is no store.
pub(super) fn migrate(connection: &mut Connection, birth: Birth) -> Result<(), StoreError> {
    let mut found = version(connection)?;
    while found < NEWEST {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.execute_batch(STEPS[found as usize])?;
        if found == 0 {
            let values = [
                ("store", format!("{:032x}", birth.store)),
                ("created", birth.at.as_nanos().to_string()),
                ("clean", "1".to_owned()),
            ];
            for (name, value) in values {
                step.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", (name, value))?;
            }
            step.pragma_update(None, "application_id", APPLICATION)?;
        }
        found += 1;
        step.pragma_update(None, "user_version", found)?;
        failpoint!("store::migrate::before", io).map_err(super::interfered)?;
        step.commit()?;
        failpoint!("store::migrate::after", io).map_err(super::interfered)?;
    }
    Ok(())
}

/// Returns the version of a file: 0 for an empty one.
///
/// # Errors
///
/// Returns [`StoreError::Newer`] for a file of a newer program, [`StoreError::Corrupt`] for one that is no store.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    match (application, found, tables) {
        (APPLICATION, found, _) if found > NEWEST => Err(StoreError::Newer { found, known: NEWEST }),
        (APPLICATION, 1.., 1..) | (0, 0, 0) => Ok(found),
        _ => Err(StoreError::Corrupt("the file is no store of this program".to_owned())),
    }
}
