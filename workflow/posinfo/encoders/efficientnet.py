"""EfficientNet-Lite0 (the Lite family of 2020): no squeeze-and-excitation, ReLU6, TensorFlow padding."""

from collections import OrderedDict

import torch
from torch import nn

# Each group: blocks, kernel, stride of the first block, expansion, output channels.
GROUPS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def same_padding(kernel: int, stride: int) -> nn.ZeroPad2d:
    """TensorFlow's SAME padding for maps of even side; at stride 2 the odd pixel is at the right and the bottom."""
    total = kernel - stride
    before = total // 2
    return nn.ZeroPad2d((before, total - before, before, total - before))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class InvertedBottleneck(nn.Sequential):
    """1x1 expansion (if above 1), depthwise convolution, 1x1 projection; a shortcut if input and output agree."""

    def __init__(self, channels: int, kernel: int, stride: int, expansion: int, out: int) -> None:
        wide = channels * expansion
        layers = OrderedDict[str, nn.Module]()
        if expansion > 1:
            layers["expand"] = nn.Conv2d(channels, wide, 1, bias=False)
            layers["expand_norm"] = _norm(wide)
            layers["expand_relu"] = nn.ReLU6()
        layers["pad"] = same_padding(kernel, stride)
        layers["depthwise"] = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        layers["depthwise_norm"] = _norm(wide)
        layers["depthwise_relu"] = nn.ReLU6()
        layers["project"] = nn.Conv2d(wide, out, 1, bias=False)
        layers["project_norm"] = _norm(out)
        super().__init__(layers)
        self.shortcut = stride == 1 and channels == out

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map [batch, channels, side, side] to [batch, out, side / stride, side / stride]."""
        projected = maps
        for layer in self:
            projected = layer(projected)
        return projected + maps if self.shortcut else projected


def efficientnet_lite0() -> nn.Module:
    """A strided stem, sixteen blocks and a classifier of 1000 classes, for images of 224x224."""
    blocks = []
    channels = 32
    for count, kernel, stride, expansion, out in GROUPS:
        for index in range(count):
            blocks.append(InvertedBottleneck(channels, kernel, stride if index == 0 else 1, expansion, out))
            channels = out
    layers = OrderedDict(
        pad=same_padding(3, 2),
        stem=nn.Conv2d(3, 32, 3, 2, bias=False),
        stem_norm=_norm(32),
        stem_relu=nn.ReLU6(),
        blocks=nn.Sequential(*blocks),
        head=nn.Conv2d(channels, 1280, 1, bias=False),
        head_norm=_norm(1280),
        head_relu=nn.ReLU6(),
        pool=nn.AdaptiveAvgPool2d(1),
        flat=nn.Flatten(),
        classifier=nn.Linear(1280, 1000),
    )
    return nn.Sequential(layers)
