//! The operators that a schema may name: parameters, what they need, and how they are built.

use crate::features::history::{Column, Needs};
use crate::features::ops::{
    Op,
    atr::Atr,
    bollinger::BollingerPosition,
    book::{BookDepth, DepthValue, SpreadRatio},
    cci::Cci,
    change::{Momentum, RateOfChange},
    given::Given,
    macd::Macd,
    order_flow::OrderFlowRatio,
    price::Price,
    role_return::RoleReturn,
    rsi::Rsi,
    stochastic::{StochasticK, WilliamsR},
    volume::{Volume, VolumeRatio},
    windowed::{LongWindowed, Statistic, Windowed},
};
use crate::features::scale::LongWindow;

/// What a stream must give for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Steps: any priced stream.
    Steps,
    /// A book or quotes of role self.
    Book,
    /// The side of takers.
    Taker,
    /// A book or quotes of the role that the feature names.
    RoleBook,
    /// Nothing: the value comes with a row of the caller's, under the name in `field`.
    Caller,
}

impl Input {
    /// The name used in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Input::Steps => "steps",
            Input::Book => "book",
            Input::Taker => "taker side",
            Input::RoleBook => "book of the role",
            Input::Caller => "caller's row",
        }
    }
}

/// A parameter of an operator; one with a default is left out of the feature's name when it has it.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Key in the schema.
    pub name: &'static str,
    /// Default; `None` when it must be given.
    pub default: Option<f64>,
    /// Least and greatest value.
    pub range: (f64, f64),
    /// Must be a whole number.
    pub whole: bool,
}

/// Parameters of one feature.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    /// Values in the order of [`OpInfo::params`].
    pub values: [f64; 2],
    /// Column of operators with a `field`.
    pub column: Column,
    /// Number of the role.
    pub role: usize,
}

impl Params {
    fn n(&self) -> usize {
        self.values[0] as usize
    }

    fn m(&self) -> usize {
        self.values[1] as usize
    }
}

/// An operator of the catalogue.
#[derive(Debug)]
pub struct OpInfo {
    /// Name in the schema.
    pub name: &'static str,
    /// Parameters in the order of the feature's name.
    pub params: &'static [Param],
    /// It reads a column that the schema may name; the default column.
    pub field: Option<Column>,
    /// What the stream must give.
    pub input: Input,
    /// The definition, for people.
    pub text: &'static str,
    /// The step at which the value can first be there.
    pub first: fn(&Params) -> u64,
    /// The step from which a recursive value no longer depends on where it began; 0 otherwise.
    pub converge: u64,
    /// Columns that it reads.
    pub needs: fn(&Params, &mut Needs),
    /// Builds the operator of one track.
    pub build: fn(&Params) -> Box<dyn Op>,
}

/// Steps after which Wilder's and exponential averages are taken as converged.
const CONVERGE: u64 = 600;
/// Longest window that is kept by compensated sums, and longest recursive average.
const PERIOD_MOST: f64 = 4_096.0;
/// Longest window that is computed over its values each step.
const WINDOW_MOST: f64 = 64.0;

const PERIOD: Param = Param { name: "period", default: None, range: (1.0, PERIOD_MOST), whole: true };
const PERIOD_2: Param = Param { name: "period", default: None, range: (2.0, PERIOD_MOST), whole: true };
const SHORT: Param = Param { range: (1.0, WINDOW_MOST), ..PERIOD };
const SHORT_2: Param = Param { range: (2.0, WINDOW_MOST), ..PERIOD };
const LEVELS: Param = Param { name: "levels", default: Some(10.0), range: (1.0, 20.0), whole: true };

fn window_first(p: &Params) -> u64 {
    p.n() as u64 - 1
}

fn back_first(p: &Params) -> u64 {
    p.n() as u64
}

fn no_needs(_: &Params, _: &mut Needs) {}

fn column_needs(p: &Params, needs: &mut Needs) {
    window_needs(p.column, p.n(), needs);
}

fn volume_needs(p: &Params, needs: &mut Needs) {
    window_needs(Column::Volume, p.n(), needs);
}

fn high_low_needs(p: &Params, needs: &mut Needs) {
    needs.column(Column::High, p.n());
    needs.column(Column::Low, p.n());
}

fn back_needs(p: &Params, needs: &mut Needs) {
    needs.column(Column::Close, p.n() + 1);
}

/// Short windows are computed over their values, long ones by compensated sums.
fn windowed(statistic: Statistic, column: Column, period: usize) -> Box<dyn Op> {
    match period > WINDOW_MOST as usize {
        true => Box::new(LongWindowed { statistic, column, window: LongWindow::new(period) }),
        false => Box::new(Windowed { statistic, column, period }),
    }
}

