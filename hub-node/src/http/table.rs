//! Every route of the hub: method, path, who may, what goes in and out, who does it.
//!
//! The only place that says so: the dispatcher, the OpenAPI page and the tests all read this table.

use messages::edge::{catalogue, enrol, ingest, pulse};
use messages::export::RunStart;
use messages::http::access::{
    LoginRequest, Me, PasswordChange, SessionView, SetupRequest, SetupStatus, TokenGrant, UserSpec, UserView,
};
use messages::http::admin::ActorList;
use messages::http::agents::{AgentView, EnrolGrant, EnrolRequest, EnrolmentToken};
use messages::http::articles::{
    ArticleQuery, ArticleSpec, ArticleView, ImportAnswer, ImportPortion, StockOrderView, StockSpec,
};
use messages::http::cluster::ClusterView;
use messages::http::dead_letters::{LetterEdit, LetterQuery, LetterView};
use messages::http::destinations::DestinationView;
use messages::http::edges::{EdgeSpec, EdgeToken, EdgeView};
use messages::http::figures::{StockLevels, StoreFigures};
use messages::http::jobs::JobView;
use messages::http::paging::ListQuery;
use messages::http::reports::{
    InventoryQuery, ProductQuery, ProductReport, SaleListQuery, SaleView, SalesQuery, SalesReport, StockRow,
};
use messages::http::retailers::{RetailerSpec, RetailerSummary, RetailerView};
use messages::http::runs::{LogQuery, QueueOrder, QueueQuery, RunView};
use messages::http::stores::StoreView;
use messages::live::Totals;
use messages::permission::Permission as P;
use messages::run::{LogLine, Reject};
use messages::schedule::{Preview, PreviewRequest};
use messages::validate::Validate;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::config::{Agents, Destinations, Jobs, Kind, Stores};
use super::health::Health;
use super::route::Route;
use super::runs::RunQuery;
use super::{
    admin, agents, articles, config, dead_letters, edges, figures, health, openapi, reports, retailers, runs,
    schedule, session, setup, users,
};

/// The table.
#[must_use]
pub fn routes() -> Vec<Route> {
    let mut table = public();
    table.extend(own_account());
    table.extend(user_routes());
    table.extend(retailer_routes());
    table.extend(run_routes());
    table.extend(queue_routes());
    table.extend(edge_routes());
    table.extend(article_routes());
    table.extend(report_routes());
    table
}

/// What stands beside the table: answered by filters of their own, and on the OpenAPI page with everything else.
#[must_use]
pub fn routes_elsewhere() -> Vec<Route> {
    vec![
        Route::post(enrol::PATH, P::Public, "swap an enrolment token for a store edge's credential")
            .carries::<enrol::EdgeEnrolRequest>()
            .answers::<enrol::EdgeEnrolGrant>(200)
            .elsewhere(),
        Route::post(
            ingest::PATH,
            P::Public,
            "take in events of a store edge: each once, in the order of its stream; the answer is by event",
        )
        .carries::<ingest::EventBatch>()
        .answers::<ingest::IngestAnswer>(200)
        .of_edge()
        .elsewhere(),
        Route::post(
            catalogue::PATH,
            P::Public,
            "what comes down to a store edge: articles, prices, corrections of stock, from its cursor on",
        )
        .carries::<catalogue::ChangesRequest>()
        .answers::<catalogue::ChangesPage>(200)
        .of_edge()
        .elsewhere(),
        Route::post(pulse::PATH, P::Public, "a store edge is there, and so much waits in it")
            .carries::<pulse::EdgePulse>()
            .answers_with("application/json")
            .of_edge()
            .elsewhere(),
    ]
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
    const AGENT: &str = "/api/v1/retailers/{retailer}/agents/{agent}/enrolment";
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
    ];
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

fn edge_routes() -> Vec<Route> {
    const OFFER: &str = "/api/v1/retailers/{retailer}/edges/{edge}/enrolment";
    const LETTERS: &str = "/api/v1/retailers/{retailer}/dead-letters";
    const LETTER: &str = "/api/v1/retailers/{retailer}/dead-letters/{event}";
    vec![
        Route::get("/api/v1/retailers/{retailer}/edges", P::ConfigRead, "list store edges")
            .query::<edges::EdgeQuery>()
            .answers_page::<EdgeView>()
            .by(edges::list),
        Route::post(
            "/api/v1/retailers/{retailer}/stores/{store}/edges",
            P::AgentEnrol,
            "make a place for a device of the store, and a one-time token with which it enrols",
        )
        .takes::<EdgeSpec>()
        .answers::<EdgeToken>(201)
        .by_body(edges::make),
        Route::post(OFFER, P::AgentEnrol, "make another one-time token")
            .answers::<EdgeToken>(201)
            .by(edges::offer),
        Route::delete(OFFER, P::AgentEnrol, "void the store edge's token and credential").by(edges::revoke),
        Route::delete(
            "/api/v1/retailers/{retailer}/edges/{edge}",
            P::AgentEnrol,
            "delete the place of a store edge that was revoked or never enrolled; its sales stay",
        )
        .by(edges::remove),
        Route::get(LETTERS, P::ConfigRead, "events that were set aside, newest first")
            .query::<LetterQuery>()
            .answers_page::<LetterView>()
            .by(dead_letters::list),
        Route::get(LETTER, P::ConfigRead, "one event that was set aside")
            .answers::<LetterView>(200)
            .guarded()
            .by(dead_letters::get),
        Route::put(LETTER, P::ConfigWrite, "change the data of an event that was set aside")
            .takes::<LetterEdit>()
            .answers::<LetterView>(200)
            .guarded()
            .by_body(dead_letters::edit),
        Route::post(
            "/api/v1/retailers/{retailer}/dead-letters/{event}/retry",
            P::ConfigWrite,
            "apply an event that was set aside; the answer says whether it went through",
        )
        .answers::<LetterView>(200)
        .guarded()
        .by(dead_letters::retry),
        Route::post(
            "/api/v1/retailers/{retailer}/dead-letters/{event}/discard",
            P::ConfigWrite,
            "decide that an event does not count",
        )
        .answers::<LetterView>(200)
        .guarded()
        .by(dead_letters::discard),
    ]
}

