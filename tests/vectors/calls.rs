//! The calls of a case over the Rust API.

use std::collections::HashMap;
use std::fmt::Write;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{Pod, bytes_of, cast_slice};
use foretick::config::LinkOptions;
use foretick::engine::{Details, Engine, Lane, Link, LinkError, ResultMemory, ResultWriter, RowValues, SCORER_RAW, Scorer, TrackId};
use foretick::model::bundle::Bundle;
use foretick::model::manifest::InputShape;
use foretick::model::store::Publish;
use foretick::types::amount::{self, AmountError, Limbs};
use foretick::types::event::SLOT_BYTES;
use foretick::types::{Flow, Slot};
use foretick::{Error, Result, Status};

use crate::folder;
use crate::support::capi::root;

/// What a case has opened, by its names.
#[derive(Default)]
pub struct Calls {
    events: Vec<Slot>,
    scorers: HashMap<String, Scorer>,
    tracks: HashMap<String, (String, TrackId)>,
    results: HashMap<String, &'static ResultMemory>,
    links: HashMap<String, Link>,
    snapshots: HashMap<String, Vec<u8>>,
    lanes: HashMap<String, Lane>,
    bundles: HashMap<String, Arc<Bundle>>,
    engine: Option<Engine>,
}

/// Bytes as digits; `-` for none.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    if digits.is_empty() { "-".into() } else { digits }
}

/// A text as a word.
pub fn text(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/~".contains(&byte);
    let word: String = text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
    if word.is_empty() { "-".into() } else { word }
}

fn bytes(word: &str) -> Vec<u8> {
    let digits = if word == "-" { "" } else { word };
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn values<T: Pod>(word: &str) -> Vec<T> {
    bytes(word).chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

fn plain(word: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), if word == "-" { "" } else { word }.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let escaped = *first == b'%';
        out.push(if escaped { u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap() } else { *first });
        rest = if escaped { &after[2..] } else { after };
    }
    String::from_utf8(out).unwrap()
}

fn flow(flow: Flow) -> String {
    let Flow { taken, closed, skipped, reasons, conflated, predicted, waiting } = flow;
    format!(" {closed} {taken} {reasons} {skipped} {conflated} {predicted} {waiting}")
}

impl Calls {
    /// Nothing is open.
    pub fn new() -> Calls {
        Calls::default()
    }

    /// Makes a call; its status and answers as they stand behind the arrow.
    pub fn answer(&mut self, call: &str) -> String {
        let words: Vec<&str> = call.split(' ').collect();
        if words[0] == "events" {
            let file = std::fs::read(folder().join(words[1])).unwrap();
            self.events = file.chunks_exact(SLOT_BYTES).map(bytemuck::pod_read_unaligned).collect();
            return String::new();
        }
        match self.made(words[0], &words[1..]) {
            Ok(answer) => format!("OK{answer}"),
            Err(error) => {
                assert!(!error.text().is_empty(), "{call}");
                error.status().name().to_owned()
            }
        }
    }

