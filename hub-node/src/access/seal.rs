//! Sealing of credentials, of destinations and of jobs' sources: XChaCha20-Poly1305 under the active master key.
//!
//! What is sealed is bound to its retailer and to the thing it opens: moved to another one, it does not open.

use std::sync::Arc;

use actors::domain::{Sealed, SecretOf};
use actors::ports::Unsealer;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use messages::connector::Credentials;
use messages::{ErrorCode, Problem, RetailerId};
use zeroize::Zeroizing;

use super::keyring::{Key, Keyring};

const NONCE: usize = 24;

/// Closes and opens credentials.
#[derive(Clone)]
pub struct Sealer {
    keyring: Arc<Keyring>,
}

impl Sealer {
    #[must_use]
    pub const fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring }
    }

    pub fn seal(
        &self,
        retailer: RetailerId,
        of: impl Into<SecretOf>,
        credentials: &Credentials,
    ) -> Result<Sealed, Problem> {
        let of = of.into();
        let clear =
            Zeroizing::new(serde_json::to_vec(credentials).map_err(|_| broken(of, "cannot be written"))?);
        let key = self.keyring.active();
        let nonce: [u8; NONCE] = rand::random();
        let bound = bound_to(retailer, of);
        let closed = cipher(key)
            .encrypt(&XNonce::from(nonce), Payload { msg: &clear, aad: bound.as_bytes() })
            .map_err(|_| broken(of, "cannot be sealed"))?;
        Ok(Sealed { key_id: key.id().to_owned(), bytes: [nonce.as_slice(), &closed].concat() })
    }

    /// Name of the key that is sealed under now.
    #[must_use]
    pub fn active_key(&self) -> &str {
        self.keyring.active().id()
    }

    /// Was this sealed under a key that is to be retired?
    #[must_use]
    pub fn needs_reseal(&self, sealed: &Sealed) -> bool {
        sealed.key_id != self.keyring.active().id()
    }

    /// The same credentials under the active key; nothing, when they are so already.
    pub fn reseal(
        &self,
        retailer: RetailerId,
        of: impl Into<SecretOf>,
        sealed: &Sealed,
    ) -> Result<Option<Sealed>, Problem> {
        let of = of.into();
        if !self.needs_reseal(sealed) {
            return Ok(None);
        }
        let credentials = self.open(retailer, of, sealed)?;
        self.seal(retailer, of, &credentials).map(Some)
    }
}

impl Unsealer for Sealer {
    fn open(&self, retailer: RetailerId, of: SecretOf, sealed: &Sealed) -> Result<Credentials, Problem> {
        let key = self.keyring.find(&sealed.key_id).ok_or_else(|| {
            let what = format!(
                "were sealed with the key \"{}\", which the hub does not have; add it to the key file",
                sealed.key_id
            );
            broken(of, &what)
        })?;
        let (nonce, closed) =
            sealed.bytes.split_first_chunk::<NONCE>().ok_or_else(|| broken(of, "are damaged"))?;
        let bound = bound_to(retailer, of);
        let clear = cipher(key)
            .decrypt(&XNonce::from(*nonce), Payload { msg: closed, aad: bound.as_bytes() })
            .map(Zeroizing::new)
            .map_err(|_| broken(of, "do not open: they are damaged or belong to another one"))?;
        serde_json::from_slice(&clear).map_err(|_| broken(of, "have an unknown form"))
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.sealing().into())
}

fn bound_to(retailer: RetailerId, of: SecretOf) -> String {
    match of {
        SecretOf::Destination(destination) => format!("destination|{retailer}|{destination}"),
        SecretOf::Job(job) => format!("source|{retailer}|{job}"),
    }
}

fn broken(of: SecretOf, what: &str) -> Problem {
    Problem::new(ErrorCode::Internal, format!("the {}'s credentials {what}", of.what()))
}

#[cfg(test)]
mod tests {
    use messages::{DestinationId, JobId, Secret};

    use super::super::keyring::tests::line;
    use super::*;

    fn sealer(text: &str) -> Sealer {
        Sealer::new(Arc::new(Keyring::parse(text).unwrap()))
    }

    fn credentials() -> Credentials {
        Credentials::Password { password: Secret::new("s3cret-of-the-shop") }
    }

    #[test]
    fn what_is_sealed_opens_at_its_place_and_nowhere_else() {
        let sealer = sealer(&line("k1", 7));
        let (retailer, destination) = (RetailerId::new(), DestinationId::new());
        let sealed = sealer.seal(retailer, destination, &credentials()).unwrap();
        assert_eq!(sealer.open(retailer, destination.into(), &sealed).unwrap(), credentials());
        assert!(sealer.open(RetailerId::new(), destination.into(), &sealed).is_err(), "another retailer");
        assert!(sealer.open(retailer, DestinationId::new().into(), &sealed).is_err(), "another destination");
        let job = JobId::from_uuid(destination.as_uuid());
        assert!(sealer.open(retailer, job.into(), &sealed).is_err(), "another kind of thing");
        let clear = b"s3cret";
        assert!(!sealed.bytes.windows(clear.len()).any(|part| part == clear));
        let again = sealer.seal(retailer, destination, &credentials()).unwrap();
        assert_ne!(sealed.bytes, again.bytes, "each sealing has its own nonce");
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let sealer = sealer(&line("k1", 7));
        let (retailer, destination) = (RetailerId::new(), DestinationId::new());
        let sealed = sealer.seal(retailer, destination, &credentials()).unwrap();
        for at in 0..sealed.bytes.len() {
            let mut damaged = sealed.clone();
            damaged.bytes[at] ^= 1;
            assert!(sealer.open(retailer, destination.into(), &damaged).is_err(), "byte {at}");
        }
        for length in [0, 23, 24, 30] {
            let cut = Sealed { bytes: sealed.bytes[..length].to_vec(), ..sealed.clone() };
            assert!(sealer.open(retailer, destination.into(), &cut).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_rotation_keeps_old_things_open_until_they_are_sealed_again() {
        let (retailer, destination) = (RetailerId::new(), DestinationId::new());
        let before = sealer(&line("old", 1));
        let sealed = before.seal(retailer, destination, &credentials()).unwrap();
        assert!(!before.needs_reseal(&sealed));

        let during = sealer(&(line("new", 2) + &line("old", 1)));
        assert!(during.needs_reseal(&sealed));
        assert_eq!(during.open(retailer, destination.into(), &sealed).unwrap(), credentials());
        let fresh = during.reseal(retailer, destination, &sealed).unwrap().unwrap();
        assert_eq!(during.reseal(retailer, destination, &fresh).unwrap(), None);

        let after = sealer(&line("new", 2));
        assert_eq!(after.open(retailer, destination.into(), &fresh).unwrap(), credentials());
        let problem = after.open(retailer, destination.into(), &sealed).unwrap_err();
        assert!(problem.detail.contains("\"old\""), "{problem}");
    }
}
