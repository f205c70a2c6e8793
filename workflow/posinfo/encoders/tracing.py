"""Reads a network at its operations and modules, each value as it is when it is computed.

`torch.fx` records the operations once. What a tap gives does not depend on what else is read or computed after it.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torchvision
from torch import fx, nn
from torchvision.models.feature_extraction import NodePathTracer

from posinfo.store.errors import InputError, unknown

# Modules that torchvision's feature extraction does not look into.
LEAVES = [value for value in vars(torchvision.ops).values() if isinstance(value, type) and issubclass(value, nn.Module)]


class _Tracer(NodePathTracer):  # type: ignore[misc]  # torchvision has no types
    """Names each operation by its place in the network, and records what each module returns."""

    def __init__(self) -> None:
        super().__init__(autowrap_modules=(math, torchvision.ops), leaf_modules=LEAVES)
        self.returned: dict[str, fx.Node] = {}

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """As torch.fx calls it, for each module in the order of computation."""
        output = super().call_module(m, forward, args, kwargs)
        if isinstance(output, fx.Proxy):
            self.returned[self.path_of_module(m)] = output.node
        return output


class Trace:
    """The operations of a network.

    Attributes:
        nodes: names of the operations, in the order of computation, such as `features.3` or `layer1.0.add`.
    """

    def __init__(self, model: nn.Module) -> None:
        """Record the operations of a network in evaluation mode; its parameters are shared.

        Raises:
            InputError: when its operations depend on the values that it computes.
        """
        tracer = _Tracer()
        training = model.training
        try:
            self._graph = tracer.trace(model.eval())
        except Exception as error:  # tracing runs the code of the network, which may raise anything
            raise InputError(f"{type(model).__name__} cannot be traced, so it has no taps: {error}") from None
        finally:
            model.train(training)
        self._root = model
        operations: dict[str, fx.Node] = {name: node for node, name in tracer.node_to_qualname.items()}
        self._named = {**tracer.returned, **operations}
        self.nodes = list(operations)

    def reader(self, taps: Mapping[str, str], keep: Callable[[Any], Any]) -> nn.Module:
        """Build a module that maps images to {key: keep(output)} and computes nothing after the last tap.

        Args:
            taps: key to the name of an operation, or of a module, whose output is read.
            keep: is called when the output is computed, before a later operation can overwrite it.

        Raises:
            InputError: for a name that the network does not have.
        """
        keys: dict[fx.Node, list[str]] = {}
        for key, name in taps.items():
            if name not in self._named:
                raise InputError(unknown("tap", name, self._named))
            keys.setdefault(self._named[name], []).append(key)
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        outputs: dict[str, fx.Node] = {}
        for node in self._graph.nodes:
            copies[node] = graph.node_copy(node, copies.__getitem__)
            for key in keys.get(node, ()):
                outputs[key] = graph.call_function(keep, (copies[node],))
            if len(outputs) == len(taps):
                break
        graph.output(outputs)
        return fx.GraphModule(self._root, graph)


def kept(output: Any) -> Any:
    """A copy of a tensor, which no operation in place reaches; anything else as it is."""
    return output.clone() if isinstance(output, torch.Tensor) else output
