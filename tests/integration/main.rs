//! Tests against real sockets: one binary, one module a subject.

mod access;
mod cache;
mod dialects;
mod edge;
mod fixtures;
mod origin_faults;
mod pictures;
mod process;
mod responses;
mod support;
mod warm;
