//! Signing in, staying signed in, signing out, and the very first administrator.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actors::ports::StoreError;
use messages::http::access::{LoginRequest, SetupRequest, TokenGrant};
use messages::permission::{RetailerScope, Role};
use messages::{ErrorCode, Problem, Secret, SessionId, Timestamp, UserId, Version};

use super::agent_token::same;
use super::session::{MAX_PER_USER, MAX_USER_AGENT, RefreshToken, Session, Verdict};
use super::throttle::Throttle;
use super::token::LIFETIME_S;
use super::user::{User, fold_login};
use super::{Access, revoked};

/// Where a request comes from, for the list of sessions and for slowing down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub address: String,
    /// The address, or the network that belongs to the same person: what is slowed down.
    pub network: String,
    pub user_agent: String,
}

/// The answer to whoever proved themselves.
#[derive(Debug)]
pub struct Grant {
    pub body: TokenGrant,
    /// For the cookie; absent when the cookie that the browser has stays right.
    pub refresh: Option<Secret>,
}

impl Access {
    /// Does the system want its first administrator?
    pub async fn setup_required(&self) -> Result<bool, Problem> {
        if !self.inner.setup.is_open() {
            return Ok(false);
        }
        // Another node may have been set up meanwhile.
        if self.inner.users.any().await? {
            self.inner.setup.close();
            return Ok(false);
        }
        Ok(true)
    }

    /// Makes the first administrator and signs them in. Of two that race, one gets `setup_done`.
    pub async fn set_up(&self, request: &SetupRequest, client: &Client) -> Result<Grant, Problem> {
        let inner = &*self.inner;
        if !self.setup_required().await? {
            return Err(ErrorCode::SetupDone.into());
        }
        begin(&inner.by_address, &client.network)?;
        inner.setup.check(&request.token)?;
        lock(&inner.by_address).withdraw(&client.network, Instant::now());
        let now = Timestamp::now();
        let user = User {
            id: UserId::new(),
            rev: Version(1),
            login: request.login.trim().to_owned(),
            name: request.name.trim().to_owned(),
            role: Role::Admin,
            scope: RetailerScope::default(),
            enabled: true,
            password_hash: Secret::new(inner.passwords.hash(&request.password).await?),
            token_generation: 1,
            created_at: now,
            updated_at: now,
            last_login_at: Some(now),
        };
        match inner.users.insert_founder(&user).await {
            Ok(()) => {}
            Err(StoreError::Taken { .. }) => {
                inner.setup.close();
                return Err(ErrorCode::SetupDone.into());
            }
            Err(other) => return Err(other.into()),
        }
        inner.setup.close();
        tracing::info!(user = %user.id, login = user.login, address = client.address, "the first administrator was made");
        self.start_session(&user, client).await
    }

    pub async fn login(&self, request: &LoginRequest, client: &Client) -> Result<Grant, Problem> {
        let inner = &*self.inner;
        if self.setup_required().await? {
            return Err(ErrorCode::SetupRequired.into());
        }
        let login = fold_login(&request.login);
        begin(&inner.by_address, &client.network)?;
        if let Err(locked) = begin(&inner.by_login, &login) {
            // Refused unheard; the address has not failed by it.
            lock(&inner.by_address).withdraw(&client.network, Instant::now());
            return Err(locked);
        }
        let outcome = self.check_login(&login, request).await;
        match &outcome {
            Ok(_) => {
                lock(&inner.by_login).succeeded(&login);
                // Not forgotten: who has one account could otherwise guess at others without end.
                lock(&inner.by_address).withdraw(&client.network, Instant::now());
            }
            Err(problem) if problem.code == ErrorCode::BadCredentials => {
                tracing::info!(login, address = client.address, "a login failed");
            }
            Err(_) => {
                lock(&inner.by_login).withdraw(&login, Instant::now());
                lock(&inner.by_address).withdraw(&client.network, Instant::now());
            }
        }
        let user = outcome?;
        if let Err(failure) = inner.users.note_login(user.id, Timestamp::now()).await {
            tracing::warn!(%failure, user = %user.id, "the time of a login could not be kept");
        }
        self.start_session(&user, client).await
    }

    /// The same answer and the same work for a wrong password, an unknown login and a disabled user.
    async fn check_login(&self, login: &str, request: &LoginRequest) -> Result<User, Problem> {
        let inner = &*self.inner;
        let user = inner.users.by_login(login).await?;
        let stored = user.as_ref().map(|user| user.password_hash.expose());
        let fits = inner.passwords.verify(&request.password, stored).await?;
        user.filter(|user| fits && user.enabled)
            .ok_or_else(|| Problem::new(ErrorCode::BadCredentials, "the name or the password is wrong"))
    }

