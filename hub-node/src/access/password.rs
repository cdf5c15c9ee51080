//! Passwords: argon2id with the parameters OWASP names as the least, on threads of their own.
//!
//! Stands below [`super::login`]. Never sees who the password belongs to, and never logs.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use messages::{ErrorCode, Problem, Secret};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// 19 MiB, two passes, one lane: the least of OWASP's equivalent settings, so that two at once fit a small machine.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Each takes 19 MiB and a core for tens of milliseconds; two leave the rest of a small machine to the shops.
const AT_ONCE: usize = 2;
/// Whoever waits longer than this for a place is told to come back: the queue cannot grow for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and checks passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    /// Checked against when there is no such login, so that the answer takes the same time.
    decoy: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// When the random source or the hash fails, which no machine in order shows.
    pub(crate) fn new() -> Result<Self, PasswordFailure> {
        let decoy = hash_now(b"no password has this hash")?;
        Ok(Self { places: Arc::new(Semaphore::new(AT_ONCE)), decoy: decoy.into() })
    }

    /// The text to store for a password.
    pub(crate) async fn hash(&self, password: &Secret) -> Result<String, Problem> {
        let password = Zeroizing::new(password.expose().as_bytes().to_vec());
        self.on_thread(move || hash_now(&password)).await
    }

    /// Is this the password of the stored hash? Without a stored hash the answer is no, after the same work.
    pub(crate) async fn verify(&self, password: &Secret, stored: Option<&str>) -> Result<bool, Problem> {
        let known = stored.is_some();
        let against: Arc<str> = stored.map_or_else(|| Arc::clone(&self.decoy), Arc::from);
        let password = Zeroizing::new(password.expose().as_bytes().to_vec());
        let fits = self.on_thread(move || verify_now(&password, &against)).await?;
        Ok(fits && known)
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordFailure> + Send + 'static,
    ) -> Result<T, Problem> {
        let waiting = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned());
        let place = match waiting.await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(ErrorCode::ShuttingDown.into()),
            Err(_) => {
                let busy =
                    Problem::new(ErrorCode::Busy, "too many people sign in at once; try again in a moment");
                return Err(busy.with_retry_after(2));
            }
        };
        // The place goes with the work: an impatient caller that goes away does not free it early.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(place);
            result
        });
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => {
                tracing::error!(%failure, "a password could not be hashed or checked");
                Err(ErrorCode::Internal.into())
            }
            Err(_) => Err(ErrorCode::Internal.into()),
        }
    }
}

/// Hashing or checking a password failed for a reason other than a wrong password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("password hash: {0}")]
pub struct PasswordFailure(String);

fn argon() -> Result<Argon2<'static>, PasswordFailure> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| PasswordFailure(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &[u8]) -> Result<String, PasswordFailure> {
    let hash: PasswordHash = argon()?.hash_password(password).map_err(|e| PasswordFailure(e.to_string()))?;
    Ok(hash.to_string())
}

fn verify_now(password: &[u8], stored: &str) -> Result<bool, PasswordFailure> {
    let stored = PasswordHash::new(stored).map_err(|e| PasswordFailure(e.to_string()))?;
    match argon()?.verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(other) => Err(PasswordFailure(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = Passwords::new().unwrap();
        let right = Secret::new("correct horse battery");
        let stored = passwords.hash(&right).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, passwords.hash(&right).await.unwrap(), "each hash has its own salt");
        assert!(passwords.verify(&right, Some(&stored)).await.unwrap());
        assert!(!passwords.verify(&Secret::new("wrong horse battery"), Some(&stored)).await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_login_never_fits_even_with_the_decoys_own_password() {
        let passwords = Passwords::new().unwrap();
        assert!(!passwords.verify(&Secret::new("no password has this hash"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_damaged_hash_is_an_internal_error_and_not_a_wrong_password() {
        let passwords = Passwords::new().unwrap();
        let problem = passwords.verify(&Secret::new("x"), Some("$argon2id$damaged")).await.unwrap_err();
        assert_eq!(problem.code, ErrorCode::Internal);
    }
}
