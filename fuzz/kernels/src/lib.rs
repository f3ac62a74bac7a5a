//! What does arithmetic by hand on vector registers, and its tests, without the libraries that Miri cannot run.
#![allow(dead_code)]

#[path = "../../../src/imaging"]
mod imaging {
    mod srgb;

    mod resize {
        mod kernel;
        mod taps;
    }

    #[path = "decode/png/unfilter.rs"]
    mod unfilter;
}