    fn made(&mut self, verb: &str, words: &[&str]) -> Result<String> {
        match verb {
            "engine" => self.engine = Some(Engine::open_text(&plain(words[0]))?),
            "bundle" => {
                let bundle = self.engine().open_bundle(&root().join(plain(words[1])))?;
                self.bundles.insert(words[0].to_owned(), bundle);
            }
            "publish" => return self.publish(words),
            "stream" => return Ok(format!(" {}", self.engine().add_stream(&plain(words[0]), &plain(words[1]))?)),
            "lane" => {
                let lane = self.engine().open_lane(&plain(words[1]))?;
                self.lanes.insert(words[0].to_owned(), lane);
            }
            "track" => return self.track(words),
            "push" => return self.push(words),
            "amount_parse" => return amount::parse(&plain(words[0]), words[1].parse().unwrap()).map(limbs).map_err(no_amount),
            "amount_bytes" => return Ok(limbs(amount::from_bytes(bytes(words[0]).first_chunk().unwrap()))),
            "amount_f64" => {
                let units: Vec<u64> = values(words[0]);
                let value = amount::to_f64(units.first_chunk().unwrap(), words[1].parse().unwrap()).map_err(no_amount)?;
                return Ok(format!(" {}", hex(bytes_of(&value))));
            }
            "warm" => {
                let slots = self.slots(words[1]);
                return Ok(flow(self.lane(words[0]).warm(&slots).map_err(Error::from)?));
            }
            "snapshot" => {
                let lane = self.lane(words[0]);
                let mut snapshot = vec![0; lane.snapshot_len()];
                assert_eq!(lane.snapshot(&mut snapshot), snapshot.len());
                self.snapshots.insert(words[1].to_owned(), snapshot);
            }
            "restore" => {
                let snapshot = self.snapshots[words[1]].clone();
                self.lane(words[0]).restore(&snapshot)?;
            }
            "restore_bytes" => self.lane(words[0]).restore(&bytes(words[1]))?,
            "link" => {
                let link = self.lane(words[1]).open_link(LinkOptions::parse(&plain(words[2]))?)?;
                self.links.insert(words[0].to_owned(), link);
            }
            "link_push" => {
                let slots = self.slots(words[1]);
                return self.link(words[0]).push(&slots).map(flow).map_err(refused);
            }
            "link_all" => {
                let slots = self.slots(words[1]);
                return self.link(words[0]).push_all(&slots).map(|_| String::new()).map_err(refused);
            }
            "poll" => return Ok(flow(self.lane(words[0]).poll(words[1].parse().unwrap(), words[2].parse().unwrap())?)),
            "maintain" => {
                let more = self.engine().maintain(Duration::from_nanos(words[0].parse().unwrap()))?;
                return Ok(format!(" {}", u8::from(more)));
            }
            "result" => {
                let (memory, read) = (self.results[words[0]], self.results[words[0]].read().unwrap());
                assert_eq!(memory.signal(), read.signal);
                return Ok(format!(" {}", hex(bytes_of(&read.comparable()))));
            }
            "advance" => return Ok(flow(self.lane(words[0]).advance(words[1].parse().unwrap())?)),
            "due" => {
                let mut due: Vec<u32> = self.lane(words[0]).due().map(|id| id.number).collect();
                due.sort_unstable();
                return Ok(due.iter().map(|number| format!(" {number}")).collect());
            }
            "slot_enable" => match plain(words[1]).as_str() {
                "" => self.engine().enable_slot(&plain(words[0]), words[2] == "1")?,
                member => self.engine().enable_member(&plain(words[0]), member, words[2] == "1")?,
            },
            "scorer" => return self.scorer(words),
            "score" => return self.score(words),
            "score_next" => return self.score_next(words),
            "prepare_scorer" => self.scorers.get_mut(words[0]).expect("the case opens the scorer first").prepare(),
            _ => return self.asked(verb, words),
        }
        Ok(String::new())
    }

    /// What a track is asked.
    fn asked(&mut self, verb: &str, words: &[&str]) -> Result<String> {
        let (lane, id) = self.tracks[words[0]].clone();
        let name = words[0].to_owned();
        let memory = (verb == "attach").then(|| *self.results.entry(name).or_insert_with(|| Box::leak(Box::default())));
        let lane = self.lane(&lane);
        match verb {
            "attach" => {
                // SAFETY: leaked, so it outlives the writer, and nobody else writes it.
                let writer = memory.map(|memory| unsafe { ResultWriter::attach(NonNull::from(memory)) });
                lane.attach_result(id, writer)?;
                Ok(String::new())
            }
            "predict" => Ok(format!(" {}", hex(bytes_of(&lane.predict(id, words[1].parse().unwrap())?.comparable())))),
            "predict_row" => {
                let prediction = lane.predict_row(id, &values::<f64>(words[2]), words[1].parse().unwrap())?;
                Ok(format!(" {}", hex(bytes_of(&prediction.comparable()))))
            }
            "row" => {
                let (row, scaled) = (lane.row(id)?, words[1] == "1");
                let bits = if scaled { row.scaled_valid } else { row.raw_valid };
                let value = |at: usize| if scaled { f64::from(row.scaled[at]) } else { row.raw[at] };
                let shown: Vec<f64> = (0..row.raw.len()).map(|at| if bits[at / 64] >> (at % 64) & 1 == 1 { value(at) } else { f64::NAN }).collect();
                Ok(format!(" {} {}", row.step.close_ns, hex(cast_slice(&shown))))
            }
            "details" => Ok(details(&lane.details(id)?)),
            "prepare" => lane.prepare(id).map(|()| String::new()),
            "track_enable" => {
                lane.track_switch(id)?.set(words[1] == "1");
                Ok(String::new())
            }
            _ => panic!("no call is named {verb}"),
        }
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the case opens an engine first")
    }

    fn lane(&mut self, name: &str) -> &mut Lane {
        self.lanes.get_mut(name).expect("the case opens the lane first")
    }

    fn link(&mut self, name: &str) -> &mut Link {
        self.links.get_mut(name).expect("the case opens the link first")
    }

    fn publish(&self, words: &[&str]) -> Result<String> {
        let item = |pair: &[&str]| Publish { slot: plain(pair[0]), bundle: self.bundles[pair[1]].clone(), replace: false };
        let items: Vec<Publish> = words.chunks_exact(2).map(item).collect();
        Ok(self.engine().publish(&items)?.iter().map(|generation| format!(" {generation}")).collect())
    }

    fn track(&mut self, words: &[&str]) -> Result<String> {
        let streams: Vec<u32> = words[4..].iter().map(|id| id.parse().unwrap()).collect();
        let id = self.lane(words[1]).open_track(&plain(words[2]), &streams, words[3].parse().unwrap())?;
        self.tracks.insert(words[0].to_owned(), (words[1].to_owned(), id));
        Ok(format!(" {}", id.number))
    }

