"""Makes the graphs beside it: what only a foreign runtime runs, and what it does badly.

    .venv/bin/pip install -r models/requirements.txt && .venv/bin/python tests/graphs/make.py

Each reads `x` [1, 1] and gives `y` [1, 1]: 0.7 where x is at most 0.5, and above that what its name says.
"""

import pathlib

import onnx
from onnx import TensorProto, helper

HERE = pathlib.Path(__file__).resolve().parent
FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64


def constant(name, kind, dims, values):
    return helper.make_tensor(name, kind, dims, values)


def tensor(name, kind, dims):
    return helper.make_tensor_value_info(name, kind, dims)


def above_half():
    """Nodes that give the scalar bool `above`: x > 0.5."""
    return [helper.make_node("Squeeze", ["x", "axes"], ["scalar"]), helper.make_node("Greater", ["scalar", "half"], ["above"])]


BASE = [constant("half", FLOAT, [], [0.5]), constant("axes", INT64, [2], [0, 1]), constant("zero", FLOAT, [], [0.0]), constant("answer", FLOAT, [], [0.7])]


def answer(value):
    """y = 0 value + 0.7, so that nothing is optimised away."""
    return [helper.make_node("Mul", [value, "zero"], ["nothing"]), helper.make_node("Add", ["nothing", "answer"], ["y"])]


def save(name, nodes, initialisers=(), opsets=(("", 15),)):
    graph = helper.make_graph(nodes, "model", [tensor("x", FLOAT, [1, 1])], [tensor("y", FLOAT, [1, 1])], [*BASE, *initialisers])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid(*opset) for opset in opsets])
    model.producer_name = ""
    if name != "unknown":
        onnx.checker.check_model(model)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def endless(name, going):
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["goes"]), helper.make_node("Add", ["v", "v"], ["w"])],
        "body",
        [tensor("i", INT64, []), tensor("going", BOOL, []), tensor("v", FLOAT, [1, 1])],
        [tensor("goes", BOOL, []), tensor("w", FLOAT, [1, 1])],
    )
    loop = helper.make_node("Loop", ["", going, "first"], ["last"], body=body)
    nodes = [*above_half(), helper.make_node("Mul", ["x", "zero"], ["first"]), loop, *answer("last")]
    save(name, nodes, [constant("true", BOOL, [], [True])])


def bomb():
    """A tensor of 2^40 values."""
    nodes = [
        *above_half(),
        helper.make_node("Where", ["above", "huge", "one"], ["length"]),
        helper.make_node("ConstantOfShape", ["length"], ["values"]),
        helper.make_node("ReduceMax", ["values"], ["most"], keepdims=0),
        helper.make_node("Add", ["x", "most"], ["sum"]),
    ]
    save("bomb", [*nodes, *answer("sum")], [constant("huge", INT64, [1], [2**40]), constant("one", INT64, [1], [1])])


def sine():
    """An operator that no native kernel has and every runtime does."""
    save("sine", [helper.make_node("Sin", ["x"], ["wave"]), *answer("wave")])


def unknown():
    """An operator that no runtime has."""
    save("unknown", [helper.make_node("NoSuchOperator", ["x"], ["made"], domain="com.example"), *answer("made")], opsets=(("", 15), ("com.example", 1)))


if __name__ == "__main__":
    endless("endless", "above")
    endless("always_endless", "true")
    bomb()
    sine()
    unknown()
