//! Who may do what: passwords, sessions, tokens, keys, roles at the edge.
//!
//! ```text
//! keyring ─┬─ seal          credentials of destinations, at rest
//!          ├─ token         access tokens (JWT), ten minutes
//!          └─ session       refresh tokens, rotating
//! password, throttle, setup login and the first administrator
//! directory                 what this node remembers of sessions; tells open sockets what has ended
//! identity                  Caller, and whether they may
//! login, accounts           the flows, on top of the store
//! agent_token, edge_token   what agents and store edges prove themselves with
//! ```
//!
//! Nothing here knows HTTP: addresses, cookies and headers are [`crate::http`]'s.

mod accounts;
pub mod agent_token;
mod directory;
pub mod edge_token;
pub mod identity;
pub mod keyring;
mod login;
mod password;
pub mod seal;
pub mod session;
mod setup;
mod throttle;
mod token;
pub mod user;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use actors::ports::StoreError;
use messages::{ErrorCode, Problem, Secret, Timestamp};
use tokio::sync::broadcast;

pub use directory::Ending;
pub use identity::Caller;
pub use keyring::{Keyring, KeyringError};
pub use login::{Client, Grant};
pub use password::PasswordFailure;
pub use seal::Sealer;

use crate::store::{Sessions, Store, Users};
use directory::{Directory, Recall};
use password::Passwords;
use setup::Setup;
use throttle::{Policy, Throttle};
use token::Tokens;

pub use token::LIFETIME_S as TOKEN_LIFETIME_S;

/// What [`Access`] is made of.
pub struct AccessArguments {
    pub store: Store,
    pub keyring: Arc<Keyring>,
    /// Where the setup token is written while there is no user.
    pub data_dir: PathBuf,
    /// From `GROCERYSYNC_SETUP_TOKEN`; drawn when absent.
    pub setup_token: Option<Secret>,
}

/// Access could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error(transparent)]
    Password(#[from] PasswordFailure),
    #[error("it cannot be found out whether there is a user: {0}")]
    Store(#[from] StoreError),
    #[error("the setup token cannot be written: {0}; check that the data folder is writable")]
    SetupToken(#[from] io::Error),
}

/// The way into the system. Clone it freely.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    users: Users,
    sessions: Sessions,
    keyring: Arc<Keyring>,
    tokens: Tokens,
    passwords: Passwords,
    directory: Directory,
    setup: Setup,
    by_login: Mutex<Throttle>,
    by_address: Mutex<Throttle>,
}

impl Access {
    /// Opens access; without any user, opens setup too and says so in the log.
    pub async fn open(arguments: AccessArguments) -> Result<Self, AccessError> {
        let AccessArguments { store, keyring, data_dir, setup_token } = arguments;
        let users = store.users();
        let setup = Setup::default();
        if users.any().await? {
            setup::forget(&data_dir);
        } else {
            setup.offer(setup_token, &data_dir)?;
        }
        let inner = Inner {
            users,
            sessions: store.sessions(),
            tokens: Tokens::new(&keyring),
            keyring,
            passwords: Passwords::new()?,
            directory: Directory::default(),
            setup,
            by_login: Mutex::new(Throttle::new(Policy::LOGIN)),
            by_address: Mutex::new(Throttle::new(Policy::ADDRESS)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Ends of sessions and changes of rights, for open sockets. See [`Ending`].
    #[must_use]
    pub fn endings_made_here(&self) -> broadcast::Receiver<Ending> {
        self.inner.directory.subscribe_made_here()
    }

    /// Endings of sessions, wherever they were made.
    #[must_use]
    pub fn endings(&self) -> broadcast::Receiver<Ending> {
        self.inner.directory.subscribe()
    }

    /// Who sent this access token? Used for each request, and for each `hello` of a console's socket.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, Problem> {
        let inner = &*self.inner;
        let claims = inner.tokens.read(token, Timestamp::now())?;
        let user = match inner.directory.recall(claims.sid, Instant::now()) {
            Recall::Ended => return Err(revoked()),
            Recall::Known(user) => user,
            Recall::Unknown { mark } => {
                let session = inner.sessions.get(claims.sid).await?;
                if session.is_none_or(|s| s.user != claims.sub || s.is_over(Timestamp::now())) {
                    return Err(revoked());
                }
                let user = Arc::new(inner.users.get(claims.sub).await?.ok_or_else(revoked)?);
                inner.directory.learn(claims.sid, Arc::clone(&user), mark, Instant::now());
                user
            }
        };
        if !user.enabled {
            return Err(revoked());
        }
        if user.token_generation != claims.generation {
            return Err(Problem::new(
                ErrorCode::TokenExpired,
                "your rights have changed; refresh the access token",
            ));
        }
        Ok(user.caller(claims.sid, claims.expires_at()))
    }
}

fn revoked() -> Problem {
    Problem::new(ErrorCode::SessionRevoked, "this session has been ended; sign in again")
}