    async fn start_session(&self, user: &User, client: &Client) -> Result<Grant, Problem> {
        let inner = &*self.inner;
        let now = Timestamp::now();
        let refresh = RefreshToken::mint(SessionId::new());
        let session = Session {
            id: refresh.session(),
            user: user.id,
            created_at: now,
            last_used_at: now,
            address: client.address.clone(),
            user_agent: client.user_agent.chars().take(MAX_USER_AGENT).collect(),
            current: refresh.hash(),
            previous: None,
            rotated_at: now,
            ended_at: None,
        };
        inner.sessions.insert(&session).await?;
        // A password changed between the check and the insert has ended all sessions but this one.
        let still = inner.users.get(user.id).await?;
        if still.is_none_or(|still| !still.enabled || still.password_hash != user.password_hash) {
            self.end_one(session.id).await?;
            return Err(revoked());
        }
        let mut sessions = inner.sessions.of_user(user.id, now).await?;
        sessions.sort_by_key(|session| std::cmp::Reverse(session.last_used_at));
        for surplus in sessions.iter().filter(|s| s.id != session.id).skip(MAX_PER_USER - 1) {
            self.end_one(surplus.id).await?;
        }
        self.grant(user, session.id, Some(refresh.text(&inner.keyring)))
    }

    /// Swaps a refresh token for its successor and a new access token.
    pub async fn refresh(&self, cookie: &str) -> Result<Grant, Problem> {
        let inner = &*self.inner;
        let unknown = || Problem::new(ErrorCode::NotAuthenticated, "you are not signed in");
        let presented = RefreshToken::parse(cookie, &inner.keyring).ok_or_else(unknown)?;
        let successor = presented.successor(&inner.keyring);
        let now = Timestamp::now();
        let mut session = inner.sessions.get(presented.session()).await?.ok_or_else(revoked)?;
        if session.judge(&presented.hash(), now) == Verdict::Rotate {
            let after = session.rotated(successor.hash(), now);
            if inner.sessions.rotate(&after, &presented.hash()).await? {
                return self.renew(&session, Some(successor.text(&inner.keyring))).await;
            }
            // Somebody was faster; what they left decides.
            session = inner.sessions.get(presented.session()).await?.ok_or_else(revoked)?;
        }
        match session.judge(&presented.hash(), now) {
            // In the time of grace the successor is told again, unless the session has moved on past it.
            Verdict::Again => {
                let told = same(&session.current, &successor.hash()).then(|| successor.text(&inner.keyring));
                self.renew(&session, told).await
            }
            Verdict::Over => Err(revoked()),
            // The compare-and-set has failed and yet nothing has changed: let the client ask again.
            Verdict::Rotate => Err(ErrorCode::Busy.into()),
            Verdict::Reused => {
                tracing::warn!(session = %session.id, user = %session.user, "a used refresh token came again; the session is ended");
                self.end_one(session.id).await?;
                Err(revoked())
            }
        }
    }

    async fn renew(&self, session: &Session, refresh: Option<Secret>) -> Result<Grant, Problem> {
        let user =
            self.inner.users.get(session.user).await?.filter(|user| user.enabled).ok_or_else(revoked)?;
        self.grant(&user, session.id, refresh)
    }

    /// Ends the session of a refresh token. A token that is not ours ends nothing.
    pub async fn logout(&self, cookie: &str) -> Result<(), Problem> {
        let Some(presented) = RefreshToken::parse(cookie, &self.inner.keyring) else { return Ok(()) };
        self.end_one(presented.session()).await
    }

    /// Ends a session: in the store first, then here and on open sockets.
    pub(super) async fn end_one(&self, session: SessionId) -> Result<(), Problem> {
        self.inner.sessions.end(session, Timestamp::now()).await?;
        self.inner.directory.end(session, Instant::now());
        Ok(())
    }

    /// Ends all sessions of a user but the one named.
    pub(super) async fn end_all(&self, user: UserId, except: Option<SessionId>) -> Result<(), Problem> {
        for session in self.inner.sessions.end_all(user, except, Timestamp::now()).await? {
            self.inner.directory.end(session, Instant::now());
        }
        Ok(())
    }

    fn grant(&self, user: &User, session: SessionId, refresh: Option<Secret>) -> Result<Grant, Problem> {
        let now = Timestamp::now();
        let access_token =
            self.inner.tokens.issue(user.id, session, user.role, user.token_generation, now)?;
        let me = user.caller(session, now + Duration::from_secs(u64::from(LIFETIME_S))).me();
        let body = TokenGrant { access_token, expires_in_s: LIFETIME_S, user: me };
        Ok(Grant { body, refresh })
    }
}

pub(super) fn begin(throttle: &Mutex<Throttle>, key: &str) -> Result<(), Problem> {
    lock(throttle).begin(key, Instant::now()).map_err(locked_out)
}

pub(super) fn locked_out(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let detail = if seconds > 90 {
        format!("too many failed attempts; try again in {} minutes", seconds.div_ceil(60))
    } else {
        format!("too many failed attempts; try again in {seconds} seconds")
    };
    Problem::new(ErrorCode::LockedOut, detail).with_retry_after(seconds)
}

pub(super) fn lock(throttle: &Mutex<Throttle>) -> MutexGuard<'_, Throttle> {
    throttle.lock().unwrap_or_else(PoisonError::into_inner)
}
