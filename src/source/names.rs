//! The stream name of a file, `venue:SYMBOL`, from its name and its folder's.
//!
//! The venue is the longest known one that the file's name begins with, else the folder's. What is
//! left of the file's name is the symbol, without these words at its ends: the word of a schema
//! (`trades`, `bbo`, `book10`, ...), an interval (`1m`), a year (`2019`), a month (`2023-08`) or a
//! day (`20240809`, `2024-08-09`). Words of six digits stay: `BTCUSD_240927` is a dated contract.

use std::path::Path;

/// Known venues. A venue with several markets is named with its market.
const VENUES: &[&str] = &[
    "binance",
    "binance_coinm",
    "binance_spot",
    "binance_us",
    "binance_usdm",
    "bitfinex",
    "bitget",
    "bitmex",
    "bitstamp",
    "bybit",
    "bybit_inverse",
    "bybit_linear",
    "bybit_spot",
    "coinbase",
    "cryptocom",
    "deribit",
    "dydx",
    "gateio",
    "gemini",
    "htx",
    "huobi",
    "hyperliquid",
    "kraken",
    "kraken_futures",
    "kucoin",
    "mexc",
    "okx",
    "okx_spot",
    "okx_swap",
    "poloniex",
];

/// Words that say what a file holds, not which market.
const SCHEMA_WORDS: &[&str] =
    &["bar", "bars", "bbo", "book", "candle", "candles", "depth", "kline", "klines", "mark", "ohlcv", "quote", "quotes", "trade", "trades"];

/// Endings of a file's name that say how it is stored.
const ENDINGS: &[&str] = &[".gz", ".csv"];

/// The stream name of a file, `None` where neither its name nor its folder's begins with a venue.
pub(super) fn stream_name(path: &Path) -> Option<String> {
    let stem = stem(path.file_name()?.to_str()?);
    in_file(stem).or_else(|| in_folder(path, stem))
}

fn in_file(stem: &str) -> Option<String> {
    let (venue, rest) = venue_of(stem)?;
    join(venue, rest)
}

fn in_folder(path: &Path, stem: &str) -> Option<String> {
    // A bare file name has its folder only in the absolute path.
    let path = std::path::absolute(path).ok()?;
    let folder = path.parent()?.file_name()?.to_str()?;
    join(venue_of(folder)?.0, stem)
}

fn join(venue: &str, rest: &str) -> Option<String> {
    let symbol = symbol(rest);
    (!symbol.is_empty()).then(|| format!("{venue}:{symbol}"))
}

/// The name without its endings; a dot within a symbol stays.
fn stem(name: &str) -> &str {
    ENDINGS.iter().fold(name, |name, ending| name.strip_suffix(ending).unwrap_or(name))
}

/// The longest venue that a name begins with, as a whole word, and what follows it.
fn venue_of(name: &str) -> Option<(&'static str, &str)> {
    VENUES.iter().filter_map(|venue| after(name, venue).map(|rest| (*venue, rest))).max_by_key(|(venue, _)| venue.len())
}

fn after<'a>(name: &'a str, venue: &str) -> Option<&'a str> {
    let (front, rest) = (name.get(..venue.len())?, &name[venue.len()..]);
    let whole_word = rest.is_empty() || rest.starts_with('_');
    (front.eq_ignore_ascii_case(venue) && whole_word).then(|| rest.trim_start_matches('_'))
}

/// The words of a name without those about schema and time at either end.
fn symbol(rest: &str) -> String {
    let words: Vec<&str> = rest.split('_').filter(|word| !word.is_empty()).collect();
    let first = words.iter().position(|word| !is_about_file(word));
    let last = words.iter().rposition(|word| !is_about_file(word));
    match (first, last) {
        (Some(first), Some(last)) => words[first..=last].join("_"),
        _ => String::new(),
    }
}

fn is_about_file(word: &str) -> bool {
    is_schema(word) || is_interval(word) || is_date(word)
}

