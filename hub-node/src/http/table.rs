//! Every route of the hub: method, path, who may, what goes in and out, who does it.
//!
//! The only place that says so: the dispatcher, the OpenAPI page and the tests all read this table.

mod stores;

use messages::export::RunStart;
use messages::http::access::{
    LoginRequest, Me, PasswordChange, SessionView, SetupRequest, SetupStatus, TokenGrant, UserSpec, UserView,
};
use messages::http::admin::ActorList;
use messages::http::agents::{AgentView, EnrolGrant, EnrolRequest, EnrolmentToken};
use messages::http::cluster::ClusterView;
use messages::http::configuration::{Configuration, ImportQuery, ImportReport};
use messages::http::destinations::DestinationView;
use messages::http::jobs::JobView;
use messages::http::paging::ListQuery;
use messages::http::retailers::{RetailerSpec, RetailerSummary, RetailerView};
use messages::http::runs::{LogQuery, QueueOrder, QueueQuery, RunView};
use messages::http::stores::StoreView;
use messages::inspect::{Finding, InspectRequest};
use messages::live::Totals;
use messages::permission::Permission as P;
use messages::run::{LogLine, Reject};
use messages::schedule::{Preview, PreviewRequest};
use messages::validate::Validate;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

pub use self::stores::routes_elsewhere;
use super::config::{Agents, Destinations, Jobs, Kind, Stores};
use super::health::Health;
use super::route::Route;
use super::runs::RunQuery;
use super::{
    admin, agents, config, configuration, health, openapi, retailers, runs, schedule, session, setup, users,
};

/// The table.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut table = public();
    table.extend(own_account());
    table.extend(user_routes());
    table.extend(retailer_routes());
    table.extend(file_routes());
    table.extend(run_routes());
    table.extend(queue_routes());
    table.extend(stores::edge_routes());
    table.extend(stores::article_routes());
    table.extend(stores::report_routes());
    table.extend(stores::dashboard_routes());
    table
}

fn public() -> Vec<Route> {
    vec![
        Route::get("/health/live", P::Public, "the process is alive").answers::<Health>(200).by(health::live),
        Route::get("/health/ready", P::Public, "the hub can serve requests")
            .answers::<Health>(200)
            .by(health::ready),
        Route::get("/api/v1/openapi.json", P::Public, "this page")
            .answers_with("application/json")
            .by(openapi::page),
        Route::get("/api/v1/setup", P::Public, "whether the first administrator is still to be made")
            .answers::<SetupStatus>(200)
            .by(setup::status),
        Route::post("/api/v1/setup", P::Public, "make the first administrator")
            .takes::<SetupRequest>()
            .answers::<TokenGrant>(201)
            .cookie()
            .by_body(setup::set_up),
        Route::post("/api/v1/login", P::Public, "sign in")
            .takes::<LoginRequest>()
            .answers::<TokenGrant>(200)
            .cookie()
            .by_body(session::login),
        Route::post("/api/v1/session/refresh", P::Public, "swap the refresh cookie for a new access token")
            .answers::<TokenGrant>(200)
            .cookie()
            .by(session::refresh),
        Route::post("/api/v1/session/logout", P::Public, "end the session of the refresh cookie")
            .status(204)
            .cookie()
            .by(session::logout),
        Route::post("/api/v1/enrol", P::Public, "swap an enrolment token for an agent's credential")
            .takes::<EnrolRequest>()
            .answers::<EnrolGrant>(200)
            .by_body(agents::enrol),
    ]
}

