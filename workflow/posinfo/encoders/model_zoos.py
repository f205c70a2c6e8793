"""Networks of torchvision and timm by name (`torchvision/resnet152`, `timm/resnet18.a1_in1k`), without their heads.

Only the architecture is taken from there. Weights are fetched like every other source, and `known_weights` says whence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torchvision
from torch import nn
from torchvision.models import get_model, get_model_weights, list_models

from posinfo.store.errors import InputError

HEADS = ("fc", "classifier", "head", "heads", "last_linear", "aux1", "aux2", "AuxLogits")  # past every feature map


@dataclass(frozen=True)
class KnownWeights:
    """Weights that a zoo offers for a network.

    Attributes:
        name: the zoo's own, such as `IMAGENET1K_V1`.
        url: of the file.
        checksum: as in `entries.RemoteFile`, where the zoo tells one.
        mean, std: of the input preprocessing with which they were trained, RGB in [0, 1].
    """

    name: str
    url: str
    checksum: str | None
    mean: tuple[float, ...]
    std: tuple[float, ...]


def build(name: str) -> nn.Module:
    """The network, its head replaced by nothing; random weights, or none on the meta device.

    Raises:
        InputError: for a name that the zoo does not know, or a zoo that is not there.
    """
    zoo, model = _parted(name)
    network = _timm().create_model(model, pretrained=False, num_classes=0) if zoo == "timm" else _torchvision(model)
    for head in HEADS:
        if isinstance(getattr(network, head, None), nn.Module):
            setattr(network, head, nn.Identity())
    return network


def _parted(name: str) -> tuple[str, str]:
    zoo, _, model = name.partition("/")
    if zoo == "torchvision":
        known = list_models(module=torchvision.models)
    elif zoo == "timm":
        known = _timm().list_models() + _timm().list_models(pretrained=True)
    else:
        raise InputError(f"architecture {name!r} is neither torchvision/NAME nor timm/NAME")
    if model not in known:
        near = ", ".join(get_close_matches(model, known, n=5, cutoff=0.3))
        raise InputError(f"{zoo} has no network {model!r}; the nearest are {near or 'none'}")
    return zoo, model


def _torchvision(model: str) -> nn.Module:
    # Some of them would otherwise warn, or spend seconds on initial values that the meta device throws away.
    options: dict[str, Any] = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
    network: nn.Module = get_model(model, weights=None, **options)
    return network


def _timm() -> Any:
    try:
        import timm
    except ModuleNotFoundError:
        raise InputError("networks of timm need the package: pip install timm") from None
    return timm


def known_weights(name: str) -> list[KnownWeights]:
    """The weights that the zoo offers for a network, without fetching any.

    Raises:
        InputError: as `build`.
    """
    zoo, model = _parted(name)
    offers: Callable[[str], list[KnownWeights]] = _of_timm if zoo == "timm" else _of_torchvision
    return offers(model)


def _of_torchvision(model: str) -> list[KnownWeights]:
    found = []
    for weights in get_model_weights(model):
        # The file's name ends in the first digits of its sha256: resnet152-394f9c45.pth.
        digits = weights.url.rsplit("/", 1)[-1].removesuffix(".pth").rsplit("-", 1)[-1]
        preset = weights.transforms()
        found.append(KnownWeights(weights.name, weights.url, f"sha256:{digits}", tuple(preset.mean), tuple(preset.std)))
    return found


def _of_timm(model: str) -> list[KnownWeights]:
    from huggingface_hub import hf_hub_url  # comes with timm

    preset = _timm().create_model(model, pretrained=False, num_classes=0).pretrained_cfg
    if not preset.get("hf_hub_id"):
        return []
    url = hf_hub_url(preset["hf_hub_id"], "model.safetensors")
    return [KnownWeights(str(preset.get("tag") or "default"), url, None, preset["mean"], preset["std"])]
