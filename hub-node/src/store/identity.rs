//! What the nodes of one system have in common: the system's own name, and the keys that they must share.

use actors::ports::StoreError;
use bson::{Binary, doc};
use messages::ids::BootId;

use super::documents::meta::ClusterDoc;
use super::documents::value::{StoredId as _, bytes};
use super::failure;
use super::handle::Store;
use super::retry::{WRITE, persist};

/// Proof of a key, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProof {
    pub id: String,
    pub proof: [u8; 32],
}

/// What the database says to a node that comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Made once for each database; nodes of other systems know another one.
    pub name: String,
    /// The key that the system was last seen to use.
    pub key: KeyProof,
}

impl Store {
    /// The system's name and key; the first node makes them.
    pub async fn identity(&self, mine: &KeyProof) -> Result<Identity, StoreError> {
        let meta = self.cluster_meta();
        let fresh = doc! { "$setOnInsert": {
            "name": BootId::new().stored(), "key_id": &mine.id, "key_proof": bytes(mine.proof.to_vec()),
        } };
        let found = persist(WRITE, || {
            let make = meta.update_one(doc! { "_id": ClusterDoc::ID }, fresh.clone()).upsert(true);
            async {
                match make.await {
                    Err(error) if !failure::is_duplicate_key(&error) => return Err(error),
                    _ => {}
                }
                meta.find_one(doc! { "_id": ClusterDoc::ID }).await
            }
        });
        let found =
            found.await?.ok_or_else(|| StoreError::Unavailable("the system has no name yet".into()))?;
        let proof = read(&found.key_proof)?;
        Ok(Identity { name: found.name.to_string(), key: KeyProof { id: found.key_id, proof } })
    }

    /// The system uses another key from now on; nodes that come must know it.
    pub async fn change_key(&self, before: &KeyProof, after: &KeyProof) -> Result<(), StoreError> {
        let still = doc! { "_id": ClusterDoc::ID, "key_id": &before.id };
        let change = doc! { "$set": { "key_id": &after.id, "key_proof": bytes(after.proof.to_vec()) } };
        let meta = self.cluster_meta();
        persist(WRITE, || {
            let update = meta.update_one(still.clone(), change.clone());
            async { update.await.map(|_| ()) }
        })
        .await
    }

    fn cluster_meta(&self) -> mongodb::Collection<ClusterDoc> {
        self.system::<ClusterDoc>()
    }
}

fn read(stored: &Binary) -> Result<[u8; 32], StoreError> {
    let proof = stored.bytes.as_slice().try_into();
    proof.map_err(|_| StoreError::Corrupt("the proof of the system's key does not have 32 bytes".into()))
}
