//! The addresses of the console.

use messages::{RetailerId, RunId, StoreId};
use yew_router::Routable;

/// One page each.
#[derive(Debug, Clone, PartialEq, Routable)]
pub enum Route {
    #[at("/")]
    Dashboard,
    #[at("/retailers")]
    Retailers,
    #[at("/retailers/:id")]
    Retailer { id: RetailerId },
    #[at("/retailers/:id/:tab")]
    RetailerTab { id: RetailerId, tab: Tab },
    #[at("/retailers/:id/stores/:store")]
    Store { id: RetailerId, store: StoreId },
    #[at("/retailers/:id/runs/:run")]
    Run { id: RetailerId, run: RunId },
    #[at("/users")]
    Users,
    #[at("/actors")]
    Actors,
    #[at("/cluster")]
    Cluster,
    #[at("/account")]
    Account,
    #[not_found]
    #[at("/404")]
    NotFound,
}

/// Tabs of a retailer's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Stores,
    Articles,
    Agents,
    Destinations,
    Jobs,
    Runs,
    Reports,
}

impl Tab {
    pub const ALL: [Self; 8] = [
        Self::Overview,
        Self::Stores,
        Self::Articles,
        Self::Agents,
        Self::Destinations,
        Self::Jobs,
        Self::Runs,
        Self::Reports,
    ];

    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Stores => "stores",
            Self::Articles => "articles",
            Self::Agents => "agents",
            Self::Destinations => "destinations",
            Self::Jobs => "jobs",
            Self::Runs => "runs",
            Self::Reports => "reports",
        }
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Stores => "Stores",
            Self::Articles => "Articles",
            Self::Agents => "Agents",
            Self::Destinations => "Destinations",
            Self::Jobs => "Jobs",
            Self::Runs => "Runs",
            Self::Reports => "Reports",
        }
    }
}

impl std::fmt::Display for Tab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.slug())
    }
}

impl std::str::FromStr for Tab {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|tab| tab.slug() == text).ok_or(())
    }
}

impl Route {
    /// The retailer in whose context the page is.
    #[must_use]
    pub fn retailer(&self) -> Option<RetailerId> {
        match self {
            Self::Retailer { id }
            | Self::RetailerTab { id, .. }
            | Self::Store { id, .. }
            | Self::Run { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The same view of another retailer.
    #[must_use]
    pub fn for_retailer(&self, other: RetailerId) -> Self {
        match self {
            Self::RetailerTab { tab, .. } => Self::RetailerTab { id: other, tab: *tab },
            Self::Store { .. } => Self::RetailerTab { id: other, tab: Tab::Stores },
            Self::Run { .. } => Self::RetailerTab { id: other, tab: Tab::Runs },
            _ => Self::Retailer { id: other },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    #[test]
    fn addresses_and_pages_match_both_ways() {
        let id = ID.parse().unwrap();
        for (path, route) in [
            ("/".to_owned(), Route::Dashboard),
            (format!("/retailers/{ID}"), Route::Retailer { id }),
            (format!("/retailers/{ID}/agents"), Route::RetailerTab { id, tab: Tab::Agents }),
            (format!("/retailers/{ID}/runs/{ID}"), Route::Run { id, run: ID.parse().unwrap() }),
            (format!("/retailers/{ID}/stores/{ID}"), Route::Store { id, store: ID.parse().unwrap() }),
            (format!("/retailers/{ID}/reports"), Route::RetailerTab { id, tab: Tab::Reports }),
        ] {
            assert_eq!(Route::recognize(&path), Some(route.clone()));
            assert_eq!(route.to_path(), path);
        }
        for path in ["/retailers/shop", &format!("/retailers/{ID}/nothing"), "/nowhere"] {
            assert_eq!(Route::recognize(path), Some(Route::NotFound), "{path}");
        }
    }

    #[test]
    fn another_retailer_is_seen_from_the_same_side() {
        let (id, other) = (ID.parse().unwrap(), "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap());
        let agents = Route::RetailerTab { id, tab: Tab::Agents };
        assert_eq!(agents.for_retailer(other), Route::RetailerTab { id: other, tab: Tab::Agents });
        assert_eq!(
            Route::Run { id, run: ID.parse().unwrap() }.for_retailer(other),
            Route::RetailerTab { id: other, tab: Tab::Runs }
        );
        assert_eq!(
            Route::Store { id, store: ID.parse().unwrap() }.for_retailer(other),
            Route::RetailerTab { id: other, tab: Tab::Stores }
        );
        assert_eq!(Route::Dashboard.for_retailer(other), Route::Retailer { id: other });
    }
}
