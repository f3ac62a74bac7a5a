#![expect(unsafe_code, reason = "libwebp is bound directly: the safe wrappers pin old copies of it")]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use libwebp_sys as sys;

use crate::imaging::{Animation, Channels, Effort, ImagingError, Raster};

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

/// Owns a `WebPAnimEncoder`.
struct AnimationEncoder(NonNull<sys::WebPAnimEncoder>);

impl Drop for AnimationEncoder {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `WebPAnimEncoderNewInternal` and is deleted once.
        unsafe { sys::WebPAnimEncoderDelete(self.0.as_ptr()) }
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

impl AnimationEncoder {
    fn new(animation: &Animation) -> Result<Self, ImagingError> {
        let first = &animation.frames()[0].raster;
        let mut options = MaybeUninit::<sys::WebPAnimEncoderOptions>::uninit();
        let version = sys::WEBP_MUX_ABI_VERSION as i32;
        // SAFETY: the function fills the whole structure where it answers other than 0.
        let mut options = unsafe {
            if sys::WebPAnimEncoderOptionsInitInternal(options.as_mut_ptr(), version) == 0 {
                return Err(failed("the library's version differs"));
            }
            options.assume_init()
        };
        options.anim_params.loop_count = animation.loops().min(u16::MAX.into()) as i32;
        // White and transparent; browsers ignore it.
        options.anim_params.bgcolor = 0x00ff_ffff;
        let (width, height) = (first.width() as i32, first.height() as i32);
        // SAFETY: the options are only read.
        let encoder = unsafe { sys::WebPAnimEncoderNewInternal(width, height, &raw const options, version) };
        NonNull::new(encoder).map(Self).ok_or_else(|| failed("the canvas is out of bounds"))
    }

    /// Adds a frame that begins at `begins` milliseconds; `None` ends the animation there.
    fn add(&mut self, raster: Option<&Raster>, begins: i32, config: &sys::WebPConfig) -> Result<(), ImagingError> {
        let mut picture = raster.map(|raster| Picture::import(raster, true)).transpose()?;
        let frame = picture.as_mut().map_or(std::ptr::null_mut(), |picture| &raw mut picture.0);
        // SAFETY: the encoder lives; the frame is null, which ends it, or an imported picture that it copies from.
        let added = unsafe { sys::WebPAnimEncoderAdd(self.0.as_ptr(), frame, begins, std::ptr::from_ref(config)) };
        if added == 0 { Err(failed("a frame was refused")) } else { Ok(()) }
    }

    fn assemble(self) -> Result<Vec<u8>, ImagingError> {
        let mut data = Data(sys::WebPData::default());
        // SAFETY: the encoder lives and `data` is writable.
        let assembled = unsafe { sys::WebPAnimEncoderAssemble(self.0.as_ptr(), &raw mut data.0) };
        if assembled == 0 || data.0.bytes.is_null() {
            return Err(failed("the animation could not be assembled"));
        }
        // SAFETY: libwebp allocated `size` bytes, which live until `data` is dropped.
        Ok(unsafe { std::slice::from_raw_parts(data.0.bytes, data.0.size) }.to_vec())
    }
}

pub(super) fn encode_animation(animation: &Animation, quality: f32, effort: Effort) -> Result<Vec<u8>, ImagingError> {
    let config = config(quality, effort)?;
    let mut encoder = AnimationEncoder::new(animation)?;
    let mut begins = 0_i32;
    for frame in animation.frames() {
        encoder.add(Some(&frame.raster), begins, &config)?;
        begins = begins.saturating_add(frame.delay.min(MAX_DELAY) as i32);
    }
    encoder.add(None, begins, &config)?;
    encoder.assemble()
}

/// The longest delay that the format holds: 24 bits of milliseconds.
const MAX_DELAY: u32 = (1 << 24) - 1;
