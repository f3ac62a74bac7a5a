//! Frames in and out of one websocket.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::session::{Said, Session};
use crate::realtime::outbox::Item;
use crate::realtime::wire::{self, Frame};

/// Longest time for saying goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// The other side is gone.
#[derive(Debug)]
struct Gone;

impl From<axum::Error> for Gone {
    fn from(_: axum::Error) -> Self {
        Self
    }
}

/// Why a conversation ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    /// The client said goodbye.
    Left,
    Shutdown,
    Silence,
    Unreadable,
}

/// Talks with one client until it goes, stays silent for `idle`, does not take what is sent to it, or `closing` is called.
pub(super) async fn run(mut socket: WebSocket, mut session: Session, closing: CancellationToken, idle: Duration) {
    let outbox = Arc::clone(&session.outbox);
    tokio::select! {
        () = outbox.overflowed() => tracing::debug!("a client takes too little of what is sent to it, and is let go"),
        ended = converse(&mut socket, &mut session, closing, idle) => if let Ok(ending) = ended {
            // What is left unread would turn our farewell into a reset: it is read, for a while.
            let _ = timeout(FAREWELL, farewell(&mut socket, ending)).await;
        },
    }
}

/// What happens next to a socket.
enum Step {
    Closing,
    Time,
    Heard(Option<Result<Message, axum::Error>>),
    Waiting(Item),
}

async fn converse(
    socket: &mut WebSocket,
    session: &mut Session,
    closing: CancellationToken,
    idle: Duration,
) -> Result<Ending, Gone> {
    let outbox = Arc::clone(&session.outbox);
    let mut silent_until = Instant::now() + idle;
    loop {
        let check = session.next_check();
        let due = check.map_or(silent_until, |check| check.min(silent_until));
        let step = tokio::select! {
            () = closing.cancelled() => Step::Closing,
            () = sleep_until(due) => Step::Time,
            heard = socket.recv() => Step::Heard(heard),
            item = outbox.next() => Step::Waiting(item),
        };
        match step {
            // No `phx_close` before it: that would end the client's channels for good, while on a connection that
            // closes it comes back and joins them again.
            Step::Closing => return Ok(Ending::Shutdown),
            Step::Time if Instant::now() >= silent_until => return Ok(Ending::Silence),
            Step::Time => {
                let said = session.check().await;
                say(socket, session, said).await?;
            }
            Step::Heard(heard) => {
                silent_until = Instant::now() + idle;
                let heard = heard.ok_or(Gone)??;
                session.show_life();
                let message = match heard {
                    Message::Text(text) => wire::decode_text(session.version, &text),
                    Message::Binary(bytes) => wire::decode_binary(session.version, &bytes),
                    // Answered by the library.
                    Message::Ping(_) | Message::Pong(_) => continue,
                    Message::Close(_) => return Ok(Ending::Left),
                };
                let Ok(message) = message else { return Ok(Ending::Unreadable) };
                let said = session.hear(message).await;
                say(socket, session, said).await?;
            }
            Step::Waiting(item) => {
                let mut waiting = Some(item);
                while let Some(item) = waiting {
                    for frame in session.tell(item) {
                        socket.feed(message(frame)?).await?;
                    }
                    waiting = outbox.take();
                }
                socket.flush().await?;
            }
        }
    }
}

async fn say(socket: &mut WebSocket, session: &Session, said: Said) -> Result<(), Gone> {
    for outbound in &said {
        socket.feed(message(session.frame(outbound))?).await?;
    }
    if !said.is_empty() {
        socket.flush().await?;
    }
    Ok(())
}

fn message(frame: Frame) -> Result<Message, Gone> {
    match frame {
        Frame::Text(text) => Ok(Message::Text(Utf8Bytes::try_from(text).map_err(|_| Gone)?)),
        Frame::Binary(bytes) => Ok(Message::Binary(bytes)),
    }
}

async fn farewell(socket: &mut WebSocket, ending: Ending) -> Result<(), Gone> {
    let word = match ending {
        // The library has the answer ready: it goes out with the next look at the socket.
        Ending::Left => None,
        Ending::Shutdown => Some((close_code::AWAY, "the server is restarting")),
        Ending::Silence => Some((close_code::NORMAL, "nothing was heard for too long")),
        Ending::Unreadable => Some((close_code::PROTOCOL, "a frame could not be read")),
    };
    if let Some((code, reason)) = word {
        socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
    }
    while socket.recv().await.ok_or(Gone).is_ok_and(|heard| heard.is_ok()) {}
    Ok(())
}
