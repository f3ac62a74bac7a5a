//! The table of models: what each takes, what it costs, and until when it lives. Pure.

use serde::Deserialize;
use time::Date;
use time::macros::format_description;

use super::{Cost, GenerationConfig, Plan, Quality, Size};

/// Why a models file cannot be used. The texts are for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("{0}")]
    Toml(String),
    #[error("model `{name}`: {problem}")]
    Model { name: String, problem: &'static str },
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    #[serde(default)]
    pub name: String,
    /// Square, wide, tall.
    sizes: [String; 3],
    /// Standard, hd.
    qualities: Option<[String; 2]>,
    #[serde(default)]
    pub response_format: bool,
    #[serde(default, with = "day")]
    pub retired_on: Option<Date>,
    pub successor: Option<String>,
    prices: Option<Prices>,
    tokens: Option<TokenPrices>,
    /// Nobody said what it costs: `prices` are the dearest of the table, so that the day's budget binds all the same.
    #[serde(skip)]
    pub is_price_assumed: bool,
}

/// US dollars a picture: square, larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    standard: [f64; 2],
    hd: [f64; 2],
}

impl Prices {
    fn dearer(self, other: Self) -> Self {
        let of = |one: [f64; 2], another: [f64; 2]| [one[0].max(another[0]), one[1].max(another[1])];
        Self { standard: of(self.standard, other.standard), hd: of(self.hd, other.hd) }
    }
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenPrices {
    text: f64,
    picture: f64,
}

/// `2026-05-12`.
mod day {
    use serde::{Deserialize, Deserializer, de};
    use time::Date;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_day(&text).map(Some).ok_or_else(|| de::Error::custom("must be a day such as 2026-05-12"))
    }
}

/// `2026-05-12`.
pub(crate) fn parse_day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: Vec<Model>,
    other: Model,
}

/// Every row, and the one for models without a row.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelTable {
    models: Vec<Model>,
    other: Model,
}

impl ModelTable {
    /// The one that is built in, or the text of a file.
    pub fn read(file: Option<&str>) -> Result<Self, TableError> {
        let text = file.unwrap_or(include_str!("models.toml"));
        let File { mut model, mut other } =
            toml::from_str(text).map_err(|error| TableError::Toml(error.to_string()))?;
        for row in model.iter().chain([&other]) {
            row.check().map_err(|problem| TableError::Model { name: row.name.clone(), problem })?;
        }
        let named = model.iter().chain([&other]).filter_map(|row| row.prices).reduce(Prices::dearer);
        let dearest = match named {
            Some(prices) => prices,
            // A file without a single price says nothing of what its models cost.
            None if file.is_some() => Self::read(None)?.other.prices.unwrap_or_default(),
            None => Prices::default(),
        };
        for row in model.iter_mut().chain([&mut other]).filter(|row| row.prices.is_none()) {
            (row.prices, row.is_price_assumed) = (Some(dearest), true);
        }
        Ok(Self { models: model, other })
    }

    /// The row of a model, of the model whose snapshot it is, or the one for all others; always with the name asked for.
    pub fn get(&self, name: &str) -> Model {
        let named = |name: &str| self.models.iter().find(|model| model.name == name);
        let row = named(name).or_else(|| named(without_day(name)?)).unwrap_or(&self.other);
        Model { name: name.to_owned(), ..row.clone() }
    }
}

/// `gpt-image-2` of `gpt-image-2-2026-04-21`.
fn without_day(name: &str) -> Option<&str> {
    let (start, day) = name.split_at_checked(name.len().checked_sub(10)?)?;
    parse_day(day).and(start.strip_suffix('-'))
}

