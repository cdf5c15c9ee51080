//! Access tokens: JWT, HS256, ten minutes. Signed with a key derived from a master key, which the header names.

use std::collections::HashMap;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use messages::permission::Role;
use messages::{ErrorCode, Problem, Secret, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::keyring::Keyring;

/// Short, because a token is checked against the store only now and then.
pub const LIFETIME_S: u32 = 600;
/// Clocks of the nodes of a cluster may differ by this much.
const LEEWAY_S: i64 = 5;
const ISSUER: &str = "grocerysync";
/// A token of ours has about 400 characters; a longer text is not looked at.
const MAX_TEXT: usize = 2_048;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub iss: String,
    pub sub: UserId,
    pub sid: SessionId,
    pub role: Role,
    /// Of the user when the token was made; a later one voids the token.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Unix seconds.
    pub iat: i64,
    pub exp: i64,
}

impl Claims {
    #[must_use]
    pub(crate) const fn expires_at(&self) -> Timestamp {
        Timestamp(self.exp.saturating_mul(1_000))
    }
}

/// Makes and reads access tokens.
pub(crate) struct Tokens {
    header: Header,
    signing: EncodingKey,
    reading: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl Tokens {
    #[must_use]
    pub(crate) fn new(keyring: &Keyring) -> Self {
        let active = keyring.active();
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(active.id().to_owned());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        // Checked below against the time that is passed in.
        validation.validate_exp = false;
        Self {
            header,
            signing: EncodingKey::from_secret(active.access()),
            reading: keyring
                .keys()
                .map(|key| (key.id().to_owned(), DecodingKey::from_secret(key.access())))
                .collect(),
            validation,
        }
    }

    pub(crate) fn issue(
        &self,
        user: UserId,
        session: SessionId,
        role: Role,
        generation: u64,
        now: Timestamp,
    ) -> Result<Secret, Problem> {
        let iat = now.0.div_euclid(1_000);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: user,
            sid: session,
            role,
            generation,
            iat,
            exp: iat + i64::from(LIFETIME_S),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).map(Secret::new).map_err(|failure| {
            tracing::error!(%failure, "an access token could not be signed");
            ErrorCode::Internal.into()
        })
    }

    /// What a token says, if it is ours and has not run out.
    pub(crate) fn read(&self, text: &str, now: Timestamp) -> Result<Claims, Problem> {
        let wrong =
            || Problem::new(ErrorCode::NotAuthenticated, "the access token is not valid; sign in again");
        if text.len() > MAX_TEXT {
            return Err(wrong());
        }
        let header = jsonwebtoken::decode_header(text).map_err(|_| wrong())?;
        let key = header.kid.and_then(|kid| self.reading.get(&kid)).ok_or_else(wrong)?;
        let claims = jsonwebtoken::decode::<Claims>(text, key, &self.validation).map_err(|_| wrong())?.claims;
        if claims.exp + LEEWAY_S <= now.0.div_euclid(1_000) {
            return Err(Problem::new(ErrorCode::TokenExpired, "the access token has expired; refresh it"));
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::super::keyring::tests::line;
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn tokens(text: &str) -> Tokens {
        Tokens::new(&Keyring::parse(text).unwrap())
    }

    fn issue(tokens: &Tokens) -> String {
        tokens.issue(UserId::new(), SessionId::new(), Role::Technician, 3, NOW).unwrap().expose().to_owned()
    }

    #[test]
    fn a_token_is_read_back_until_it_runs_out() {
        let tokens = tokens(&line("k1", 1));
        let text = issue(&tokens);
        let claims = tokens.read(&text, NOW).unwrap();
        assert_eq!((claims.role, claims.generation), (Role::Technician, 3));
        for (seconds, valid) in [(0, true), (604, true), (605, false), (100_000, false)] {
            let answer = tokens.read(&text, Timestamp(NOW.0 + seconds * 1_000)).map_err(|p| p.code);
            assert_eq!(answer.is_ok(), valid, "{seconds} s: {answer:?}");
            if !valid {
                assert_eq!(answer.unwrap_err(), ErrorCode::TokenExpired);
            }
        }
    }

    #[test]
    fn tokens_outlive_a_rotation_of_keys() {
        let text = issue(&tokens(&line("old", 1)));
        assert!(tokens(&(line("new", 2) + &line("old", 1))).read(&text, NOW).is_ok());
        assert!(tokens(&line("new", 2)).read(&text, NOW).is_err());
        assert!(tokens(&line("old", 9)).read(&text, NOW).is_err(), "the same id with another key");
    }

    #[test]
    fn forgeries_are_refused() {
        let tokens = tokens(&line("k1", 1));
        let text = issue(&tokens);
        let parts: Vec<&str> = text.split('.').collect();
        let json = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let mut admin = claims.clone();
        admin["role"] = "admin".into();
        let none = json(serde_json::json!({"alg": "none", "typ": "JWT", "kid": "k1"}));
        for forged in [
            String::new(),
            "a.b.c".into(),
            format!("{}.{}.{}", parts[0], json(admin), parts[2]),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{text}{}", "A".repeat(5_000)),
        ] {
            let code = tokens.read(&forged, NOW).unwrap_err().code;
            assert_eq!(code, ErrorCode::NotAuthenticated, "{forged}");
        }
    }
}
