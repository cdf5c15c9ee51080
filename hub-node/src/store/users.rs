//! Users: stored shape, lookups, changes by compare-and-set, and the rule that one administrator always stays.
//!
//! The rule holds without a transaction. Whoever takes an administrator's rights away first *pins* another one (adds
//! one to its `pins`, which only an active administrator's document takes), and then changes the first only if its
//! own `pins` are as they were read. Of two that take each other's rights at least one finds itself pinned and
//! reads again.

use actors::ports::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bson::{Bson, DateTime, Document, doc};
use futures_util::TryStreamExt as _;
use messages::http::paging::{ListQuery, Page};
use messages::permission::{RetailerScope, Role};
use messages::{ErrorCode, Problem, RetailerId, Secret, Timestamp, UserId, Version};
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};
use serde::{Deserialize, Serialize};

use super::documents::value::{StoredId, Unreadable, count, date, fold, long, time};
use super::documents::{Stored, SystemDocument, check_shape, index, unique};
use super::handle::Store;
use super::retry::{READ, WRITE, persist};
use super::{failure, users_query};
use crate::access::user::{ChangeRefused, User};

/// Each repetition means that somebody else has changed the same user, or an administrator, in between.
const ATTEMPTS: usize = 8;

/// [`User`] as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserDoc {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    sv: i32,
    rev: i64,
    login: String,
    /// Under which logins are compared.
    login_key: String,
    name: String,
    name_key: String,
    role: String,
    /// Absent: every retailer.
    allow: Option<Vec<bson::Uuid>>,
    deny: Vec<bson::Uuid>,
    enabled: bool,
    password_hash: String,
    token_generation: i64,
    created_at: DateTime,
    updated_at: DateTime,
    last_login_at: Option<DateTime>,
    /// How often somebody has relied on this administrator to stay.
    pins: i64,
    /// The very first user; an index lets there be one only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    founder: bool,
}

impl Stored for UserDoc {
    const COLLECTION: &'static str = "users";
    const SHAPE: i32 = 1;

    fn indexes() -> Vec<IndexModel> {
        let only_founders = IndexOptions::builder()
            .name("founder_unique".to_owned())
            .unique(true)
            .partial_filter_expression(doc! { "founder": true })
            .build();
        vec![
            unique("login_unique", doc! { "login_key": 1 }),
            IndexModel::builder().keys(doc! { "founder": 1 }).options(only_founders).build(),
            index("by_name", doc! { "name_key": 1, "_id": 1 }),
        ]
    }
}

impl SystemDocument for UserDoc {}

impl From<&User> for UserDoc {
    fn from(user: &User) -> Self {
        let ids = |list: &[RetailerId]| list.iter().map(|id| id.stored()).collect::<Vec<_>>();
        Self {
            id: user.id.stored(),
            sv: Self::SHAPE,
            rev: long(user.rev.0),
            login: user.login.clone(),
            login_key: fold(&user.login),
            name: user.name.clone(),
            name_key: fold(&user.name),
            role: user.role.as_str().to_owned(),
            allow: user.scope.allow.as_deref().map(ids),
            deny: ids(&user.scope.deny),
            enabled: user.enabled,
            password_hash: user.password_hash.expose().to_owned(),
            token_generation: long(user.token_generation),
            created_at: date(user.created_at),
            updated_at: date(user.updated_at),
            last_login_at: user.last_login_at.map(date),
            pins: 0,
            founder: false,
        }
    }
}

impl TryFrom<UserDoc> for User {
    type Error = Unreadable;

    fn try_from(stored: UserDoc) -> Result<Self, Unreadable> {
        check_shape::<UserDoc>(stored.sv)?;
        let ids = |list: Vec<bson::Uuid>| list.into_iter().map(RetailerId::read).collect::<Vec<_>>();
        let role = Role::ALL.into_iter().find(|role| role.as_str() == stored.role);
        Ok(Self {
            id: UserId::read(stored.id),
            rev: Version(count(stored.rev, "rev")?),
            login: stored.login,
            name: stored.name,
            role: role.ok_or_else(|| Unreadable(format!("unknown role \"{}\"", stored.role)))?,
            scope: RetailerScope { allow: stored.allow.map(ids), deny: ids(stored.deny) },
            enabled: stored.enabled,
            password_hash: Secret::new(stored.password_hash),
            token_generation: count(stored.token_generation, "token_generation")?,
            created_at: time(stored.created_at),
            updated_at: time(stored.updated_at),
            last_login_at: stored.last_login_at.map(time),
        })
    }
}

