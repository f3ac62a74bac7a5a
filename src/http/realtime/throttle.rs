//! How many events come in over HTTP, and the headers that say so.

use std::num::NonZeroU32;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use serde_json::json;

use crate::auth::Caller;

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

/// One limit for the service role and one for everyone else, so that strangers cannot take the service's.
pub(super) struct Throttle {
    per_second: NonZeroU32,
    service: Limiter,
    others: Limiter,
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Throttle").field("per_second", &self.per_second).finish_non_exhaustive()
    }
}

/// Too many events came.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooMany {
    message: &'static str,
    limit: u32,
    /// Seconds; `None` where waiting does not help.
    retry_after: Option<u64>,
}

/// What is left after a request was let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remaining {
    limit: u32,
    left: u32,
}

impl Throttle {
    pub fn new(per_second: NonZeroU32) -> Self {
        let limiter = || RateLimiter::direct(Quota::per_second(per_second)).with_middleware();
        Self { per_second, service: limiter(), others: limiter() }
    }

    /// Lets so many events of the caller through, or answers 429.
    pub fn pass(&self, caller: &Caller, events: NonZeroU32) -> Result<Remaining, TooMany> {
        let limiter = if caller.is_service() { &self.service } else { &self.others };
        let limit = self.per_second.get();
        match limiter.check_n(events) {
            Ok(Ok(snapshot)) => Ok(Remaining { limit, left: snapshot.remaining_burst_capacity() }),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(DefaultClock::default().now()).as_secs_f64().ceil().max(1.0);
                let message = "You have exceeded your rate limit";
                Err(TooMany { message, limit, retry_after: Some(wait as u64) })
            }
            Err(_) => {
                let message = "Too many messages to broadcast, please reduce the batch size";
                Err(TooMany { message, limit, retry_after: None })
            }
        }
    }
}

impl IntoResponse for TooMany {
    fn into_response(self) -> Response {
        let body = axum::Json(json!({"message": self.message}));
        let mut response = (StatusCode::TOO_MANY_REQUESTS, body).into_response();
        Remaining { limit: self.limit, left: 0 }.write(response.headers_mut());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Remaining {
    pub fn write(self, headers: &mut HeaderMap) {
        let Self { limit, left } = self;
        let left = left.min(limit);
        headers.insert("x-rate-rolling", HeaderValue::from(limit - left));
        headers.insert("x-rate-limit", HeaderValue::from(limit));
        headers.insert("x-rate-limit-remaining", HeaderValue::from(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_use_up_only_their_own_share() {
        let count = |events| NonZeroU32::new(events).unwrap();
        let throttle = Throttle::new(count(10));
        let anon = Caller::anon();
        let left = throttle.pass(&anon, count(4)).unwrap();
        assert_eq!((left.limit, left.left), (10, 6));
        throttle.pass(&anon, count(6)).unwrap();
        let refused = throttle.pass(&anon, count(1)).unwrap_err().into_response();
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()["x-rate-limit-remaining"], "0");
        assert!(refused.headers().contains_key("retry-after"));
        assert!(throttle.pass(&anon, count(11)).is_err());
        throttle.pass(&Caller::service(), count(10)).unwrap();
    }
}
