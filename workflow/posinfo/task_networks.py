"""Networks that learn a task: an encoder with batch norms while it learns, and a head that is left behind.

The head for saliency and segmentation is the sum of 1x1 convolutions of the stages, each enlarged to the picture's side
(as FCN and HED add up their side outputs); the head for classification is a linear layer on the mean of the last stage.
"""

import torch
from torch import nn
from torch.nn import functional

from posinfo.architectures import ARCHITECTURES, Padding, Weights, tapped, with_padding
from posinfo.tasks import Task


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


class TaskNetwork(nn.Module):
    """An encoder and its head.

    Args:
        architecture: one whose convolutions lie in a sequence `features`, such as `vgg16`.
        padding: of its convolutions.
        taps: stage name to node name; the head reads these stages.
        task: what the head answers.
        kinds: how many kinds of things there are.
        seed: of all initial weights: Kaiming normal (fan out) for convolutions, zero biases.
        side: of the pictures, in pixels.
    """

    def __init__(
        self, architecture: str, padding: Padding, taps: dict[str, str], task: Task, kinds: int, seed: int, side: int
    ) -> None:
        super().__init__()
        body = with_padding(ARCHITECTURES[architecture](), padding)
        features = body.get_submodule("features")
        assert isinstance(features, nn.Sequential)
        for place, layer in enumerate(features):
            if isinstance(layer, nn.Conv2d):
                features[place] = NormedConvolution(layer)
        self.task, self.body = task, body
        self._stages = [tapped(body, taps)]  # in a list, since its modules are those of `body`
        with torch.no_grad():
            maps = self._stages[0].eval()(torch.zeros(1, 3, side, side))
        self.head: nn.Module
        if task == "classification":
            self.head = nn.Linear(maps[list(maps)[-1]].shape[1], kinds)
        else:
            outputs = 1 if task == "saliency" else 1 + kinds
            self.head = nn.ModuleDict({name: nn.Conv2d(stage.shape[1], outputs, 1) for name, stage in maps.items()})
        self._initialise(torch.Generator().manual_seed(seed))

    def _initialise(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        for module in self.head.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.01, generator=generator)

    def train(self, mode: bool = True) -> "TaskNetwork":
        """Training mode, for the traced encoder as well."""
        super().train(mode)
        self._stages[0].train(mode)
        return self

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """The answers before any sigmoid or softmax.

        Args:
            pictures: float32 [batch, 3, side, side], as the encoder's input convention makes them.

        Returns:
            classification [batch, kinds]; saliency [batch, 1, side, side]; segmentation [batch, 1 + kinds, side, side].
        """
        maps: dict[str, torch.Tensor] = self._stages[0](pictures)
        if isinstance(self.head, nn.Linear):
            means: torch.Tensor = self.head(maps[list(maps)[-1]].mean((2, 3)))
            return means
        assert isinstance(self.head, nn.ModuleDict)
        side = pictures.shape[-1]
        # From deep to shallow: two stages are added at the shallower one's side, so that little is computed at the full side.
        total: torch.Tensor | None = None
        for name in reversed(list(self.head)):
            score = self.head[name](maps[name])
            total = score if total is None else score + _enlarged(total, score.shape[-1])
        assert total is not None
        return _enlarged(total, side)

    def encoder(self) -> Weights:
        """The encoder alone, batch norms folded, in the architecture's own names."""
        return {
            f"{name}.{part}": tensor
            for name, module in self.body.named_modules()
            if isinstance(module, NormedConvolution)
            for part, tensor in module.folded().items()
        }


def _enlarged(maps: torch.Tensor, side: int) -> torch.Tensor:
    return functional.interpolate(maps, side, mode="bilinear", align_corners=False)


def loss_of(task: Task, answers: torch.Tensor, kinds: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy of a batch, over pictures or pixels.

    Args:
        answers: what `TaskNetwork` returns.
        kinds: int64 [batch].
        classes: 0 on the background, 1 + kind on the thing, 255 where nobody says; int64 [batch, side, side].
    """
    if task == "classification":
        return functional.cross_entropy(answers, kinds)
    if task == "segmentation":
        return functional.cross_entropy(answers, classes, ignore_index=255)
    known = classes != 255
    return functional.binary_cross_entropy_with_logits(answers[:, 0][known], (classes[known] > 0).float())
