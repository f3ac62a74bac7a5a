#![expect(unsafe_code, reason = "libwebp is bound directly: the safe wrappers pin old copies of it")]

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use libwebp_sys as sys;

use crate::imaging::{Channels, Effort, ImagingError, Raster};
use crate::transform::Size;

fn failed(reason: &str) -> ImagingError {
    ImagingError::internal(format!("WebP: {reason}"))
}

fn config(quality: f32, effort: Effort) -> Result<sys::WebPConfig, ImagingError> {
    let mut config = sys::WebPConfig::new().map_err(|()| failed("the library's version differs"))?;
    config.quality = quality;
    config.method = match effort {
        Effort::Fast => 2,
        Effort::Small => 6,
    };
    config.thread_level = 0;
    // SAFETY: the configuration is only read.
    if unsafe { sys::WebPValidateConfig(&raw const config) } == 0 {
        return Err(failed("the settings are out of bounds"));
    }
    Ok(config)
}

/// A `WebPPicture` that owns its planes.
struct Picture(sys::WebPPicture);

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the picture was initialised by `WebPPicture::new`, and only libwebp put memory in it.
        unsafe { sys::WebPPictureFree(&raw mut self.0) }
    }
}

impl Picture {
    /// Copies the pixels: to ARGB for an animation's frames, which are compared with each other, otherwise to YUV.
    fn import(raster: &Raster, argb: bool) -> Result<Self, ImagingError> {
        let mut picture = Self(sys::WebPPicture::new().map_err(|()| failed("the library's version differs"))?);
        let side = |side: u32| i32::try_from(side).ok().filter(|side| *side <= sys::WEBP_MAX_DIMENSION as i32);
        let (Some(width), Some(height)) = (side(raster.width()), side(raster.height())) else {
            return Err(failed("a side is longer than 16383 pixels"));
        };
        let stride = raster.stride() as i32;
        picture.0.use_argb = argb.into();
        picture.0.width = width;
        picture.0.height = height;
        let (target, pixels) = (&raw mut picture.0, raster.data().as_ptr());
        // SAFETY: a raster holds exactly `height` rows of `stride` bytes, which are read and not kept.
        let imported = unsafe {
            match raster.channels() {
                Channels::Rgb => sys::WebPPictureImportRGB(target, pixels, stride),
                Channels::Rgba => sys::WebPPictureImportRGBA(target, pixels, stride),
            }
        };
        if imported == 0 { Err(failed("out of memory")) } else { Ok(picture) }
    }
}

/// A `WebPMemoryWriter` that owns its bytes.
struct Writer(sys::WebPMemoryWriter);

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: the writer was initialised and only libwebp put memory in it.
        unsafe { sys::WebPMemoryWriterClear(&raw mut self.0) }
    }
}

impl Writer {
    fn new() -> Self {
        Self(sys::WebPMemoryWriter { mem: std::ptr::null_mut(), size: 0, max_size: 0, pad: [0] })
    }

    fn bytes(&self) -> &[u8] {
        if self.0.mem.is_null() {
            return &[];
        }
        // SAFETY: libwebp wrote `size` bytes at `mem`, which live until the writer is cleared.
        unsafe { std::slice::from_raw_parts(self.0.mem, self.0.size) }
    }
}

pub(super) fn encode(raster: &Raster, quality: f32, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let config = config(quality, effort)?;
    let mut picture = Picture::import(raster, false)?;
    let mut writer = Writer::new();
    picture.0.writer = Some(sys::WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut writer.0).cast();
    // SAFETY: the picture is imported; its writer gets the address of a `WebPMemoryWriter` that outlives the call.
    if unsafe { sys::WebPEncode(&raw const config, &raw mut picture.0) } == 0 {
        return Err(failed(&format!("{:?}", picture.0.error_code)));
    }
    Ok(writer.bytes().to_vec())
}

