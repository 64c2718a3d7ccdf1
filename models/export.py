"""From a trained model to the bytes of an ONNX file: small, deterministic, and with the exporters' faults repaired.

Each function refuses what its exporter is known to get wrong and cannot be repaired here. What a repair does is said where it
is done; a recipe that uses this module should say "exported by models/export.py" in its provenance.
"""

import copy
import io
import itertools
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper

OPSET, ML_OPSET, IR = 15, 3, 8
# ONNX Runtime against PyTorch, both in float32.
TORCH_ABS = 1e-5


def finish(model):
    """Bytes of a model without texts, producers and imports that nothing uses; the same model gives the same bytes."""
    model.ir_version = IR
    model.producer_name, model.producer_version, model.domain = "foretick", "", ""
    model.model_version = 0
    model.ClearField("doc_string")
    model.ClearField("metadata_props")
    model.graph.name = "model"
    model.graph.ClearField("doc_string")
    model.graph.ClearField("value_info")
    used = {node.domain for node in model.graph.node}
    imports = {imported.domain: imported.version for imported in model.opset_import if imported.domain in used}
    model.ClearField("opset_import")
    for domain, version in sorted(imports.items()):
        model.opset_import.append(helper.make_opsetid(domain, version))
    for node in model.graph.node:
        node.ClearField("doc_string")
        node.ClearField("name")
        # Hit rates are statistics of training that nothing reads.
        _drop(node, "nodes_hitrates")
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def export_sklearn(model, n_features):
    """Linear models, trees and forests of scikit-learn, alone or behind a StandardScaler in a pipeline."""
    from skl2onnx import to_onnx

    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    row = np.zeros((1, n_features), np.float32)
    graph = to_onnx(model, row, options=options, target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET})
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if hasattr(last, "tree_") or hasattr(last, "estimators_"):
        _repair_missing(graph, last)
    return finish(graph)


def _repair_missing(graph, model):
    """skl2onnx drops where trees send missing values: write it back from the fitted trees."""
    trees = [model.tree_] if hasattr(model, "tree_") else [one.tree_ for one in np.ravel(model.estimators_)]
    node = _ensemble(graph)
    attrs = {attr.name: attr for attr in node.attribute}
    tracks = []
    for tree, index, mode, feature, value in zip(
        attrs["nodes_treeids"].ints,
        attrs["nodes_nodeids"].ints,
        attrs["nodes_modes"].strings,
        attrs["nodes_featureids"].ints,
        attrs["nodes_values"].floats,
    ):
        fitted = trees[tree]
        if mode == b"LEAF":
            tracks.append(0)
            continue
        # The repair is right only while nodes keep scikit-learn's numbers.
        same = mode == b"BRANCH_LEQ" and feature == fitted.feature[index] and value == _floor(fitted.threshold[index])
        if not same:
            raise ValueError(f"skl2onnx numbers or rounds node {index} of tree {tree} otherwise than this repair expects")
        tracks.append(int(fitted.missing_go_to_left[index]))
    _drop(node, "nodes_missing_value_tracks_true")
    node.attribute.append(helper.make_attribute("nodes_missing_value_tracks_true", tracks))


def export_xgboost(model, n_features):
    """Boosted trees of XGBoost's scikit-learn classes."""
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    objective = model.get_params()["objective"]
    booster = model.get_params().get("booster") or "gbtree"
    # onnxmltools 1.16 is wrong for reg:logistic, binary:logitraw and several targets, and refuses dart and gblinear.
    if objective not in ("binary:logistic", "multi:softprob", "reg:squarederror") or booster != "gbtree":
        raise ValueError(f"onnxmltools does not export {objective} with {booster} faithfully")
    graph = onnxmltools.convert_xgboost(model, initial_types=[("X", FloatTensorType([None, n_features]))], target_opset=OPSET)
    return finish(graph)


def export_lightgbm(model, n_features):
    """Boosted trees of LightGBM's scikit-learn classes."""
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    params = model.booster_.params
    objective = model.objective_
    if objective not in ("binary", "multiclass", "regression") or params.get("boosting", "gbdt") != "gbdt":
        raise ValueError(f"onnxmltools does not export {objective} with {params.get('boosting')} faithfully")
    for key, value in (("sigmoid", 1.0), ("zero_as_missing", False), ("linear_tree", False)):
        if params.get(key, value) != value:
            raise ValueError(f"onnxmltools loses {key}")
    if any(tree.get("num_cat", 0) for tree in model.booster_.dump_model()["tree_info"]):
        raise ValueError("onnxmltools is wrong for categorical features on values that are no integers")
    # onnxmltools rounds thresholds to the nearest float32, so that rows exactly on one go the wrong way. Round them towards
    # minus infinity beforehand: for float32 rows `x <= t` then decides as the double does, and nothing is left to round.
    rounded = copy.deepcopy(model)
    rounded._Booster = lightgbm.Booster(model_str=_floor_thresholds(model.booster_.model_to_string()))
    kwargs = {"zipmap": False} if hasattr(model, "predict_proba") else {}
    graph = onnxmltools.convert_lightgbm(
        rounded, initial_types=[("X", FloatTensorType([None, n_features]))], target_opset=OPSET, **kwargs
    )
    return finish(graph)


