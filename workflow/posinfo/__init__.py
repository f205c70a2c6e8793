"""posinfo: how much position information do convolutional networks encode?

Each stage of the pipeline is a package, named like the rule file that calls it. Nothing here imports snakemake.

From Python, `posinfo.probe(module, images)` trains readouts on a network that is in memory.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posinfo.probing import probe as probe

__all__ = ["__version__", "probe"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `probe` on first use, since its import loads torch, which takes seconds."""
    if name == "probe":
        from posinfo.probing import probe

        return probe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
