#![expect(unsafe_code, reason = "libwebp is bound directly: the safe wrappers pin old copies of it")]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use libwebp_sys as sys;

use crate::transform::{Size, SourceFormat};

use super::{Decoded, Layout, Take, buffer};
use crate::imaging::probe::webp::profile;
use crate::imaging::{ImagingError, Probe, Shrink};

fn corrupt(reason: impl Into<std::borrow::Cow<'static, str>>) -> ImagingError {
    ImagingError::corrupt(SourceFormat::WebP, reason)
}

pub(super) fn decode(bytes: &[u8], probe: &Probe, shrink: Shrink) -> Result<Decoded, ImagingError> {
    let layout = if probe.natural.alpha { Layout::Rgba } else { Layout::Rgb };
    let size = shrink.size(probe.stored);
    let mut data = buffer(size, layout)?;
    decode_into(bytes, probe.stored, size, layout, &mut data)?;
    Ok(Decoded { size, ..Decoded::still(probe, layout, data, profile(bytes)) })
}

/// Decodes a picture of `stored` pixels to `size`, which is the same or smaller.
fn decode_into(bytes: &[u8], stored: Size, size: Size, layout: Layout, data: &mut [u8]) -> Result<(), ImagingError> {
    let mut config = sys::WebPDecoderConfig::new().map_err(|()| ImagingError::internal("libwebp's version differs"))?;
    // SAFETY: `bytes` is readable for its length, `config.input` writable; neither is kept.
    let status = unsafe { sys::WebPGetFeatures(bytes.as_ptr(), bytes.len(), &raw mut config.input) };
    let found = (config.input.width, config.input.height);
    if status != sys::VP8StatusCode::VP8_STATUS_OK || found != (stored.width as i32, stored.height as i32) {
        return Err(corrupt(format!("the frame header makes no sense ({status:?})")));
    }
    let stride = size.width as usize * layout.channels();
    if data.len() != stride * size.height as usize {
        return Err(ImagingError::internal("a buffer does not match its picture"));
    }
    if size != stored {
        config.options.use_scaling = 1;
        config.options.scaled_width = size.width as i32;
        config.options.scaled_height = size.height as i32;
    }
    config.output.colorspace =
        if layout == Layout::Rgba { sys::WEBP_CSP_MODE::MODE_RGBA } else { sys::WEBP_CSP_MODE::MODE_RGB };
    config.output.is_external_memory = 1;
    config.output.u.RGBA = sys::WebPRGBABuffer { rgba: data.as_mut_ptr(), stride: stride as i32, size: data.len() };
    // SAFETY: `bytes` is readable for its length. The output buffer is external, `size` bytes of `stride` rows as checked
    // above, and outlives the call; libwebp checks both against the picture's own or its scaled size before it writes.
    let status = unsafe { sys::WebPDecode(bytes.as_ptr(), bytes.len(), &raw mut config) };
    // SAFETY: the buffer was initialised by `WebPDecoderConfig::new`; external memory is left alone.
    unsafe { sys::WebPFreeDecBuffer(&raw mut config.output) };
    match status {
        sys::VP8StatusCode::VP8_STATUS_OK => Ok(()),
        status => Err(corrupt(format!("{status:?}"))),
    }
}

/// Owns a `WebPAnimDecoder`, which reads from the borrowed bytes as long as it lives.
struct AnimationDecoder<'a> {
    decoder: NonNull<sys::WebPAnimDecoder>,
    bytes: PhantomData<&'a [u8]>,
}

impl Drop for AnimationDecoder<'_> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `WebPAnimDecoderNew` and is deleted once.
        unsafe { sys::WebPAnimDecoderDelete(self.decoder.as_ptr()) }
    }
}

impl<'a> AnimationDecoder<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, ImagingError> {
        let mut options = MaybeUninit::<sys::WebPAnimDecoderOptions>::uninit();
        // SAFETY: the function fills the whole structure where it answers other than 0.
        let mut options = unsafe {
            if sys::WebPAnimDecoderOptionsInit(options.as_mut_ptr()) == 0 {
                return Err(ImagingError::internal("libwebp's version differs"));
            }
            options.assume_init()
        };
        options.color_mode = sys::WEBP_CSP_MODE::MODE_RGBA;
        options.use_threads = 0;
        let data = sys::WebPData { bytes: bytes.as_ptr(), size: bytes.len() };
        // SAFETY: both structures are only read during the call; the bytes stay borrowed by `'a`.
        let decoder = unsafe { sys::WebPAnimDecoderNew(&raw const data, &raw const options) };
        let decoder = NonNull::new(decoder).ok_or_else(|| corrupt("the animation is cut off"))?;
        Ok(Self { decoder, bytes: PhantomData })
    }

    /// Width, height and number of frames.
    fn info(&self) -> Result<(u32, u32, u32), ImagingError> {
        let mut info = sys::WebPAnimInfo::default();
        // SAFETY: the decoder lives and `info` is writable.
        if unsafe { sys::WebPAnimDecoderGetInfo(self.decoder.as_ptr(), &raw mut info) } == 0 {
            return Err(corrupt("the animation has no header"));
        }
        Ok((info.canvas_width, info.canvas_height, info.frame_count))
    }

    /// The next canvas and the time at which it ends, in milliseconds. `length` is the canvas in bytes, as `info` says it.
    fn next(&mut self, length: usize) -> Result<(Vec<u8>, i32), ImagingError> {
        let (mut canvas, mut ends) = (std::ptr::null_mut(), 0);
        // SAFETY: the decoder lives and both targets are writable.
        let found = unsafe { sys::WebPAnimDecoderGetNext(self.decoder.as_ptr(), &raw mut canvas, &raw mut ends) };
        if found == 0 || canvas.is_null() {
            return Err(corrupt("a frame is broken or missing"));
        }
        // SAFETY: the decoder's canvas is width × height × 4 bytes and stays valid until the next call on it.
        Ok((unsafe { std::slice::from_raw_parts(canvas, length) }.to_vec(), ends))
    }
}

pub(super) fn decode_animation(bytes: &[u8], probe: &Probe, wanted: u32, take: Take<'_>) -> Result<(), ImagingError> {
    let Size { width, height } = probe.stored;
    let mut decoder = AnimationDecoder::new(bytes)?;
    if decoder.info()? != (width, height, probe.natural.frames) {
        return Err(corrupt("frames are missing"));
    }
    let length = width as usize * height as usize * 4;
    let mut begins = 0;
    for _ in 0..wanted {
        let (canvas, ends) = decoder.next(length)?;
        take(Decoded::composed(probe, canvas, profile(bytes)), ends.saturating_sub(begins).max(0) as u32)?;
        begins = ends;
    }
    Ok(())
}
