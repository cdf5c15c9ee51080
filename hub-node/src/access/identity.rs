//! Who asks, and the one place that says whether they may.

use actors::retailer::request::Author;
use messages::http::access::Me;
use messages::permission::{Permission, RetailerScope, Role};
use messages::{ErrorCode, Problem, RetailerId, SessionId, Timestamp, UserId};

/// A person who proved themselves with an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub user: UserId,
    pub session: SessionId,
    pub login: String,
    pub name: String,
    pub role: Role,
    pub scope: RetailerScope,
    /// When the access token runs out.
    pub until: Timestamp,
}

impl Caller {
    /// May the caller do this, to this retailer? A retailer outside the scope does not exist for them.
    pub fn require(&self, permission: Permission, retailer: Option<RetailerId>) -> Result<(), Problem> {
        if let Some(id) = retailer
            && !self.scope.admits(id)
        {
            return Err(no_such_retailer());
        }
        if self.role.may(permission) {
            Ok(())
        } else {
            let detail = format!("the role {} may not do this; ask an administrator", self.role.as_str());
            Err(Problem::new(ErrorCode::Forbidden, detail))
        }
    }

    /// For the record of what they change.
    #[must_use]
    pub fn author(&self) -> Author {
        Author { id: self.user, name: self.name.clone() }
    }

    #[must_use]
    pub fn me(&self) -> Me {
        Me {
            id: self.user,
            login: self.login.clone(),
            name: self.name.clone(),
            role: self.role,
            permissions: Permission::ALL.into_iter().filter(|p| self.role.may(*p)).collect(),
            session_id: self.session,
        }
    }
}

/// The same answer for a retailer that is not there and one that the caller must not know of.
#[must_use]
pub fn no_such_retailer() -> Problem {
    Problem::new(ErrorCode::NotFound, "there is no such retailer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, scope: RetailerScope) -> Caller {
        let (user, session) = (UserId::new(), SessionId::new());
        Caller { user, session, login: "lan".into(), name: "Lan".into(), role, scope, until: Timestamp(0) }
    }

    #[test]
    fn rights_are_those_of_the_role_within_the_scope() {
        let [mine, other] = [RetailerId::new(), RetailerId::new()];
        let scope = RetailerScope { allow: Some(vec![mine]), deny: vec![] };
        for role in Role::ALL {
            let caller = caller(role, scope.clone());
            for permission in Permission::ALL {
                let outside = caller.require(permission, Some(other)).unwrap_err();
                assert_eq!(outside.code, ErrorCode::NotFound, "{role:?} {permission:?}");
                for place in [None, Some(mine)] {
                    let answer = caller.require(permission, place).map_err(|p| p.code);
                    let expected = if role.may(permission) { Ok(()) } else { Err(ErrorCode::Forbidden) };
                    assert_eq!(answer, expected, "{role:?} {permission:?}");
                }
            }
        }
    }
}
