//! Setup, login, users and sessions.

use serde::{Deserialize, Serialize};

use crate::permission::{Permission, RetailerScope, Role};
use crate::validate::{Check, Validate};
use crate::{Secret, SessionId, Timestamp, UserId, Version};

/// `GET /setup`: does the system want its first administrator?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetupStatus {
    pub required: bool,
}

/// `POST /setup`: make the first administrator with the one-time token from the hub's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetupRequest {
    pub token: Secret,
    pub login: String,
    pub name: String,
    pub password: Secret,
}

/// `POST /login`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginRequest {
    pub login: String,
    pub password: Secret,
}

/// Answer to setup, login and refresh. The refresh token is in an HttpOnly cookie.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenGrant {
    /// Send as `Authorization: Bearer …`.
    pub access_token: Secret,
    pub expires_in_s: u32,
    pub user: Me,
}

/// `GET /me`: who is signed in, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    pub id: UserId,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub permissions: Vec<Permission>,
    pub session_id: SessionId,
}

/// `POST /me/password`. Ends all other sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordChange {
    pub current: Secret,
    pub new: Secret,
}

/// A person as an administrator writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserSpec {
    pub login: String,
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub scope: RetailerScope,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Required when making a user; on change, sets a new password and ends the user's sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

pub(crate) const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserView {
    pub id: UserId,
    pub rev: Version,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub scope: RetailerScope,
    pub enabled: bool,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
}

/// One login, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub address: String,
    pub user_agent: String,
    /// This is the session that asks.
    pub current: bool,
}

/// Long passwords beat composed ones; the upper bound keeps hashing cheap.
pub const PASSWORD_MIN: usize = 10;
pub const PASSWORD_MAX: usize = 256;

pub fn check_password(check: &mut Check, field: &str, password: &Secret) {
    let length = password.expose().chars().count();
    check.ensure(
        (PASSWORD_MIN..=PASSWORD_MAX).contains(&length),
        field,
        "must have 10 to 256 characters; a few words in a row are good",
    );
}

fn check_login(check: &mut Check, login: &str) {
    check.text("login", login, 64);
    check.ensure(
        login.chars().all(|c| c.is_ascii_alphanumeric() || "._-@+".contains(c)),
        "login",
        "may hold letters, digits and . _ - @ + only",
    );
}

impl Validate for SetupRequest {
    fn check(&self, check: &mut Check) {
        check_login(check, &self.login);
        check.text("name", &self.name, 100);
        check_password(check, "password", &self.password);
    }
}

impl Validate for LoginRequest {
    fn check(&self, check: &mut Check) {
        check.text("login", &self.login, 64);
        check.ensure(!self.password.is_empty(), "password", "must not be empty");
        check.ensure(self.password.expose().len() <= 4 * PASSWORD_MAX, "password", "is too long");
    }
}

impl Validate for PasswordChange {
    fn check(&self, check: &mut Check) {
        check_password(check, "new", &self.new);
        check.ensure(self.new != self.current, "new", "must differ from the current one");
    }
}

impl Validate for UserSpec {
    fn check(&self, check: &mut Check) {
        check_login(check, &self.login);
        check.text("name", &self.name, 100);
        if let Some(password) = &self.password {
            check_password(check, "password", password);
        }
    }
}