/// The users of the system. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Users {
    collection: Collection<UserDoc>,
}

impl Store {
    #[must_use]
    pub fn users(&self) -> Users {
        Users { collection: self.system() }
    }
}

impl Users {
    /// Is there any user? Without one, the system wants to be set up.
    pub async fn any(&self) -> Result<bool, StoreError> {
        Ok(self.find_doc(doc! {}).await?.is_some())
    }

    pub async fn get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.find(doc! { "_id": id.stored() }).await
    }

    pub async fn by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.find(doc! { "login_key": fold(login) }).await
    }

    /// One page of the list for administrators.
    pub async fn page(&self, query: &ListQuery) -> Result<Page<User>, Problem> {
        let plan = users_query::plan(query)?;
        let size = query.page_size();
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let found: Result<Vec<UserDoc>, StoreError> = persist(READ, || {
            let find = self.collection.find(plan.page.clone()).sort(plan.sort.clone()).limit(limit);
            async { find.await?.try_collect().await }
        })
        .await;
        let total = persist(READ, || {
            let count = self.collection.count_documents(plan.all.clone());
            async { count.await }
        });
        let (mut documents, total) = (found?, total.await?);
        let more = documents.len() > size;
        documents.truncate(size);
        let next = documents.last().filter(|_| more).map(|last| {
            let key = if plan.by_login { &last.login_key } else { &last.name_key };
            URL_SAFE_NO_PAD.encode(format!("{}\n{key}", last.id))
        });
        let items: Result<Vec<User>, Unreadable> = documents.into_iter().map(User::try_from).collect();
        Ok(Page { items: items.map_err(StoreError::from)?, next, total })
    }

    /// Adds a user; [`StoreError::Taken`] when the login is in use.
    pub async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.insert_doc(UserDoc::from(user)).await
    }

    /// Adds the very first user; [`StoreError::Taken`] when there is one already.
    pub async fn insert_founder(&self, user: &User) -> Result<(), StoreError> {
        self.insert_doc(UserDoc { founder: true, ..UserDoc::from(user) }).await
    }

    async fn insert_doc(&self, document: UserDoc) -> Result<(), StoreError> {
        let inserted = persist(WRITE, || async {
            match self.collection.insert_one(&document).await {
                Err(error) if failure::is_duplicate_key(&error) => Ok(false),
                other => other.map(|_| true),
            }
        })
        .await?;
        // A repetition after a broken connection meets its own document.
        if inserted || self.find_doc(doc! { "_id": document.id }).await?.is_some() {
            return Ok(());
        }
        Err(StoreError::Taken { field: "login", value: document.login })
    }

    /// Writes a changed user, if the stored one is still at `expected` and an administrator is left.
    pub async fn replace(&self, after: &User, expected: Version) -> Result<(), ChangeRefused> {
        let document = UserDoc::from(after);
        for _ in 0..ATTEMPTS {
            let before = self.find_doc(doc! { "_id": document.id }).await?.ok_or(ChangeRefused::Gone)?;
            let pins = before.pins;
            let was_admin = before.is_active_admin();
            let current = User::try_from(before).map_err(StoreError::from)?;
            if current.rev != expected {
                // A repetition after a broken connection meets its own change.
                let same = User { last_login_at: after.last_login_at, ..current.clone() } == *after;
                return if same { Ok(()) } else { Err(ChangeRefused::Stale(Box::new(current))) };
            }
            if was_admin && !after.is_active_admin() {
                self.pin_another(document.id).await?;
            }
            let wanted = doc! { "_id": document.id, "rev": long(expected.0), "pins": pins };
            if self.set(wanted, changeable(&document)?).await? {
                return Ok(());
            }
        }
        Err(busy().into())
    }

    /// Deletes a user, if it is still at `expected` and an administrator is left.
    pub async fn delete(&self, id: UserId, expected: Version) -> Result<(), ChangeRefused> {
        let id = id.stored();
        for attempt in 0..ATTEMPTS {
            let Some(before) = self.find_doc(doc! { "_id": id }).await? else {
                return if attempt == 0 { Err(ChangeRefused::Gone) } else { Ok(()) };
            };
            let (pins, was_admin) = (before.pins, before.is_active_admin());
            let current = User::try_from(before).map_err(StoreError::from)?;
            if current.rev != expected {
                return Err(ChangeRefused::Stale(Box::new(current)));
            }
            if was_admin {
                self.pin_another(id).await?;
            }
            let wanted = doc! { "_id": id, "rev": long(expected.0), "pins": pins };
            let deleted = persist(WRITE, || {
                let delete = self.collection.delete_one(wanted.clone());
                async { delete.await }
            });
            if deleted.await?.deleted_count == 1 {
                return Ok(());
            }
        }
        Err(busy().into())
    }

    /// When somebody last signed in. Not a change of the user: their revision stays.
    pub async fn note_login(&self, id: UserId, at: Timestamp) -> Result<(), StoreError> {
        self.update(doc! { "_id": id.stored() }, doc! { "$set": { "last_login_at": date(at) } })
            .await
            .map(drop)
    }

    /// Makes sure of an active administrator other than this user.
    async fn pin_another(&self, but: bson::Uuid) -> Result<(), ChangeRefused> {
        let wanted = doc! { "_id": { "$ne": but }, "role": Role::Admin.as_str(), "enabled": true };
        if self.update(wanted, doc! { "$inc": { "pins": 1_i64 } }).await? {
            Ok(())
        } else {
            Err(ChangeRefused::LastAdmin)
        }
    }

    /// Writes the fields; a login that is in use is refused.
    async fn set(&self, wanted: Document, fields: Document) -> Result<bool, StoreError> {
        let login = fields.get_str("login").unwrap_or_default().to_owned();
        let outcome = persist(WRITE, || async {
            match self.collection.update_one(wanted.clone(), doc! { "$set": fields.clone() }).await {
                Err(error) if failure::is_duplicate_key(&error) => Ok(None),
                other => other.map(|result| Some(result.matched_count == 1)),
            }
        });
        outcome.await?.ok_or(StoreError::Taken { field: "login", value: login })
    }

    async fn update(&self, wanted: Document, change: Document) -> Result<bool, StoreError> {
        let outcome = persist(WRITE, || {
            let update = self.collection.update_one(wanted.clone(), change.clone());
            async { update.await }
        });
        Ok(outcome.await?.matched_count == 1)
    }

    async fn find(&self, wanted: Document) -> Result<Option<User>, StoreError> {
        Ok(self.find_doc(wanted).await?.map(User::try_from).transpose()?)
    }

    async fn find_doc(&self, wanted: Document) -> Result<Option<UserDoc>, StoreError> {
        persist(READ, || {
            let find = self.collection.find_one(wanted.clone());
            async { find.await }
        })
        .await
    }
}

impl UserDoc {
    fn is_active_admin(&self) -> bool {
        self.enabled && self.role == Role::Admin.as_str()
    }
}

/// What a change may write. The rest is written by others: logins, pins, the mark of the first user.
fn changeable(document: &UserDoc) -> Result<Document, StoreError> {
    let whole = bson::serialize_to_bson(document).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let Bson::Document(mut fields) = whole else {
        return Err(StoreError::Corrupt("a user is not a document".to_owned()));
    };
    for kept in ["_id", "created_at", "last_login_at", "pins", "founder"] {
        fields.remove(kept);
    }
    Ok(fields)
}

fn busy() -> StoreError {
    StoreError::Unavailable("this user is being changed by many at once".to_owned())
}

/// A cursor that is not ours.
pub(super) fn invalid_cursor() -> Problem {
    Problem::new(ErrorCode::InvalidCursor, "the cursor is not valid; ask for the first page again")
}