fn article_routes() -> Vec<Route> {
    const ALL: &str = "/api/v1/retailers/{retailer}/articles";
    const ONE: &str = "/api/v1/retailers/{retailer}/articles/{sku}";
    const STOCK: &str = "/api/v1/retailers/{retailer}/stores/{store}/stock";
    vec![
        Route::get(ALL, P::RetailerRead, "list articles")
            .query::<ArticleQuery>()
            .answers_page::<ArticleView>()
            .by(articles::list),
        Route::post(ALL, P::ConfigWrite, "make an article; stores get it within seconds")
            .takes::<ArticleSpec>()
            .answers::<ArticleView>(201)
            .by_body(articles::create),
        Route::post(
            "/api/v1/retailers/{retailer}/articles/import",
            P::ConfigWrite,
            "apply what is different of some lines of a file; errors are told by line",
        )
        .takes::<ImportPortion>()
        .answers::<ImportAnswer>(200)
        .by_body(articles::import),
        Route::post(
            "/api/v1/retailers/{retailer}/articles/renew",
            P::ConfigWrite,
            "have every store take the whole catalogue over anew, as after restoring a hub",
        )
        .status(204)
        .by(articles::renew),
        Route::get(ONE, P::RetailerRead, "one article")
            .answers::<ArticleView>(200)
            .guarded()
            .by(articles::get),
        Route::put(ONE, P::ConfigWrite, "change an article; stores get it within seconds")
            .takes::<ArticleSpec>()
            .answers::<ArticleView>(200)
            .guarded()
            .by_body(articles::update),
        Route::delete(ONE, P::ConfigWrite, "withdraw an article: stores do not sell it any more")
            .guarded()
            .by(articles::withdraw),
        Route::get(STOCK, P::RetailerRead, "corrections of a store's stock, the latest first")
            .query::<ListQuery>()
            .answers_page::<StockOrderView>()
            .by(articles::stock_orders),
        Route::post(STOCK, P::ConfigWrite, "put a store's stock right; its device carries it out")
            .takes::<StockSpec>()
            .answers::<StockOrderView>(202)
            .by_body(articles::correct_stock),
    ]
}

fn report_routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/retailers/{retailer}/sales", P::RetailerRead, "sales and refunds, newest first")
            .query::<SaleListQuery>()
            .answers_page::<SaleView>()
            .by(reports::sale_list),
        Route::get(
            "/api/v1/retailers/{retailer}/sales/{transaction}",
            P::RetailerRead,
            "one sale or refund with its lines",
        )
        .answers::<SaleView>(200)
        .by(reports::sale),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/sales",
            P::RetailerRead,
            "sums of sales by day or hour of the store's clock",
        )
        .query::<SalesQuery>()
        .answers::<SalesReport>(200)
        .by(reports::sales),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/products",
            P::RetailerRead,
            "what was sold best or least",
        )
        .query::<ProductQuery>()
        .answers::<ProductReport>(200)
        .by(reports::products),
        Route::get("/api/v1/retailers/{retailer}/reports/inventory", P::RetailerRead, "stock of a store")
            .query::<InventoryQuery>()
            .answers_page::<StockRow>()
            .by(reports::inventory),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/stores",
            P::RetailerRead,
            "how each store does now: its day so far, its devices, what waits",
        )
        .query::<edges::EdgeQuery>()
        .answers_page::<StoreFigures>()
        .by(figures::stores),
        Route::get(
            "/api/v1/retailers/{retailer}/reports/stock",
            P::RetailerRead,
            "how many articles run out in each store",
        )
        .answers_page::<StockLevels>()
        .by(figures::stock),
        Route::get("/v1/reports/sales", P::RetailerRead, "sums of a store's sales, by the store alone")
            .query::<SalesQuery>()
            .answers::<SalesReport>(200)
            .by(reports::sales_by_store),
        Route::get("/v1/reports/inventory", P::RetailerRead, "stock of a store, by the store alone")
            .query::<InventoryQuery>()
            .answers_page::<StockRow>()
            .by(reports::inventory_by_store),
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
            let is_list_of_retailers = matches!(route.path, "/api/v1/retailers" | "/api/v1/dashboard")
                || route.path.starts_with("/v1/reports/");
            let named = route.parameters().next() == Some("retailer");
            assert_eq!(about_retailers && !is_list_of_retailers, named, "{}", route.path);
        }
        assert_eq!(seen.len(), 95);
    }
}
