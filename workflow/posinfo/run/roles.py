"""The parts of a configuration that give names their roles: encoders, sets of images; and entries of its own."""

from typing import Any, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from posinfo.registry.catalogue import Registry, look_up, shipped
from posinfo.registry.entries import SyntheticImages, Views
from posinfo.run.cells import AS_RELEASED
from posinfo.run.experiments import Section

SYNTHETIC = ("black", "white", "noise")  # the paper's synthetic images, all in one set


def registry_of(info: ValidationInfo) -> Registry:
    """The registry with the config's own entries, which `load_config` hands to every check."""
    return info.context if isinstance(info.context, Registry) else shipped()


class Models(Section):
    """Which encoder stands for each model of the paper."""

    PosENet: str = Field("pixels", description="The control without an encoder: the readout on the image itself.")
    VGG: str = Field("vgg16", description="The paper's VGG16.")
    ResNet: str = Field("resnet50-thin", description="The paper's ResNet-152; the default is the nearest in a package.")
    VGG_without_padding: str = Field("vgg16-nopad", description="VGG with the padding of every convolution removed.")
    VGG_as_released: str | None = Field(
        None, description="VGG on images as the released code feeds them, for a second row in Tables 1, 3 and 4."
    )

    @field_validator("VGG_as_released", mode="before")
    @classmethod
    def _none(cls, name: Any) -> Any:
        return None if name == "null" else name  # --config passes every value as text

    @field_validator("*")
    @classmethod
    def _known(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None:
            entry = look_up("encoder", name, registry_of(info).encoders)
            if entry.fit:  # experiments read images, not the stored maps that a fit cuts or resizes
                raise ValueError(f"{name} has fitted maps and can only be a control; name {entry.variant_of}")
        return name

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        models = {name: model for model, name in self}
        for model, name in self:
            if name is not None and models[name] != model:
                raise ValueError(f"{name} stands for both {model} and {models[name]}; name an encoder for each")
        return self

    @property
    def of_table1(self) -> dict[str, str]:
        """The models of the paper's Table 1."""
        return {"PosENet": self.PosENet, "VGG": self.VGG, "ResNet": self.ResNet}

    @property
    def of_vgg(self) -> dict[str, str]:
        """VGG on images as it was trained, and as the released code feeds them, if the run has both."""
        released = {f"VGG{AS_RELEASED}": self.VGG_as_released} if self.VGG_as_released else {}
        return {"VGG": self.VGG, **released}


class ImageRoles(Section):
    """Which set of images (registry/images.yaml) plays each role."""

    train: str = Field("photos-train", description="Readouts are trained on these.")
    natural: str = Field("photos-test", description="The paper's PASCAL-S: natural images for test.")
    synthetic: str = Field("synthetic", description="The paper's synthetic test images: black, white and noise.")

    @field_validator("*")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        look_up("set of images", name, registry_of(info).images)
        return name

    @model_validator(mode="after")
    def _apart(self, info: ValidationInfo) -> Self:
        known = registry_of(info).images
        train = known[self.train]
        natural = known[self.natural]
        synthetic = known[self.synthetic]
        if isinstance(train, Views) and train.part != "train":
            raise ValueError(f"train: {self.train} holds the photographs kept for test; name a set with part: train")
        if isinstance(natural, Views) and natural.part != "test":
            raise ValueError(f"natural: {self.natural} holds training photographs; name a set with part: test")
        if self.train == self.natural:
            raise ValueError(f"train and natural are both {self.train}; readouts are tested on other photographs")
        if not isinstance(synthetic, SyntheticImages) or not {"black", "white"} <= synthetic.constant.keys():
            raise ValueError(f"synthetic: {self.synthetic} is no set with black, white and noise")
        return self

    @property
    def tests(self) -> dict[str, str]:
        """Role to the set of images that holds its images: natural, black, white, noise."""
        return {"natural": self.natural, **dict.fromkeys(SYNTHETIC, self.synthetic)}


class Keep(Section):
    """What stays on the disk once everything that reads it is made."""

    features: bool = Field(
        True,
        description="The feature maps (of VGG16 1.7 MB an image); if not, what reads them later makes them again.",
    )


class Own(Section):
    """Entries beside those of the registry, checked with it."""

    sources: dict[str, dict[str, Any]] = Field({}, description="Files to fetch: wheels, URLs, local files.")
    photographs: dict[str, dict[str, Any]] = Field({}, description="Collections that are split into train and test.")
    images: dict[str, dict[str, Any]] = Field({}, description="Sets of images: folders, archives, views.")
    encoders: dict[str, dict[str, Any]] = Field({}, description="Encoders: architecture, weights, input, taps.")
