//! What the gate's threads do.

use std::sync::Arc;
use std::time::Instant;

use super::{Held, Piece, Shared};

/// Everything but idle work.
pub(super) fn work_until_closed(shared: &Arc<Shared>) {
    while let Some((Piece { cost, bytes, work }, is_counted)) = next_piece(shared) {
        let began = Instant::now();
        let hand_over = work(Held { shared: Arc::clone(shared), bytes });
        let mut queues = shared.queues.lock();
        if is_counted {
            queues.under_way = queues.under_way.saturating_sub(cost);
            queues.pace.learn(cost, began.elapsed());
        }
        queues.running -= 1;
        drop(queues);
        shared.quiet.notify_one();
        // Last, so that who has the result finds its cost paid.
        hand_over();
    }
}

/// Waits for work, and takes its memory; whether it counts as somebody's. `None`: the gate is closed and nothing is left.
fn next_piece(shared: &Shared) -> Option<(Piece, bool)> {
    let mut queues = shared.queues.lock();
    loop {
        if let Some((piece, is_counted)) = queues.next(shared.memory) {
            queues.held += piece.bytes;
            queues.running += 1;
            return Some((piece, is_counted));
        }
        if queues.closed && queues.is_empty() {
            return None;
        }
        shared.wake.wait(&mut queues);
    }
}

/// Idle work on a thread of its own: a piece that runs when a request comes is left behind by the system's scheduler instead of
/// keeping one of the others' threads. What still waits when the gate is closed is dropped.
pub(super) fn idle_until_closed(shared: &Arc<Shared>) {
    lower_priority();
    while let Some(Piece { bytes, work, .. }) = next_idle_piece(shared) {
        let hand_over = work(Held { shared: Arc::clone(shared), bytes });
        hand_over();
    }
}

fn next_idle_piece(shared: &Shared) -> Option<Piece> {
    let mut queues = shared.queues.lock();
    loop {
        if queues.closed {
            return None;
        }
        if let Some(piece) = queues.next_idle() {
            queues.held += piece.bytes;
            return Some(piece);
        }
        shared.quiet.wait(&mut queues);
    }
}

/// Of this thread alone, which only Linux can do.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::debug!(%error, "the idle thread keeps its priority");
    }
}
