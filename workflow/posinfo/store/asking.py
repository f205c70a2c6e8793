"""How rules ask the library: with the values of wildcards, and errors for people in the caller's own kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from posinfo.store.errors import InputError

Values = ParamSpec("Values")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Asking:
    """Asks functions of the library; an error for a person is raised anew as `error`, without a traceback.

    Attributes:
        error: such as Snakemake's WorkflowError, which the library does not import.
    """

    error: type[Exception]

    def now(self, function: Callable[Values, Answer], *values: Values.args, **named: Values.kwargs) -> Answer:
        """The function's answer.

        Raises:
            Exception: of the kind `error`, in place of InputError.
        """
        try:
            return function(*values, **named)
        except InputError as error:
            raise self.error(str(error)) from None

    def later(self, function: Callable[..., Answer], *names: str) -> Callable[[Any], Answer]:
        """A function of Snakemake's wildcards that gives `function` the values of those names, in this order."""
        return lambda wildcards: self.now(function, *(getattr(wildcards, name) for name in names))
