#![expect(unsafe_code, reason = "rav1d is bound by its C interface: the safe one panics at reserved colour numbers")]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use re_rav1d::include::dav1d::data::Dav1dData;
use re_rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dSettings};
use re_rav1d::include::dav1d::headers as sys;
use re_rav1d::include::dav1d::picture::Dav1dPicture;
use re_rav1d::src::lib as dav1d;

use super::Coding;

/// How many samples of chroma there are to those of luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sampling {
    /// No chroma.
    Gray,
    /// 4:2:0
    Quarter,
    /// 4:2:2
    Half,
    /// 4:4:4
    Full,
}

/// A decoded frame. Samples of more than 8 bits take two bytes, in the machine's order.
pub(super) struct Frame {
    picture: Picture,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Bits of a sample: 8, 10 or 12.
    pub(super) depth: u32,
    pub(super) sampling: Sampling,
    pub(super) coding: Coding,
}

/// The first frame that `stream` shows. `None` where the stream is broken, or its frame larger than `pixel_limit`.
pub(super) fn decode(stream: &[u8], pixel_limit: u32) -> Option<Frame> {
    let mut decoder = Decoder::new(pixel_limit)?;
    let mut data = Data::copied(stream)?;
    decoder.send(&mut data)?;
    Frame::new(decoder.picture()?)
}

impl Frame {
    /// Checks the picture's geometry once, for all rows.
    fn new(picture: Picture) -> Option<Self> {
        let parameters = &picture.0.p;
        let (width, height) = (usize::try_from(parameters.w).ok()?, usize::try_from(parameters.h).ok()?);
        let depth = u32::try_from(parameters.bpc).ok().filter(|depth| matches!(depth, 8 | 10 | 12))?;
        let sampling = match parameters.layout {
            sys::DAV1D_PIXEL_LAYOUT_I400 => Sampling::Gray,
            sys::DAV1D_PIXEL_LAYOUT_I420 => Sampling::Quarter,
            sys::DAV1D_PIXEL_LAYOUT_I422 => Sampling::Half,
            sys::DAV1D_PIXEL_LAYOUT_I444 => Sampling::Full,
            _ => return None,
        };
        let header = picture.0.seq_hdr?;
        // SAFETY: the picture holds a reference to its sequence header, which nothing writes to any more.
        let header = unsafe { header.as_ref() };
        let coding = Coding {
            primaries: header.pri as u16,
            transfer: header.trc as u16,
            matrix: header.mtrx as u16,
            full_range: header.color_range != 0,
        };
        let frame = Self { picture, width, height, depth, sampling, coding };
        let planes = if sampling == Sampling::Gray { 0..1 } else { 0..3 };
        let whole = planes.into_iter().all(|plane| {
            let stride = usize::try_from(frame.picture.0.stride[plane.min(1)]);
            frame.picture.0.data[plane].is_some() && stride.is_ok_and(|stride| stride >= frame.row_length(plane))
        });
        (whole && width > 0 && height > 0).then_some(frame)
    }

    /// Samples across and down of a plane: 0 is luma.
    pub(super) fn plane_size(&self, plane: usize) -> (usize, usize) {
        match (plane, self.sampling) {
            (0, _) | (_, Sampling::Full) => (self.width, self.height),
            (_, Sampling::Half) => (self.width.div_ceil(2), self.height),
            (_, Sampling::Quarter) => (self.width.div_ceil(2), self.height.div_ceil(2)),
            (_, Sampling::Gray) => (0, 0),
        }
    }

    /// In bytes.
    fn row_length(&self, plane: usize) -> usize {
        self.plane_size(plane).0 * if self.depth > 8 { 2 } else { 1 }
    }

    /// A row of samples; empty where there is none.
    pub(super) fn row(&self, plane: usize, y: usize) -> &[u8] {
        let (across, down) = self.plane_size(plane);
        let Some(start) = self.picture.0.data.get(plane).copied().flatten() else { return &[] };
        if y >= down || across == 0 {
            return &[];
        }
        let offset = y * self.picture.0.stride[plane.min(1)] as usize;
        // SAFETY: the plane has at least `down` rows of its stride, which `new` found to be no shorter than a row, and `y` is
        // less than `down`. The picture is whole, nothing writes to it any more, and it outlives the slice.
        unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<u8>().add(offset), self.row_length(plane)) }
    }
}

