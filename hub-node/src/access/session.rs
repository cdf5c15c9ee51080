//! Sessions and their refresh tokens. Time is passed in; the store is elsewhere.
//!
//! A refresh token is used once and answered with its successor. One that comes again after that was copied by
//! somebody, so the whole session ends. Two tabs of one browser may race, so for ten seconds the same token is
//! answered with the same successor: successors are derived with a key of the hub, not drawn, and so can be told
//! twice although only hashes are stored.

use std::time::Duration;

use actors::domain::SecretHash;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messages::http::access::SessionView;
use messages::{Secret, SessionId, Timestamp, UserId};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::agent_token::same;
use super::keyring::{Key, Keyring};

/// Two weeks without use, or ninety days in all: then sign in again.
pub const IDLE: Duration = Duration::from_secs(14 * 86_400);
pub const ABSOLUTE: Duration = Duration::from_secs(90 * 86_400);
/// Time in which a token that has just been used is answered again.
pub const GRACE: Duration = Duration::from_secs(10);
/// Of one user at a time. Past it the one used longest ago ends: nobody works on more machines.
pub const MAX_PER_USER: usize = 50;
/// What a browser says of itself is kept up to this length.
pub const MAX_USER_AGENT: usize = 200;

/// One login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub address: String,
    pub user_agent: String,
    /// Of the token that may be used next.
    pub current: SecretHash,
    /// Of the one before it, and when it was used.
    pub previous: Option<SecretHash>,
    pub rotated_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// What is to be done with a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The one that may be used: replace it.
    Rotate,
    /// Just used: give the same successor again.
    Again,
    /// Used long ago: a copy. End the session.
    Reused,
    /// The session is over, by age or by hand.
    Over,
}

impl Session {
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ended_at.is_some() || now >= self.expires_at()
    }

    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        (self.last_used_at + IDLE).min(self.created_at + ABSOLUTE)
    }

    #[must_use]
    pub fn judge(&self, presented: &SecretHash, now: Timestamp) -> Verdict {
        if self.is_over(now) {
            Verdict::Over
        } else if same(&self.current, presented) {
            Verdict::Rotate
        } else if self.previous.is_some_and(|before| same(&before, presented))
            && now.since(self.rotated_at) <= GRACE
        {
            Verdict::Again
        } else {
            Verdict::Reused
        }
    }

    /// The session after its token was replaced.
    #[must_use]
    pub fn rotated(&self, successor: SecretHash, now: Timestamp) -> Self {
        Self {
            current: successor,
            previous: Some(self.current),
            rotated_at: now,
            last_used_at: now,
            ..self.clone()
        }
    }

    #[must_use]
    pub fn view(&self, asking: SessionId) -> SessionView {
        SessionView {
            id: self.id,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            address: self.address.clone(),
            user_agent: self.user_agent.clone(),
            current: self.id == asking,
        }
    }
}

const PREFIX: &str = "gsr_";
const BYTES: usize = 16 + 32 + 16;

/// A refresh token in clear: session, 256-bit secret, and a mark by which the hub knows its own.
pub struct RefreshToken {
    session: SessionId,
    secret: Zeroizing<[u8; 32]>,
}

impl RefreshToken {
    /// The first token of a session.
    #[must_use]
    pub fn mint(session: SessionId) -> Self {
        Self { session, secret: Zeroizing::new(rand::random()) }
    }

    /// The token that replaces this one.
    #[must_use]
    pub fn successor(&self, keyring: &Keyring) -> Self {
        let text =
            Zeroizing::new([self.session.as_uuid().as_bytes().as_slice(), self.secret.as_slice()].concat());
        let secret = keyring.active().refresh_mac(b"successor|", &text);
        Self { session: self.session, secret: Zeroizing::new(secret) }
    }

