//! Users and their sessions: what administrators change, and what people change of their own.

use std::time::Instant;

use actors::ports::StoreError;
use messages::http::access::{PasswordChange, SessionView, UserSpec, UserView};
use messages::http::paging::{ListQuery, Page};
use messages::validate::{Check, Validate as _};
use messages::{ErrorCode, Problem, Secret, SessionId, Timestamp, UserId, Version};

use super::identity::Caller;
use super::login::{begin, lock};
use super::user::{ChangeRefused, User};
use super::{Access, revoked};

impl Access {
    pub async fn users(&self, query: &ListQuery) -> Result<Page<UserView>, Problem> {
        Ok(self.inner.users.page(query).await?.map(|user| user.view()))
    }

    pub async fn user(&self, id: UserId) -> Result<UserView, Problem> {
        Ok(self.inner.users.get(id).await?.ok_or(ChangeRefused::Gone)?.view())
    }

    pub async fn create_user(&self, spec: &UserSpec) -> Result<UserView, Problem> {
        let mut check = Check::new();
        spec.check(&mut check);
        check.ensure(spec.password.is_some(), "password", "is needed for a new user");
        check.finish()?;
        let Some(password) = &spec.password else { return Err(ErrorCode::InvalidField.into()) };
        let now = Timestamp::now();
        let user = User {
            id: UserId::new(),
            rev: Version(1),
            login: spec.login.trim().to_owned(),
            name: spec.name.trim().to_owned(),
            role: spec.role,
            scope: spec.scope.clone(),
            enabled: spec.enabled,
            password_hash: Secret::new(self.inner.passwords.hash(password).await?),
            token_generation: 1,
            created_at: now,
            updated_at: now,
            last_login_at: None,
        };
        self.inner.users.insert(&user).await.map_err(login_taken)?;
        Ok(user.view())
    }

    /// Changes a user. Rights count at once; a new password or a disabling ends the user's sessions.
    pub async fn update_user(
        &self,
        id: UserId,
        expected: Version,
        spec: &UserSpec,
    ) -> Result<UserView, Problem> {
        let before = self.inner.users.get(id).await?.ok_or(ChangeRefused::Gone)?;
        if before.rev != expected {
            return Err(ChangeRefused::Stale(Box::new(before)).into());
        }
        let password_hash = match &spec.password {
            Some(password) => Secret::new(self.inner.passwords.hash(password).await?),
            None => before.password_hash.clone(),
        };
        let rights_change =
            spec.role != before.role || spec.scope != before.scope || spec.enabled != before.enabled;
        let after = User {
            rev: before.rev.next(),
            login: spec.login.trim().to_owned(),
            name: spec.name.trim().to_owned(),
            role: spec.role,
            scope: spec.scope.clone(),
            enabled: spec.enabled,
            password_hash,
            token_generation: before.token_generation + u64::from(rights_change),
            updated_at: Timestamp::now(),
            ..before
        };
        self.inner.users.replace(&after, expected).await.map_err(change_refused)?;
        self.inner.directory.rights_changed(id);
        if spec.password.is_some() || !after.enabled {
            self.end_all(id, None).await?;
        }
        Ok(after.view())
    }

    pub async fn delete_user(&self, id: UserId, expected: Version) -> Result<(), Problem> {
        self.inner.users.delete(id, expected).await?;
        self.inner.directory.rights_changed(id);
        self.end_all(id, None).await
    }

    /// Signs a user out everywhere.
    pub async fn end_sessions_of(&self, id: UserId) -> Result<(), Problem> {
        self.inner.users.get(id).await?.ok_or(ChangeRefused::Gone)?;
        self.end_all(id, None).await
    }

    pub async fn my_sessions(&self, caller: &Caller) -> Result<Page<SessionView>, Problem> {
        let mut sessions = self.inner.sessions.of_user(caller.user, Timestamp::now()).await?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.last_used_at));
        let items: Vec<_> = sessions.iter().map(|session| session.view(caller.session)).collect();
        Ok(Page { total: items.len() as u64, items, next: None })
    }

    pub async fn end_my_session(&self, caller: &Caller, id: SessionId) -> Result<(), Problem> {
        let session = self.inner.sessions.get(id).await?;
        if session.is_none_or(|s| s.user != caller.user || s.is_over(Timestamp::now())) {
            return Err(Problem::new(ErrorCode::NotFound, "you have no such session"));
        }
        self.end_one(id).await
    }

    /// Signs the caller out everywhere, here too.
    pub async fn end_my_sessions(&self, caller: &Caller) -> Result<(), Problem> {
        self.end_all(caller.user, None).await
    }

    /// Sets a new password and ends all other sessions. Guessing the current one is slowed down like logging in.
    pub async fn change_password(&self, caller: &Caller, change: &PasswordChange) -> Result<(), Problem> {
        let inner = &*self.inner;
        let throttled = format!("password:{}", caller.user);
        begin(&inner.by_login, &throttled)?;
        let before = inner.users.get(caller.user).await?.ok_or_else(revoked)?;
        if !inner.passwords.verify(&change.current, Some(before.password_hash.expose())).await? {
            let mut check = Check::new();
            check.fail("current", "is not your present password");
            return check.finish();
        }
        lock(&inner.by_login).succeeded(&throttled);
        let after = User {
            rev: before.rev.next(),
            password_hash: Secret::new(inner.passwords.hash(&change.new).await?),
            updated_at: Timestamp::now(),
            ..before.clone()
        };
        inner.users.replace(&after, before.rev).await.map_err(change_refused)?;
        self.end_all(caller.user, Some(caller.session)).await
    }

    /// Another node says that a session was ended there.
    pub fn note_ended(&self, session: SessionId) {
        self.inner.directory.hear_of_end(session, Instant::now());
    }

    /// Another node says that a user's rights were changed there.
    pub fn note_rights_changed(&self, user: UserId) {
        self.inner.directory.hear_of_rights(user);
    }
}

fn change_refused(refused: ChangeRefused) -> Problem {
    match refused {
        ChangeRefused::Store(failure) => login_taken(failure),
        other => other.into(),
    }
}

/// Names the field, so that the console can mark it.
fn login_taken(failure: StoreError) -> Problem {
    let taken = matches!(failure, StoreError::Taken { .. });
    let mut problem = Problem::from(failure);
    if taken {
        let detail = "is in use by another user".to_owned();
        problem.errors.push(messages::FieldError { field: "login".to_owned(), detail });
    }
    problem
}
