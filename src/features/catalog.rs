//! The operators that a schema may name: parameters, what they need, and how they are built.

use crate::features::history::Column;
use crate::features::ops::{
    Op, Source,
    atr::Atr,
    bollinger::BollingerPosition,
    book::{BookDepth, DepthValue, SpreadRatio},
    cci::Cci,
    change::{Momentum, RateOfChange},
    given::Given,
    macd::Macd,
    order_flow::OrderFlowRatio,
    price::Price,
    range::Range,
    role_return::RoleReturn,
    rsi::Rsi,
    stochastic::{StochasticK, WilliamsR},
    volume::{Volume, VolumeRatio},
};
use crate::features::shared::{Plan, SHORT_MOST, Statistic};

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
    /// Says where one track's value comes from, and asks the plan for what that reads.
    pub build: fn(&Params, &mut Plan) -> Source,
}

/// Steps after which Wilder's and exponential averages are taken as converged.
const CONVERGE: u64 = 600;
/// Longest window that is kept by compensated sums, and longest recursive average.
const PERIOD_MOST: f64 = 4_096.0;
/// Longest window that is computed over its values each step.
const WINDOW_MOST: f64 = SHORT_MOST as f64;

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

fn own(op: impl Op + 'static) -> Source {
    Source::Own(Box::new(op))
}

fn shared(statistic: Statistic, column: Column, p: &Params, plan: &mut Plan) -> Source {
    Source::Shared(plan.want(statistic, column, p.n()))
}

fn book_depth(value: DepthValue, p: &Params, plan: &mut Plan) -> Source {
    own(BookDepth { value, depth: plan.depth(p.n()) })
}

/// The close `back` steps ago is read.
fn looks_back(back: usize, plan: &mut Plan) -> usize {
    plan.needs.column(Column::Close, back + 1);
    back
}

