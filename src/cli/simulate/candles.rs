//! Trades of one stream as candles, in the format of recorded ones.

use std::path::Path;

use foretick::ingest::gate;
use foretick::source::simulator::{Simulator, Truth};
use foretick::types::event::{EventRef, Trade};
use foretick::types::{Kind, Slot};
use foretick::{Error, Result, Status};
use serde_json::json;

use super::Sink;
use crate::cli::files::Output;
use crate::cli::replay::summary::Figures;

/// Candles of a stream: a CSV that `replay` reads.
pub struct CandleFile {
    file: Output,
    stream: usize,
    interval_ns: i64,
    open: Option<Candle>,
    written: u64,
}

/// A candle that takes trades.
#[derive(Debug, PartialEq)]
struct Candle {
    /// Intervals since the Unix epoch.
    number: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

impl Candle {
    fn of(number: i64, trade: &Trade) -> Candle {
        let price = trade.price;
        Candle { number, open: price, high: price, low: price, close: price, volume: trade.size }
    }

    fn take(&mut self, trade: &Trade) {
        (self.high, self.low, self.close) = (self.high.max(trade.price), self.low.min(trade.price), trade.price);
        self.volume += trade.size;
    }

    fn line(&self, interval_ms: i64) -> String {
        let Candle { number, open, high, low, close, volume } = self;
        format!("{},{open},{high},{low},{close},{volume}\n", number * interval_ms)
    }
}

/// The interval that a trade belongs to: a trade at the very end is still in it, as in the engine's steps,
/// because a candle is known at its close.
fn interval_of(known_ns: i64, interval_ns: i64) -> i64 {
    (known_ns - 1).div_euclid(interval_ns)
}

impl CandleFile {
    pub fn create(path: &Path, interval_ms: i64, name: &str, market: &Simulator) -> Result<CandleFile> {
        let streams = market.streams();
        let trades = |stream: &&foretick::source::simulator::StreamInfo| stream.kinds.contains(&Kind::Trade);
        let stream = streams.iter().position(|stream| stream.name == name && trades(&stream)).ok_or_else(|| {
            let names: Vec<&str> = streams.iter().filter(trades).map(|stream| stream.name).collect();
            Error::new(Status::NotFound, format!("--pair {name}: the streams with trades are {}", names.join(", ")))
        })?;
        let mut file = Output::create(path)?;
        file.write("open_time_ms,open,high,low,close,volume\n")?;
        Ok(CandleFile { file, stream, interval_ns: interval_ms * 1_000_000, open: None, written: 0 })
    }

    fn trade(&mut self, trade: &Trade) -> Result<()> {
        let number = interval_of(trade.head.known_ns, self.interval_ns);
        match &mut self.open {
            Some(candle) if candle.number == number => candle.take(trade),
            _ => {
                self.write_open()?;
                self.open = Some(Candle::of(number, trade));
            }
        }
        Ok(())
    }

    fn write_open(&mut self) -> Result<()> {
        let Some(candle) = self.open.take() else { return Ok(()) };
        self.written += 1;
        self.file.write(&candle.line(self.interval_ns / 1_000_000))
    }
}

impl Sink for CandleFile {
    fn event(&mut self, stream: usize, event: &[Slot]) -> Result<()> {
        match gate::check(event) {
            Ok(EventRef::Trade(trade)) if stream == self.stream => self.trade(trade),
            _ => Ok(()),
        }
    }

    fn close(&mut self, _: &Truth) -> Result<()> {
        Ok(())
    }

    /// The last candle is written only when its interval is over.
    fn finish(mut self: Box<Self>, end_ns: i64) -> Result<Figures> {
        let whole = |candle: &Candle| (candle.number + 1) * self.interval_ns <= end_ns;
        if self.open.as_ref().is_some_and(whole) {
            self.write_open()?;
        }
        self.file.finish()?;
        Ok(vec![("candles", json!(self.written))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(known_ns: i64, price: f64) -> Trade {
        let mut trade = Trade::of(1, known_ns);
        (trade.price, trade.size) = (price, 0.5);
        trade
    }

    #[test]
    fn a_trade_at_the_end_is_still_inside() {
        assert_eq!([1, 999, 1_000, 1_001].map(|known_ns| interval_of(known_ns, 1_000)), [0, 0, 0, 1]);
    }

    #[test]
    fn trades_become_a_candle_and_silent_intervals_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("candles.csv");
        let mut file = Box::new(CandleFile::create(&path, 1, "sim_a:BTCUSD", &Simulator::new(1)).unwrap());
        for (known_ns, price) in [(1, 2.0), (500_000, 3.5), (1_000_000, 1.0), (3_000_001, 7.0)] {
            file.trade(&trade(known_ns, price)).unwrap();
        }
        assert_eq!(file.finish(3_500_000).unwrap(), [("candles", json!(1))]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "open_time_ms,open,high,low,close,volume\n0,2,3.5,1,1,1.5\n");
    }

    #[test]
    fn a_stream_without_trades_is_refused() {
        let made = CandleFile::create(Path::new("unused.csv"), 1, "sim_pool:ETHUSD", &Simulator::new(1));
        assert_eq!(made.err().map(|error| error.status()), Some(Status::NotFound));
    }
}
