//! Graphs of one node, written as ONNX bytes by hand: the few fields that are needed.

/// A protobuf message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn int(mut self, field: u64, value: u64) -> Message {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Message {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Message {
        self.bytes(field, text.as_bytes())
    }

    fn inner(self, field: u64, message: Message) -> Message {
        self.bytes(field, &message.0)
    }

    fn floats(self, field: u64, values: &[f32]) -> Message {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(field, &bytes)
    }
}

const INT: u64 = 2;
const STRING: u64 = 3;
const FLOATS: u64 = 6;
const INTS: u64 = 7;

fn attribute(name: &str, kind: u64) -> Message {
    Message::default().text(1, name).int(20, kind)
}

/// A dense tensor's name, element type (1 f32, 7 i64) and dimensions; the first is free.
fn value(name: &str, element: u64, columns: Option<usize>) -> Message {
    let free = Message::default().inner(1, Message::default().text(2, "N"));
    let shape = columns.map_or(Message(free.0.clone()), |columns| Message(free.0).inner(1, Message::default().int(1, columns as u64)));
    let tensor = Message::default().int(1, element).inner(2, shape);
    Message::default().text(1, name).inner(2, Message::default().inner(1, tensor))
}

/// P(class 1) = 1 / (1 + exp(-(weights . x + bias))), in column 1 of the tensor `probabilities`.
pub fn logistic(weights: &[f32], bias: f32) -> Vec<u8> {
    let both: Vec<f32> = weights.iter().map(|weight| -weight).chain(weights.iter().copied()).collect();
    let node = Message::default()
        .text(1, "x")
        .text(2, "label")
        .text(2, "probabilities")
        .text(4, "LinearClassifier")
        .text(7, "ai.onnx.ml")
        .inner(5, attribute("coefficients", FLOATS).floats(7, &both))
        .inner(5, attribute("intercepts", FLOATS).floats(7, &[-bias, bias]))
        .inner(5, attribute("classlabels_ints", INTS).int(8, 0).int(8, 1))
        .inner(5, attribute("multi_class", INT).int(3, 0))
        .inner(5, attribute("post_transform", STRING).text(4, "LOGISTIC"));
    let graph = Message::default()
        .inner(1, node)
        .text(2, "lr")
        .inner(11, value("x", 1, Some(weights.len())))
        .inner(12, value("label", 7, None))
        .inner(12, value("probabilities", 1, Some(2)));
    model(graph)
}

/// y = x / x: NaN in every column whose value is 0.
pub fn ratio(width: usize) -> Vec<u8> {
    let node = Message::default().text(1, "x").text(1, "x").text(2, "y").text(4, "Div");
    let graph = Message::default().inner(1, node).text(2, "ratio").inner(11, value("x", 1, Some(width))).inner(12, value("y", 1, Some(width)));
    model(graph)
}

/// sum = x + h, one value each.
pub fn sum() -> Vec<u8> {
    let node = Message::default().text(1, "x").text(1, "h").text(2, "sum").text(4, "Add");
    let graph = Message::default().inner(1, node).text(2, "sum").inner(11, value("x", 1, Some(1))).inner(11, value("h", 1, Some(1)));
    model(graph.inner(12, value("sum", 1, Some(1))))
}

const GRAPH: u64 = 5;

/// `y` = `x` through this many loops, each in the body of the one around it, none of which goes round.
pub fn nested(depth: usize) -> Vec<u8> {
    let scalar = |name: &str, element| {
        let tensor = Message::default().int(1, element).inner(2, Message::default());
        Message::default().text(1, name).inner(2, Message::default().inner(1, tensor))
    };
    let mut inner = Message::default().text(1, "v0").text(2, "w0").text(4, "Identity");
    for level in 1..=depth {
        let [condition, goes, iteration, v, w] = ["c", "g", "i", "v", "w"].map(|name| format!("{name}{level}"));
        let (below, above) = (format!("v{}", level - 1), format!("w{}", level - 1));
        let keep = Message::default().text(1, &condition).text(2, &goes).text(4, "Identity");
        let enter = Message::default().text(1, &v).text(2, &below).text(4, "Identity");
        let leave = Message::default().text(1, &above).text(2, &w).text(4, "Identity");
        let body = Message::default().inner(1, keep).inner(1, enter).inner(1, inner).inner(1, leave).text(2, "body");
        let body = body.inner(11, scalar(&iteration, 7)).inner(11, scalar(&condition, 9)).inner(11, value(&v, 1, Some(1)));
        let body = body.inner(12, scalar(&goes, 9)).inner(12, value(&w, 1, Some(1)));
        let (given, made) = if level == depth { ("x".to_owned(), "y".to_owned()) } else { (format!("v{level}"), format!("w{level}")) };
        let node = Message::default().text(1, "").text(1, "go").text(1, &given).text(2, &made).text(4, "Loop");
        inner = node.inner(5, attribute("body", GRAPH).inner(6, body));
    }
    let go = Message::default().int(2, 9).text(8, "go").bytes(9, &[0]);
    let graph = Message::default().inner(1, inner).text(2, "nested").inner(5, go);
    model(graph.inner(11, value("x", 1, Some(1))).inner(12, value("y", 1, Some(1))))
}

fn model(graph: Message) -> Vec<u8> {
    let opset = |domain: &str, version| Message::default().text(1, domain).int(2, version);
    Message::default().int(1, 8).inner(7, graph).inner(8, opset("", 15)).inner(8, opset("ai.onnx.ml", 1)).0
}