/// A price of the step itself.
const fn price(name: &'static str, text: &'static str, build: fn(&Params, &mut Plan) -> Source) -> OpInfo {
    OpInfo { name, params: &[], field: None, input: Input::Steps, text, first: |_| 0, converge: 0, build }
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
        build: |_, plan| own(Momentum { period: looks_back(1, plan) }),
    },
    OpInfo {
        name: "sma",
        params: &[PERIOD],
        field: Some(Column::Close),
        input: Input::Steps,
        text: "mean of the field over the period",
        first: window_first,
        converge: 0,
        build: |p, plan| shared(Statistic::Mean, p.column, p, plan),
    },
    OpInfo {
        name: "std",
        params: &[PERIOD_2],
        field: Some(Column::Close),
        input: Input::Steps,
        text: "population standard deviation of the field over the period",
        first: window_first,
        converge: 0,
        build: |p, plan| shared(Statistic::Deviation, p.column, p, plan),
    },
    OpInfo {
        name: "range",
        params: &[SHORT_2],
        field: Some(Column::Close),
        input: Input::Steps,
        text: "max of the field - min of the field over the period",
        first: window_first,
        converge: 0,
        build: |p, plan| own(Range::new(p.column, p.n(), plan)),
    },
    OpInfo { name: "volume", params: &[], field: None, input: Input::Steps, text: "volume", first: |_| 0, converge: 0, build: |_, _| own(Volume) },
    OpInfo {
        name: "volume_sma",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "mean of volume over the period",
        first: window_first,
        converge: 0,
        build: |p, plan| shared(Statistic::Mean, Column::Volume, p, plan),
    },
    OpInfo {
        name: "volume_sum",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "sum of volume over the period",
        first: window_first,
        converge: 0,
        build: |p, plan| shared(Statistic::Sum, Column::Volume, p, plan),
    },
    OpInfo {
        name: "volume_ratio",
        params: &[SHORT],
        field: None,
        input: Input::Steps,
        text: "volume / mean of volume over the period; 0 where every volume in the window is 0",
        first: window_first,
        converge: 0,
        build: |p, plan| own(VolumeRatio::new(p.n(), plan)),
    },
    OpInfo {
        name: "volume_std",
        params: &[PERIOD_2],
        field: None,
        input: Input::Steps,
        text: "population standard deviation of volume over the period",
        first: window_first,
        converge: 0,
        build: |p, plan| shared(Statistic::Deviation, Column::Volume, p, plan),
    },
    OpInfo {
        name: "spread_ratio",
        params: &[],
        field: None,
        input: Input::Book,
        text: "(ask1 - bid1) / mid; missing unless both sides have a level",
        first: |_| 0,
        converge: 0,
        build: |_, _| own(SpreadRatio),
    },
    OpInfo {
        name: "book_imbalance",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "(B - A) / (B + A), summed sizes of the top levels; missing where B + A is 0",
        first: |_| 0,
        converge: 0,
        build: |p, plan| book_depth(DepthValue::Imbalance, p, plan),
    },
    OpInfo {
        name: "depth_ratio",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "B / A; missing where A is 0",
        first: |_| 0,
        converge: 0,
        build: |p, plan| book_depth(DepthValue::Ratio, p, plan),
    },
    OpInfo {
        name: "bid_volume",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "B, the summed sizes of the top bids",
        first: |_| 0,
        converge: 0,
        build: |p, plan| book_depth(DepthValue::Bid, p, plan),
    },
    OpInfo {
        name: "ask_volume",
        params: &[LEVELS],
        field: None,
        input: Input::Book,
        text: "A, the summed sizes of the top asks",
        first: |_| 0,
        converge: 0,
        build: |p, plan| book_depth(DepthValue::Ask, p, plan),
    },
    OpInfo {
        name: "order_flow_ratio",
        params: &[SHORT],
        field: None,
        input: Input::Taker,
        text: "taker buy / (taker buy + taker sell) volume over the period; 0.5 where both are 0; missing while a taker side is unknown",
        first: window_first,
        converge: 0,
        build: |p, plan| own(OrderFlowRatio::new(p.n(), plan)),
    },
    OpInfo {
        name: "rsi",
        params: &[PERIOD_2],
        field: None,
        input: Input::Steps,
        text: "Wilder's RSI as TA-Lib; 50 where both averages are 0",
        first: back_first,
        converge: CONVERGE,
        build: |p, _| own(Rsi::new(p.n())),
    },
    OpInfo {
        name: "macd",
        params: &[Param { name: "fast", ..PERIOD_2 }, Param { name: "slow", ..PERIOD_2 }],
        field: None,
        input: Input::Steps,
        text: "EMA(fast) - EMA(slow) of close, seeded as TA-Lib's MACD line",
        first: |p| p.m() as u64 - 1,
        converge: CONVERGE,
        build: |p, plan| {
            looks_back(p.m() - 1, plan);
            own(Macd::new(p.n(), p.m()))
        },
    },
    OpInfo {
        name: "bollinger_position",
        params: &[Param { default: Some(20.0), ..SHORT_2 }, Param { name: "width", default: Some(2.0), range: (0.01, 100.0), whole: false }],
        field: None,
        input: Input::Steps,
        text: "%B of BBANDS(period, width), population deviation; 0.5 where all closes are equal",
        first: window_first,
        converge: 0,
        build: |p, plan| own(BollingerPosition::new(p.n(), p.values[1], plan)),
    },
    OpInfo {
        name: "stochastic_k",
        params: &[SHORT],
        field: None,
        input: Input::Steps,
        text: "100 (close - LL) / (HH - LL) over the period, as TA-Lib STOCHF fast K; 50 where they are equal",
        first: window_first,
        converge: 0,
        build: |p, plan| own(StochasticK::new(p.n(), plan)),
    },
    OpInfo {
        name: "williams_r",
        params: &[SHORT],
        field: None,
        input: Input::Steps,
        text: "-100 (HH - close) / (HH - LL) over the period, as TA-Lib WILLR; -50 where they are equal",
        first: window_first,
        converge: 0,
        build: |p, plan| own(WilliamsR::new(p.n(), plan)),
    },
    OpInfo {
        name: "cci",
        params: &[SHORT_2],
        field: None,
        input: Input::Steps,
        text: "TA-Lib CCI of the typical price; 0 where the mean deviation is at most 1e-12 of the mean",
        first: window_first,
        converge: 0,
        build: |p, plan| own(Cci::new(p.n(), plan)),
    },
    OpInfo {
        name: "atr",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "Wilder's average true range as TA-Lib ATR",
        first: back_first,
        converge: CONVERGE,
        build: |p, _| own(Atr::new(p.n())),
    },
    OpInfo {
        name: "momentum",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "close[t] - close[t-period], as TA-Lib MOM",
        first: back_first,
        converge: 0,
        build: |p, plan| own(Momentum { period: looks_back(p.n(), plan) }),
    },
    OpInfo {
        name: "roc",
        params: &[PERIOD],
        field: None,
        input: Input::Steps,
        text: "100 (close[t] / close[t-period] - 1), as TA-Lib ROC",
        first: back_first,
        converge: 0,
        build: |p, plan| own(RateOfChange { period: looks_back(p.n(), plan) }),
    },
    OpInfo {
        name: "role_return",
        params: &[PERIOD],
        field: None,
        input: Input::RoleBook,
        text: "ln(mid[t] / mid[t-period]) of the role's stream; missing without a book of that role",
        first: back_first,
        converge: 0,
        build: |p, _| own(RoleReturn::new(p.role, p.n())),
    },
    price("open", "first price of the step", |_, _| own(Price { column: Column::Open })),
    price("high", "highest price of the step", |_, _| own(Price { column: Column::High })),
    price("low", "lowest price of the step", |_, _| own(Price { column: Column::Low })),
    price("close", "last price of the step", |_, _| own(Price { column: Column::Close })),
    OpInfo {
        name: "given",
        params: &[],
        field: None,
        input: Input::Caller,
        text: "the caller's value named by field, in his own row (predict_row); missing in every row of a track; scale zscore, minmax or none",
        first: |_| 0,
        converge: 0,
        build: |_, _| own(Given),
    },
];

/// The operator of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static OpInfo> {
    OPS.iter().find(|op| op.name == name)
}
