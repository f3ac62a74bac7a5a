//! A path, a query and an `Accept`, a line each, in the dialect that the path says.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tintype::admission::Route;
use tintype::transform::{
    Natural, NextRules, NextSettings, OwnOrigins, RemotePattern, Rendering, Resolved, SourceFormat, Want, native, next,
    supabase,
};

/// The longest side that the Supabase dialect is clamped to.
const SIDE: u32 = 8192;

/// An animation, so that frames are asked for too.
const NATURAL: Natural = Natural { width: 4000, height: 3000, format: SourceFormat::WebP, alpha: true, frames: 3 };

/// Every remote URL is let through.
static RULES: LazyLock<NextRules> = LazyLock::new(|| {
    let anywhere =
        RemotePattern { protocol: None, hostname: "**".to_owned(), port: None, pathname: None, search: None };
    let settings = NextSettings { remote_patterns: vec![anywhere], ..NextSettings::default() };
    NextRules::compile(&settings, OwnOrigins::new(&[], &[])).expect("the rules hold")
});

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let (path, query, accept) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next());
    let request = match Route::of(path) {
        Some(Route::Native(tail)) => native::parse(tail, query, accept).ok(),
        Some(Route::Render(tail)) => supabase::parse_render(tail, query, accept, SIDE).ok(),
        Some(Route::Object(tail)) => supabase::parse_object(tail, query).ok(),
        Some(Route::Next) => next::parse(query, accept, &RULES).ok(),
        None => native::parse(path, query, accept).ok(),
    };
    let Some(request) = request else { return };
    let Want::Variant { transform, format } = request.want else { return };
    let Resolved::Render(rendering) = transform.resolve(&NATURAL, format, request.dialect) else { return };
    // It is the name of a file, and is read again at the next start.
    let name = rendering.to_string();
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'), "{name}");
    assert_eq!(name.parse::<Rendering>(), Ok(rendering), "{name}");
});
