//! Users, for administrators.

use messages::Problem;
use messages::http::access::UserSpec;
use messages::http::paging::ListQuery;

use super::call::Call;
use super::reply::Reply;

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    Reply::json(&call.state.access.users(&call.query::<ListQuery>()?).await?)
}

pub(super) async fn create(call: Call, spec: UserSpec) -> Result<Reply, Problem> {
    let user = call.state.access.create_user(&spec).await?;
    tracing::info!(by = %call.caller()?.user, user = %user.id, role = user.role.as_str(), "a user was made");
    Ok(Reply::json(&user)?.with_rev(user.rev).at(&format!("/api/v1/users/{}", user.id)))
}

pub(super) async fn get(call: Call) -> Result<Reply, Problem> {
    let user = call.state.access.user(call.id("user")?).await?;
    Ok(Reply::json(&user)?.with_rev(user.rev))
}

pub(super) async fn update(call: Call, spec: UserSpec) -> Result<Reply, Problem> {
    let user = call.state.access.update_user(call.id("user")?, call.expected()?, &spec).await?;
    tracing::info!(by = %call.caller()?.user, user = %user.id, role = user.role.as_str(), enabled = user.enabled, "a user was changed");
    Ok(Reply::json(&user)?.with_rev(user.rev))
}

pub(super) async fn delete(call: Call) -> Result<Reply, Problem> {
    let user = call.id("user")?;
    call.state.access.delete_user(user, call.expected()?).await?;
    tracing::info!(by = %call.caller()?.user, %user, "a user was deleted");
    Ok(Reply::empty())
}

pub(super) async fn end_sessions(call: Call) -> Result<Reply, Problem> {
    let user = call.id("user")?;
    call.state.access.end_sessions_of(user).await?;
    tracing::info!(by = %call.caller()?.user, %user, "a user was signed out everywhere");
    Ok(Reply::empty())
}
