"""A pretended GPU: finds tensors left on the wrong device, and counts waits for the device, on a machine without a GPU.

Its tensors say that they are on cuda:0, hold their values on the CPU, and refuse to meet tensors of the CPU.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("cuda", 0)
CPU = torch.device("cpu")


class OnGpu(torch.Tensor):
    """A tensor on the pretended GPU.

    It is a tensor of the meta device, which has no memory: torch then leaves every operation to `__torch_dispatch__`.

    Attributes:
        values: what it holds, a tensor on the CPU.
    """

    device = property(lambda _: GPU)
    is_cuda = property(lambda _: True)
    is_meta = property(lambda _: False)
    values: torch.Tensor  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> "OnGpu":
        # Not in inference mode, where views of older tensors could not be made.
        with _disable_current_modes(), torch.inference_mode(False):
            shape = torch.empty_strided(values.size(), values.stride(), dtype=values.dtype, device="meta")
            made: OnGpu = torch.Tensor._make_subclass(cls, shape)
        made.values = values
        return made

    @classmethod
    def __torch_function__(cls, function: Any, _: Any, arguments: Any = (), options: Any = None) -> Any:
        if function is torch.Tensor.to and len(arguments) == 2 and isinstance(arguments[1], OnGpu):  # else: to meta
            arguments = (arguments[0], GPU, arguments[1].dtype)
        with torch._C.DisableTorchFunctionSubclass():
            return function(*arguments, **(options or {}))

    @classmethod
    def __torch_dispatch__(cls, function: Any, _: Any, arguments: Any = (), options: Any = None) -> Any:
        return run(function, arguments, options or {}, [])

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnGpu({self.values})"

    def tolist(self) -> Any:
        """Read through a copy, as torch reads."""
        return self.cpu().tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Saved as a tensor of the CPU."""
        return self.values.__reduce_ex__(protocol)  # type: ignore[no-untyped-call]


def run(function: Any, arguments: Any, options: dict[str, Any], waits: list[str]) -> Any:
    """Run an operation on the values, and return the result on the device where torch would have it.

    Its name is added to `waits` if the CPU must know the result, or how large it is.

    Raises:
        RuntimeError: when tensors of both devices meet, as in CUDA; also for an index on the CPU, which CUDA copies.
    """
    name = str(function)
    if "_has_compatible_shallow_copy_type" in name or name == "aten.is_pinned.default":
        return False
    leaves = tree_leaves((arguments, options))
    tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, OnGpu)]
    others = [tensor for tensor in tensors if not isinstance(tensor, OnGpu) and tensor.ndim]
    copies = name == "aten.copy_.default"
    if ours and others and not copies:
        raise RuntimeError(f"{name}: tensors on cuda:0 and the CPU, {[tuple(tensor.shape) for tensor in tensors]}")
    asked = next((leaf.type for leaf in leaves if isinstance(leaf, torch.device)), None)
    if copies:
        on_gpu = isinstance(arguments[0], OnGpu)
    else:
        number = name == "aten.scalar_tensor.default" or (name == "aten.full.default" and not arguments[0])
        on_gpu = asked == "cuda" or (bool(ours) and asked != "cpu") or (number and asked == "meta")

    def plain(leaf: Any) -> Any:
        if isinstance(leaf, torch.device) and on_gpu:
            return CPU
        return leaf.values if isinstance(leaf, OnGpu) else leaf

    options = {key: False if key == "pin_memory" else value for key, value in options.items()}
    with _disable_current_modes():
        result = function(*tree_map(plain, arguments), **tree_map(plain, options))
    unsized = torch.Tag.dynamic_output_shape in function.tags  # such as a mask as an index
    if ours and (unsized or not on_gpu or any(isinstance(leaf, (bool, int, float)) for leaf in tree_leaves(result))):
        waits.append(name)
    given = {id(tensor.values): tensor for tensor in ours}

    def wrapped(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor) and on_gpu:
            return given[id(leaf)] if id(leaf) in given else OnGpu(leaf)  # what was changed in place is itself
        return leaf

    return tree_map(wrapped, result)


class Pretending(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of a thread; `waits` are the names of those that waited for the device."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waits = waits

    def __torch_dispatch__(self, function: Any, _: Any, arguments: Any = (), options: Any = None) -> Any:
        return run(function, arguments, options or {}, self.waits)


@contextmanager
def pretended_gpu(names: Sequence[str] = ("one",), memory: int = 2**30) -> Iterator[list[str]]:
    """Have torch find GPUs, of which cuda:0 computes, in all threads that start inside; yields `waits`.

    Args:
        names: of the GPUs, as their UUIDs.
        memory: that is free on each, in bytes.
    """
    waits: list[str] = []
    start, tensor = threading.Thread.run, torch.tensor

    def in_thread(thread: threading.Thread) -> None:
        with Pretending([]):  # a reader or a writer may wait
            start(thread)

    def made(*values: Any, device: Any = None, **options: Any) -> torch.Tensor:
        on_cpu = tensor(*values, **options)  # torch.tensor fills the device's memory outside of any mode
        return on_cpu if device is None else on_cpu.to(device)

    with ExitStack() as stack:
        stack.enter_context(patch.object(threading.Thread, "run", in_thread))
        stack.enter_context(patch.object(torch, "tensor", made))
        for name, value in {
            "_lazy_init": lambda: None,
            "is_available": lambda: True,
            "device_count": lambda: len(names),
            "get_device_properties": lambda index: SimpleNamespace(uuid=names[index]),
            "get_device_name": lambda: "a pretended GPU",
            "mem_get_info": lambda _: (memory, memory),
            "max_memory_allocated": lambda: 0,
            "reset_peak_memory_stats": lambda: None,
            "synchronize": lambda: None,
        }.items():
            stack.enter_context(patch.object(torch.cuda, name, value))
        stream = SimpleNamespace(is_capturing=lambda: False)  # optimisers ask for it
        stack.enter_context(patch.object(torch.accelerator, "current_stream", lambda: stream))
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        stack.enter_context(Pretending(waits))
        yield waits
