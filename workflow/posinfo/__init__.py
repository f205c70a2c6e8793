"""posinfo: how much position information do convolutional networks encode?

A package per stage of the pipeline, named like the rule file that calls it. Nothing here imports snakemake.

From Python: `posinfo.probe(module, pictures)` reads position out of a network that is in memory.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posinfo.probing import probe as probe

__all__ = ["probe"]


def __getattr__(name: str) -> Any:
    """`probe`, whose import takes torch's seconds, when it is asked for."""
    if name == "probe":
        from posinfo.probing import probe

        return probe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
