//! From a signal to one token that everything watches.

use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled by SIGTERM or SIGINT, and by the end of standard input if that is asked for.
#[must_use]
pub fn on_signal(stop_on_stdin_close: bool) -> CancellationToken {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        match signal(kind) {
            Ok(mut signals) => {
                let stop = stop.clone();
                tokio::spawn(async move {
                    signals.recv().await;
                    tracing::info!("asked to stop");
                    stop.cancel();
                });
            }
            Err(error) => tracing::error!(%error, "a signal cannot be listened to"),
        }
    }
    if stop_on_stdin_close {
        let stop = stop.clone();
        tokio::spawn(async move {
            let mut input = tokio::io::stdin();
            let mut ignored = [0; 64];
            while matches!(input.read(&mut ignored).await, Ok(read) if read > 0) {}
            tracing::info!("standard input has ended; stopping");
            stop.cancel();
        });
    }
    stop
}