/// What a windowed statistic reads of a column: a long one keeps its own values.
fn window_needs(column: Column, period: usize, needs: &mut Needs) {
    needs.column(column, if period > WINDOW_MOST as usize { 1 } else { period });
}

fn book_depth(value: DepthValue, p: &Params) -> Box<dyn Op> {
    Box::new(BookDepth { value, levels: p.n() })
}

/// A price of the step itself.
const fn price(name: &'static str, text: &'static str, build: fn(&Params) -> Box<dyn Op>) -> OpInfo {
    OpInfo { name, params: &[], field: None, input: Input::Steps, text, first: |_| 0, converge: 0, needs: no_needs, build }
}

/// Every operator: those of the baseline in its order, then the others.
pub static OPS: &[OpInfo] = &[
    OpInfo {
        name: "price_change",
        params: &[],
        field: None,
        input: Input::Steps,
        text: "close[t] - close[t-1]",
        first: |_| 1,
        converge: 0,
        needs: |_, needs| needs.column(Column::Close, 2),
        build: |_| Box::new(Momentum { period: 1 }),
    },
    OpInfo {
        name: "sma",
        params: &[PERIOD],
        field: Some(Column::Close),
        input: Input::Steps,
        text: "mean of the field over the period",
        first: window_first,
        converge: 0,
        needs: column_needs,
        build: |p| windowed(Statistic::Mean, p.column, p.n()),
    },
    OpInfo {
        name: "std",
        params: &[PERIOD_2],
        field: Some(Column::Close),
        input: Input::Steps,
        text: "population standard deviation of the field over the period",
        first: window_first,
        converge: 0,
        needs: column_needs,
        build: |p| windowed(Statistic::Deviation, p.column, p.n()),
    },
    OpInfo {
        name: "range",
        params: &[SHORT_2],
        field: Some(Column::Close),
        input: Input::Steps,
        text: "max of the field - min of the field over the period",
        first: window_first,
        converge: 0,
        needs: column_needs,
        build: |p| windowed(Statistic::Range, p.column, p.n()),
    },
    OpInfo {
        name: "volume",
        params: &[],
        field: None,
        input: Input::Steps,
        text: "volume",
        first: |_| 0,
        converge: 0,
        needs: no_needs,
        build: |_| Box::new(Volume),
    },
    OpInfo {
        name: "volume_sma",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "mean of volume over the period",
        first: window_first,
        converge: 0,
        needs: volume_needs,
        build: |p| windowed(Statistic::Mean, Column::Volume, p.n()),
    },
    OpInfo {
        name: "volume_sum",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "sum of volume over the period",
        first: window_first,
        converge: 0,
        needs: volume_needs,
        build: |p| windowed(Statistic::Sum, Column::Volume, p.n()),
    },
    OpInfo {
        name: "volume_ratio",
        params: &[SHORT],
        field: None,
        input: Input::Steps,
        text: "volume / mean of volume over the period; 0 where every volume in the window is 0",
        first: window_first,
        converge: 0,
        needs: volume_needs,
        build: |p| Box::new(VolumeRatio { period: p.n() }),
    },
    OpInfo {
        name: "volume_std",
        params: &[PERIOD_2],
        field: None,
        input: Input::Steps,
        text: "population standard deviation of volume over the period",
        first: window_first,
        converge: 0,
        needs: volume_needs,
        build: |p| windowed(Statistic::Deviation, Column::Volume, p.n()),
    },
    OpInfo {
        name: "spread_ratio",
        params: &[],
        field: None,
        input: Input::Book,
        text: "(ask1 - bid1) / mid; missing unless both sides have a level",
        first: |_| 0,
        converge: 0,
        needs: no_needs,
        build: |_| Box::new(SpreadRatio),
    },
    OpInfo {
        name: "book_imbalance",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "(B - A) / (B + A), summed sizes of the top levels; missing where B + A is 0",
        first: |_| 0,
        converge: 0,
        needs: no_needs,
        build: |p| book_depth(DepthValue::Imbalance, p),
    },
    OpInfo {
        name: "depth_ratio",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "B / A; missing where A is 0",
        first: |_| 0,
        converge: 0,
        needs: no_needs,
        build: |p| book_depth(DepthValue::Ratio, p),
    },
    OpInfo {
        name: "bid_volume",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "B, the summed sizes of the top bids",
        first: |_| 0,
        converge: 0,
        needs: no_needs,
        build: |p| book_depth(DepthValue::Bid, p),
    },
    OpInfo {
        name: "ask_volume",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "A, the summed sizes of the top asks",
        first: |_| 0,
        converge: 0,
        needs: no_needs,
        build: |p| book_depth(DepthValue::Ask, p),
    },
    OpInfo {
        name: "order_flow_ratio",
        params: &[SHORT],
        field: None,
        input: Input::Taker,
        text: "taker buy / (taker buy + taker sell) volume over the period; 0.5 where both are 0; missing while a taker side is unknown",
        first: window_first,
        converge: 0,
        needs: |p, needs| {
            needs.column(Column::TakerBuy, p.n());
            needs.column(Column::TakerSell, p.n());
        },
        build: |p| Box::new(OrderFlowRatio { period: p.n() }),
    },
    OpInfo {
        name: "rsi",
        params: &[PERIOD_2],
        field: None,
        input: Input::Steps,
        text: "Wilder's RSI as TA-Lib; 50 where both averages are 0",
        first: back_first,
        converge: CONVERGE,
        needs: no_needs,
        build: |p| Box::new(Rsi::new(p.n())),
    },
    OpInfo {
        name: "macd",
        params: &[Param { name: "fast", ..PERIOD_2 }, Param { name: "slow", ..PERIOD_2 }],
        field: None,
        input: Input::Steps,
        text: "EMA(fast) - EMA(slow) of close, seeded as TA-Lib's MACD line",
        first: |p| p.m() as u64 - 1,
        converge: CONVERGE,
        needs: |p, needs| needs.column(Column::Close, p.m()),
        build: |p| Box::new(Macd::new(p.n(), p.m())),
    },
    OpInfo {
        name: "bollinger_position",
        params: &[Param { default: Some(20.0), ..SHORT_2 }, Param { name: "width", default: Some(2.0), range: (0.01, 100.0), whole: false }],
        field: None,
        input: Input::Steps,
        text: "%B of BBANDS(period, width), population deviation; 0.5 where all closes are equal",
        first: window_first,
        converge: 0,
        needs: |p, needs| needs.column(Column::Close, p.n()),
        build: |p| Box::new(BollingerPosition { period: p.n(), width: p.values[1] }),
    },
    OpInfo {
        name: "stochastic_k",
        params: &[SHORT],
        field: None,
        input: Input::Steps,
        text: "100 (close - LL) / (HH - LL) over the period, as TA-Lib STOCHF fast K; 50 where they are equal",
        first: window_first,
        converge: 0,
        needs: high_low_needs,
        build: |p| Box::new(StochasticK { period: p.n() }),
    },
    OpInfo {
        name: "williams_r",
        params: &[SHORT],
        field: None,
        input: Input::Steps,
        text: "-100 (HH - close) / (HH - LL) over the period, as TA-Lib WILLR; -50 where they are equal",
        first: window_first,
        converge: 0,
        needs: high_low_needs,
        build: |p| Box::new(WilliamsR { period: p.n() }),
    },
    OpInfo {
        name: "cci",
        params: &[SHORT_2],
        field: None,
        input: Input::Steps,
        text: "TA-Lib CCI of the typical price; 0 where the mean deviation is at most 1e-12 of the mean",
        first: window_first,
        converge: 0,
        needs: |p, needs| needs.column(Column::Typical, p.n()),
        build: |p| Box::new(Cci { period: p.n() }),
    },
    OpInfo {
        name: "atr",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "Wilder's average true range as TA-Lib ATR",
        first: back_first,
        converge: CONVERGE,
        needs: no_needs,
        build: |p| Box::new(Atr::new(p.n())),
    },
    OpInfo {
        name: "momentum",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "close[t] - close[t-period], as TA-Lib MOM",
        first: back_first,
        converge: 0,
        needs: back_needs,
        build: |p| Box::new(Momentum { period: p.n() }),
    },
    OpInfo {
        name: "roc",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "100 (close[t] / close[t-period] - 1), as TA-Lib ROC",
        first: back_first,
        converge: 0,
        needs: back_needs,
        build: |p| Box::new(RateOfChange { period: p.n() }),
    },
    OpInfo {
        name: "role_return",
        params: &[PERIOD],
        field: None,
        input: Input::RoleBook,
        text: "ln(mid[t] / mid[t-period]) of the role's stream; missing without a book of that role",
        first: back_first,
        converge: 0,
        needs: no_needs,
        build: |p| Box::new(RoleReturn::new(p.role, p.n())),
    },
    price("open", "first price of the step", |_| Box::new(Price { column: Column::Open })),
    price("high", "highest price of the step", |_| Box::new(Price { column: Column::High })),
    price("low", "lowest price of the step", |_| Box::new(Price { column: Column::Low })),
    price("close", "last price of the step", |_| Box::new(Price { column: Column::Close })),
    OpInfo {
        name: "given",
        params: &[],
        field: None,
        input: Input::Caller,
        text: "the caller's value named by field, in his own row (predict_row); missing in every row of a track; scale zscore, minmax or none",
        first: |_| 0,
        converge: 0,
        needs: no_needs,
        build: |_| Box::new(Given),
    },
];

/// The operator of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static OpInfo> {
    OPS.iter().find(|op| op.name == name)
}
