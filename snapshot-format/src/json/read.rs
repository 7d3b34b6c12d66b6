//! A JSON stream to a tree.
//!
//! What the Go store's decoder does is done here too, where it does not lose anything: `metrics`,
//! `children` and `data` may be missing or null, unknown fields are skipped, of a name that stands
//! twice the last counts, numbers that are missing are 0. The levels' nesting is kept on a stack of
//! its own, and the memory is that of the tree and one buffer.

use crate::json::lexer::{JsonCause, JsonError, Kind, Lexer, Result};
use crate::layout::MAX_DEPTH;
use crate::tree::{Growing, OwnedSeries, Tree};
use std::io::Read;

/// What [`salvage_json`] read before the fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SalvagedJson {
    /// Everything that was complete. If the stream ends before its own times, which the Go store
    /// writes last, those of its series.
    pub tree: Tree,
    /// Why reading ended; none if the checkpoint is whole.
    pub fault: Option<JsonError>,
}

/// Reads a JSON checkpoint. Each decimal becomes the nearest f32 (an infinity beyond the largest),
/// `null` in `data` becomes NaN. The reader needs no buffer.
///
/// ```
/// let json = br#"{"metrics":{"cpu_load":{"frequency":60,"start":0,"data":[0.5,null]}},
///     "children":null,"from":0,"to":120}"#;
/// let tree = snapshot_format::read_json(&json[..])?;
/// assert_eq!(tree.root.metrics[b"cpu_load"].values[0], 0.5);
/// # Ok::<(), snapshot_format::JsonError>(())
/// ```
///
/// # Errors
///
/// [`JsonError`] says what is wrong and where.
pub fn read_json<R: Read>(reader: R) -> Result<Tree> {
    let SalvagedJson { tree, fault } = salvage_json(reader);
    fault.map_or(Ok(tree), Err)
}

/// Reads a JSON checkpoint as far as it is one. Of a series that is cut, the values before the cut
/// are kept if its frequency and start stand before them.
///
/// ```
/// let half = br#"{"metrics":{"cpu_load":{"frequency":60,"start":0,"data":[0.5,0.7"#;
/// let saved = snapshot_format::salvage_json(&half[..]);
/// assert_eq!(saved.tree.root.metrics[b"cpu_load"].values, [0.5]);
/// assert_eq!(saved.fault.map(|fault| fault.offset), Some(64));
/// ```
pub fn salvage_json<R: Read>(reader: R) -> SalvagedJson {
    let mut reading = Reading {
        lexer: Lexer::new(reader),
        growing: Growing::default(),
        open: Vec::new(),
        name: Vec::new(),
        series: Partial::default(),
        from: None,
        to: None,
    };
    let fault = reading.root().err();
    reading.finish(fault)
}

/// An object that is open, and whether its next member is the first.
struct Open {
    object: Object,
    is_first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Object {
    Level,
    Metrics,
    Children,
}

/// A series as far as it was read.
#[derive(Default)]
struct Partial {
    name: Vec<u8>,
    frequency: Option<i64>,
    start: Option<i64>,
    values: Vec<f32>,
    is_open: bool,
}

struct Reading<R> {
    lexer: Lexer<R>,
    growing: Growing,
    open: Vec<Open>,
    /// Of the member that is being read.
    name: Vec<u8>,
    series: Partial,
    from: Option<i64>,
    to: Option<i64>,
}

impl<R: Read> Reading<R> {
    fn root(&mut self) -> Result<()> {
        self.lexer.open(Kind::Object, "object of the root level")?;
        self.push(Object::Level);
        while let Some(open) = self.open.last_mut() {
            let (object, is_first) = (open.object, core::mem::take(&mut open.is_first));
            if !self.lexer.member(is_first, &mut self.name)? {
                self.open.pop();
                if object == Object::Level && !self.open.is_empty() {
                    self.growing.leave();
                }
                continue;
            }
            match object {
                Object::Level => self.level_member()?,
                Object::Metrics => self.series()?,
                Object::Children => self.child()?,
            }
        }
        self.lexer.end()
    }

