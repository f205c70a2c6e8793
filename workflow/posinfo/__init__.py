"""posinfo: how much position information do convolutional networks encode?

Each stage of the pipeline is a package, named like the rule file that calls it. Nothing here imports snakemake.

From Python, `posinfo.probe(network)` trains readouts on a network, and `posinfo.plot(scores)` draws their scores.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posinfo.probing.figure import plot as plot
    from posinfo.probing.probe import probe as probe

__all__ = ["__version__", "plot", "probe"]
__version__ = "0.1.0"
_MODULES = {"plot": "figure", "probe": "probe"}


def __getattr__(name: str) -> Any:
    """Import a function on first use, since the import loads torch or matplotlib, which takes seconds."""
    if name in _MODULES:
        return getattr(import_module(f"posinfo.probing.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
