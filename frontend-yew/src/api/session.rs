//! Setup, login, one's own account, and the news of it between tabs.

use gloo_events::EventListener;
use messages::http::access::{
    LoginRequest, PasswordChange, SessionView, SetupRequest, SetupStatus, TokenGrant,
};
use messages::http::paging::Page;
use messages::{SessionId, UserId};
use web_sys::BroadcastChannel;
use yew::Callback;

use super::client::{Api, Call};
use super::error::ApiError;

const CHANNEL: &str = "grocerysync-session";

impl Api {
    pub async fn setup_status(&self) -> Result<SetupStatus, ApiError> {
        self.fetch(Call::get("/setup").unsigned()).await
    }

    pub async fn set_up(&self, request: &SetupRequest) -> Result<(), ApiError> {
        let grant: TokenGrant = self.fetch(Call::post("/setup").json(request).unsigned()).await?;
        self.adopt(grant);
        Ok(())
    }

    pub async fn log_in(&self, request: &LoginRequest) -> Result<(), ApiError> {
        let grant: TokenGrant = self.fetch(Call::post("/login").json(request).unsigned()).await?;
        self.adopt(grant);
        Ok(())
    }

    /// Ends this session, here and in the other tabs. Without the hub the page forgets all the same.
    pub async fn log_out(&self) -> Result<(), ApiError> {
        let result = self.perform(Call::post("/session/logout").unsigned()).await;
        tell_other_tabs();
        self.forget();
        result
    }

    /// Ends all sessions of this person.
    pub async fn log_out_everywhere(&self) -> Result<(), ApiError> {
        self.perform(Call::delete("/me/sessions")).await?;
        tell_other_tabs();
        self.forget();
        Ok(())
    }

    pub async fn change_password(&self, change: &PasswordChange) -> Result<(), ApiError> {
        self.perform(Call::post("/me/password").json(change)).await
    }

    pub async fn my_sessions(&self) -> Result<Page<SessionView>, ApiError> {
        self.page(Call::get("/me/sessions")).await
    }

    pub async fn end_session(&self, session: SessionId) -> Result<(), ApiError> {
        self.perform(Call::delete(format!("/me/sessions/{session}"))).await
    }

    pub async fn end_sessions_of(&self, user: UserId) -> Result<(), ApiError> {
        self.perform(Call::delete(format!("/users/{user}/sessions"))).await
    }
}

fn tell_other_tabs() {
    if let Ok(channel) = BroadcastChannel::new(CHANNEL) {
        // Unheard news costs the other tab one refused request.
        channel.post_message(&"signed-out".into()).ok();
        channel.close();
    }
}

/// Calls back when another tab signs out. Listens until dropped.
pub struct OtherTabs {
    channel: BroadcastChannel,
    _listener: EventListener,
}

impl OtherTabs {
    #[must_use]
    pub fn listen(signed_out: Callback<()>) -> Option<Self> {
        let channel = BroadcastChannel::new(CHANNEL).ok()?;
        let listener = EventListener::new(&channel, "message", move |_| signed_out.emit(()));
        Some(Self { channel, _listener: listener })
    }
}

impl Drop for OtherTabs {
    fn drop(&mut self) {
        self.channel.close();
    }
}
