//! Signing in and out, one's own account, one's own sessions.

use messages::http::access::{LoginRequest, PasswordChange};
use messages::{ErrorCode, Problem};

use super::call::Call;
use super::reply::Reply;
use crate::access::Grant;
use crate::access::session::IDLE;

/// Holds the refresh token. Scripts cannot read it, and it is sent to the two routes that need it and nowhere else.
pub(super) const COOKIE: &str = "gs_refresh";
const COOKIE_PATH: &str = "/api/v1/session";

pub(super) async fn login(call: Call, request: LoginRequest) -> Result<Reply, Problem> {
    let granted = call.state.access.login(&request, &call.client).await?;
    grant(&call, &granted)
}

pub(super) async fn refresh(call: Call) -> Result<Reply, Problem> {
    let cookie = call
        .cookie(COOKIE)
        .ok_or_else(|| Problem::new(ErrorCode::NotAuthenticated, "you are not signed in"))?;
    let granted = call.state.access.refresh(cookie).await?;
    grant(&call, &granted)
}

pub(super) async fn logout(call: Call) -> Result<Reply, Problem> {
    if let Some(cookie) = call.cookie(COOKIE) {
        call.state.access.logout(cookie).await?;
    }
    Ok(Reply::empty().with_cookie(&cookie_line(&call, "", 0)))
}

pub(super) async fn me(call: Call) -> Result<Reply, Problem> {
    Reply::json(&call.caller()?.me())
}

pub(super) async fn change_password(call: Call, change: PasswordChange) -> Result<Reply, Problem> {
    call.state.access.change_password(call.caller()?, &change).await?;
    Ok(Reply::empty())
}

pub(super) async fn sessions(call: Call) -> Result<Reply, Problem> {
    Reply::json(&call.state.access.my_sessions(call.caller()?).await?)
}

pub(super) async fn end_session(call: Call) -> Result<Reply, Problem> {
    call.state.access.end_my_session(call.caller()?, call.id("session")?).await?;
    Ok(Reply::empty())
}

pub(super) async fn end_sessions(call: Call) -> Result<Reply, Problem> {
    call.state.access.end_my_sessions(call.caller()?).await?;
    Ok(Reply::empty())
}

/// The access token in the body, the refresh token in the cookie.
pub(super) fn grant(call: &Call, granted: &Grant) -> Result<Reply, Problem> {
    let reply = Reply::json(&granted.body)?;
    Ok(match &granted.refresh {
        Some(token) => reply.with_cookie(&cookie_line(call, token.expose(), IDLE.as_secs())),
        None => reply,
    })
}

fn cookie_line(call: &Call, value: &str, max_age_s: u64) -> String {
    let secure = if call.state.settings.secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path={COOKIE_PATH}; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}
