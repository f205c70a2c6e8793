"""Networks that learn a task: an encoder and a head.

An encoder trained from scratch has batch norms during training; one that starts from trained weights has none.

The head for saliency and segmentation is the sum of 1x1 convolutions of the stages, each upsampled to the image's side
(as FCN and HED add up their side outputs). The head for classification is a linear layer on the mean of the last stage,
each channel normalised, since means over a whole map differ little from image to image.
"""

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from posinfo.encoders.architectures import ARCHITECTURES, Weights, with_weights
from posinfo.encoders.reading.tapped import tapped
from posinfo.features.extraction import Preprocessing
from posinfo.protocol.alignment import IMAGE_SIDE
from posinfo.registry.entries import Encoder, Task, TrainedWeights
from posinfo.store.errors import InputError


class NormedConvolution(nn.Sequential):
    """A convolution and a batch norm; `folded` merges the two, exactly for any padding."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__(convolution, nn.BatchNorm2d(convolution.out_channels))

    def folded(self) -> Weights:
        """The equivalent single convolution: `weight` [out, in, k, k] and `bias` [out], float32."""
        convolution, norm = deepcopy(self).double().eval()
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        fused = fuse_conv_bn_eval(convolution, norm)  # in float64, so that the weights are rounded once
        return {name: tensor.float().contiguous() for name, tensor in fused.state_dict().items()}


class Head(nn.Module):
    """The layers that predict a task from an encoder's stages.

    Args:
        task: what is predicted.
        channels: stage name to its number of channels, shallow first.
        object_classes: number of classes, without a background.
        scales: stage name to the factor of its maps, for saliency and segmentation.
    """

    def __init__(
        self, task: Task, channels: dict[str, int], object_classes: int, scales: dict[str, float] | None = None
    ) -> None:
        super().__init__()
        self.task = task
        self.channels = channels
        self.scales = scales or dict.fromkeys(channels, 1.0)
        *self.shallower, self.deepest = channels
        if task == "classification":
            norm = nn.BatchNorm2d(channels[self.deepest])
            norm.register_buffer("num_batches_tracked", None)  # unused, and not float32 as all stored tensors are
            linear = nn.Conv2d(channels[self.deepest], object_classes, 1)
            self.layers = nn.ModuleDict({self.deepest: nn.Sequential(norm, linear)})
        else:
            outputs = 1 if task == "saliency" else 1 + object_classes
            self.layers = nn.ModuleDict({name: nn.Conv2d(count, outputs, 1) for name, count in channels.items()})

    def forward(self, maps: dict[str, torch.Tensor], side: int) -> torch.Tensor:
        """Scores before any sigmoid or softmax.

        Returns:
            classification [batch, classes]; saliency [batch, 1, side, side]; segmentation [batch, 1 + classes, side,
            side].
        """
        if self.task == "classification":
            scores: torch.Tensor = self.layers[self.deepest](maps[self.deepest].mean((2, 3), keepdim=True))
            return scores[:, :, 0, 0]
        # From deep to shallow, each sum at the shallower stage's side: little is computed at the image's side.
        total = self._read(self.deepest, maps)
        for name in reversed(self.shallower):
            total = self._read(name, maps) + _upsampled(total, maps[name].shape[-1])
        return _upsampled(total, side)

    def _read(self, name: str, maps: dict[str, torch.Tensor]) -> torch.Tensor:
        """The scores of one stage. The few weights are scaled, not the maps."""
        layer = self.layers[name]
        assert isinstance(layer, nn.Conv2d)
        return functional.conv2d(maps[name], layer.weight * self.scales[name], layer.bias)


class TaskNetwork(nn.Module):
    """An encoder, with batch norms unless it starts from trained weights, and its head.

    Args:
        entry: of an encoder that is trained for a task. Its convolutions lie in a sequence `features`, and the head
            reads its stages. All initial weights are drawn from the seed of its weights: Kaiming normal (fan out),
            zero biases; near zero in the head.
        object_classes: number of classes, without a background.
        start: the encoder's weights in the architecture's own names, if it does not begin from the seed.

    Raises:
        InputError: when the architecture is no plain sequence of layers, or the start does not fit it.
    """

    def __init__(self, entry: Encoder, object_classes: int, start: Weights | None = None) -> None:
        super().__init__()
        name = entry.architecture
        if not name.startswith("vgg16"):
            raise InputError(f"architecture {name} cannot be trained here; known: vgg16 and its slim forms")
        assert isinstance(entry.weights, TrainedWeights)
        self.task = entry.weights.task
        self.prepare = Preprocessing.of(entry.input).prepare  # uint8 images to the network's input
        self.started = start is not None
        body = ARCHITECTURES[name]()
        if start is not None:
            body.load_state_dict(with_weights(name, start, "the weights to start from").state_dict())
        self.body = body
        features = self.body.get_submodule("features")
        assert isinstance(features, nn.Sequential)
        for index, layer in enumerate(features):
            if isinstance(layer, nn.Conv2d) and not self.started:
                features[index] = NormedConvolution(layer)
        self._reader = [
            tapped(self.body, entry.taps, entry.padding)
        ]  # in a list, since its modules are those of `body`
        with torch.no_grad():
            maps = self._reader[0].eval()(torch.zeros(1, 3, IMAGE_SIDE, IMAGE_SIDE))
        self.head = Head(self.task, {name: stage.shape[1] for name, stage in maps.items()}, object_classes)
        generator = torch.Generator().manual_seed(entry.weights.seed)
        if not self.started:
            for convolution in _convolutions(self.body):
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        for convolution in _convolutions(self.head):
            nn.init.normal_(convolution.weight, std=0.01, generator=generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The head's scores of float32 [batch, 3, side, side], as `prepare` makes them."""
        scores: torch.Tensor = self.head(self._reader[0](images), images.shape[-1])
        return scores

    @torch.no_grad()
    def scale_head(self, images: torch.Tensor) -> None:
        """Scale each stage to a root mean square of 1 over these images, given as to `forward`.

        The RMS of trained stages differs (VGG16: 216 to 6): unscaled, the head would learn from the large ones alone.
        """
        for name, maps in self._reader[0](images).items():
            self.head.scales[name] = 1 / max(float(maps.double().square().mean().sqrt()), 1e-6)

    def encoder(self) -> Weights:
        """A copy of the encoder alone, batch norms folded, in the architecture's own names."""
        if self.started:
            return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.body.state_dict().items()}
        return {
            f"{name}.{part}": tensor
            for name, module in self.body.named_modules()
            if isinstance(module, NormedConvolution)
            for part, tensor in module.folded().items()
        }