fn is_schema(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    SCHEMA_WORDS.contains(&word.as_str()) || word.strip_prefix("book").is_some_and(is_digits)
}

/// `1m`, `250ms`, `4h`.
fn is_interval(word: &str) -> bool {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < word.len() && ["ms", "s", "m", "min", "h", "d", "w"].contains(&unit)
}

/// `2019`, `2019-10`, `2019-10-11`, `20191011`.
fn is_date(word: &str) -> bool {
    let compact = word.len() == 8 && is_digits(word) && is_day(&[&word[..4], &word[4..6], &word[6..]]);
    compact || is_day(&word.split('-').collect::<Vec<_>>())
}

fn is_day(parts: &[&str]) -> bool {
    let limits = [(4, 1970, 2100), (2, 1, 12), (2, 1, 31)];
    let fits =
        |(part, (len, low, high)): (&&str, (usize, u32, u32))| part.len() == len && is_digits(part) && part.parse().is_ok_and(|n| (low..=high).contains(&n));
    (1..=3).contains(&parts.len()) && parts.iter().zip(limits).all(fits)
}

fn is_digits(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> String {
        stream_name(Path::new(path)).unwrap_or_default()
    }

    #[test]
    fn recorded_files_have_the_names_of_their_markets() {
        for (path, expected) in [
            ("candles/binance_usdm_1m_2023/BTCUSDT.csv.gz", "binance_usdm:BTCUSDT"),
            ("candles/binance_spot_triangles_1m_2021/ADABTC.csv.gz", "binance_spot:ADABTC"),
            ("candles/binance_spot_1m_takerflow_2025/ETHUSDT.csv.gz", "binance_spot:ETHUSDT"),
            ("l2/20240809/binance_coinm_BTCUSD_PERP_trades.csv.gz", "binance_coinm:BTCUSD_PERP"),
            ("l2/20240809/binance_coinm_BTCUSD_PERP_book10.csv.gz", "binance_coinm:BTCUSD_PERP"),
            ("l2/20230405/binance_spot_BTCUSDT_bbo.csv.gz", "binance_spot:BTCUSDT"),
            ("trades/binance_spot_XRPETH_2019.csv.gz", "binance_spot:XRPETH"),
            ("bars/coinbase_1m_2018/BTCUSD_quote.csv.gz", "coinbase:BTCUSD"),
            ("bars/btc_multi_venue_1m_20221213/bybit_inverse_BTCUSD_trade.csv.gz", "bybit_inverse:BTCUSD"),
        ] {
            assert_eq!(name(path), expected, "{path}");
        }
    }

    #[test]
    fn words_about_the_file_are_dropped_and_contracts_kept() {
        for (path, expected) in [
            ("binance_coinm_BTCUSD_240927_trades.csv", "binance_coinm:BTCUSD_240927"),
            ("binance_spot_1m_BTCUSDT_2023-08.csv", "binance_spot:BTCUSDT"),
            ("binance_spot_BTCUSDT_trades_20240809.csv.gz", "binance_spot:BTCUSDT"),
            ("binance_usdm_1000PEPEUSDT.csv", "binance_usdm:1000PEPEUSDT"),
            ("binance_spot_1INCHUSDT_book20.csv", "binance_spot:1INCHUSDT"),
            ("binance_BTCUSDT.csv", "binance:BTCUSDT"),
            ("Kraken_XBT.M_bbo.csv", "kraken:XBT.M"),
            ("dydx/ETH-USD.csv", "dydx:ETH-USD"),
        ] {
            assert_eq!(name(path), expected, "{path}");
        }
    }

    #[test]
    fn a_name_is_not_guessed() {
        for path in ["mine/BTCUSDT.csv", "binance_spot_trades.csv", "binances/BTC.csv", "coinbasepro_BTC.csv", "binance_spot/2023.csv", ".."] {
            assert_eq!(name(path), "", "{path}");
        }
    }
}
