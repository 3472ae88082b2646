"""A piece of an ONNX model computed in float64 by onnx's own evaluator: what the graph says, not how it is rounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def in_float64(part: bytes) -> ReferenceEvaluator:
    """The model with every float32 in it as float64: initializers, constants, casts, inputs and outputs.

    Numbers that were written into the graph in float32, such as a root of two, stay what they are.
    """
    graph = (model := onnx.load_from_string(part)).graph
    tensors = [*map(_wide, graph.initializer)]
    nodes = [*_nodes(graph.node, {tensor.name: tensor for tensor in tensors}, tensors)]
    for found, made in ((graph.initializer, tensors), (graph.node, nodes)):
        del found[:]
        found.extend(made)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return ReferenceEvaluator(model)


def _nodes(
    found: Iterable[NodeProto], named: Mapping[str, TensorProto], tensors: list[TensorProto]
) -> Iterator[NodeProto]:
    """The nodes in float64; what a node more than the model's needs is added to `tensors`."""
    for one in found:
        node = NodeProto.FromString(one.SerializeToString())
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                attribute.t.CopyFrom(_wide(attribute.t))
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
        if node.op_type != "ConvTranspose" or len(node.input) < 3:
            yield node
            continue
        # onnx 1.23 adds the first group's bias to every group, so the bias (channels,) is added apart.
        bias, made = numpy_helper.to_array(named[node.input.pop()]), node.output[0]
        tensors.append(numpy_helper.from_array(bias.reshape(-1, 1), f"{made}/bias"))
        node.output[0] = f"{made}/without_bias"
        yield node
        yield helper.make_node("Add", [node.output[0], f"{made}/bias"], [made])


def _wide(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != TensorProto.FLOAT:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)