    fn slots(&self, word: &str) -> Vec<Slot> {
        match word.strip_prefix('@').and_then(|part| part.split_once('+')) {
            Some((from, count)) => self.events[from.parse().unwrap()..][..count.parse().unwrap()].to_vec(),
            None => values(word),
        }
    }

    fn push(&mut self, words: &[&str]) -> Result<String> {
        let slots = self.slots(words[1]);
        Ok(flow(self.lane(words[0]).push(&slots).map_err(Error::from)?))
    }

    fn scorer(&mut self, words: &[&str]) -> Result<String> {
        let scorer = self.engine().open_scorer(&plain(words[1]), &plain(words[2]), words[3].parse().unwrap())?;
        let info = scorer.info();
        let answer = format!(" {} {} {} {} {} {}", info.features, info.window, info.outputs, info.generation, info.backend, u32::from(info.raw) * SCORER_RAW);
        self.scorers.insert(words[0].to_owned(), scorer);
        Ok(answer)
    }

    fn score(&mut self, words: &[&str]) -> Result<String> {
        let scorer = self.scorers.get_mut(words[0]).expect("the case opens the scorer first");
        let (count, stride) = (words[1].parse().unwrap(), words[2].parse().unwrap());
        let mut out = vec![0.0; count * scorer.info().outputs];
        match scorer.info().raw {
            true => scorer.run_raw(&apart::<f64>(words[3], scorer.info().width(), count, stride), &mut out)?,
            false => scorer.run(&apart::<f32>(words[3], scorer.info().width(), count, stride), &mut out)?,
        }
        Ok(format!(" {}", hex(cast_slice(&out))))
    }

    fn score_next(&mut self, words: &[&str]) -> Result<String> {
        let scorer = self.scorers.get_mut(words[0]).expect("the case opens the scorer first");
        let (features, count, stride, mut out) = (scorer.info().features, words[1].parse().unwrap(), words[2].parse().unwrap(), Vec::<f32>::new());
        for row in 0..count {
            out.extend(match scorer.info().raw {
                true => scorer.score_next(RowValues::Raw(&apart::<f64>(words[3], features, count, stride)[row * features..][..features]))?,
                false => scorer.score_next(RowValues::Scaled(&apart::<f32>(words[3], features, count, stride)[row * features..][..features]))?,
            });
        }
        Ok(format!(" {}", hex(cast_slice(&out))))
    }
}

fn limbs(limbs: Limbs) -> String {
    format!(" {}", hex(cast_slice(&limbs)))
}

fn no_amount(error: AmountError) -> Error {
    Error::new(error.status(), error.text())
}

/// Why a link took nothing.
fn refused(error: LinkError) -> Error {
    Error::new(error.status(), format!("{error:?}"))
}

/// Rows that begin every so many bytes, one after the other.
fn apart<T: Pod>(word: &str, width: usize, count: usize, stride: usize) -> Vec<T> {
    let (all, apart) = (values::<T>(word), if stride == 0 { width } else { stride / size_of::<T>() });
    (0..count).flat_map(|row| all[row * apart..row * apart + width].to_vec()).collect()
}

fn details(details: &Details<'_>) -> String {
    let (answer, manifest, width) = (details.answer, details.manifest, details.schema.width());
    let window = manifest.members.iter().any(|member| member.input == InputShape::Window);
    let off = |word: usize| (0..64).filter(|bit| word * 64 + bit < width && answer.valid[word] >> bit & 1 == 0).fold(0u64, |bits, bit| bits | 1 << bit);
    let missing: Vec<u64> = (0..answer.valid.len()).map(off).collect();
    let mut text = format!(
        " {} {width} {} {} {} {} {}",
        answer.prediction.id_counter,
        if window { details.schema.window } else { 1 },
        hex(&manifest.schema_hash[..8]),
        hex(bytes_of(&answer.phase_confidence)),
        hex(bytes_of(&answer.expected_net)),
        hex(cast_slice(&missing)),
    );
    let none = hex(bytes_of(&f64::NAN));
    for (number, output) in answer.outputs.iter().enumerate() {
        let (spec, value, raw) = (&manifest.outputs[number], hex(bytes_of(&output.value)), hex(bytes_of(&output.raw)));
        text += &format!(" o:{}:{number}:{}:{}:{value}:{raw}:{none}:{none}", spec.name, spec.task as u16, spec.horizon);
    }
    for member in &answer.members {
        let (name, status) = (&manifest.members[member.member].name, Status::name(member.status));
        let (value, weight) = (hex(bytes_of(&member.value)), hex(bytes_of(&member.weight)));
        text += &format!(" m:{name}:{}:{}:{}:{status}:{value}:{weight}", member.member, member.output, member.backend);
    }
    text
}
