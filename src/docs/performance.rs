//! How foretick is fast, method by method, and what each bought.
//!
//! The figures are ratios from one run on one machine each; `benches/RESULTS.md` has the newest with the machine's description, and
//! `foretick bench` makes them anew. What holds for every method: no answer changes by a bit, whichever instructions run and whatever was
//! worked out before. A test compares bits, not tolerances.
//!
//! # One source, several instruction sets
//!
//! Kernels are plain loops over blocks of 16 values with `mul_add`, compiled for AVX-512, for AVX2 with FMA, and for whatever the target
//! has; a plan is compiled for the best of them when a bundle opens. Every operation is correctly rounded and in a written order (a chain a
//! value in networks, 16 lanes and a fixed reduction elsewhere), so the sets agree to the bit. The price is latency: a chain of fused
//! multiply-adds waits 4 cycles a step, so one row of a narrow layer runs at a fraction of what the core can do. A network's layer over a
//! single row therefore has four chains an output (`native/single.rs`): an MLP 25-64-32-1 takes 0.7 of the time.
//!
//! What the order costs is measured: a linear model's sum runs in f64 over 16 lanes, and 975 more inputs take a scorer 250 ns more, where
//! a sum of 1,024 products in whatever order is fastest takes 38 (`foretick bench`, `lr_1000` and the line of the machine).
//!
//! The bias that an exporter adds behind a product begins the product's chain, and the function behind a layer of one row is applied
//! before its outputs are left (`native/build/fuse.rs`): a trained MLP takes 371 ns in turns, was 481.
//!
//! A linear model or an ensemble of trees is one step with its link function, and where nothing else is made, it is made in the caller's
//! outputs (`native/build/direct.rs`). scikit-learn's binary models are exported as two scores of which one mirrors the other: one sum is
//! enough, to the same bits (`native/linear.rs`). A scorer's call of a logistic regression is 756 instructions, was 1,508: 70 ns instead of 100 in
//! a loop of its own.
//!
//! What all models of a bundle read lies in one block of memory, member by member, step by step, each at the begin of a cache line
//! ([`crate::model::params`]). Asking the kernel for large pages for it was tried: no case gained or lost more than the noise.
//!
//! Whatever a kernel calls has to become a part of it, or it is compiled for the plain instruction set and called once a place. The
//! standard library's `array::from_fn` did that among the gates of LSTM layers, where each call's results were besides written in pieces
//! and read as one, which processors wait for. Without it an answer of LSTM 2 x 64 takes 1.5 us instead of 1.8, preparing it two thirds of the
//! time, and int8, whose rounding had been made value by value, 2.3 instead of 3.2 (LSTM_A).
//!
//! Sums stay in registers as long as nobody takes a reference to more than four blocks of them. Writing a tile's sums straight to their
//! rows, instead of through a cleared array on the stack, made products of many rows 2.1 times faster (a Transformer over 60 steps).
//! GELU and the error function are f32 polynomials side by side (`native/normal.rs`) instead of a call for each value: that Transformer
//! with GELU takes 134 us, was 222.
//!
//! # Trees
//!
//! See `model::native::tree`. All comparisons become `x <= threshold` over integers in the order of the floats, and a fixed rule on
//! the ensemble's shape and the instructions chooses how nodes lie; `inspect` says which. With AVX-512 a row of up to 64 columns is in
//! registers, where one instruction looks up the columns of 16 branches and another compares them:
//!
//! - **in blocks**, nearly full trees and all of up to four levels: the top two to four levels of 16 trees at once, where the branches above
//!   choose among those of the next level before those are needed, then blocks of seven branches on one cache line with what seven of the
//!   eight leaves hold. A tree takes no branch, and its exit of a block is a look-up of seven decisions;
//! - **in a sweep**, other trees of at most 64 leaves: all branches, those of 32 trees side by side, from the first leaf to the last. Each tree
//!   keeps the first leaf that is left; a branch whose first child holds it, and which the row leaves by the second, moves it behind
//!   itself. Values are compared by their rank among the thresholds of their column, so that 32 fit into a register;
//! - **in crown and chain**, larger trees: the same top levels, then nodes of 8 bytes in which a comparison's carry is the step;
//! - **by rank**, on other processors and in wide rows, trees of 17 to 32 leaves with at least 128 branches a column: the branches of a column
//!   stand by threshold, and before each 16th a row of masks has, of all trees, the leaves that are left when everything before it is
//!   passed (QuickScorer, with prefixes). Everything else there is one **chain**.
//!
//! A sketch of the descents alone, 40 KB of something else read between two calls, p50 in ns on a two-core Zen 4:
//!
//! | | blocks | sweep | by rank | crown and chain | chain | four levels a block | masks |
//! |---|---:|---:|---:|---:|---:|---:|---:|
//! | forest, 100 trees of depth 8 | **320** | | | 501 | 651 | 361 | |
//! | XGBoost, 200 of depth 6 | **350** | 952 | | 681 | 942 | 501 | |
//! | XGBoost, 200 of depth 5 | **320** | 551 | 551 | 491 | 742 | 551 | 661 |
//! | LightGBM, 200 of 31 leaves | | **461** | 551 | 801 | 1,042 | | 641 |
//! | LightGBM, 200 of 63 leaves | | **761** | | 1,032 | 1,292 | | |
//! | LightGBM, 200 of 127 leaves | | 1,342 | | **1,262** | | | |
//! | LightGBM, 1,000 of 31 leaves, 60 columns | | **1,983** | | 3,946 | 5,388 | | 3,215 |
//! | 250 of 11 leaves, 60 columns | | **410** | | 681 | 881 | | 410 |
//!
//! *Four levels a block* was what blocks were before: 15 branches, their columns and 16 leaves on three lines. *Masks*: the sweep with a bit a
//! leaf and 16 trees side by side. On a Xeon (Emerald Rapids) the order is the same: forest 355, XGBoost 400, LightGBM of 31 leaves 608 in a
//! sweep and 657 by rank, of 63 leaves 960 and 1,207 in crown and chain.
//!
//! **By gathers** the rule sends no row. In a sketch, the chain's nodes eight to a vector, four vectors interleaved, the row looked up in
//! registers or gathered too, below the crown and without it; p50 in ns, hot, one run on each machine:
//!
//! | | Zen 4: loads | gathers | Xeon: loads | gathers |
//! |---|---:|---:|---:|---:|
//! | forest, 100 trees of depth 8 | 481 | 1,221 | 631 | 829 |
//! | XGBoost, 200 of depth 6 | 601 | 1,372 | 743 | 1,049 |
//! | LightGBM, 200 of 31 leaves | 781 | 1,933 | 1,014 | 2,020 |
//! | LightGBM, 200 of 63 leaves | 1,021 | 2,564 | 1,441 | 1,676 |
//! | LightGBM, 200 of 255 leaves | 1,533 | 4,056 | 2,076 | 2,168 |
//! | 250 of 11 leaves, 60 columns | 671 | 1,552 | 851 | 1,893 |
//! | without crown: 200 of 31 leaves, 400 columns | 1,072 | 4,276 | 2,509 | 3,028 |
//!
//! The Xeon's host was busy. In two other runs there, beside tenants that took half of a core, gathers came out ahead below the crown of large
//! trees: 63 leaves 1,687 against 2,052 (2,038 and 2,121 in the other), 255 leaves 2,611 against 3,065. Trees of up to 64 leaves are swept
//! since, in 960. A gather makes one step of eight trees; a block three steps of one tree, a step of the sweep one branch of 32.
//!
//! As the product has it (`cargo bench --bench trees`, *ways*, by turns on Zen 4) it takes 0.95 to 2.3 times as long as crown and chain: forest
//! 1,192 ns (621, in blocks 391), XGBoost 1,252 (822, 450), LightGBM of 31 leaves 2,395 (1,111, in a sweep 551), of 255 leaves 5,979 (2,595),
//! 150 trees of three levels 401 (420, 210).
//!
//! Another processor may have another order, so `foretick model tune` measures all ways down that fit an ensemble, gathers below a crown
//! among them, and writes the fastest into `backend.lock` (`native/gathers`). All reach the same leaves, so a lock changes no bit of an
//! answer.
//!
//! What compilers make of plain loops was worth as much as the layouts. Of a loop that looks values up they make gathers, and of one over
//! blocks of 16 values, vectors across the blocks, gathered again: `cpu::apart` keeps rounds apart, which took int8 answers of LSTM_A from 1.94
//! to 1.74 us, of LSTM_B from 8.1 to 7.5, a Transformer from 128 to 117. The crown's four levels were a loop with its masks in memory
//! (forest 547 to 430 ns written out), counting thresholds below a value was a sum of bytes (by rank 641 to 551), a choice of two
//! addresses a branch that is guessed wrong once in eight (XGBoost 741 to 391), a conjunction of two masks the wrong one first (sweep 531 to
//! 461), 16 trees of blocks to a round saved another 60, and a masked load that loads nothing, but from an address where nothing is mapped, took
//! 50 ns of every row of fewer than 16 columns and of 33 to 47. `make verify PART=hot` looks for gathers where none are meant.
//!
//! Tried and lost: fetching blocks ahead (no difference with one line a tree; 190 ns slower with three), a crown of five levels (forest even,
//! depth 5 slower), the walk of 16 trees right behind their crown (320 to 561 ns), masks with the columns of four branches in one number
//! (even on Zen 4, a sixth slower on the Xeon), leaves picked 16 to a round; groups of 8 by rank (749 KB leave the second cache: 1.4
//! times slower) and of 32 (twice the single masks: 1.7 times), fetching rows of masks ahead.
//!
//! # Windows: everything but the newest row, before it is there
//!
//! The next window shares all rows but one with this one. [`crate::model::backend::Ahead`] works that out when an answer is out: by
//! [`crate::engine::Lane::prepare`], `foretick_track_prepare`, or a lane's polls with `prepare = "idle"`. It is a cache keyed by the rows
//! themselves: it answers only for a window that begins with the very rows that it has seen, so a restart, a gap, a swap or another scale
//! can never meet a stale state.
//!
//! - **LSTM and GRU.** All windows that have begun are lanes; a new row moves all of them on by one product of many rows, which reads the
//!   weights once. The state's part of the next step's gates is made as well, since a gate is the sum of two chains. The answer is then one
//!   step of each layer without the state's products: 40 to 60 times less than the whole window. The work itself is not less: preparing
//!   takes about as long as a whole window, after the answer.
//!
//!   At the end of that the newest row stands in for the next one: it completes the window once, which changes nothing and leaves what the
//!   answer will read, half of the weights, in the nearest cache that holds it.
//!   A scorer that is given the newest row alone (`foretick_scorer_next`) knows the others. Of a whole window that begins with the known
//!   rows it looks at the newest one; the others are compared with what is known, and need neither check nor copy.
//! - **What stands beside a window.** Working ahead drives the other models of a bundle out of the nearest caches, so each native one is run
//!   once more on the newest row, whose answer nobody reads: a decision of four models takes 6.1 us in turns with ONNX Runtime instead of 6.9.
//! - **Convolutions and what goes along a sequence.** The next window is run with zeros in the place of its newest row; what depends on
//!   that row is known from the plan and is made again when it comes: a few rows of each convolution.
//! - **Causal Transformers.** A score that a mask of minus infinity hides is not asked for (`native/demand.rs`), its share is 0 whatever the
//!   row is (`native/fixed.rs`), and a product of shares and values sums over what a row sees alone. So no earlier row depends on the
//!   newest one, and what is left for the answer is one row of each layer: one query a head over keys and values that are there. That the
//!   whole window is run by the same rule makes both equal to the bit, values that overflow included. Of two
//!   layers of 64 over 60 steps 15.5 us (ONNX Runtime in turns: 290, the whole window: 159), and 13.9 where nobody else uses the caches.
//!   Transformers that are not causal depend on the newest row everywhere, so nothing is worked ahead for them.
//!
//! # Windows on the clock
//!
//! A whole window reads a layer's weights once a step, from the second cache where they do not fit the first. So every second step runs
//! through the blocks of units backwards, beginning with those whose weights were read last: LSTM 2 x 64 on 60 x 25 takes 88 us, was 104.
//! How many chains stand in registers at once changes no bit, nor does the order of blocks.
//!
//! # Stateful models: one row a step
//!
//! A model that carries its state ([`crate::model::carried::CarriedState`]) has nothing to work ahead and nothing to run again: a step is
//! one row of each layer. It is another model than one over windows, so the two are never compared as one. The state is a copy of a
//! few hundred values, so a track's memory and a snapshot grow by those alone. Its layers run both products on the clock, which a window worked
//! ahead does not: the answer itself takes longer than that one's, and all of the work is a window's divided by its rows.
//!
//! # Features: what several of them need is computed once
//!
//! While a schema's features are built they ask for statistics: the mean of the last 20 closes, the highest of 14. Who asks for the same
//! gets the same place (`features::shared`), and a feature that is nothing but such a statistic is copied from there, without an
//! operator. All that was asked for is computed in one pass, each value in the order of its window alone:
//!
//! - **Windows of up to 64 steps** over all columns side by side: a step's columns are one cache line, so a sum over 20 steps is 20 vector
//!   additions for close, volume and typical price together. Sums run from the oldest value and deviations are about it, so nothing of a
//!   shorter window is left for a longer one; highest and lowest are exact in any order, so one way back serves all windows.
//! - **Longer windows** as compensated sums of eight windows side by side.
//! - **Scales, bits and the step to f32** eight features side by side, without a jump.
//!
//! A step of a thousand features is 4.7 times faster, one of the baseline's 25 1.5 times.
//!
//! # Smaller weights
//!
//! A step of a large layer waits for its weights: LSTM_A of STAC's shapes reads 360 KB of f32 from the second cache for every answer.
//! `precision` in the manifest ([`crate::model::precision::Precision`]) keeps them in half the memory or a quarter of it:
//!
//! - **fp16.** Weights are widened on the way into the registers, exactly; sums are the f32 chains.
//! - **int8.** A weight is a byte times the scale of its output, a state a byte times the scale of its row, a value from the caller two
//!   bytes, because one byte cannot hold rows whose features lie far apart. Products are summed in 32-bit whole numbers, exact in any
//!   order: with AVX-512 VNNI 64 products an instruction, else by plain loops, to the same bits. A row's scale is its own, so nothing
//!   saturates; a value far beyond its range makes its neighbours coarser.
//!
//! LSTM_A, prefix precomputed, the newest row alone, in a loop of its own: 4.0 us in f32 and 1.9 in int8, of which 3.0 and 0.8 are reads of
//! weights from the second cache and 0.4 the gates' functions. Given the whole window instead, another 0.4 are the compare with the known rows.
//!
//! Nothing is taken on trust: the smaller model runs on every golden row at load and is refused with the figure when its error is beyond
//! `precision_error`.
//!
//! # Only what is asked for
//!
//! From the outputs backwards every step learns which units of its result anybody reads; the rest is not made. Of an encoder whose
//! last step alone is read, the last layer has one query and one row of each dense layer (1.7 times faster with two layers); of a causal
//! convolution only what its last row looks back at.
//!
//! # Rings
//!
//! An event moves one cache line from core to core: the consumer polls the first word of the slot that it will read, not the producer's
//! position. That took a hop from 1.9 to 1.5 times the time of a bare word, and from 1.7 to 1.2 where the cores share no cache.
//!
//! # Swaps
//!
//! Working copies of new models are made off the way and left at a lane's seat; a prediction compares one number and takes them over when
//! it moved (1.2 ns). There is no slow first call.
//!
//! # The backend that is fastest here
//!
//! Which backend runs a graph is a fixed rule, so that two hosts do not differ. `foretick model tune` times those that keep the golden
//! rows' tolerance, and of trees every way down, in turns in a pinned thread, and writes the fastest into `backend.lock`; another than the
//! fixed choice has to win by 5 %.
//! What counts is what stands on the way of a decision: a whole run, or the newest row alone where the rest can be worked out before.