/// Owns a reference to a decoded picture.
struct Picture(Dav1dPicture);

impl Drop for Picture {
    fn drop(&mut self) {
        release(&mut self.0);
    }
}

/// Lets go of all that the picture refers to. The library's own release leaves an empty list of messages in its place,
/// 48 bytes of every picture that nobody else frees.
fn release(picture: &mut Dav1dPicture) {
    // SAFETY: the picture came from `dav1d_get_picture`, and what it refers to is taken out.
    unsafe { dav1d::dav1d_picture_unref(Some(NonNull::from(&mut *picture))) }
    // SAFETY: the list was made by the call above, and its only reference is taken out.
    drop(picture.itut_t35_ref.take().map(|messages| unsafe { messages.into_arc() }));
    picture.itut_t35 = None;
}

/// Owns bytes that the decoder reads.
struct Data(Dav1dData);

impl Data {
    fn copied(stream: &[u8]) -> Option<Self> {
        let mut data = Self(Dav1dData::default());
        if stream.is_empty() {
            return None;
        }
        // SAFETY: the structure is writable and empty; it is filled with a buffer of the length.
        let buffer = unsafe { dav1d::dav1d_data_create(Some(NonNull::from(&mut data.0)), stream.len()) };
        let buffer = NonNull::new(buffer)?;
        // SAFETY: the buffer is new, of the stream's length, and nobody else's yet.
        unsafe { buffer.as_ptr().copy_from_nonoverlapping(stream.as_ptr(), stream.len()) };
        Some(data)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: the structure is empty or holds a reference of its own.
        unsafe { dav1d::dav1d_data_unref(Some(NonNull::from(&mut self.0))) }
    }
}

struct Decoder(Option<Dav1dContext>);

impl Decoder {
    fn new(pixel_limit: u32) -> Option<Self> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the function fills the whole structure.
        let mut settings = unsafe {
            dav1d::dav1d_default_settings(NonNull::new(settings.as_mut_ptr())?);
            settings.assume_init()
        };
        settings.n_threads = 1;
        settings.max_frame_delay = 1;
        settings.all_layers = 0;
        // 0 would be no limit.
        settings.frame_size_limit = pixel_limit.max(1);
        // SAFETY: without a callback there is nothing to call.
        settings.logger = unsafe { re_rav1d::include::dav1d::dav1d::Dav1dLogger::new(None, None) };
        let mut decoder = Self(None);
        // SAFETY: both structures live, the first is written to and the second only read.
        let opened =
            unsafe { dav1d::dav1d_open(Some(NonNull::from(&mut decoder.0)), Some(NonNull::from(&mut settings))) };
        (opened.0 == 0 && decoder.0.is_some()).then_some(decoder)
    }

    fn send(&mut self, data: &mut Data) -> Option<()> {
        // SAFETY: the decoder is open; the structure holds a buffer, which the decoder takes a reference to.
        let sent = unsafe { dav1d::dav1d_send_data(self.0, Some(NonNull::from(&mut data.0))) };
        (sent.0 == 0).then_some(())
    }

    fn picture(&mut self) -> Option<Picture> {
        let mut picture = Dav1dPicture::default();
        // SAFETY: the decoder is open and the structure writable; it holds no reference beforehand, nor after a failure.
        let got = unsafe { dav1d::dav1d_get_picture(self.0, Some(NonNull::from(&mut picture))) };
        (got.0 == 0).then(|| Picture(picture))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context is closed once. Pictures and data hold references of their own.
        unsafe { dav1d::dav1d_close(Some(NonNull::from(&mut self.0))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_picture_refers_to_nothing() {
        let file = include_bytes!("../../../../fixtures/formats/still.avif");
        let mut decoder = Decoder::new(1_000_000).unwrap();
        // The stream begins with a temporal delimiter (an OBU of no bytes) or a sequence header.
        let start = file.windows(4).position(|bytes| bytes == b"mdat").unwrap() + 4;
        decoder.send(&mut Data::copied(&file[start..]).unwrap()).unwrap();
        let mut picture = decoder.picture().unwrap();
        release(&mut picture.0);
        assert!(picture.0.itut_t35_ref.is_none() && picture.0.itut_t35.is_none());
        assert!(picture.0.r#ref.is_none() && picture.0.data.iter().all(Option::is_none));
    }
}