def _floor_thresholds(text):
    lines = []
    for line in text.split("\n"):
        # Lengths of the trees' texts, which no longer hold; LightGBM reads a model without them.
        if line.startswith("tree_sizes="):
            continue
        if line.startswith("threshold="):
            values = [_floor(float(value)) for value in line.removeprefix("threshold=").split()]
            line = "threshold=" + " ".join(repr(float(value)) for value in values)
        lines.append(line)
    return "\n".join(lines)


def export_torch(model, shape):
    """A PyTorch module with one input: `x` of [N, *shape]; its output is named `p`."""
    import torch

    for module in model.modules():
        if getattr(module, "proj_size", 0) or getattr(module, "bidirectional", False):
            raise ValueError(f"{module}: no kernel runs projections or two directions, and ONNX Runtime no projections")
    axes = {"x": {0: "N"}, "p": {0: "N"}}
    file, sample = io.BytesIO(), torch.zeros(1, *shape)
    model = copy.deepcopy(model).float().eval()
    torch.onnx.export(
        model, (sample,), file, dynamo=False, opset_version=OPSET, input_names=["x"], output_names=["p"], dynamic_axes=axes
    )
    graph = onnx.load_from_string(file.getvalue())
    _repair_states(graph.graph)
    _rename(graph.graph)
    content = finish(graph)
    _compare(content, model, shape)
    return content


def _repair_states(graph):
    """The exporter computes initial states of zeros from the batch size: leave them out, which means the same, and what made them."""
    made = {output: node for node in graph.node for output in node.output}
    recurrent = [node for node in graph.node if node.op_type in ("LSTM", "GRU", "RNN")]
    for node in recurrent:
        for at in range(5, min(len(node.input), 7)):
            if node.input[at] and not _is_zero(graph, made, node.input[at]):
                raise ValueError(f"{node.op_type} begins with states that are not zeros")
        # Nor does it say how long a window is: all of it.
        del node.input[5 if node.input[4] else 4 :]
    _drop_unused(graph)


def _is_zero(graph, made, name):
    """The tensor is zeros of some shape."""
    node = made.get(name)
    if node is None:
        return any(stored.name == name and not onnx.numpy_helper.to_array(stored).any() for stored in graph.initializer)
    if node.op_type in ("Slice", "Expand", "Identity"):
        return _is_zero(graph, made, node.input[0])
    values = [onnx.numpy_helper.to_array(attr.t) for attr in node.attribute if attr.name == "value"]
    return node.op_type in ("ConstantOfShape", "Constant") and not any(value.any() for value in values)


def _drop_unused(graph):
    """Nodes and stored tensors on which no output depends."""
    needed, kept = {output.name for output in graph.output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.insert(0, node)
    stored = [tensor for tensor in graph.initializer if tensor.name in needed]
    graph.ClearField("node")
    graph.node.extend(kept)
    graph.ClearField("initializer")
    graph.initializer.extend(stored)


def _rename(graph):
    """Short names for inner tensors: the exporter's count everything that it has ever seen."""
    number = itertools.count()
    names = {"": "", **{value.name: value.name for value in (*graph.input, *graph.output)}}
    for at, tensor in enumerate(graph.initializer):
        names[tensor.name] = tensor.name = f"w{at}"
    for node in graph.node:
        for at, name in enumerate(node.output):
            node.output[at] = names.setdefault(name, f"t{next(number)}")
        for at, name in enumerate(node.input):
            node.input[at] = names[name]


def _compare(content, model, shape):
    """What the graph gives on random windows, by ONNX Runtime, against the module: a repair must have changed nothing."""
    import onnxruntime
    import torch

    rng = np.random.default_rng(1)
    x = rng.normal(size=(64, *shape)).astype(np.float32)
    ours = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(["p"], {"x": x})[0]
    with torch.no_grad():
        worst = float(np.abs(ours - model(torch.from_numpy(x)).numpy()).max())
    if not worst <= TORCH_ABS:
        raise ValueError(f"the exported graph differs from its module by {worst}")


def export_logistic_outputs(coef, intercept):
    """Independent logistic regressions as one graph: input `x`, output `p`, one column a regression."""
    weights = np.ascontiguousarray(np.asarray(coef, np.float32).T)
    bias = np.asarray(intercept, np.float32)
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"]), helper.make_node("Sigmoid", ["z"], ["p"])]
    return small(nodes, {"w": weights, "b": bias}, weights.shape[0], {"p": weights.shape[1]})


def small(nodes, stored, n_features, outputs):
    """A graph from its nodes and stored tensors: input `x`, float32 outputs with their widths."""
    tensors = [onnx.numpy_helper.from_array(values, name) for name, values in stored.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, n_features])]
    outs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]) for name, width in outputs.items()]
    graph = helper.make_graph(nodes, "model", inputs, outs, tensors)
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return finish(helper.make_model(graph, opset_imports=imports))


def _ensemble(graph):
    (node,) = [node for node in graph.graph.node if node.op_type.startswith("TreeEnsemble")]
    return node


def _drop(node, name):
    kept = [attr for attr in node.attribute if attr.name != name]
    if len(kept) < len(node.attribute):
        node.ClearField("attribute")
        node.attribute.extend(kept)


def _floor(value):
    """The greatest float32 that is not above `value`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        near = np.float32(value)
    return np.nextafter(near, np.float32(-np.inf)) if float(near) > value else near