    /// Reads a token that this hub made. A forged one is refused here, before the store is asked.
    #[must_use]
    pub fn parse(text: &str, keyring: &Keyring) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX)?;
        if encoded.len() > BYTES * 2 {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
        let (session, rest) = bytes.split_first_chunk::<16>()?;
        let (secret, mark) = rest.split_first_chunk::<32>()?;
        let token = Self {
            session: SessionId::from_uuid(Uuid::from_bytes(*session)),
            secret: Zeroizing::new(*secret),
        };
        let ours = keyring.keys().any(|key| token.mark(key).as_slice().ct_eq(mark).into());
        ours.then_some(token)
    }

    /// The text for the cookie.
    #[must_use]
    pub fn text(&self, keyring: &Keyring) -> Secret {
        let bytes = Zeroizing::new(
            [
                self.session.as_uuid().as_bytes().as_slice(),
                self.secret.as_slice(),
                &self.mark(keyring.active()),
            ]
            .concat(),
        );
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// What the store keeps.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret.as_slice()).into())
    }

    fn mark(&self, key: &Key) -> [u8; 16] {
        let text =
            Zeroizing::new([self.session.as_uuid().as_bytes().as_slice(), self.secret.as_slice()].concat());
        let mac = key.refresh_mac(b"mark|", &text);
        let mut mark = [0; 16];
        mark.copy_from_slice(&mac[..16]);
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::super::keyring::tests::line;
    use super::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn ring(text: &str) -> Keyring {
        Keyring::parse(text).unwrap()
    }

    fn session(token: &RefreshToken) -> Session {
        Session {
            id: token.session(),
            user: UserId::new(),
            created_at: START,
            last_used_at: START,
            address: "10.0.0.7".into(),
            user_agent: "Firefox".into(),
            current: token.hash(),
            previous: None,
            rotated_at: START,
            ended_at: None,
        }
    }

    #[test]
    fn a_token_is_read_back_and_a_forged_one_is_not() {
        let ring = ring(&line("k1", 1));
        let token = RefreshToken::mint(SessionId::new());
        let text = token.text(&ring);
        let read = RefreshToken::parse(text.expose(), &ring).unwrap();
        assert_eq!((read.session(), read.hash()), (token.session(), token.hash()));
        let other = Keyring::parse(&line("k1", 2)).unwrap();
        assert!(RefreshToken::parse(text.expose(), &other).is_none());
        assert!(
            RefreshToken::parse(text.expose(), &ring_of_two()).is_some(),
            "tokens outlive a rotation of keys"
        );
        let cut = &text.expose()[..text.expose().len() - 4];
        for forged in ["", "gsr_", cut, &format!("{}AAAA", text.expose()), &"gsr_A".repeat(1_000)] {
            assert!(RefreshToken::parse(forged, &ring).is_none(), "{forged}");
        }
    }

    fn ring_of_two() -> Keyring {
        ring(&(line("k2", 2) + &line("k1", 1)))
    }

    #[test]
    fn successors_are_the_same_each_time_and_differ_from_all_others() {
        let ring = ring(&line("k1", 1));
        let first = RefreshToken::mint(SessionId::new());
        let second = first.successor(&ring);
        assert_eq!(second.hash(), first.successor(&ring).hash());
        let third = second.successor(&ring);
        assert!(
            first.hash() != second.hash() && second.hash() != third.hash() && first.hash() != third.hash()
        );
        let other_hub = Keyring::parse(&line("k1", 9)).unwrap();
        assert_ne!(
            first.successor(&other_hub).hash(),
            second.hash(),
            "without the hub's key nobody can tell it"
        );
    }

    #[test]
    fn every_case_of_a_refresh() {
        let ring = ring(&line("k1", 1));
        let old = RefreshToken::mint(SessionId::new());
        let now = old.successor(&ring);
        let older = RefreshToken::mint(old.session());
        let rotated = Session { current: now.hash(), previous: Some(old.hash()), ..session(&old) };
        let at = |seconds: u64| START + Duration::from_secs(seconds);
        let ended = Session { ended_at: Some(START), ..rotated.clone() };
        let busy_for_89_days = Session { last_used_at: at(89 * 86_400), ..rotated.clone() };
        for (session, presented, seconds, expected) in [
            (&session(&old), &old, 0, Verdict::Rotate),
            (&rotated, &now, 0, Verdict::Rotate),
            (&rotated, &old, 0, Verdict::Again),
            (&rotated, &old, 10, Verdict::Again),
            (&rotated, &old, 11, Verdict::Reused),
            (&rotated, &older, 0, Verdict::Reused),
            (&rotated, &now, 14 * 86_400 - 1, Verdict::Rotate),
            (&rotated, &now, 14 * 86_400, Verdict::Over),
            (&busy_for_89_days, &now, 90 * 86_400 - 1, Verdict::Rotate),
            (&busy_for_89_days, &now, 90 * 86_400, Verdict::Over),
            (&ended, &now, 0, Verdict::Over),
            (&ended, &older, 0, Verdict::Over),
        ] {
            assert_eq!(session.judge(&presented.hash(), at(seconds)), expected, "after {seconds} s");
        }
    }
}
