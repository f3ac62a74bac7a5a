//! What one client may have us make: so many fills waiting, so many begun a second. Hits are never limited.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

/// A client as far as limits are concerned: an IPv4 address or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The client at an address; `None` for loopback, which is exempt.
    pub fn at(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        match address {
            _ if address.is_loopback() => None,
            IpAddr::V4(_) => Some(Self(address)),
            IpAddr::V6(address) => Some(Self(Ipv6Addr::from(u128::from(address) & (!0 << 64)).into())),
        }
    }
}

/// The client has too much waiting or began too much lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this client asks for new pictures faster than it may")]
pub struct TooFast {
    pub retry_after: Duration,
}

/// Open fills by client; no entry for none.
type Waiting = Arc<Mutex<HashMap<Client, u32>>>;

/// Counts fills by client.
pub struct Clients {
    rate: DefaultKeyedRateLimiter<Client>,
    waiting: Waiting,
    most_waiting: u32,
    clock: DefaultClock,
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clients").field("most_waiting", &self.most_waiting).finish_non_exhaustive()
    }
}

/// A client's place among its waiting fills, given back when dropped. Exempt clients hold an empty one.
#[derive(Debug, Default)]
pub struct Turn(Option<(Client, Waiting)>);

impl Drop for Turn {
    fn drop(&mut self) {
        let Some((client, waiting)) = self.0.take() else { return };
        let mut waiting = waiting.lock();
        if let Some(count) = waiting.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&client);
            }
        }
    }
}

impl Clients {
    /// `per_second` and `burst` bound how many fills a client begins, `most_waiting` how many it has open.
    pub fn new(per_second: u32, burst: u32, most_waiting: u32) -> Self {
        let one_or = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(one_or(per_second)).allow_burst(one_or(burst));
        let clock = DefaultClock::default();
        Self { rate: RateLimiter::keyed(quota), waiting: Arc::default(), most_waiting, clock }
    }

    /// Takes a turn for a fill.
    pub fn enter(&self, client: Option<Client>) -> Result<Turn, TooFast> {
        let Some(client) = client else { return Ok(Turn::default()) };
        let mut waiting = self.waiting.lock();
        if waiting.get(&client).is_some_and(|count| *count >= self.most_waiting) {
            return Err(TooFast { retry_after: Duration::from_secs(1) });
        }
        if let Err(until) = self.rate.check_key(&client) {
            return Err(TooFast { retry_after: until.wait_time_from(self.clock.now()) });
        }
        *waiting.entry(client).or_insert(0) += 1;
        Ok(Turn(Some((client, Arc::clone(&self.waiting)))))
    }

    /// Forgets clients that have been quiet; to be called now and then.
    pub fn forget_quiet(&self) {
        self.rate.retain_recent();
        self.rate.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_client_and_loopback_is_none() {
        let client = |text: &str| Client::at(text.parse().unwrap());
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(client(loopback), None, "{loopback}");
        }
    }

    #[test]
    fn waiting_fills_are_bounded_and_given_back() {
        let clients = Clients::new(1000, 1000, 2);
        let client = Client::at("192.0.2.1".parse().unwrap());
        let first = clients.enter(client).unwrap();
        let _second = clients.enter(client).unwrap();
        assert!(clients.enter(client).is_err());
        assert!(clients.enter(Client::at("192.0.2.2".parse().unwrap())).is_ok());
        drop(first);
        assert!(clients.enter(client).is_ok());
    }

    #[test]
    fn a_burst_is_bounded_and_says_when_to_come_back() {
        let clients = Clients::new(1, 3, 100);
        let client = Client::at("192.0.2.1".parse().unwrap());
        for _ in 0..3 {
            clients.enter(client).unwrap();
        }
        let TooFast { retry_after } = clients.enter(client).unwrap_err();
        assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(1), "{retry_after:?}");
        assert!(clients.enter(None).is_ok());
    }
}