fn own_account() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/schedule/preview",
            P::OwnAccount,
            "the next times of a schedule that is not saved yet",
        )
        .takes::<PreviewRequest>()
        .answers::<Preview>(200)
        .by_body(schedule::next_times),
        Route::get("/api/v1/me", P::OwnAccount, "who is signed in").answers::<Me>(200).by(session::me),
        Route::post("/api/v1/me/password", P::OwnAccount, "change one's password; ends all other sessions")
            .takes::<PasswordChange>()
            .status(204)
            .by_body(session::change_password),
        Route::get("/api/v1/me/sessions", P::OwnAccount, "one's sessions")
            .answers_page::<SessionView>()
            .by(session::sessions),
        Route::delete("/api/v1/me/sessions", P::OwnAccount, "sign out everywhere").by(session::end_sessions),
        Route::delete("/api/v1/me/sessions/{session}", P::OwnAccount, "end one of one's sessions")
            .by(session::end_session),
    ]
}

fn user_routes() -> Vec<Route> {
    const ALL: &str = "/api/v1/users";
    const ONE: &str = "/api/v1/users/{user}";
    vec![
        Route::get(ALL, P::UserAdmin, "list users")
            .query::<ListQuery>()
            .answers_page::<UserView>()
            .by(users::list),
        Route::post(ALL, P::UserAdmin, "make a user")
            .takes::<UserSpec>()
            .answers::<UserView>(201)
            .by_body(users::create),
        Route::get(ONE, P::UserAdmin, "one user").answers::<UserView>(200).guarded().by(users::get),
        Route::put(ONE, P::UserAdmin, "change a user")
            .takes::<UserSpec>()
            .answers::<UserView>(200)
            .guarded()
            .by_body(users::update),
        Route::delete(ONE, P::UserAdmin, "delete a user").guarded().by(users::delete),
        Route::delete("/api/v1/users/{user}/sessions", P::UserAdmin, "sign a user out everywhere")
            .by(users::end_sessions),
        Route::get("/api/v1/admin/actors", P::SystemRead, "the actors that run now")
            .answers::<ActorList>(200)
            .by(admin::actors),
        Route::get("/api/v1/admin/cluster", P::SystemRead, "nodes, shards, links, and what moved")
            .answers::<ClusterView>(200)
            .by(admin::cluster),
        Route::post(
            "/api/v1/admin/cluster/nodes/{node}/drain",
            P::SystemWrite,
            "have a node hand its shards over",
        )
        .by(admin::drain),
    ]
}

fn retailer_routes() -> Vec<Route> {
    const ALL: &str = "/api/v1/retailers";
    const ONE: &str = "/api/v1/retailers/{retailer}";
    let mut table = vec![
        Route::get(ALL, P::RetailerRead, "list retailers, and how they do")
            .query::<ListQuery>()
            .answers_page::<RetailerSummary>()
            .by(retailers::list),
        Route::get("/api/v1/dashboard", P::RetailerRead, "totals over the retailers in one's scope")
            .answers::<Totals>(200)
            .by(retailers::totals),
        Route::post(ALL, P::RetailerWrite, "make a retailer")
            .takes::<RetailerSpec>()
            .answers::<RetailerView>(201)
            .repeatable()
            .by_body(retailers::create),
        Route::get(ONE, P::RetailerRead, "one retailer")
            .answers::<RetailerView>(200)
            .guarded()
            .by(retailers::get),
        Route::put(ONE, P::RetailerWrite, "change a retailer")
            .takes::<RetailerSpec>()
            .answers::<RetailerView>(200)
            .guarded()
            .by_body(retailers::update),
        Route::delete(ONE, P::RetailerWrite, "delete a retailer and all it has")
            .guarded()
            .by(retailers::delete),
    ];
    table.extend(agent_routes());
    table.extend(kind::<Stores, StoreView>(
        ["/api/v1/retailers/{retailer}/stores", "/api/v1/retailers/{retailer}/stores/{store}"],
        [P::RetailerRead, P::RetailerWrite],
        ["list stores", "make a store", "one store", "change a store", "delete a store"],
    ));
    table.extend(kind::<Agents, AgentView>(
        ["/api/v1/retailers/{retailer}/agents", "/api/v1/retailers/{retailer}/agents/{agent}"],
        [P::ConfigRead, P::ConfigWrite],
        ["list agents", "make an agent", "one agent", "change an agent", "delete an agent"],
    ));
    table.extend(kind::<Destinations, DestinationView>(
        [
            "/api/v1/retailers/{retailer}/destinations",
            "/api/v1/retailers/{retailer}/destinations/{destination}",
        ],
        [P::ConfigRead, P::ConfigWrite],
        [
            "list destinations",
            "make a destination",
            "one destination",
            "change a destination",
            "delete a destination",
        ],
    ));
    table.extend(kind::<Jobs, JobView>(
        ["/api/v1/retailers/{retailer}/jobs", "/api/v1/retailers/{retailer}/jobs/{job}"],
        [P::ConfigRead, P::ConfigWrite],
        ["list jobs", "make a job", "one job", "change a job", "delete a job"],
    ));
    table
}

