#![expect(
    unsafe_code,
    reason = "libdeflate fills memory that is not zeroed before: that would take as long as reading it"
)]
//! libdeflate.

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_crc32, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_result_LIBDEFLATE_SUCCESS as SUCCESS, libdeflate_zlib_decompress,
};

struct Decompressor(*mut libdeflate_decompressor);

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: it was allocated by libdeflate, and nobody else has it. Null is allowed.
        unsafe { libdeflate_free_decompressor(self.0) };
    }
}

/// A zlib stream (RFC 1950) of exactly `length` bytes. `None` if it is anything else, or where there is no memory for it.
pub(super) fn inflate(compressed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut inflated: Vec<u8> = Vec::new();
    inflated.try_reserve_exact(length).ok()?;
    // SAFETY: it asks for nothing.
    let decompressor = Decompressor(unsafe { libdeflate_alloc_decompressor() });
    if decompressor.0.is_null() {
        return None;
    }
    let mut written = 0;
    // SAFETY: it reads the bytes of one slice, and writes at most the `length` bytes that were reserved, how many of them into
    // `written`; the decompressor is no other thread's.
    let result = unsafe {
        libdeflate_zlib_decompress(
            decompressor.0,
            compressed.as_ptr().cast(),
            compressed.len(),
            inflated.as_mut_ptr().cast(),
            length,
            &raw mut written,
        )
    };
    if result != SUCCESS || written != length {
        return None;
    }
    // SAFETY: so many bytes were reserved, and all of them were written.
    unsafe { inflated.set_len(length) };
    Some(inflated)
}

/// The checksum of PNG's chunks (ISO 3309).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    // SAFETY: it reads the bytes of one slice.
    unsafe { libdeflate_crc32(0, bytes.as_ptr().cast(), bytes.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_another_length_is_none() {
        // Three zeros, as zlib writes them.
        let stream = [0x78, 0x9c, 0x63, 0x60, 0x60, 0, 0, 0, 3, 0, 1];
        assert_eq!(inflate(&stream, 3), Some(vec![0; 3]));
        for length in [0, 2, 4, 1 << 20] {
            assert_eq!(inflate(&stream, length), None);
        }
        assert_eq!(inflate(&stream[..9], 3), None);
        assert_eq!(inflate(&stream, usize::MAX), None, "more than there is memory for");
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
    }
}
