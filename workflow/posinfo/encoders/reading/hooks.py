"""Reads a network at its modules, by forward hooks, where its operations cannot be traced."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn


class HookedNetwork:
    """The modules of a network; each is read when it is called for the first time.

    Attributes:
        names: of the modules.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.names = [name for name, part in model.named_modules() if name and not isinstance(part, nn.Identity)]

    def reader(self, taps: Mapping[str, str], keep: Callable[[Any], Any]) -> nn.Module:
        """As `TracedNetwork.reader`; a module that is not called has no output."""
        return _HookedReader(self._model, taps, keep)


class _AllRead(Exception):  # noqa: N818  # no error: it ends a forward pass
    """Every tap is read."""


class _HookedReader(nn.Module):
    def __init__(self, model: nn.Module, taps: Mapping[str, str], keep: Callable[[Any], Any]) -> None:
        super().__init__()
        self.model = model
        self.taps = dict(taps)
        self.keep = keep

    def forward(self, images: torch.Tensor) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        hooks = [
            self.model.get_submodule(name).register_forward_hook(partial(self._record, outputs, key))
            for key, name in self.taps.items()
        ]
        try:
            self.model(images)
        except _AllRead:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        return outputs

    def _record(self, outputs: dict[str, Any], key: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if key not in outputs:
            outputs[key] = self.keep(output)
        if len(outputs) == len(self.taps):
            raise _AllRead
