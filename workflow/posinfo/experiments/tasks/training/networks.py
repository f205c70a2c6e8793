"""Networks that learn a task: an encoder and a head that is left behind.

An encoder that learns from scratch has batch norms while it learns; one that starts from trained weights has none.

The head for saliency and segmentation is the sum of 1x1 convolutions of the stages, each enlarged to the picture's side
(as FCN and HED add up their side outputs); the head for classification is a linear layer on the mean of the last stage,
each channel normalised, since means over a whole map differ little from picture to picture.
"""

import torch
from torch import nn
from torch.nn import functional

from posinfo.encoders.architectures import ARCHITECTURES, Padding, Weights, tapped, with_padding, with_weights
from posinfo.registry.entries import Task
from posinfo.store.errors import InputError


class NormedConvolution(nn.Module):
    """A convolution and a batch norm, which `folded` makes one convolution again; that is exact for any padding."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution, self.norm = convolution, nn.BatchNorm2d(convolution.out_channels)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """[batch, C, h, w] to [batch, out, h', w']."""
        normed: torch.Tensor = self.norm(self.convolution(maps))
        return normed

    def folded(self) -> Weights:
        """The one convolution that does the same once trained: `weight` [out, in, k, k] and `bias` [out], float32."""
        norm, convolution = self.norm, self.convolution
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert convolution.bias is not None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        bias = norm.bias.double() + (convolution.bias.double() - norm.running_mean.double()) * scale
        weight = convolution.weight.double() * scale[:, None, None, None]
        return {"weight": weight.detach().float().contiguous(), "bias": bias.detach().float().contiguous()}


class Head(nn.Module):
    """What turns an encoder's stages into answers.

    Args:
        task: what is answered.
        channels: stage name to its number of channels, shallow first.
        kinds: how many kinds of things there are.
        scales: stage name to what its maps are multiplied by before they are read, for saliency and segmentation.
    """

    def __init__(
        self, task: Task, channels: dict[str, int], kinds: int, scales: dict[str, float] | None = None
    ) -> None:
        super().__init__()
        self.task, self.channels, self.stages = task, channels, list(channels)
        self.scales = scales or dict.fromkeys(channels, 1.0)
        deepest = self.stages[-1]
        if task == "classification":
            norm = nn.BatchNorm2d(channels[deepest])
            norm.register_buffer("num_batches_tracked", None)  # serves nothing, and is no tensor of numbers
            self.layers = nn.ModuleDict({deepest: nn.Sequential(norm, nn.Conv2d(channels[deepest], kinds, 1))})
        else:
            outputs = 1 if task == "saliency" else 1 + kinds
            self.layers = nn.ModuleDict({name: nn.Conv2d(count, outputs, 1) for name, count in channels.items()})

    def forward(self, maps: dict[str, torch.Tensor], side: int) -> torch.Tensor:
        """The answers before any sigmoid or softmax.

        Returns:
            classification [batch, kinds]; saliency [batch, 1, side, side]; segmentation [batch, 1 + kinds, side, side].
        """
        deepest = self.stages[-1]
        if self.task == "classification":
            means: torch.Tensor = self.layers[deepest](maps[deepest].mean((2, 3), keepdim=True))[:, :, 0, 0]
            return means
        # From deep to shallow, each sum at the shallower stage's side: little is computed at the picture's.
        total = self._read(deepest, maps)
        for name in reversed(self.stages[:-1]):
            total = self._read(name, maps) + _enlarged(total, maps[name].shape[-1])
        return _enlarged(total, side)

    def _read(self, name: str, maps: dict[str, torch.Tensor]) -> torch.Tensor:
        """What one stage says; not its maps are scaled but the few weights that read them."""
        layer = self.layers[name]
        assert isinstance(layer, nn.Conv2d)
        return functional.conv2d(maps[name], layer.weight * self.scales[name], layer.bias)


class TaskNetwork(nn.Module):
    """An encoder, with batch norms unless it starts from trained weights, and its head.

    Args:
        architecture: one whose convolutions lie in a sequence `features`, such as `vgg16`.
        padding: of its convolutions.
        taps: stage name to node name; the head reads these stages.
        task: what the head answers.
        kinds: how many kinds of things there are.
        seed: of all initial weights: Kaiming normal (fan out), zero biases; near zero in the head.
        side: of the pictures, in pixels.
        start: the encoder's weights in the architecture's own names, if it does not begin from the seed.

    Raises:
        InputError: when the architecture is no plain sequence of layers, or the start does not fit it.
    """

    def __init__(
        self,
        architecture: str,
        padding: Padding,
        taps: dict[str, str],
        task: Task,
        kinds: int,
        seed: int,
        side: int,
        start: Weights | None = None,
    ) -> None:
        super().__init__()
        if not architecture.startswith("vgg16"):
            raise InputError(f"architecture {architecture} cannot be trained here; known: vgg16 and its slim forms")
        self.task, self.started = task, start is not None
        body = ARCHITECTURES[architecture]()
        if start is not None:
            body.load_state_dict(with_weights(architecture, start, "the weights to start from").state_dict())
        self.body = with_padding(body, padding)
        features = self.body.get_submodule("features")
        assert isinstance(features, nn.Sequential)
        for place, layer in enumerate(features):
            if isinstance(layer, nn.Conv2d) and not self.started:
                features[place] = NormedConvolution(layer)
        self._reader = [tapped(self.body, taps)]  # in a list, since its modules are those of `body`
        with torch.no_grad():
            maps = self._reader[0].eval()(torch.zeros(1, 3, side, side))
        self.head = Head(task, {name: stage.shape[1] for name, stage in maps.items()}, kinds)
        generator = torch.Generator().manual_seed(seed)
        for part in [self.head] if self.started else [self.body, self.head]:
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    assert module.bias is not None
                    nn.init.zeros_(module.bias)
                    if part is self.head:
                        nn.init.normal_(module.weight, std=0.01, generator=generator)
                    else:
                        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)

    def train(self, mode: bool = True) -> "TaskNetwork":
        """Training mode, for the traced encoder as well."""
        super().train(mode)
        self._reader[0].train(mode)
        return self

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """The head's answers to float32 [batch, 3, side, side], as the encoder's input preprocessing makes them."""
        answers: torch.Tensor = self.head(self._reader[0](pictures), pictures.shape[-1])
        return answers

    @torch.no_grad()
    def scale_head(self, pictures: torch.Tensor) -> None:
        """Let the head read each stage at a root mean square of 1 over these pictures, given as to `forward`.

        Trained stages are loud and quiet (VGG16: 216 to 6): read as they are, the loud ones alone would be learnt from.
        """
        for name, maps in self._reader[0](pictures).items():
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


def _enlarged(maps: torch.Tensor, side: int) -> torch.Tensor:
    if maps.shape[-1] == side:  # else torch computes the same maps again
        return maps
    return functional.interpolate(maps, side, mode="bilinear", align_corners=False)


def loss_of(
    task: Task,
    answers: torch.Tensor,
    kinds: torch.Tensor,
    classes: torch.Tensor,
    weights: torch.Tensor | None = None,
    overlap: bool = False,
) -> torch.Tensor:
    """The cross-entropy of a batch, over pictures or pixels.

    Things cover a small part of a picture; as in HED, thing and background weigh the same, whatever their areas.
    Where every pixel belongs to a class among equals, each class has a weight of its own instead. Saliency may be
    asked for the overlap: each pixel weighs the same, and what map and thing do not share is added (1 - IoU, soft, of
    each picture, as BASNet and others have it), since balanced maps are broad.

    Args:
        answers: what `TaskNetwork` returns.
        kinds: int64 [batch].
        classes: 0 on the background, 1 + kind on the thing, 255 where nobody says; int64 [batch, side, side].
        weights: of the classes, float32 [classes], if they are equals; for segmentation.
        overlap: for saliency.
    """
    if task == "classification":
        return functional.cross_entropy(answers, kinds)
    if task == "segmentation" and weights is not None:
        return functional.cross_entropy(answers, classes, weights, ignore_index=255)
    thing, background = (classes > 0) & (classes != 255), classes == 0
    if task == "segmentation":
        errors = functional.cross_entropy(answers, classes, ignore_index=255, reduction="none")
    else:
        errors = functional.binary_cross_entropy_with_logits(answers[:, 0], thing.float(), reduction="none")
    if task == "saliency" and overlap:
        known = thing | background
        salient = answers[:, 0].sigmoid() * known
        shared = (salient * thing).sum((1, 2))
        either = (salient + thing.float()).sum((1, 2)) - shared
        return (errors * known).sum() / known.sum().clamp(min=1) + (1 - shared / either.clamp(min=1e-6)).mean()
    parts = [(errors * mask).sum() / mask.sum().clamp(min=1) for mask in (thing, background)]
    return torch.stack(parts).mean()
