"""Networks of torchvision and timm by name (`torchvision/resnet152`, `timm/resnet18.a1_in1k`), without their heads.

Only the architecture comes from the package. Weights are fetched like every other source; `known_weights` lists their
URLs.
"""

import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models import get_model, get_model_weights, list_models

from posinfo.store.errors import InputError, unknown

ZOOS = ("torchvision", "timm")
# Layers after the last feature map.
HEADS = (
    "fc",
    "classifier",
    "classif",
    "head",
    "heads",
    "head_dist",
    "last_linear",
    "aux1",
    "aux2",
    "aux_head",
    "AuxLogits",
)

# With their weights, torchvision builds these so that they undo the normalisation and scale images to -1..1 themselves.
SCALED_AGAIN = ("googlenet", "inception_v3")


@dataclass(frozen=True)
class KnownWeights:
    """Weights that a model zoo offers for a network.

    Attributes:
        name: their name in the zoo, such as `IMAGENET1K_V1`.
        url: the file's URL.
        checksum: as in `entries.RemoteFile`; None where the zoo publishes none.
        mean, std: of the preprocessing with which they were trained, for RGB in [0, 1].
    """

    name: str
    url: str
    checksum: str | None
    mean: tuple[float, ...]
    std: tuple[float, ...]


class _NoHead(nn.Identity):
    """Returns its input, as does each part that the network calls by itself."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        for name, part in head.named_children():
            self.add_module(name, _without_head(part))

    def forward(self, values: torch.Tensor, *_: object, **__: object) -> torch.Tensor:  # type: ignore[override]
        return values


def _without_head(head: nn.Module) -> nn.Module:
    return nn.ModuleList(map(_without_head, head)) if isinstance(head, nn.ModuleList) else _NoHead(head)


def build(name: str) -> nn.Module:
    """Build a network with random weights (none on the meta device) and its head returning its input.

    Raises:
        InputError: for a name that the zoo does not know, or a zoo that is not installed.
    """
    zoo, model = _zoo_and_model(name)
    if zoo == "timm":
        network: nn.Module = _timm().create_model(model, pretrained=False, num_classes=0)
    else:
        # These two would otherwise warn, or spend seconds on initial values that the meta device discards.
        options: dict[str, Any] = {"init_weights": False} if model in SCALED_AGAIN else {}
        network = get_model(model, weights=None, **options)
    for head in HEADS:
        if isinstance(getattr(network, head, None), nn.Module):
            setattr(network, head, _without_head(network.get_submodule(head)))
    return network


def _zoo_and_model(name: str) -> tuple[str, str]:
    zoo, _, model = name.partition("/")
    if zoo not in ZOOS:
        found = " or ".join(in_zoos(name.split("/")[-1]))
        suggestion = f"; did you mean {found}?" if found else ""
        raise InputError(f"architecture {name!r} is neither torchvision/NAME nor timm/NAME{suggestion}")
    known = _models(zoo)
    if model not in known:
        near = ", ".join(get_close_matches(model, known, n=5, cutoff=0.3))
        raise InputError(f"{zoo} has no network {model!r}; the nearest are {near or 'none'}")
    return zoo, model


def in_zoos(model: str) -> list[str]:
    """The names of a network, ZOO/NAME, in the zoos that have it."""
    found = []
    for zoo in ZOOS:
        with suppress(InputError):  # where timm is not installed
            found += [f"{zoo}/{model}"] if model in _models(zoo) else []
    return found


def _models(zoo: str) -> list[str]:
    """The names of all networks of a zoo, without the zoo's."""
    if zoo == "torchvision":
        return [*list_models(module=torchvision.models)]
    return [*_timm().list_models(), *_timm().list_models(pretrained=True)]


def unknown_network(what: str, name: str, known: Iterable[str]) -> str:
    """Word an error about a name without its zoo: the zoos that have it, or else the known ones as `unknown` does."""
    if found := in_zoos(name):
        return f"unknown {what} {name!r}; the network of a zoo is {' or '.join(found)}"
    return f"{unknown(what, name, known)}; a network of a zoo is torchvision/NAME or timm/NAME"


def _timm() -> Any:
    try:
        import timm
    except ModuleNotFoundError:
        raise InputError("networks of timm need the package: pip install timm") from None
    return timm


def in_current_names(network: nn.Module, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename weights as timm does when it loads older files, or files of a network's authors; others stay.

    Timm also resizes embeddings and kernels of another image or patch size. These keep the values of the file, whose
    shapes then do not fit.

    Args:
        network: whose names the weights get.
    """
    rename = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    try:
        renamed: dict[str, torch.Tensor] = rename(weights, network) if rename else weights
    except Exception:  # written for known files; another may raise anything, and its own names are told instead
        return weights
    resized = {name for name in renamed.keys() & weights.keys() if renamed[name].numel() != weights[name].numel()}
    return renamed | {name: weights[name] for name in resized}


def known_weights(name: str) -> list[KnownWeights]:
    """List the weights that the zoo offers for a network, without fetching any.

    Raises:
        InputError: as `build`.
    """
    zoo, model = _zoo_and_model(name)
    return _timm_weights(model) if zoo == "timm" else _torchvision_weights(model)


def _torchvision_weights(model: str) -> list[KnownWeights]:
    offers = []
    for weights in get_model_weights(model):
        # The file name ends in the first digits of the file's SHA-256: resnet152-394f9c45.pth.
        digits = weights.url.rsplit("/", 1)[-1].removesuffix(".pth").rsplit("-", 1)[-1]
        preset = weights.transforms()
        mean = tuple(preset.mean)
        std = tuple(preset.std)
        if model in SCALED_AGAIN:
            mean = std = (0.5, 0.5, 0.5)
        offers.append(KnownWeights(weights.name, weights.url, f"sha256:{digits}", mean, std))
    return offers


def _timm_weights(model: str) -> list[KnownWeights]:
    from huggingface_hub import hf_hub_url  # comes with timm

    preset = _timm().create_model(model, pretrained=False, num_classes=0).pretrained_cfg
    hub = preset.get("hf_hub_id")
    url = hf_hub_url(hub, "model.safetensors") if hub else preset.get("url")
    if not url:
        return []
    return [KnownWeights(str(preset.get("tag") or "default"), url, None, preset["mean"], preset["std"])]