    fn push(&mut self, object: Object) {
        self.open.push(Open { object, is_first: true });
    }

    fn level_member(&mut self) -> Result<()> {
        let is_root = self.growing.depth() == 1;
        match self.name.as_slice() {
            b"metrics" if self.lexer.kind()? == Kind::Null => {
                self.growing.forget_series();
                self.lexer.null()
            }
            b"metrics" => {
                self.lexer.open(Kind::Object, "object of metrics")?;
                self.push(Object::Metrics);
                Ok(())
            }
            b"children" if self.lexer.kind()? == Kind::Null => {
                self.growing.forget_children();
                self.lexer.null()
            }
            b"children" => {
                self.lexer.open(Kind::Object, "object of children")?;
                self.push(Object::Children);
                Ok(())
            }
            b"from" if is_root => {
                self.from = Some(self.integer()?);
                Ok(())
            }
            b"to" if is_root => {
                self.to = Some(self.integer()?);
                Ok(())
            }
            _ => self.lexer.skip_value(),
        }
    }

    fn child(&mut self) -> Result<()> {
        if self.growing.depth() == MAX_DEPTH {
            return self.lexer.fail(JsonCause::TooDeep);
        }
        self.lexer.open(Kind::Object, "object of a level")?;
        self.growing.enter(&self.name);
        self.push(Object::Level);
        Ok(())
    }

    fn series(&mut self) -> Result<()> {
        self.lexer.open(Kind::Object, "object of a series")?;
        let name = core::mem::take(&mut self.name);
        self.series = Partial { name, is_open: true, ..Partial::default() };
        let mut is_first = true;
        while self.lexer.member(core::mem::take(&mut is_first), &mut self.name)? {
            match self.name.as_slice() {
                b"frequency" => self.series.frequency = Some(self.integer()?),
                b"start" => self.series.start = Some(self.integer()?),
                b"data" => self.data()?,
                _ => self.lexer.skip_value()?,
            }
        }
        let Partial { name, frequency, start, mut values, .. } = core::mem::take(&mut self.series);
        values.shrink_to_fit();
        let (frequency, start) = (frequency.unwrap_or(0), start.unwrap_or(0));
        self.growing.series(&name, OwnedSeries { frequency, start, values });
        Ok(())
    }

    fn data(&mut self) -> Result<()> {
        self.series.values.clear();
        if self.lexer.kind()? == Kind::Null {
            return self.lexer.null();
        }
        self.lexer.open(Kind::Array, "array of values")?;
        let mut is_first = true;
        while self.lexer.element(core::mem::take(&mut is_first))? {
            let value = match self.lexer.kind()? {
                Kind::Null => {
                    self.lexer.null()?;
                    f32::NAN
                }
                Kind::Number => self.lexer.number("value", |text| text.parse().ok())?,
                _ => return self.lexer.fail(JsonCause::Type { expected: "number or null" }),
            };
            self.series.values.push(value);
        }
        Ok(())
    }

    fn integer(&mut self) -> Result<i64> {
        const EXPECTED: &str = "integer of 64 bits";
        if self.lexer.kind()? != Kind::Number {
            return self.lexer.fail(JsonCause::Type { expected: EXPECTED });
        }
        self.lexer.number(EXPECTED, |text| text.parse().ok())
    }

    fn finish(mut self, fault: Option<JsonError>) -> SalvagedJson {
        if let Partial {
            name,
            frequency: Some(frequency),
            start: Some(start),
            values,
            is_open: true,
        } = self.series
        {
            self.growing.series(&name, OwnedSeries { frequency, start, values });
        }
        let (from, to) = (self.from, self.to);
        let mut tree = Tree { from: 0, to: 0, root: self.growing.finish() };
        let span = if fault.is_some() { tree.span() } else { (0, 0) };
        (tree.from, tree.to) = (from.unwrap_or(span.0), to.unwrap_or(span.1));
        SalvagedJson { tree, fault }
    }
}
