//! The statements, once for both databases: their texts are the same, and so are the types of the columns.

pub(in crate::catalog) mod audit;
pub(in crate::catalog) mod bytes;
pub(in crate::catalog) mod elsewhere;
pub(in crate::catalog) mod removals;
pub(in crate::catalog) mod restoring;
pub(in crate::catalog) mod turns;

/// Writes the operations of retention for one database, a module for each of the rooms here.
///
/// `$database` is the name of ours and of sqlx's. Ours has `begin` and `begin_read`; beside it are `take` and `give_back`,
/// which move a row of `objects` with its event, `happened`, which notes an event alone, `look`, `settle` and
/// `references`, which read what points at objects, `stale` and `forgotten`.
macro_rules! cleanup_store {
    ($database:ident) => {
        mod audit {
            crate::catalog::cleanup::store::audit::audit!($database);
        }
        mod bytes {
            crate::catalog::cleanup::store::bytes::bytes!($database);
        }
        mod elsewhere {
            crate::catalog::cleanup::store::elsewhere::elsewhere!($database);
        }
        mod removals {
            crate::catalog::cleanup::store::removals::removals!($database);
        }
        mod restoring {
            crate::catalog::cleanup::store::restoring::restoring!($database);
        }
        mod turns {
            crate::catalog::cleanup::store::turns::turns!($database);
        }
    };
}

pub(in crate::catalog) use cleanup_store;
