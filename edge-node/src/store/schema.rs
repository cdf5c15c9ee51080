//! The tables, as a list of steps from an empty file to today. A step that was released never changes.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Each step once, in this order; `user_version` counts them.
const STEPS: &[&str] = &[include_str!("schema/0001_first.sql"), include_str!("schema/0002_catalogue.sql")];

/// Opens the file for writing and brings it up to date. One writer only: see the parent.
pub fn open(path: &std::path::Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(super::BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // The last commit before a power cut is somebody's receipt.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -4_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(StoreError::Value(format!(
            "the file was written by a newer edge (step {done}, this one knows {}); install that version again",
            STEPS.len()
        )));
    }
    for step in &STEPS[done..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    tx.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an edge of the release before has is there afterwards.
    #[test]
    fn the_catalogue_of_the_first_step_is_taken_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute_batch(
            "insert into articles values ('A1', 'Milk', 'Dairy', 'pcs', 165, 260, 0, 7, null, 3, 450, '4006381333931', 9);
             insert into barcodes values ('4006381333931', 'A1');",
        )
        .unwrap();
        drop(old);
        let connection = open(&path).unwrap();
        let row: (i64, String, i64, String) = connection
            .query_row(
                "select a.generation, a.sku, a.plu, b.barcode from articles a join barcodes b on b.sku = a.sku",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        assert_eq!(row, (1, "A1".into(), 7, "4006381333931".into()));
        let left: i64 = connection
            .query_row(r"select count(*) from sqlite_master where name like '%\_1' escape '\'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(left, 0, "nothing of the old form is left");
    }

    #[test]
    fn a_file_is_brought_up_to_date_once_and_a_newer_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.sqlite");
        drop(open(&path).unwrap());
        let connection = open(&path).unwrap();
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2));
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        assert!(open(&path).unwrap_err().to_string().contains("newer edge"));
    }
}
