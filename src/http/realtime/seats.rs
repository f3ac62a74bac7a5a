//! Places for open sockets and event streams: so many in all, and so many of them for one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clients::Client;

/// The places that are left.
#[derive(Debug)]
pub(super) struct Seats {
    all: usize,
    each: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// No entry for none.
    by_client: HashMap<Client, usize>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    client: Option<Client>,
}

impl Seats {
    /// `each`: those of one address.
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { all, each, taken: Mutex::default() })
    }

    /// Takes a place for a client; `None`: there is none for it. Loopback and trusted proxies, which speak for many, are
    /// counted with all others only.
    pub fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Seat> {
        let client = address.and_then(Client::at);
        let mut taken = self.taken.lock();
        let own = client.map_or(0, |client| taken.by_client.get(&client).copied().unwrap_or_default());
        if taken.all >= self.all || own >= self.each {
            return None;
        }
        taken.all += 1;
        if let Some(client) = client {
            taken.by_client.insert(client, own + 1);
        }
        drop(taken);
        Some(Seat { seats: Arc::clone(self), client })
    }

    pub fn taken(&self) -> usize {
        self.taken.lock().all
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock();
        taken.all -= 1;
        let Some(client) = self.client else { return };
        if let Some(own) = taken.by_client.get_mut(&client) {
            *own -= 1;
            if *own == 0 {
                taken.by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_places_for_others_and_every_place_comes_back() {
        let seats = Seats::new(4, 2);
        let take = |address: &str| seats.take(Some(address.parse().unwrap()));
        let (first, second) = (take("192.0.2.1").unwrap(), take("192.0.2.1").unwrap());
        assert!(take("192.0.2.1").is_none());
        drop(first);
        let first = take("192.0.2.1").unwrap();
        // An IPv6 client is its /64.
        let sixes = [take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap()];
        assert!(take("2001:db8::3").is_none() && take("2001:db8:0:1::1").is_none() && take("127.0.0.1").is_none());
        assert_eq!(seats.taken(), 4);
        drop((first, second, sixes));
        // Those who speak for many.
        let many: Vec<_> = [take("127.0.0.1"), take("::1"), seats.take(None), take("127.0.0.1")].into();
        assert!(many.iter().all(Option::is_some) && seats.take(None).is_none());
        drop(many);
        assert_eq!((seats.taken(), seats.taken.lock().by_client.len()), (0, 0));
    }
}
