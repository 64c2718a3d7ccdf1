//! Prices that are hard on sums: far from zero with little noise, levels that jump, long constants, tiny ones, outliers.

/// One price is this many units.
pub const SCALE: f64 = (1u64 << 20) as f64;
const MOST: u64 = 1 << 50;

/// An endless sequence of prices in units, the same for the same seed.
pub struct Prices {
    state: u64,
    left: u64,
    regime: u64,
    level: u64,
}

impl Prices {
    pub fn new(seed: u64) -> Prices {
        Prices { state: seed, left: 0, regime: 0, level: 1 }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// Of any size, each power of two as often.
    fn any(&mut self) -> u64 {
        let bits = self.random() % 50;
        (1 << bits) + self.random() % (1 << bits)
    }

    fn enter_regime(&mut self) {
        self.regime = self.random() % 8;
        // Short and long against every window; a constant may outlast what an average remembers.
        self.left = 1 + self.random() % (1 << (4 + self.random() % 13));
        self.level = self.any();
    }

    /// The next price, 1 to 2^50 units.
    pub fn next(&mut self) -> u64 {
        if self.left == 0 {
            self.enter_regime();
        }
        self.left -= 1;
        let random = self.random();
        let price = match self.regime {
            // 10^9 and a thousandth.
            0 => MOST - MOST / 20 + random % 2048,
            // A market: 30,000 and steps of hundredths.
            1 => {
                self.level = (30_000 << 20).max(self.level).min(31_000 << 20) + random % 20_000 - 10_000;
                self.level
            }
            2 => self.level,
            3 => 1 + random % 1000,
            4 => self.any(),
            // Noise about a level, and an outlier now and then.
            5 if random.is_multiple_of(5_000) => MOST,
            5 => self.level / 2 + random % 64,
            // Two levels.
            6 if random & 1 << 40 == 0 => 1 + self.level / 1_000_000,
            6 => self.level,
            // A ramp.
            _ => {
                self.level += 1 + self.level / 1_000_000;
                self.level
            }
        };
        price.clamp(1, MOST)
    }
}
