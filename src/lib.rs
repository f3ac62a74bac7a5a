//! tintype: one binary in front of an image bucket.
//!
//! It speaks the image URLs that Next.js and Supabase apps already use, makes each variant once, serves it from memory,
//! keeps it on disk or in a bucket, and refreshes it when the original changes.
//!
//! # The walk of a picture
//!
//! `GET /image/photos/cat.jpg?w=640` arrives in [`server::run`], whose connections (each lives on one core) hand it to
//! [`http::Site::handle`], unless the same was answered from memory within the last second: that answer is given again
//! ([`http::Site::recall`]).
//! [`admission::Route`] names the dialect, and [`http::Images::serve`] walks:
//!
//! 1. parse the URL into an [`transform::ImageRequest`] ([`transform::native`], [`transform::supabase`],
//!    [`transform::next`]) and hold it against the bucket's rules ([`admission::Admission::admit`]); 4xx end here;
//! 2. [`deliver::Deliver::deliver`]: is the version record fresh ([`versions::judge`])? else ask the source
//!    ([`source::Source::open`]), once for everyone;
//! 3. [`transform::Transform::resolve`] names the variant; [`cache::Memory`], then [`variants::VariantStore`];
//! 4. else one fill ([`fills::Fills`]) in an owned task: decode once ([`pictures::OpenPicture::decoded`]), resize and
//!    encode ([`imaging`]) behind the gate ([`render::Gate`]), keep it unless a purge came ([`purge::PurgeLog`]);
//!    a placeholder is one more thing to make of that decode ([`imaging::Sample`]);
//! 5. respond: 200, 206, 304 with every header of the contract, or an error in the dialect's envelope
//!    ([`http::Problem`]).
//!
//! What was made in a hurry and is asked for again is made smaller in idle time, and as AVIF ([`refine::Refining`]).
//!
//! Warming ([`warm::Warmer`]) is the same walk begun by the command line or the API instead of a request.
//!
//! In front of a Supabase ([`http::Upstream`]) the source is the upstream's public route, and a reader who needs permission
//! asks the upstream first: what it has just shown that reader ([`deliver::Shown`]) is served by steps 3 to 5.
//!
//! # The walk of an avatar
//!
//! `POST /functions/v1/generate-kinkster-avatar` and `POST /api/kinksters/avatar/generate` are one pipeline with two answers:
//!
//! 1. who asks, may they, is the body right ([`sidecar::studio::Studio::request`]); 4xx end here;
//! 2. [`sidecar::jobs::Jobs::enqueue`] notes a row, within the budget, once for an `Idempotency-Key`;
//! 3. a worker takes it, has it painted ([`sidecar::provider::Provider`]) and keeps the answer before anything else, fetches
//!    the picture under guard, treats it and stores it with the character's columns in one transaction
//!    ([`bucket::Buckets::put_avatar`]): the commit point, after which only warnings follow; in front of a Supabase they are
//!    its own, stored and written in steps that are noted one by one ([`sidecar::home::Home`], [`project::Project`]);
//! 4. the bucket's warm list is filled, then everyone is told ([`sidecar::jobs::Announcer`], [`realtime::Realtime::announce`]),
//!    a Supabase's own topics too ([`sidecar::jobs::Broadcasts`]).
//!
//! Rows that show a provider's temporary URL enter this walk at its third step ([`sidecar::backfill::Backfill`]).
//!
//! # The walk of an event
//!
//! A write of ours commits its row and an event of the outbox together ([`catalog::Catalog::put`]); a change elsewhere comes
//! in as a hint ([`events::hint`]). What follows is done in one order ([`events::Events`]): version record and purge
//! ([`deliver::Deliver::purge`]), then the bucket's warm list ([`deliver::WarmLists`]), then it is announced, to this
//! process ([`events::Bus`]) and to webhooks ([`events::Hook`]).
//!
//! # The walk of what goes by itself
//!
//! Once a day one server of a fleet takes the turn ([`retention::Retention::start`]), plans what of each bucket is beyond
//! the newest pictures of its character, old enough and shown by no row, and removes it in batches that hold all of that
//! again ([`catalog::Catalog::retire`]). Rows and bytes wait to be brought back ([`retention::Retention::restore`]).
//! What a client deletes waits in the same place, for a minute, for whoever deleted it ([`bucket::Buckets::restore`]).
//! In front of a Supabase they are its own: the bytes are fetched and the row is noted before it is asked to remove them
//! ([`project::Project::remove_all`]).
//!
//! # The walk of what sockets hear
//!
//! Whoever sends (a socket, a request, a job) names a [`realtime::topic::Topic`]; [`realtime::rules`] says whether they may,
//! and whom it is for. [`realtime::hub::Hub::publish`] drops what is older than what was told, keeps an avatar's last
//! state for late joiners, and puts the event into the [`realtime::outbox::Outbox`] of every member whom it concerns. Each
//! socket and event stream ([`http::Live`]) empties its own, in the words of its protocol ([`realtime::wire`]).
//!
//! How far jobs are crosses to the other nodes over the same Postgres ([`sidecar::jobs::Fleet`]); what this process was not
//! told of them, whoever joins is told from the catalogue ([`sidecar::jobs::JobStates`]). Nothing else crosses.
//!
//! # The rooms, top to bottom
//!
//! A room imports only from rooms below it.

pub mod cli;

pub mod doctor;

pub mod app;

pub mod server;

pub mod http;

pub mod health;
pub mod telemetry;

pub mod events;
pub mod warm;

pub mod sidecar;

pub mod retention;

pub mod bucket;
pub mod ingest;

pub mod admission;
pub mod deliver;

pub mod clients;
pub mod fills;
pub mod pictures;
pub mod popularity;
pub mod refine;
pub mod render;
pub mod versions;

pub mod cache;
pub mod variants;

pub mod jwks;
pub mod project;

pub mod changes;
pub mod purge;
pub mod source;

pub mod blobs;
pub mod catalog;
pub mod migrate;

pub mod config;

pub mod realtime;

pub mod auth;
pub mod imaging;
pub mod transform;

pub mod error;
pub mod object;
pub mod secret;