def _convolutions(module: nn.Module) -> Iterator[nn.Conv2d]:
    """Yield the convolutions of a network, their biases set to zero."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            assert part.bias is not None
            nn.init.zeros_(part.bias)
            yield part


def _upsampled(maps: torch.Tensor, side: int) -> torch.Tensor:
    if maps.shape[-1] == side:  # else torch computes the same maps again
        return maps
    return functional.interpolate(maps, side, mode="bilinear", align_corners=False)


def task_loss(
    task: Task,
    scores: torch.Tensor,
    labels: torch.Tensor,
    classes: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    overlap: bool = False,
) -> torch.Tensor:
    """The mean cross-entropy of a batch, over images or pixels.

    Objects cover a small part of an image, so object and background weigh the same, whatever their areas (as in HED).
    Where no class is a background, each class has a weight of its own instead. With `overlap`, each pixel weighs the
    same and a soft 1 - IoU of each image is added (as in BASNet), since balanced maps are broad.

    Args:
        scores: as `TaskNetwork` returns them.
        labels: int64 [batch].
        classes: 0 on the background, 1 + label on the object, 255 where there is no label; int64 [batch, side, side].
        class_weights: float32 [classes], where no class is a background; for segmentation.
        overlap: for saliency.
    """
    if task == "classification":
        return functional.cross_entropy(scores, labels)
    if task == "segmentation" and class_weights is not None:
        return functional.cross_entropy(scores, classes, class_weights, ignore_index=255)
    objects = (classes > 0) & (classes != 255)
    background = classes == 0
    if task == "segmentation":
        errors = functional.cross_entropy(scores, classes, ignore_index=255, reduction="none")
    else:
        errors = functional.binary_cross_entropy_with_logits(scores[:, 0], objects.float(), reduction="none")
    if task == "saliency" and overlap:
        known = objects | background
        salient = scores[:, 0].sigmoid() * known
        shared = (salient * objects).sum((1, 2))
        either = (salient + objects.float()).sum((1, 2)) - shared
        return (errors * known).sum() / known.sum().clamp(min=1) + (1 - shared / either.clamp(min=1e-6)).mean()
    parts = [(errors * mask).sum() / mask.sum().clamp(min=1) for mask in (objects, background)]
    return torch.stack(parts).mean()
