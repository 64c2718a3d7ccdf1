//! Which streams fill the roles of which tracks.

use foretick::features::catalog::Input;
use foretick::features::spec::{Missing, Schema};
use foretick::source::StreamInfo;
use foretick::types::Kind;
use foretick::window::sampler::Sampling;
use foretick::{Error, Result, Status};

/// One track: a stream a role, by number in the recording.
pub type Binding = Vec<usize>;

/// Tracks that can be opened, and why others cannot.
#[derive(Default)]
pub struct Bindings {
    /// One a track.
    pub tracks: Vec<Binding>,
    /// Streams that were allowed but cannot have a track, with the reason.
    pub refused: Vec<(String, Error)>,
}

/// `--bind ROLE=NAME` where given, else a track for every allowed stream; other roles are then filled
/// by the same instrument on another venue, the first by name.
pub fn bind(schema: &Schema, streams: &[StreamInfo], asked: &[String], allowed: impl Fn(&str) -> bool) -> Result<Bindings> {
    let fixed = parse(schema, streams, asked)?;
    let mut bindings = Bindings::default();
    if let Some(own) = fixed.first().copied().flatten() {
        check_stream(schema, &streams[own])?;
        bindings.tracks.push(fill(schema, streams, &fixed, own)?);
        return Ok(bindings);
    }
    for (own, stream) in streams.iter().enumerate().filter(|(own, stream)| allowed(&stream.name) && !fixed.contains(&Some(*own))) {
        match check_stream(schema, stream).and_then(|()| fill(schema, streams, &fixed, own)) {
            Ok(binding) => bindings.tracks.push(binding),
            Err(error) => bindings.refused.push((stream.name.clone(), error)),
        }
    }
    Ok(bindings)
}

/// The streams that `--bind` names, by role.
fn parse(schema: &Schema, streams: &[StreamInfo], asked: &[String]) -> Result<Vec<Option<usize>>> {
    let mut fixed = vec![None; schema.roles.len()];
    for text in asked {
        let wrong = |what: String| Error::new(Status::Roles, format!("--bind {text}: {what}"));
        let (role, name) = text
            .split_once('=')
            .ok_or_else(|| Error::new(Status::InvalidArgument, format!("--bind {text}: must be ROLE=NAME, such as self=binance_spot:BTCUSDT")))?;
        let role = schema.roles.iter().position(|known| known == role).ok_or_else(|| wrong(format!("the roles are {}", schema.roles.join(", "))))?;
        let names = || streams.iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>().join(", ");
        let stream = streams.iter().position(|stream| stream.name == name).ok_or_else(|| wrong(format!("the streams are {}", names())))?;
        fixed[role] = Some(stream);
    }
    Ok(fixed)
}

fn fill(schema: &Schema, streams: &[StreamInfo], fixed: &[Option<usize>], own: usize) -> Result<Binding> {
    let mut binding = vec![own];
    for (role, name) in schema.roles.iter().enumerate().skip(1) {
        let found = fixed[role]
            .or_else(|| streams.iter().enumerate().position(|(at, other)| !binding.contains(&at) && same_instrument(&streams[own].name, &other.name)));
        let found = found.ok_or_else(|| {
            Error::new(Status::Roles, format!("no stream fills role {name}: none has the same instrument on another venue; --bind {name}=NAME chooses one"))
        })?;
        binding.push(found);
    }
    for (role, stream) in binding.iter().enumerate().skip(1) {
        let needs = schema.features.iter().filter(|feature| feature.params.role == role).map(|feature| feature.name.as_str());
        check_book(&streams[*stream], &needs.collect::<Vec<_>>())?;
    }
    Ok(binding)
}

fn same_instrument(a: &str, b: &str) -> bool {
    let instrument = |name: &str| name.split_once(':').map(|(_, instrument)| instrument.to_owned());
    instrument(a).is_some() && instrument(a) == instrument(b)
}

/// What the schema needs of role self, the stream must give.
fn check_stream(schema: &Schema, stream: &StreamInfo) -> Result<()> {
    let by_bar = schema.sampler.sampling == Sampling::Bar;
    let unavailable = |what: String| Err(Error::new(Status::FeaturesUnavailable, format!("{}: {what}", stream.name)));
    match (by_bar, stream.gives(Kind::Bar)) {
        (true, false) => return unavailable("the schema samples by bar, the files hold no candles".into()),
        (false, true) => return unavailable("the schema samples by time or event and refuses candles".into()),
        _ => {}
    }
    let needs = |input: Input| schema.features.iter().filter(|feature| feature.op.input == input).map(|feature| feature.name.as_str()).collect::<Vec<_>>();
    check_book(stream, &needs(Input::Book))?;
    let given = schema.features.iter().filter(|feature| feature.op.input == Input::Caller && feature.missing == Missing::Abstain);
    let given: Vec<&str> = given.map(|feature| feature.name.as_str()).collect();
    if !given.is_empty() {
        return unavailable(format!("{} come with the caller's rows (predict_row), which no file holds", given.join(", ")));
    }
    let taker = needs(Input::Taker);
    match taker.is_empty() || stream.taker_known {
        true => Ok(()),
        false => unavailable(format!("the files do not tell the taker's side, which {} need", taker.join(", "))),
    }
}

fn check_book(stream: &StreamInfo, needs: &[&str]) -> Result<()> {
    match needs.is_empty() || stream.gives(Kind::Book) || stream.gives(Kind::Quote) {
        true => Ok(()),
        false => Err(Error::new(Status::FeaturesUnavailable, format!("{}: the files hold no book, which {} need", stream.name, needs.join(", ")))),
    }
}
