"""Reads a network at its operations and modules, each value as it is when it is computed.

`torch.fx` records the operations once. What a tap gives does not depend on what else is read or computed after it.
"""

import math
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import torch
import torchvision
from torch import fx, nn
from torchvision.models.feature_extraction import NodePathTracer

# Modules that torchvision's feature extraction does not look into.
LEAVES = [value for value in vars(torchvision.ops).values() if isinstance(value, type) and issubclass(value, nn.Module)]


class _Tracer(NodePathTracer):  # type: ignore[misc]  # torchvision has no types
    """Names each operation by its place in the network, and records what each module first returns."""

    def __init__(self) -> None:
        super().__init__(autowrap_modules=(math, torchvision.ops), leaf_modules=LEAVES)
        self.returned: dict[str, list[fx.Node]] = {}

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """As torch.fx calls it, for each module in the order of computation."""
        output = super().call_module(m, forward, args, kwargs)
        values = output if isinstance(output, tuple | list) else [output]
        nodes = [value.node for value in values if isinstance(value, fx.Proxy)]
        passes_on = any(output is value for value in args)  # as what stands for a head does
        if nodes and not passes_on:
            self.returned.setdefault(self.path_of_module(m), nodes)
        return output


class TracedNetwork:
    """The operations of a network in evaluation mode; its parameters are shared.

    Raises:
        Exception: any, when the operations depend on the values that are computed.

    Attributes:
        names: of the operations, such as `features.3` or `layer1.0.add`, and of the modules that return a value.
    """

    def __init__(self, model: nn.Module) -> None:
        tracer = _Tracer()
        # A copy is traced, since a network may keep what it computes, which in a trace is no tensor.
        tensors = [*model.parameters(), *model.buffers()]
        tensors += [value for part in model.modules() for value in vars(part).values() if torch.is_tensor(value)]
        copy = deepcopy(model, {id(tensor): tensor for tensor in tensors}).eval()
        self._graph = tracer.trace(copy)
        self._root = model
        for name, value in vars(copy).items():
            if name.startswith("_tensor_constant"):  # what the network makes from numbers; the graph reads it here
                setattr(model, name, value)
        operations = {name: [node] for node, name in tracer.node_to_qualname.items() if node.op != "placeholder"}
        self._nodes: dict[str, list[fx.Node]] = {**tracer.returned, **operations}
        self.names = sorted(self._nodes, key=lambda name: name.count("."))  # a module before what is inside

    def whole(self) -> nn.Module:
        """Build a module that computes what the network does, by the recorded operations."""
        return fx.GraphModule(self._root, self._graph)

    def reader(self, taps: Mapping[str, str], keep: Callable[[Any], Any]) -> nn.Module:
        """Build a module that maps images to {key: keep(output)}, in the order of computation.

        Args:
            taps: key to one of `names`; nothing after the last is computed.
            keep: is called when an output is computed, before a later operation can overwrite it; with a list, if a
                module returns several values.
        """
        order = {node: number for number, node in enumerate(self._graph.nodes)}
        keys: dict[fx.Node, list[str]] = {}
        for key, name in taps.items():
            last = max(self._nodes[name], key=order.__getitem__)
            keys.setdefault(last, []).append(key)
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        outputs: dict[str, fx.Node] = {}
        for node in self._graph.nodes:
            copies[node] = graph.node_copy(node, copies.__getitem__)
            for key in keys.get(node, ()):
                values = [copies[value] for value in self._nodes[taps[key]]]
                outputs[key] = graph.call_function(keep, (values if len(values) > 1 else values[0],))
            if len(outputs) == len(taps):
                break
        graph.output(outputs)
        return fx.GraphModule(self._root, graph)
