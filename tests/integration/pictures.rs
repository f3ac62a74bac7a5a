//! What comes out looks like what went in: every kind of source, every kind of result, by SSIMULACRA2 and by colour.

use fast_ssim2::{PixelDescriptor, PixelSlice};
use tintype::imaging::Raster;

use crate::support::{Setup, fixture, fixtures, pixels};

/// The four corners of the card that every file in `formats/` shows (`fixtures/README.md`).
const CORNERS: [(u32, u32, [u8; 3]); 4] =
    [(16, 16, [220, 40, 40]), (224, 16, [40, 180, 60]), (16, 144, [40, 80, 220]), (224, 144, [240, 220, 40])];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_source_shows_the_card_upright_in_its_true_colours() {
    let folder = fixtures().join("formats");
    let server = Setup::new().bucket("formats", folder.to_str().unwrap()).start().await;
    for (names, tolerance) in [
        ("truecolour.png interlaced.png truecolour-16-bit.png lossless.webp icc-swapped.png", 3),
        (
            "baseline.jpg progressive.jpg restart-markers.jpg rgb-components.jpg subsampling-422.jpg subsampling-444.jpg",
            24,
        ),
        ("cmyk.jpg ycck.jpg icc-display-p3.jpg icc-swapped.jpg icc-swapped.webp lossy.webp", 40),
        ("palette.png interlaced-palette.png still.gif animated.gif animated.png animated.webp", 40),
        ("orientation-1.jpg orientation-2.jpg orientation-3.jpg orientation-4.jpg orientation-5.jpg", 24),
        ("still.avif subsampling-444.avif ten-bit.avif orientation-6.avif animated.avif", 24),
        ("orientation-6.jpg orientation-7.jpg orientation-8.jpg orientation-6.png orientation-6.webp", 40),
    ] {
        for name in names.split(' ') {
            let answer = server.get(&format!("/image/formats/{name}?w=240&f=png&frame=0")).await.expect(200);
            let raster = pixels(&answer.body);
            assert_eq!((raster.width(), raster.height()), (240, 160), "{name}");
            for (x, y, colour) in CORNERS {
                let found = pixel(&raster, x, y);
                let off = found.iter().zip(colour).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                assert!(off <= tolerance, "{name} at {x},{y}: {found:?}, not {colour:?}");
            }
        }
    }
}

fn pixel(raster: &Raster, x: u32, y: u32) -> [u8; 3] {
    let channels = raster.data().len() / (raster.width() * raster.height()) as usize;
    let at = (y * raster.width() + x) as usize * channels;
    [raster.data()[at], raster.data()[at + 1], raster.data()[at + 2]]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_metadata_comes_out_in_any_format() {
    let folder = fixtures().join("formats");
    let server = Setup::new().bucket("formats", folder.to_str().unwrap()).start().await;
    for name in [
        "orientation-6.jpg",
        "orientation-6.png",
        "orientation-6.webp",
        "orientation-6.avif",
        "icc-swapped.jpg",
        "animated-metadata.webp",
    ] {
        for format in ["webp", "jpeg", "png"] {
            let answer = server.get(&format!("/image/formats/{name}?w=120&f={format}")).await.expect(200);
            for word in ["Exif", "EXIF", "XMP ", "ICC_PROFILE", "ICCP", "iCCP", "eXIf", "where I live"] {
                let found = answer.body.windows(word.len()).any(|window| window == word.as_bytes());
                assert!(!found, "{name} as {format} still has {word}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn animations_keep_their_frames_as_animated_webp_or_give_their_first() {
    let folder = fixtures().join("formats");
    let server = Setup::new().bucket("formats", folder.to_str().unwrap()).start().await;
    for name in ["animated.gif", "animated.png", "animated.webp"] {
        let moving = server.get_webp(&format!("/image/formats/{name}?w=120")).await.expect(200);
        let natural = tintype::imaging::probe(&moving.body).unwrap().natural;
        assert_eq!((natural.width, natural.height, natural.frames), (120, 80, 8), "{name}");
        assert_eq!(moving.header("content-type"), "image/webp");
        let still = server.get_webp(&format!("/image/formats/{name}?w=120&frame=0")).await.expect(200);
        assert_eq!(tintype::imaging::probe(&still.body).unwrap().natural.frames, 1, "{name}");
        let jpeg = server.get(&format!("/image/formats/{name}?w=120&f=jpeg")).await.expect(200);
        assert_eq!(jpeg.header("content-type"), "image/jpeg");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn boxes_crop_contain_and_stretch_as_named() {
    let server = Setup::new().photos().start().await;
    for (query, size) in [
        ("w=100&h=100", (100, 100)),
        ("w=100&h=100&fit=contain", (100, 67)),
        ("w=100&h=100&fit=inside", (100, 67)),
        ("w=100&h=100&fit=fill", (100, 100)),
        ("w=100&h=100&fit=outside", (150, 100)),
        ("w=100&h=100&g=north", (100, 100)),
        ("w=100&h=100&g=smart", (100, 100)),
        ("w=100&h=100&g=fp:0.1,0.9", (100, 100)),
        ("w=100&dpr=1.5", (150, 100)),
        ("w=1000&h=50", (600, 50)),
    ] {
        let answer = server.get(&format!("/image/photos/coffee-cup.png?{query}")).await.expect(200);
        assert_eq!(answer.size(), size, "{query}");
    }
}

/// The references in `golden/` were made by another implementation: float Lanczos3 in linear light (`fixtures/make.py`).
#[tokio::test(flavor = "multi_thread")]
async fn results_look_like_the_golden_pictures() {
    let server = Setup::new().photos().start().await;
    for (object, golden, query) in [
        ("coffee-cup.png", "coffee-cup-256.png", "w=256"),
        ("chelsea-the-cat.png", "chelsea-the-cat-200.png", "w=200"),
        ("grace-hopper.jpg", "grace-hopper-192.png", "w=192"),
        ("hubble-deep-field.jpg", "hubble-deep-field-320.png", "w=320"),
        ("avatar-fox.png", "avatar-fox-256.png", "w=256"),
        ("lake-at-dusk.webp", "lake-at-dusk-320.png", "w=320"),
    ] {
        let reference = pixels(&fixture(&format!("golden/{golden}")));
        for (format, at_least) in [("png", 90.0), ("webp&q=75", 60.0), ("jpeg&q=85", 60.0)] {
            let answer = server.get(&format!("/image/photos/{object}?{query}&f={format}")).await.expect(200);
            let score = ssimulacra2(&reference, &pixels(&answer.body));
            assert!(score >= at_least, "{object} {format}: {score:.1}, wanted {at_least}");
        }
    }
}

fn ssimulacra2(reference: &Raster, result: &Raster) -> f64 {
    let (reference, result) = (rgb(reference), rgb(result));
    fast_ssim2::compute_ssimulacra2(&view(&reference), &view(&result)).unwrap()
}

/// Pixels without alpha, and their width × height.
fn rgb(raster: &Raster) -> (Vec<u8>, u32, u32) {
    let channels = raster.data().len() / (raster.width() * raster.height()) as usize;
    let data = raster.data().chunks_exact(channels).flat_map(|pixel| pixel[..3].to_vec()).collect();
    (data, raster.width(), raster.height())
}

fn view((data, width, height): &(Vec<u8>, u32, u32)) -> PixelSlice<'_> {
    PixelSlice::new(data, *width, *height, *width as usize * 3, PixelDescriptor::RGB8_SRGB).unwrap()
}
