//! Topics over real sockets: both protocols, broadcasts over HTTP, Server-Sent Events, and their limits.

mod avatars;
mod broadcasts;
pub mod client;
mod crowd;
mod limits;
mod nodes;
mod sockets;
mod streams;
mod tokens;
