//! A person as the hub holds them. The store converts to and from documents, [`User::view`] makes what is shown.

use messages::http::access::UserView;
use messages::permission::{RetailerScope, Role};
use messages::{ErrorCode, Problem, Secret, SessionId, Timestamp, UserId, Version};

use super::identity::Caller;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub rev: Version,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub scope: RetailerScope,
    pub enabled: bool,
    /// The argon2id text. Not the password, and still nobody's business.
    pub password_hash: Secret,
    /// Grows with each change of rights; access tokens carry it, and those with a lower one are void.
    pub token_generation: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
}

impl User {
    /// Somebody who can give rights to others. One of them must always be left.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.enabled && self.role == Role::Admin
    }

    #[must_use]
    pub fn view(&self) -> UserView {
        UserView {
            id: self.id,
            rev: self.rev,
            login: self.login.clone(),
            name: self.name.clone(),
            role: self.role,
            scope: self.scope.clone(),
            enabled: self.enabled,
            created_at: self.created_at,
            last_login_at: self.last_login_at,
        }
    }

    #[must_use]
    pub fn caller(&self, session: SessionId, until: Timestamp) -> Caller {
        Caller {
            user: self.id,
            session,
            login: self.login.clone(),
            name: self.name.clone(),
            role: self.role,
            scope: self.scope.clone(),
            until,
        }
    }
}

/// Logins differ by more than the case of their letters.
#[must_use]
pub fn fold_login(login: &str) -> String {
    login.trim().to_lowercase()
}

/// Why a change of a user was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRefused {
    #[error("there is no such user")]
    Gone,
    #[error("somebody else has changed this user meanwhile")]
    Stale(Box<User>),
    #[error("the last administrator must stay: enabled, and an administrator")]
    LastAdmin,
    #[error(transparent)]
    Store(#[from] actors::ports::StoreError),
}

impl From<ChangeRefused> for Problem {
    fn from(refused: ChangeRefused) -> Self {
        let detail = refused.to_string();
        match refused {
            ChangeRefused::Gone => Self::new(ErrorCode::NotFound, detail),
            ChangeRefused::Stale(current) => {
                let problem = Self::new(ErrorCode::Conflict, detail);
                match serde_json::to_value(current.view()) {
                    Ok(view) => problem.with_current(view),
                    Err(_) => problem,
                }
            }
            ChangeRefused::LastAdmin => Self::new(ErrorCode::InUse, detail),
            ChangeRefused::Store(failure) => failure.into(),
        }
    }
}
