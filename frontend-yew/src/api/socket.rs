//! One WebSocket with its listeners. Closes when dropped.

use gloo_events::EventListener;
use messages::agent::Frame;
use messages::live::FromConsole;
use wasm_bindgen::JsCast;
use web_sys::{MessageEvent, WebSocket};
use yew::Callback;

use super::browser;

/// What a socket tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketEvent {
    Opened,
    Text(String),
    Closed,
}

pub struct Socket {
    socket: WebSocket,
    _listeners: [EventListener; 3],
}

impl Socket {
    /// Nothing comes back where the browser refuses the address.
    #[must_use]
    pub fn open(path: &str, told: Callback<SocketEvent>) -> Option<Self> {
        let socket = WebSocket::new(&browser::socket_url(path)?).ok()?;
        let (on_open, on_text, on_close) = (told.clone(), told.clone(), told);
        let listeners = [
            EventListener::new(&socket, "open", move |_| on_open.emit(SocketEvent::Opened)),
            EventListener::new(&socket, "message", move |event| {
                if let Some(text) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string())
                {
                    on_text.emit(SocketEvent::Text(text));
                }
            }),
            EventListener::new(&socket, "close", move |_| on_close.emit(SocketEvent::Closed)),
        ];
        Some(Self { socket, _listeners: listeners })
    }

    pub fn send(&self, frame: FromConsole) {
        if self.socket.ready_state() == WebSocket::OPEN
            && let Ok(frame) = serde_json::to_value(Frame::new(frame))
        {
            // A socket that fails here tells so by closing.
            self.socket.send_with_str(&frame.to_string()).ok();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.close().ok();
    }
}