/// An animation that is being written. Owns a `WebPAnimEncoder`.
pub(super) struct Animation {
    encoder: NonNull<sys::WebPAnimEncoder>,
    config: sys::WebPConfig,
    size: Size,
    /// Where the next frame begins, in milliseconds.
    begins: i32,
}

impl Drop for Animation {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `WebPAnimEncoderNewInternal` and is deleted once.
        unsafe { sys::WebPAnimEncoderDelete(self.encoder.as_ptr()) }
    }
}

impl fmt::Debug for Animation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Animation")
            .field("size", &self.size)
            .field("begins", &self.begins)
            .finish_non_exhaustive()
    }
}

/// Owns bytes that libwebp allocated.
struct Data(sys::WebPData);

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: libwebp allocated the bytes, or there are none.
        unsafe { sys::WebPDataClear(&mut self.0) }
    }
}

impl Animation {
    pub(super) fn new(size: Size, loops: u32, quality: f32, effort: Effort) -> Result<Self, ImagingError> {
        let mut options = MaybeUninit::<sys::WebPAnimEncoderOptions>::uninit();
        let version = sys::WEBP_MUX_ABI_VERSION as i32;
        // SAFETY: the function fills the whole structure where it answers other than 0.
        let mut options = unsafe {
            if sys::WebPAnimEncoderOptionsInitInternal(options.as_mut_ptr(), version) == 0 {
                return Err(failed("the library's version differs"));
            }
            options.assume_init()
        };
        options.anim_params.loop_count = loops.min(u16::MAX.into()) as i32;
        // White and transparent; browsers ignore it.
        options.anim_params.bgcolor = 0x00ff_ffff;
        let (width, height) = (size.width as i32, size.height as i32);
        let config = config(quality, effort)?;
        // SAFETY: the options are only read.
        let encoder = unsafe { sys::WebPAnimEncoderNewInternal(width, height, &raw const options, version) };
        let encoder = NonNull::new(encoder).ok_or_else(|| failed("the canvas is out of bounds"))?;
        Ok(Self { encoder, config, size, begins: 0 })
    }

    /// Adds a frame that is shown for `delay` milliseconds.
    pub(super) fn add(&mut self, raster: &Raster, delay: u32) -> Result<(), ImagingError> {
        if raster.size() != self.size {
            return Err(failed("the frames differ in size"));
        }
        let mut picture = Picture::import(raster, true)?;
        // SAFETY: the picture is imported and of the canvas' size; the encoder copies from it.
        unsafe { self.add_at_its_time(&raw mut picture.0)? };
        self.begins = self.begins.saturating_add(delay.min(MAX_DELAY) as i32);
        Ok(())
    }

    /// # Safety
    /// `frame` is null, which ends the animation, or an imported picture of its size.
    unsafe fn add_at_its_time(&mut self, frame: *mut sys::WebPPicture) -> Result<(), ImagingError> {
        // SAFETY: the encoder lives, and the caller says what the frame is.
        let added =
            unsafe { sys::WebPAnimEncoderAdd(self.encoder.as_ptr(), frame, self.begins, &raw const self.config) };
        if added == 0 { Err(failed("a frame was refused")) } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, ImagingError> {
        // SAFETY: null ends the animation.
        unsafe { self.add_at_its_time(std::ptr::null_mut())? };
        let mut data = Data(sys::WebPData::default());
        // SAFETY: the encoder lives and `data` is writable.
        let assembled = unsafe { sys::WebPAnimEncoderAssemble(self.encoder.as_ptr(), &raw mut data.0) };
        if assembled == 0 || data.0.bytes.is_null() {
            return Err(failed("the animation could not be assembled"));
        }
        // SAFETY: libwebp allocated `size` bytes, which live until `data` is dropped.
        Ok(unsafe { std::slice::from_raw_parts(data.0.bytes, data.0.size) }.to_vec())
    }
}

/// The longest delay that the format holds: 24 bits of milliseconds.
const MAX_DELAY: u32 = (1 << 24) - 1;