impl Model {
    fn check(&self) -> Result<(), &'static str> {
        let is_side = |side: &str| side.parse::<u32>().is_ok_and(|side| (16..=8192).contains(&side));
        let is_size =
            |size: &str| size.split_once('x').is_some_and(|(width, height)| is_side(width) && is_side(height));
        if !self.sizes.iter().all(|size| is_size(size)) {
            return Err("a size is written as 1024x1024");
        }
        let prices = self.prices.map_or([0.0; 4], |Prices { standard: [a, b], hd: [c, d] }| [a, b, c, d]);
        let tokens = self.tokens.map_or([0.0; 2], |tokens| [tokens.text, tokens.picture]);
        if prices.iter().chain(&tokens).all(|price| (0.0..=10_000.0).contains(price)) {
            Ok(())
        } else {
            Err("a price is a number of US dollars")
        }
    }

    /// Whether OpenAI itself no longer has it on this day.
    pub fn is_retired(&self, today: Date) -> bool {
        self.retired_on.is_some_and(|day| day <= today)
    }

    /// The provider's words for what a client wants.
    pub(super) fn plan(&self, size: Size, quality: Quality) -> Plan {
        let [standard, hd] = match &self.qualities {
            Some([standard, hd]) => [Some(standard), Some(hd)],
            None => [None, None],
        };
        let quality_word = match quality {
            Quality::Standard => standard,
            Quality::Hd => hd,
        };
        let [square, wide, tall] = &self.sizes;
        let size_words = match size {
            Size::Square => square,
            Size::Wide => wide,
            Size::Tall => tall,
        };
        let config =
            GenerationConfig { model: self.name.clone(), size: size_words.clone(), quality: quality_word.cloned() };
        Plan { config, cost: self.estimate(size, quality) }
    }

    fn estimate(&self, size: Size, quality: Quality) -> Option<Cost> {
        let prices = self.prices?;
        let [square, larger] = match quality {
            Quality::Standard => prices.standard,
            Quality::Hd => prices.hd,
        };
        Some(Cost::from_dollars(if size == Size::Square { square } else { larger }))
    }

    /// The cost of an answer that tells its tokens.
    pub(super) fn cost_of_tokens(&self, text: u64, picture: u64) -> Option<Cost> {
        let prices = self.tokens?;
        let dollars = (text as f64 * prices.text + picture as f64 * prices.picture) / 1e6;
        Some(Cost::from_dollars(dollars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ModelTable {
        ModelTable::read(None).unwrap()
    }

    fn words(model: &str, size: Size, quality: Quality) -> (String, String) {
        let config = table().get(model).plan(size, quality).config;
        (config.size, config.quality.unwrap_or_default())
    }

    #[test]
    fn each_family_is_sent_its_own_words() {
        let text = |size: &str, quality: &str| (size.to_owned(), quality.to_owned());
        assert_eq!(words("dall-e-3", Size::Wide, Quality::Hd), text("1792x1024", "hd"));
        assert_eq!(words("gpt-image-1", Size::Wide, Quality::Hd), text("1536x1024", "high"));
        assert_eq!(words("gpt-image-2", Size::Tall, Quality::Standard), text("1024x1536", "medium"));
        assert_eq!(words("gpt-image-2.5-flare", Size::Square, Quality::Standard), text("1024x1024", "medium"));
        assert_eq!(words("my-own", Size::Square, Quality::Hd), text("1024x1024", ""));
    }

    #[test]
    fn a_snapshot_is_its_model_under_its_own_name() {
        let snapshot = table().get("gpt-image-1.5-2025-12-16");
        assert_eq!(snapshot.name, "gpt-image-1.5-2025-12-16");
        assert_eq!(snapshot.retired_on, parse_day("2026-12-01"));
        assert_eq!(table().get("gpt-image-1.5-2025-99-16").retired_on, None);
        assert_eq!(table().get("x").retired_on, None);
    }

    #[test]
    fn a_model_is_retired_from_its_day_on() {
        let model = table().get("dall-e-3");
        assert!(!model.is_retired(parse_day("2026-05-11").unwrap()));
        assert!(model.is_retired(parse_day("2026-05-12").unwrap()));
        assert!(!table().get("gpt-image-2").is_retired(parse_day("2036-01-01").unwrap()));
    }

    #[test]
    fn costs_are_estimated_by_size_and_quality_and_counted_by_tokens() {
        let cost = |model: &str, size, quality| table().get(model).plan(size, quality).cost.map(|cost| cost.0);
        assert_eq!(cost("dall-e-3", Size::Square, Quality::Standard), Some(40_000));
        assert_eq!(cost("dall-e-3", Size::Tall, Quality::Hd), Some(120_000));
        // Nobody knows: as much as the dearest one, whose price is known.
        assert_eq!(cost("my-own", Size::Tall, Quality::Hd), Some(250_000));
        assert_eq!(cost("my-own", Size::Square, Quality::Standard), Some(53_000));
        assert!(table().get("my-own").is_price_assumed && !table().get("gpt-image-2").is_price_assumed);
        assert_eq!(table().get("gpt-image-2").cost_of_tokens(100, 1000), Some(Cost(30_500)));
        assert_eq!(table().get("dall-e-3").cost_of_tokens(100, 1000), None);
    }

    #[test]
    fn a_table_of_ones_own_may_say_that_its_models_are_free_but_not_by_saying_nothing() {
        let sizes = "sizes = ['16x16', '16x16', '16x16']";
        let cost = |file: &str, model: &str| {
            let model = ModelTable::read(Some(file)).unwrap().get(model);
            (model.plan(Size::Square, Quality::Hd).cost, model.is_price_assumed)
        };
        let silent = format!("[[model]]\nname = 'a'\n{sizes}\n[other]\n{sizes}");
        assert_eq!(cost(&silent, "a"), (Some(Cost(211_000)), true));
        let prices = |dollars: &str| format!("prices = {{ standard = [0, 0], hd = [{dollars}, {dollars}] }}");
        let priced = format!("[[model]]\nname = 'a'\n{sizes}\n{}\n[other]\n{sizes}", prices("2.5"));
        assert_eq!(cost(&priced, "a"), (Some(Cost(2_500_000)), false));
        assert_eq!(cost(&priced, "b"), (Some(Cost(2_500_000)), true));
        assert_eq!(cost(&format!("{silent}\n{}", prices("0")), "b"), (Some(Cost(0)), false));
    }

    #[test]
    fn a_table_with_a_mistake_is_refused() {
        let good =
            "[[model]]\nname = 'a'\nsizes = ['1x1', '16x16', '16x16']\n[other]\nsizes = ['16x16', '16x16', '16x16']";
        assert!(matches!(ModelTable::read(Some(good)), Err(TableError::Model { .. })));
        assert!(matches!(ModelTable::read(Some("[other]\nsise = 1")), Err(TableError::Toml(_))));
        assert!(ModelTable::read(Some(&good.replace("1x1'", "16x16'"))).is_ok());
    }
}
