//! Texts with which an agent proves itself: the one-time enrolment token and the credential it is swapped for.
//!
//! `gse_` or `gsa_`, then base64url of retailer, agent and 32 random bytes. The ids make the text self-addressing:
//! whichever node it reaches knows which retailer to ask. Only the SHA-256 of the whole text is ever stored.

use actors::domain::SecretHash;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messages::{AgentId, RetailerId, Secret};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;
use zeroize::Zeroizing;

const ENROLMENT: &str = "gse_";
const CREDENTIAL: &str = "gsa_";
const BYTES: usize = 16 + 16 + 32;

/// Whose text it is, and the hash to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentProof {
    pub retailer: RetailerId,
    pub agent: AgentId,
    pub hash: SecretHash,
}

/// A fresh text and its hash.
#[derive(Debug, Clone)]
pub struct Minted {
    pub text: Secret,
    pub hash: SecretHash,
}

#[must_use]
pub fn mint_enrolment(retailer: RetailerId, agent: AgentId) -> Minted {
    mint(ENROLMENT, retailer, agent.as_uuid())
}

#[must_use]
pub fn mint_credential(retailer: RetailerId, agent: AgentId) -> Minted {
    mint(CREDENTIAL, retailer, agent.as_uuid())
}

/// Reads an enrolment token; nothing, when the text is not of that form.
#[must_use]
pub fn parse_enrolment(text: &str) -> Option<AgentProof> {
    parse(ENROLMENT, text).map(of_agent)
}

/// Reads an agent's credential; nothing, when the text is not of that form.
#[must_use]
pub fn parse_credential(text: &str) -> Option<AgentProof> {
    parse(CREDENTIAL, text).map(of_agent)
}

#[must_use]
pub fn hash_of(text: &str) -> SecretHash {
    SecretHash(Sha256::digest(text.as_bytes()).into())
}

/// Compares without telling by its duration where the difference is.
#[must_use]
pub fn same(a: &SecretHash, b: &SecretHash) -> bool {
    a.0.ct_eq(&b.0).into()
}

fn of_agent((retailer, agent, hash): (RetailerId, Uuid, SecretHash)) -> AgentProof {
    AgentProof { retailer, agent: AgentId::from_uuid(agent), hash }
}

pub(super) fn mint(prefix: &str, retailer: RetailerId, of: Uuid) -> Minted {
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
    let bytes =
        Zeroizing::new([retailer.as_uuid().as_bytes().as_slice(), of.as_bytes(), secret.as_slice()].concat());
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let hash = hash_of(&text);
    Minted { text: Secret::new(text), hash }
}

pub(super) fn parse(prefix: &str, text: &str) -> Option<(RetailerId, Uuid, SecretHash)> {
    let encoded = text.strip_prefix(prefix)?;
    // Four characters hold three bytes; a longer text is not decoded at all.
    if encoded.len() != BYTES.div_ceil(3) * 4 - 2 {
        return None;
    }
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
    let (retailer, rest) = bytes.split_first_chunk::<16>()?;
    let (of, secret) = rest.split_first_chunk::<16>()?;
    (secret.len() == 32)
        .then(|| (RetailerId::from_uuid(Uuid::from_bytes(*retailer)), Uuid::from_bytes(*of), hash_of(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_its_agent_and_has_its_hash() {
        let (retailer, agent) = (RetailerId::new(), AgentId::new());
        let token = mint_enrolment(retailer, agent);
        let proof = parse_enrolment(token.text.expose()).unwrap();
        assert_eq!((proof.retailer, proof.agent), (retailer, agent));
        assert!(same(&proof.hash, &token.hash));
        assert!(!same(&proof.hash, &mint_enrolment(retailer, agent).hash));
        assert!(token.text.expose().starts_with("gse_"));
    }

    #[test]
    fn one_kind_is_not_read_as_the_other() {
        let (retailer, agent) = (RetailerId::new(), AgentId::new());
        assert_eq!(parse_credential(mint_enrolment(retailer, agent).text.expose()), None);
        assert_eq!(parse_enrolment(mint_credential(retailer, agent).text.expose()), None);
    }

    #[test]
    fn anything_else_is_refused() {
        let good = mint_credential(RetailerId::new(), AgentId::new()).text;
        let cut = &good.expose()[..good.expose().len() - 1];
        let longer = format!("{}A", good.expose());
        let padded = format!("{}=", good.expose());
        let odd = good.expose().replace(|c: char| c.is_ascii_digit(), "*");
        for text in ["", "gsa_", "gsa", cut, &longer, &padded, &odd, &"gsa_A".repeat(10_000)] {
            assert_eq!(parse_credential(text), None, "{}", text.chars().take(40).collect::<String>());
        }
    }
}
