//! The tables that say how a URL of another service is written here, row by row through the parsers.

use tintype::transform::{
    Blur, Fit, FormatRequest, Gravity, ImageRequest, NextRules, NextSettings, OwnOrigins, Quality, Rgb, Target,
    Transform, Want, native, next, supabase,
};

use super::{Page, pages};

/// Two texts of a row, without their backticks.
type Row = (String, String);

/// The rows of all tables with these two headings.
fn rows(left: &str) -> Vec<Row> {
    let heading = format!("| {left} | tintype |");
    let cell = |text: &str| text.trim().trim_matches('`').to_owned();
    let pages = pages();
    let tables = pages.iter().flat_map(|page: &Page| page.text.split(&heading).skip(1));
    let lines = tables.flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')));
    lines
        .map(|line| {
            let (left, right) = line.trim_matches('|').split_once(" | ").unwrap();
            (cell(left), cell(right))
        })
        .collect()
}

fn next_rules() -> NextRules {
    NextRules::compile(&NextSettings::default(), OwnOrigins::default()).unwrap()
}

/// A URL in any dialect of ours.
fn parsed(url: &str) -> ImageRequest {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let wrong = |error: &dyn std::fmt::Display| -> ! { panic!("{url}: {error}") };
    if let Some(path) = path.strip_prefix("/image/") {
        return native::parse(path, query, None).unwrap_or_else(|error| wrong(&error));
    }
    if let Some(path) = path.strip_prefix("/storage/v1/render/image/public/") {
        return supabase::parse_render(path, query, None, 8192).unwrap_or_else(|error| wrong(&error));
    }
    if let Some(path) = path.strip_prefix("/storage/v1/object/public/") {
        return supabase::parse_object(path, query).unwrap_or_else(|error| wrong(&error));
    }
    assert!(matches!(path, "/_next/image" | "/_vercel/image"), "{url} is no URL of ours");
    next::parse(query, None, &next_rules()).unwrap_or_else(|error| wrong(&error))
}

fn transform(request: &ImageRequest) -> Option<(Transform, FormatRequest)> {
    match request.want {
        Want::Variant { transform, format } => Some((transform, format)),
        _ => None,
    }
}

fn assert_same(left: &ImageRequest, right: &ImageRequest, row: &Row) {
    let object = |request: &ImageRequest| match &request.target {
        Target::Object { bucket, key } => format!("{bucket}/{key}"),
        Target::Remote(url) => url.to_string(),
    };
    assert_eq!(object(left), object(right), "{row:?}");
    let (one, other) = (transform(left), transform(right));
    assert_eq!(one.map(|(transform, _)| transform), other.map(|(transform, _)| transform), "{row:?}");
    // What is named is named in both; what is left open has rules of its own in each dialect.
    for (named, beside) in [(one, other), (other, one)] {
        if let Some((_, FormatRequest::Named(format))) = named {
            assert_eq!(beside.unwrap().1, FormatRequest::Named(format), "{row:?}");
        }
    }
}

#[test]
fn supabases_urls_ask_for_the_same_as_ours() {
    let rows = rows("Supabase");
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        assert_same(&parsed(&row.0), &parsed(&row.1), &row);
    }
}

#[test]
fn vercels_urls_ask_for_the_same_as_ours() {
    let rows = rows("Vercel");
    assert!(rows.len() >= 4, "{rows:?}");
    for row in rows {
        assert_same(&parsed(&row.0), &parsed(&row.1), &row);
    }
}

const COMPASS: [(&str, Gravity); 9] = [
    ("no", Gravity::North),
    ("noea", Gravity::NorthEast),
    ("ea", Gravity::East),
    ("soea", Gravity::SouthEast),
    ("so", Gravity::South),
    ("sowe", Gravity::SouthWest),
    ("we", Gravity::West),
    ("nowe", Gravity::NorthWest),
    ("sm", Gravity::Smart),
];

/// What imgproxy's options ask for, in our words.
fn imgproxy(options: &str) -> Transform {
    let mut asked = Transform { fit: Fit::Contain, quality: Quality::new(75).unwrap(), ..Transform::NATURAL };
    let side = |text: &str| text.parse::<u32>().ok().filter(|side| *side > 0);
    let mut density = 1;
    for option in options.split('/') {
        let words: Vec<&str> = option.split(':').collect();
        match words.as_slice() {
            ["rs", kind, width, height] => {
                asked.fit = match *kind {
                    "fit" => Fit::Contain,
                    "fill" => Fit::Cover,
                    "force" => Fit::Fill,
                    other => panic!("{other}"),
                };
                (asked.width, asked.height) = (side(width), side(height));
            }
            ["w", width] => asked.width = side(width),
            ["g", "fp", x, y] => {
                let hundredths = |text: &str| (text.parse::<f32>().unwrap() * 100.0).round() as u8;
                asked.gravity = Gravity::Focal { x: hundredths(x), y: hundredths(y) };
            }
            ["g", word] => asked.gravity = COMPASS.iter().find(|(known, _)| known == word).unwrap().1,
            ["q", quality] => asked.quality = Quality::new(quality.parse().unwrap()).unwrap(),
            ["bl", sigma] => asked.blur = Blur(sigma.parse::<u8>().unwrap() * 2),
            ["bg", colour] => asked.background = Rgb::parse(colour),
            ["dpr", times] => density = times.parse().unwrap(),
            ["f", _] => {}
            other => panic!("{other:?}"),
        }
    }
    asked.width = asked.width.map(|side| side * density);
    asked.height = asked.height.map(|side| side * density);
    asked
}

#[test]
fn imgproxys_options_ask_for_the_same_as_ours() {
    let rows = rows("imgproxy");
    assert!(rows.len() > 12, "{rows:?}");
    for (options, url) in rows {
        let request = parsed(&url);
        if let Some(name) = options.strip_prefix("pr:") {
            assert_eq!(request.preset.as_deref(), Some(name));
            continue;
        }
        let (transform, format) = transform(&request).unwrap();
        assert_eq!(transform, imgproxy(&options), "{options} beside {url}");
        if let Some((_, name)) = options.split_once("f:").filter(|(before, _)| before.ends_with('/')) {
            assert!(matches!(format, FormatRequest::Named(named) if named.as_str() == name), "{options} beside {url}");
        }
    }
}

#[test]
fn the_lists_of_next_have_their_keys() {
    let table = tintype::config::markdown_table();
    let rows = rows("next.config.js");
    assert!(rows.len() >= 6, "{rows:?}");
    for (theirs, ours) in rows {
        assert!(theirs.starts_with("images.") && table.contains(&format!("| `{ours}` |")), "{theirs}: {ours}");
    }
}
