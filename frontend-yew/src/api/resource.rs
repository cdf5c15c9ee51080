//! What can be made, read, changed and deleted by REST, all in one manner: a collection, a spec, a view with its revision.

use messages::http::access::{UserSpec, UserView};
use messages::http::agents::{AgentSpec, AgentView};
use messages::http::articles::{ArticleSpec, ArticleView};
use messages::http::destinations::{DestinationSpec, DestinationView};
use messages::http::jobs::{JobBody, JobView};
use messages::http::paging::{ListQuery, Page};
use messages::http::retailers::{RetailerSpec, RetailerSummary, RetailerView};
use messages::http::stores::{StoreSpec, StoreView};
use messages::live::Topic;
use messages::{RetailerId, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{Api, Call};
use super::error::ApiError;
use crate::state::query::{encoded, with_query};

/// A kind of document.
pub trait Resource: PartialEq + 'static {
    type Spec: Serialize + DeserializeOwned + Clone + PartialEq + 'static;
    type View: Serialize + DeserializeOwned + Clone + PartialEq + 'static;
    /// As it is called in a sentence.
    const NOUN: &'static str;

    /// Where its documents are; `retailer` is theirs, or nothing for those of nobody.
    fn collection(retailer: Option<RetailerId>) -> String;
    fn id(view: &Self::View) -> String;
    fn rev(view: &Self::View) -> Version;
    fn title(view: &Self::View) -> String;
    fn spec(view: &Self::View) -> Self::Spec;

    /// What shows a change of it.
    fn topic(retailer: Option<RetailerId>) -> Option<Topic> {
        retailer.map(Topic::Retailer)
    }
}

fn inside(retailer: Option<RetailerId>, name: &str) -> String {
    match retailer {
        Some(id) => format!("/retailers/{id}/{name}"),
        None => format!("/{name}"),
    }
}

macro_rules! resource {
    ($kind:ident, $noun:literal, $collection:literal, $spec:ty, $view:ty, $title:expr, $to_spec:expr) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $kind;

        impl Resource for $kind {
            type Spec = $spec;
            type View = $view;
            const NOUN: &'static str = $noun;

            fn collection(retailer: Option<RetailerId>) -> String {
                inside(retailer, $collection)
            }

            fn id(view: &Self::View) -> String {
                view.id.to_string()
            }

            fn rev(view: &Self::View) -> Version {
                view.rev
            }

            fn title(view: &Self::View) -> String {
                let title: fn(&Self::View) -> &String = $title;
                title(view).clone()
            }

            fn spec(view: &Self::View) -> Self::Spec {
                let to_spec: fn(&Self::View) -> Self::Spec = $to_spec;
                to_spec(view)
            }
        }
    };
}

resource!(Retailer, "retailer", "retailers", RetailerSpec, RetailerView, |v| &v.spec.name, |v| v
    .spec
    .clone());
resource!(Store, "store", "stores", StoreSpec, StoreView, |v| &v.spec.name, |v| v.spec.clone());
resource!(Agent, "agent", "agents", AgentSpec, AgentView, |v| &v.spec.name, |v| v.spec.clone());
resource!(Job, "job", "jobs", JobBody, JobView, |v| &v.spec.name, |v| v.spec.clone().into());
resource!(Destination, "destination", "destinations", DestinationSpec, DestinationView, |v| &v.name, |v| {
    DestinationSpec { name: v.name.clone(), config: v.config.clone(), enabled: v.enabled, credentials: None }
});
resource!(User, "user", "users", UserSpec, UserView, |v| &v.name, |v| UserSpec {
    login: v.login.clone(),
    name: v.name.clone(),
    role: v.role,
    scope: v.scope.clone(),
    enabled: v.enabled,
    password: None,
});

/// Known by its number, which may hold anything. What changes shows in the ledger of the stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Article;

impl Resource for Article {
    type Spec = ArticleSpec;
    type View = ArticleView;
    const NOUN: &'static str = "article";

    fn collection(retailer: Option<RetailerId>) -> String {
        inside(retailer, "articles")
    }

    fn id(view: &ArticleView) -> String {
        encoded(&view.spec.sku)
    }

    fn rev(view: &ArticleView) -> Version {
        view.rev
    }

    fn title(view: &ArticleView) -> String {
        view.spec.name.clone()
    }

    fn spec(view: &ArticleView) -> ArticleSpec {
        view.spec.clone()
    }

    fn topic(_: Option<RetailerId>) -> Option<Topic> {
        None
    }
}

impl Api {
    pub async fn list<R: Resource>(
        &self,
        retailer: Option<RetailerId>,
        query: &ListQuery,
    ) -> Result<Page<R::View>, ApiError> {
        self.page(Call::get(listed(&R::collection(retailer), query))).await
    }

    pub async fn read<R: Resource>(
        &self,
        retailer: Option<RetailerId>,
        id: &str,
    ) -> Result<R::View, ApiError> {
        self.fetch(Call::get(format!("{}/{id}", R::collection(retailer)))).await
    }

    /// Deletes what stands at this address, if it still stands at this revision.
    pub async fn remove(&self, path: &str, rev: Version) -> Result<(), ApiError> {
        self.perform(Call::delete(path).if_match(rev)).await
    }

    /// A page of the retailers list, which has rows of its own.
    pub async fn summaries(&self, query: &ListQuery) -> Result<Page<RetailerSummary>, ApiError> {
        self.page(Call::get(listed("/retailers", query))).await
    }
}

/// The address of a page of a list.
#[must_use]
pub fn listed(path: &str, query: &ListQuery) -> String {
    with_query(
        path,
        &[
            ("q", query.q.clone()),
            ("sort", query.sort.clone()),
            ("state", query.state.clone()),
            ("cursor", query.cursor.clone()),
            ("limit", query.limit.map(|n| n.to_string())),
        ],
    )
}
