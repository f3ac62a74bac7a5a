//! Pixels: probe, decode, orient, colour, resize, encode. No I/O, no clock, no async.