/// What is configured, as a file.
fn file_routes() -> Vec<Route> {
    const FILE: &str = "/api/v1/retailers/{retailer}/configuration";
    vec![
        Route::get(FILE, P::ConfigRead, "what is configured, as a file without secrets")
            .answers::<Configuration>(200)
            .by(configuration::export),
        Route::post(FILE, P::RetailerWrite, "add to the retailer what a file has and it has not")
            .takes::<Configuration>()
            .query::<ImportQuery>()
            .answers::<ImportReport>(200)
            .by_body(configuration::import),
        Route::post("/api/v1/configurations", P::RetailerWrite, "make a retailer of a file")
            .takes::<Configuration>()
            .answers::<ImportReport>(201)
            .repeatable()
            .by_body(configuration::create),
    ]
}

/// What is done with an agent beyond its settings.
fn agent_routes() -> Vec<Route> {
    const AGENT: &str = "/api/v1/retailers/{retailer}/agents/{agent}/enrolment";
    vec![
        Route::post(AGENT, P::AgentEnrol, "make a one-time token with which the agent enrols")
            .answers::<EnrolmentToken>(201)
            .by(agents::offer),
        Route::delete(AGENT, P::AgentEnrol, "void the agent's token and credential").by(agents::revoke),
        Route::post(
            "/api/v1/retailers/{retailer}/agents/{agent}/rotation",
            P::AgentEnrol,
            "give the agent a new credential",
        )
        .status(202)
        .by(agents::rotate),
        Route::post(
            "/api/v1/retailers/{retailer}/agents/{agent}/inspect",
            P::ConfigWrite,
            "have the agent look at a source or a destination",
        )
        .takes::<InspectRequest>()
        .answers::<Finding>(200)
        .by_body(agents::inspect),
    ]
}

