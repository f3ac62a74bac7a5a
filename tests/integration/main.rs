//! Tests against real sockets: one binary, one module a subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod access;
mod admin;
mod auth;
mod avatar_functions;
mod avatar_prompts;
mod avatar_urls;
mod avatars;
mod avatars_crash;
mod avatars_fleet;
mod backfill;
mod cache;
mod command_line;
mod dialects;
mod docs;
mod doctor;
mod edge;
mod events;
mod fixtures;
mod health;
mod hits;
mod migrate;
mod object_stores;
mod observability;
mod openapi;
mod origin_faults;
mod pictures;
mod placeholders;
mod process;
mod provider;
mod provider_clients;
mod purge;
mod readme;
mod realtime;
mod receiver;
mod refine;
mod responses;
mod retention;
mod storage;
mod storage_crash;
mod store_url;
mod support;
mod tus;
mod upstream;
mod warm;
