//! Roles and what they may do. The hub's route table names one permission for each route and live topic;
//! the console hides what the signed-in role may not do.

use serde::{Deserialize, Serialize};

/// What a person is to the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the system itself.
    Admin,
    /// Looks after retailers.
    Technician,
    /// Looks at the stores of their own retailer.
    Manager,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Admin, Self::Technician, Self::Manager];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Technician => "technician",
            Self::Manager => "manager",
        }
    }
}

/// One thing that can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Needs no login: health, login itself, the OpenAPI page.
    Public,
    /// One's own account and sessions.
    OwnAccount,
    /// Names and state of the retailers in one's scope.
    RetailerRead,
    /// Create, change, disable and delete retailers and stores.
    RetailerWrite,
    /// See agents, destinations, jobs.
    ConfigRead,
    /// Create, change, disable and delete agents, destinations, jobs.
    ConfigWrite,
    /// See runs, their logs and rejected items.
    RunRead,
    /// Start and cancel runs.
    RunControl,
    /// Enrol, rotate and revoke agents.
    AgentEnrol,
    /// Create and change users, end their sessions.
    UserAdmin,
    /// Look into the running system: actors, cluster.
    SystemRead,
    /// Act on the running system: drain a node.
    SystemWrite,
}

impl Permission {
    pub const ALL: [Self; 12] = [
        Self::Public,
        Self::OwnAccount,
        Self::RetailerRead,
        Self::RetailerWrite,
        Self::ConfigRead,
        Self::ConfigWrite,
        Self::RunRead,
        Self::RunControl,
        Self::AgentEnrol,
        Self::UserAdmin,
        Self::SystemRead,
        Self::SystemWrite,
    ];
}

impl Role {
    /// The one table of rights.
    #[must_use]
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::Public | P::OwnAccount | P::RetailerRead | P::RunRead => true,
            P::ConfigRead | P::ConfigWrite | P::RunControl | P::AgentEnrol | P::RetailerWrite => {
                matches!(self, Self::Admin | Self::Technician)
            }
            P::UserAdmin | P::SystemRead | P::SystemWrite => matches!(self, Self::Admin),
        }
    }
}

/// Which retailers a person may reach: those allowed, less those denied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetailerScope {
    /// Absent: every retailer. An empty list: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<crate::RetailerId>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<crate::RetailerId>,
}

impl RetailerScope {
    /// A denial wins over an allowance.
    #[must_use]
    pub fn admits(&self, retailer: crate::RetailerId) -> bool {
        !self.deny.contains(&retailer) && self.allow.as_ref().is_none_or(|list| list.contains(&retailer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RetailerId;

    #[test]
    fn a_denial_wins_and_an_empty_list_admits_nobody() {
        let [a, b] = [1_u128, 2].map(|n| RetailerId::from_uuid(uuid::Uuid::from_u128(n)));
        let everything = RetailerScope::default();
        assert!(everything.admits(a));
        let all_but_b = RetailerScope { allow: None, deny: vec![b] };
        assert!(all_but_b.admits(a) && !all_but_b.admits(b));
        let contradiction = RetailerScope { allow: Some(vec![a, b]), deny: vec![b] };
        assert!(contradiction.admits(a) && !contradiction.admits(b));
        assert!(!RetailerScope { allow: Some(vec![]), deny: vec![] }.admits(a));
    }

    #[test]
    fn rights_grow_with_the_role() {
        for permission in Permission::ALL {
            let rights = Role::ALL.map(|role| role.may(permission));
            assert!(rights[0], "an administrator may {permission:?}");
            assert!(rights[1] || !rights[2], "a technician may what a manager may: {permission:?}");
        }
    }
}
