//! How often an address may fail to prove itself at the sockets: the token bucket of the REST edge, asked before a
//! retailer is. Whoever has proved themselves is not counted.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use ipnet::IpNet;
use messages::{ErrorCode, Problem};

use crate::http::{Rates, client_address};

/// Failures by address. One for each node.
#[derive(Default)]
pub(crate) struct Strangers {
    /// Proxies whose `X-Forwarded-For` is believed.
    trusted: Vec<IpNet>,
    rates: Mutex<Rates>,
}

impl Strangers {
    #[must_use]
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, rates: Mutex::default() }
    }

    /// Refused while this address has failed too often: nobody is asked then.
    pub(crate) fn check(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(address) = client_address(peer, headers, &self.trusted) else { return Ok(()) };
        let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        rates.check(address, Instant::now()).map_err(too_many)
    }

    /// Counts a refusal. One that is the hub's own trouble does not count.
    pub(crate) fn refused(&self, peer: Option<IpAddr>, headers: &HeaderMap, problem: &Problem) {
        if problem.status >= 500 {
            return;
        }
        let Some(address) = client_address(peer, headers, &self.trusted) else { return };
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one that fits is still answered with what was wrong; the next one is not.
        let _spent = rates.take(address, Instant::now());
    }
}

fn too_many(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let detail = format!("too many refused requests from your address; try again in {seconds} s");
    Problem::new(ErrorCode::RateLimited, detail).with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_address_and_the_hubs_own_troubles_are_not() {
        let strangers = Strangers::default();
        let (headers, peer) = (HeaderMap::new(), Some(IpAddr::from([10, 0, 0, 1])));
        let busy = Problem::from(ErrorCode::Busy);
        let wrong = Problem::from(ErrorCode::BadCredentials);
        for _ in 0..200 {
            strangers.refused(peer, &headers, &busy);
        }
        assert_eq!(strangers.check(peer, &headers), Ok(()));
        for _ in 0..60 {
            strangers.refused(peer, &headers, &wrong);
        }
        let refused = strangers.check(peer, &headers).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_s), (ErrorCode::RateLimited, Some(1)));
        assert_eq!(strangers.check(Some(IpAddr::from([10, 0, 0, 2])), &headers), Ok(()));
    }
}
