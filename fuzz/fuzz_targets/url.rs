//! Any path, query and `Accept` in every dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tintype::admission::Route;
use tintype::transform::{Want, native, supabase};

/// The longest side that the Supabase dialect is clamped to.
const SIDE: u32 = 8192;

fuzz_target!(|parts: (&str, &str, Option<&str>)| {
    let (path, query, accept) = parts;
    let request = match Route::of(path) {
        Some(Route::Native(tail)) => native::parse(tail, query, accept).ok(),
        Some(Route::Render(tail)) => supabase::parse_render(tail, query, accept, SIDE).ok(),
        Some(Route::Object(tail)) => supabase::parse_object(tail, query).ok(),
        Some(Route::Next) | None => native::parse(path, query, accept).ok(),
    };
    let Some(request) = request else { return };
    if let Want::Variant { transform, .. } = request.want {
        // The text of a transform is part of a file's name.
        assert!(transform.to_string().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'));
    }
});
