//! Texts with which a store edge proves itself: like those of agents ([`super::agent_token`]), with prefixes of their
//! own, so that neither is taken for the other.

use actors::domain::SecretHash;
use messages::{EdgeId, RetailerId};

use super::agent_token::{Minted, mint, parse};

const ENROLMENT: &str = "gste_";
const CREDENTIAL: &str = "gstc_";

/// Whose text it is, and the hash to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeProof {
    pub retailer: RetailerId,
    pub edge: EdgeId,
    pub hash: SecretHash,
}

#[must_use]
pub fn mint_enrolment(retailer: RetailerId, edge: EdgeId) -> Minted {
    mint(ENROLMENT, retailer, edge.as_uuid())
}

#[must_use]
pub fn mint_credential(retailer: RetailerId, edge: EdgeId) -> Minted {
    mint(CREDENTIAL, retailer, edge.as_uuid())
}

#[must_use]
pub fn parse_enrolment(text: &str) -> Option<EdgeProof> {
    proof(ENROLMENT, text)
}

#[must_use]
pub fn parse_credential(text: &str) -> Option<EdgeProof> {
    proof(CREDENTIAL, text)
}

fn proof(prefix: &str, text: &str) -> Option<EdgeProof> {
    let (retailer, edge, hash) = parse(prefix, text)?;
    Some(EdgeProof { retailer, edge: EdgeId::from_uuid(edge), hash })
}

#[cfg(test)]
mod tests {
    use super::super::agent_token;
    use super::*;

    #[test]
    fn a_text_names_its_edge_and_is_of_its_kind() {
        let (retailer, edge) = (RetailerId::new(), EdgeId::new());
        let token = mint_enrolment(retailer, edge);
        let proof = parse_enrolment(token.text.expose()).unwrap();
        assert_eq!((proof.retailer, proof.edge, proof.hash), (retailer, edge, token.hash));
        assert_eq!(parse_credential(token.text.expose()), None);
        let credential = mint_credential(retailer, edge).text;
        assert_eq!(parse_enrolment(credential.expose()), None);
        assert_eq!(agent_token::parse_credential(credential.expose()), None);
        assert!(parse_credential(credential.expose()).is_some());
        for text in ["", "gstc_", &credential.expose()[1..], &"gstc_A".repeat(1_000)] {
            assert_eq!(parse_credential(text), None, "{text}");
        }
    }
}
