//! The statements, once for both databases: their texts are the same, and so are the types of the columns.

pub(in crate::catalog) mod budget;
pub(in crate::catalog) mod ends;
pub(in crate::catalog) mod kinksters;
pub(in crate::catalog) mod leases;
pub(in crate::catalog) mod listing;
pub(in crate::catalog) mod queue;
pub(in crate::catalog) mod steps;

/// Writes the operations on jobs and kinksters for one database, a module for each of the rooms here.
///
/// `$database` is the name of ours and of sqlx's. Ours has `begin` and `begin_read`, `begin_alone` (nobody else decides
/// what there is room for) and `write_object`; `$lock` is what a claim adds to its SELECT.
macro_rules! job_store {
    ($database:ident, $lock:literal) => {
        mod budget {
            crate::catalog::jobs::store::budget::budget!($database);
        }
        mod ends {
            crate::catalog::jobs::store::ends::ends!($database);
        }
        mod kinksters {
            crate::catalog::jobs::store::kinksters::kinksters!($database);
        }
        mod leases {
            crate::catalog::jobs::store::leases::leases!($database, $lock);
        }
        mod listing {
            crate::catalog::jobs::store::listing::listing!($database);
        }
        mod queue {
            crate::catalog::jobs::store::queue::queue!($database);
        }
        mod steps {
            crate::catalog::jobs::store::steps::steps!($database);
        }
    };
}

pub(in crate::catalog) use job_store;
