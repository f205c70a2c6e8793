"""What the entries of the registry share."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field

WORDS = ("title", "about", "licence", "urls")  # what may change without changing a result
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Entry(BaseModel):
    """What all entries share: unknown keys are mistakes, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def by_key(keys: dict[str, type[Entry]]) -> Discriminator:
    """Tell kinds of entries apart by a key that only one of them has, so that mistakes are told for that kind alone."""

    def kind(entry: Any) -> str | None:
        if isinstance(entry, Entry):
            return next(key for key, model in keys.items() if isinstance(entry, model))
        return next((key for key in keys if isinstance(entry, dict) and key in entry), None)

    message = f"an entry has one of the keys {', '.join(keys)}"
    return Discriminator(kind, custom_error_type="kind", custom_error_message=message)
