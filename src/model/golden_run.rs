//! Members run on golden rows: each on its own rows, a meta-model over what the members that it reads give there.

use crate::error::{Error, Result};
use crate::model::backend::Instance;
use crate::model::bundle::files::read_verified;
use crate::model::bundle::{Bundle, Member};
use crate::model::carried::CarriedState;
use crate::model::golden::Golden;
use crate::model::manifest::InputShape;
use crate::model::watchdog::RunLimit;

impl Bundle {
    /// What a member reads on the golden rows, one after another: as many values each as its backend reads. The file is read again.
    ///
    /// # Errors
    /// `IO`, `DIGEST` when the file was changed since; what a backend says when the member reads others.
    pub fn golden_inputs(&self, number: usize, limit: &RunLimit) -> Result<Vec<Vec<f32>>> {
        let manifest = &self.manifest;
        let bytes = read_verified(&self.path, &manifest.golden.0)?;
        let golden = Golden::read(&bytes, &self.schema, &manifest.members, &manifest.output_names(), manifest.golden.1)?;
        let mut run = GoldenRun::new(&self.members, &golden.rows, self.schema.window, limit)?;
        (0..golden.rows.len()).filter_map(|row| run.input(number, row).transpose()).collect()
    }
}

/// Working copies of a bundle's members, and the rows.
pub struct GoldenRun<'b> {
    members: &'b [Member],
    rows: &'b [Vec<f32>],
    window: usize,
    instances: Vec<Box<dyn Instance>>,
    /// Of stateful members, with the row that each reads next.
    states: Vec<Option<(CarriedState, usize)>>,
}

impl<'b> GoldenRun<'b> {
    /// Over rows of F values, NaN where missing; `window` is W.
    ///
    /// # Errors
    /// What a member's backend says, with the member's name.
    pub fn new(members: &'b [Member], rows: &'b [Vec<f32>], window: usize, limit: &RunLimit) -> Result<GoldenRun<'b>> {
        let made = |member: &Member| member.backend.clone().instance(limit).map_err(|error| named(member, error));
        let instances = members.iter().map(made).collect::<Result<_>>()?;
        let state = |(number, member): (usize, &Member)| member.is_stateful().then(|| (CarriedState::new(number, &*member.backend), 0));
        let states = members.iter().enumerate().map(state).collect();
        Ok(GoldenRun { members, rows, window, instances, states })
    }

    /// What a member's graph gives on a row; `None` where its window is not full, where an input is missing that the graph
    /// cannot take, and where a member that it reads gives no value. A stateful member has read every row before it, from the
    /// first one on or from behind the last one that lacks an input.
    ///
    /// # Errors
    /// What the backend says, with the member's name.
    pub fn outputs(&mut self, number: usize, row: usize) -> Result<Option<Vec<f32>>> {
        if self.states[number].is_some() {
            return self.outputs_behind(number, row);
        }
        let Some(input) = self.input(number, row)? else { return Ok(None) };
        let member = &self.members[number];
        let mut out = vec![0.0; member.backend.output_width()];
        self.instances[number].run(&input, &mut out).map_err(|error| named(member, error))?;
        Ok(Some(out))
    }

    fn outputs_behind(&mut self, number: usize, row: usize) -> Result<Option<Vec<f32>>> {
        let member = &self.members[number];
        let Some((state, next)) = &mut self.states[number] else { return Ok(None) };
        if *next > row + 1 {
            state.begin(member.backend.carries());
            *next = 0;
        }
        for values in &self.rows[*next..=row] {
            let carries = member.backend.carries();
            if values.iter().any(|value| value.is_nan()) && !member.backend.accepts_missing() {
                state.begin(carries);
                continue;
            }
            let fill = |input: &mut [f32]| input.copy_from_slice(values);
            state.step(carries, &mut *self.instances[number], fill).map_err(|error| named(member, error))?;
        }
        *next = row + 1;
        Ok((state.read > 0).then(|| state.out().to_vec()))
    }

    /// What a member reads on a row; `None` where [`GoldenRun::outputs`] is.
    ///
    /// # Errors
    /// What the backend of a member that it reads says, with that member's name.
    pub fn input(&mut self, number: usize, row: usize) -> Result<Option<Vec<f32>>> {
        let member = &self.members[number];
        let rows = match member.spec.input {
            InputShape::Row => 1,
            InputShape::Window => self.window,
            InputShape::Members => return self.values_read(number, row),
        };
        let Some(first) = (row + 1).checked_sub(rows) else { return Ok(None) };
        let input = self.rows[first..=row].concat();
        let complete = member.backend.accepts_missing() || !input.iter().any(|value| value.is_nan());
        Ok(complete.then_some(input))
    }

    fn values_read(&mut self, number: usize, row: usize) -> Result<Option<Vec<f32>>> {
        let members = self.members;
        let mut values = Vec::new();
        for read in &members[number].spec.reads {
            let member = &members[read.member];
            let place = member.spec.gives.iter().position(|give| give.output == read.output).map(|at| member.places[at]);
            let out = self.outputs(read.member, row)?;
            let value = out.zip(place).and_then(|(out, place)| member.spec.form.value(f64::from(out[place])));
            values.push(value.map(|value| value as f32));
        }
        Ok(values.into_iter().collect())
    }
}

fn named(member: &Member, error: Error) -> Error {
    error.within(&format!("model {}", member.spec.name))
}
