//! The database's own driver, writing the same bodies to the same server and doing nothing else.

use anyhow::{Context as _, Result};
use bson::{Document, doc};
use messages::edge::ingest::EventBatch;
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Collection};

/// Beside the hub's own database.
const DATABASE: &str = "ingest_reference";

pub(crate) struct Reference {
    events: Collection<Document>,
}

impl Reference {
    pub(crate) async fn open(uri: &str) -> Result<Self> {
        let client = Client::with_uri_str(uri).await.context("the database does not answer")?;
        let database = client.database(DATABASE);
        // As durable as what the hub acknowledges.
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        database.drop().await?;
        let options = mongodb::options::CollectionOptions::builder().write_concern(durable).build();
        Ok(Self { events: database.collection_with_options("events", options) })
    }

    /// One writer: one batch after the other.
    pub(crate) fn write(
        &self,
        batches: Vec<Vec<Document>>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let events = self.events.clone();
        async move {
            for batch in &batches {
                events.insert_many(batch).await?;
            }
            Ok(())
        }
    }
}

/// A batch as documents; each has its event's identifier, as the hub's inbox has it.
pub(crate) fn documents(batch: &EventBatch) -> Result<Vec<Document>> {
    let document = |event: &messages::edge::event::Event| {
        let data: serde_json::Value = serde_json::from_str(event.data.get())?;
        Ok(doc! {
            "_id": bson::Uuid::from_bytes(event.event_id.as_uuid().into_bytes()),
            "seq": i64::try_from(event.seq)?,
            "type": &event.kind,
            "version": i32::from(event.version),
            "occurred_at": bson::DateTime::from_millis(event.occurred_at.0),
            "data": bson::serialize_to_bson(&data)?,
        })
    };
    batch.events.iter().map(document).collect()
}
