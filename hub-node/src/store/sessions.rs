//! Sessions: stored shape, and the few changes a session knows. Those that have run out go by themselves.

use std::time::Duration;

use actors::domain::SecretHash;
use actors::ports::StoreError;
use bson::{Binary, DateTime, Document, doc};
use futures_util::TryStreamExt as _;
use messages::{SessionId, Timestamp, UserId};
use mongodb::{Collection, IndexModel};
use serde::{Deserialize, Serialize};

use super::documents::value::{StoredId, Unreadable, date, hash, read_hash, time};
use super::documents::{Stored, SystemDocument, check_shape, expiring, index};
use super::failure;
use super::handle::Store;
use super::retry::{READ, WRITE, persist};
use crate::access::session::Session;

/// An ended session is kept this long, so that its late refresh tokens are told what happened.
const KEPT_AFTER_END: Duration = Duration::from_secs(86_400);
/// More than a user can have; see `access::session::MAX_PER_USER`.
const MOST: i64 = 1_000;

/// [`Session`] as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    sv: i32,
    user_id: bson::Uuid,
    created_at: DateTime,
    last_used_at: DateTime,
    address: String,
    user_agent: String,
    current: Binary,
    previous: Option<Binary>,
    rotated_at: DateTime,
    ended_at: Option<DateTime>,
    /// When it runs out by age; the document goes some time later.
    expires_at: DateTime,
}

impl Stored for SessionDoc {
    const COLLECTION: &'static str = "sessions";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        vec![
            index("by_user", doc! { "user_id": 1, "last_used_at": -1 }),
            expiring("run_out", "expires_at", KEPT_AFTER_END),
        ]
    }
}

impl SystemDocument for SessionDoc {}

impl From<&Session> for SessionDoc {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.stored(),
            sv: Self::SHAPE,
            user_id: session.user.stored(),
            created_at: date(session.created_at),
            last_used_at: date(session.last_used_at),
            address: session.address.clone(),
            user_agent: session.user_agent.clone(),
            current: hash(&session.current),
            previous: session.previous.as_ref().map(hash),
            rotated_at: date(session.rotated_at),
            ended_at: session.ended_at.map(date),
            expires_at: date(session.expires_at()),
        }
    }
}

impl TryFrom<SessionDoc> for Session {
    type Error = Unreadable;

    fn try_from(stored: SessionDoc) -> Result<Self, Unreadable> {
        check_shape::<SessionDoc>(stored.sv)?;
        Ok(Self {
            id: SessionId::read(stored.id),
            user: UserId::read(stored.user_id),
            created_at: time(stored.created_at),
            last_used_at: time(stored.last_used_at),
            address: stored.address,
            user_agent: stored.user_agent,
            current: read_hash(&stored.current)?,
            previous: stored.previous.as_ref().map(read_hash).transpose()?,
            rotated_at: time(stored.rotated_at),
            ended_at: stored.ended_at.map(time),
        })
    }
}

/// The sessions of all users. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    collection: Collection<SessionDoc>,
}

impl Store {
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions { collection: self.system() }
    }
}

impl Sessions {
    pub async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        let document = SessionDoc::from(session);
        persist(WRITE, || async {
            match self.collection.insert_one(&document).await {
                // The identifier is fresh, so a repetition has met its own document.
                Err(error) if failure::is_duplicate_key(&error) => Ok(()),
                other => other.map(drop),
            }
        })
        .await
    }

    pub async fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let wanted = doc! { "_id": id.stored() };
        let found = persist(READ, || {
            let find = self.collection.find_one(wanted.clone());
            async { find.await }
        });
        Ok(found.await?.map(Session::try_from).transpose()?)
    }

    /// Puts the successor in the place of the refresh token `from`, if that is still the one to be used.
    pub async fn rotate(&self, after: &Session, from: &SecretHash) -> Result<bool, StoreError> {
        let wanted = doc! { "_id": after.id.stored(), "current": hash(from), "ended_at": null };
        let document = SessionDoc::from(after);
        let change = doc! { "$set": {
            "current": document.current,
            "previous": document.previous,
            "rotated_at": document.rotated_at,
            "last_used_at": document.last_used_at,
            "expires_at": document.expires_at,
        } };
        let outcome = persist(WRITE, || {
            let update = self.collection.update_one(wanted.clone(), change.clone());
            async { update.await }
        });
        Ok(outcome.await?.matched_count == 1)
    }

    /// The sessions of a user that are not over.
    pub async fn of_user(&self, user: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let wanted = doc! { "user_id": user.stored(), "ended_at": null, "expires_at": { "$gt": date(now) } };
        let found: Vec<SessionDoc> = persist(READ, || {
            let find = self.collection.find(wanted.clone()).sort(doc! { "last_used_at": -1 }).limit(MOST);
            async { find.await?.try_collect().await }
        })
        .await?;
        let sessions: Result<Vec<Session>, Unreadable> = found.into_iter().map(Session::try_from).collect();
        Ok(sessions?)
    }

    /// Ends a session; one that is over stays as it is.
    pub async fn end(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.end_many(doc! { "_id": id.stored(), "ended_at": null }, at).await
    }

    /// Ends all sessions of a user but one, and says which.
    pub async fn end_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        at: Timestamp,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut ids: Vec<SessionId> =
            self.of_user(user, at).await?.into_iter().map(|session| session.id).collect();
        ids.retain(|id| Some(*id) != except);
        if !ids.is_empty() {
            let stored: Vec<bson::Uuid> = ids.iter().map(|id| id.stored()).collect();
            self.end_many(doc! { "_id": { "$in": stored }, "ended_at": null }, at).await?;
        }
        Ok(ids)
    }

    async fn end_many(&self, wanted: Document, at: Timestamp) -> Result<(), StoreError> {
        let change = doc! { "$set": { "ended_at": date(at), "expires_at": date(at) } };
        persist(WRITE, || {
            let update = self.collection.update_many(wanted.clone(), change.clone());
            async { update.await.map(drop) }
        })
        .await
    }
}