/// The five routes of something that a retailer has.
fn kind<K: Kind, V: ToSchema>(
    [all, one]: [&'static str; 2],
    [read, write]: [P; 2],
    [list, make, get, change, delete]: [&'static str; 5],
) -> Vec<Route>
where
    K::Spec: DeserializeOwned + Validate + ToSchema,
{
    vec![
        Route::get(all, read, list).query::<ListQuery>().answers_page::<V>().by(config::list::<K>),
        Route::post(all, write, make)
            .takes::<K::Spec>()
            .answers::<V>(201)
            .repeatable()
            .by_body(config::create::<K>),
        Route::get(one, read, get).answers::<V>(200).guarded().by(config::get::<K>),
        Route::put(one, write, change)
            .takes::<K::Spec>()
            .answers::<V>(200)
            .guarded()
            .by_body(config::update::<K>),
        Route::delete(one, write, delete).guarded().by(config::delete::<K>),
    ]
}

/// Schedules that stand still, and what waits.
fn queue_routes() -> Vec<Route> {
    const QUEUE: &str = "/api/v1/retailers/{retailer}/queue";
    vec![
        Route::post(
            "/api/v1/retailers/{retailer}/jobs/{job}/pause",
            P::RunControl,
            "have a schedule stand still",
        )
        .answers::<JobView>(200)
        .by(schedule::pause),
        Route::post(
            "/api/v1/retailers/{retailer}/jobs/{job}/resume",
            P::RunControl,
            "have a paused schedule go on, its failures forgotten",
        )
        .answers::<JobView>(200)
        .by(schedule::resume),
        Route::get(QUEUE, P::RunRead, "runs that wait, in the order in which they go out")
            .query::<QueueQuery>()
            .answers_page::<RunView>()
            .by(schedule::queue),
        Route::put(QUEUE, P::RunControl, "have waiting runs go first, in this order")
            .takes::<QueueOrder>()
            .status(204)
            .by_body(schedule::reorder),
        Route::delete(QUEUE, P::RunControl, "cancel the runs that wait")
            .query::<QueueQuery>()
            .by(schedule::purge),
    ]
}

fn run_routes() -> Vec<Route> {
    const ALL: &str = "/api/v1/retailers/{retailer}/runs";
    const ONE: &str = "/api/v1/retailers/{retailer}/runs/{run}";
    vec![
        Route::post("/api/v1/retailers/{retailer}/jobs/{job}/runs", P::RunControl, "start a run of a job")
            .may_take::<RunStart>()
            .answers::<RunView>(201)
            .repeatable()
            .by_body(runs::start),
        Route::post(
            "/api/v1/retailers/{retailer}/runs/{run}/approval",
            P::RunControl,
            "start a run that may do the harm for which the guard stopped this one",
        )
        .answers::<RunView>(201)
        .by(runs::approve),
        Route::post(
            "/api/v1/retailers/{retailer}/runs/{run}/refusal",
            P::RunControl,
            "record that a run that the guard stopped shall not be done",
        )
        .answers::<RunView>(200)
        .by(runs::refuse),
        Route::get(ALL, P::RunRead, "list runs, newest first")
            .query::<RunQuery>()
            .answers_page::<RunView>()
            .by(runs::list),
        Route::get(ONE, P::RunRead, "one run").answers::<RunView>(200).by(runs::get),
        Route::post("/api/v1/retailers/{retailer}/runs/{run}/cancel", P::RunControl, "ask a run to stop")
            .answers::<RunView>(202)
            .by(runs::cancel),
        Route::get(
            "/api/v1/retailers/{retailer}/runs/{run}/log",
            P::RunRead,
            "log of a run, oldest line first",
        )
        .query::<LogQuery>()
        .answers_page::<LogLine>()
        .by(runs::log),
        Route::get("/api/v1/retailers/{retailer}/runs/{run}/rejects", P::RunRead, "rejected items of a run")
            .query::<ListQuery>()
            .answers_page::<Reject>()
            .by(runs::rejects),
        Route::get(
            "/api/v1/retailers/{retailer}/runs/{run}/rejects.csv",
            P::RunRead,
            "rejected items as a file",
        )
        .answers_with("text/csv")
        .by(runs::rejects_csv),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_route_stands_twice_and_each_tenant_route_names_its_retailer() {
        let mut seen = HashSet::new();
        for route in routes() {
            assert!(seen.insert((route.method.clone(), route.path)), "{} {}", route.method, route.path);
            let about_retailers = !matches!(
                route.permission,
                P::Public | P::OwnAccount | P::UserAdmin | P::SystemRead | P::SystemWrite
            );
            // About many of them, or about one that is not there yet.
            let about_no_single_one = matches!(
                route.path,
                "/api/v1/retailers"
                    | "/api/v1/configurations"
                    | "/api/v1/dashboard"
                    | "/api/v1/dashboard/stores"
            ) || route.path.starts_with("/v1/reports/");
            let named = route.parameters().next() == Some("retailer");
            assert_eq!(about_retailers && !about_no_single_one, named, "{}", route.path);
        }
        assert_eq!(seen.len(), 100);
    }
}
