//! Sources beyond CSV, each against the real thing: a server that pages and demands a sign-in, files as other programs
//! write them, databases.

pub(crate) mod databases;
mod excel;
mod files;
mod http;
mod readers;
mod sql;

use agent_node::connector::{Failure, PosConnector};
use futures_util::StreamExt as _;

/// What a source gave.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) items: Vec<messages::item::Item>,
    /// Row, column and reason of each reject.
    pub(crate) rejects: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Read {
    pub(crate) fn skus(&self) -> Vec<&str> {
        self.items.iter().map(|item| item.sku.as_str()).collect()
    }
}

/// Reads a source to its end.
pub(crate) async fn read(source: &dyn PosConnector) -> Result<Read, Failure> {
    let mut reading = source.open().await?;
    let mut read = Read::default();
    while let Some(batch) = reading.batches.next().await {
        let batch = batch?;
        read.notes.extend(batch.notes);
        for row in batch.rows {
            match row {
                Ok(row) => read.items.push(row.item),
                Err(reject) => {
                    let column = reject.column.as_deref().unwrap_or("-");
                    read.rejects.push(format!("{} {column}: {}", reject.row, reject.reason));
                }
            }
        }
    }
    Ok(read)
}
