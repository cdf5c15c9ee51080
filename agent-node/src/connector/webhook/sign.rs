//! The signature of a batch: HMAC-SHA256 over its id, the time and its bytes, as Standard Webhooks has it, so that
//! receivers can check it with a library they have. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Secrets that begin with this are the base64 of the key; others are the key themselves.
const PREFIX: &str = "whsec_";

/// The value of `webhook-signature`.
#[must_use]
pub fn signature(secret: &str, id: &str, timestamp: u64, body: &[u8]) -> String {
    let decoded = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let key = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// The first 64 bits of the SHA-256 of some bytes, in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_of_the_standard() {
        // Of the Standard Webhooks specification.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn everything_that_is_signed_counts() {
        let signed = signature("0123456789abcdef", "id", 1, b"body");
        for other in [
            signature("0123456789abcdeF", "id", 1, b"body"),
            signature("0123456789abcdef", "iD", 1, b"body"),
            signature("0123456789abcdef", "id", 2, b"body"),
            signature("0123456789abcdef", "id", 1, b"bodY"),
        ] {
            assert_ne!(signed, other);
        }
    }
}
