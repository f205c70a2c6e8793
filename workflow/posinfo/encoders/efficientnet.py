"""EfficientNet-Lite0 (the Lite family of 2020): no squeeze-and-excitation, ReLU6, TensorFlow padding."""

import torch
from torch import nn
from torch.nn import functional

# Of each group: blocks, kernel, stride of the first block, expansion, output channels.
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
    """TensorFlow's SAME for maps of even side: at stride 2 the odd pixel goes to the right and the bottom."""
    total = kernel - stride
    before = total // 2
    return nn.ZeroPad2d((before, total - before, before, total - before))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class InvertedBottleneck(nn.Module):
    """1x1 expansion (where there is one), depthwise convolution, 1x1 projection; a shortcut where shapes allow."""

    def __init__(self, channels: int, kernel: int, stride: int, expansion: int, out: int) -> None:
        super().__init__()
        wide = channels * expansion
        if expansion > 1:
            self.expand: nn.Conv2d | None = nn.Conv2d(channels, wide, 1, bias=False)
            self.expand_norm: nn.BatchNorm2d | None = _norm(wide)
        else:
            self.expand = self.expand_norm = None
        self.pad = same_padding(kernel, stride)
        self.depthwise = nn.Conv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self.depthwise_norm = _norm(wide)
        self.project = nn.Conv2d(wide, out, 1, bias=False)
        self.project_norm = _norm(out)
        self.shortcut = stride == 1 and channels == out

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """[batch, channels, side, side] to [batch, out, side / stride, side / stride]."""
        inner = maps
        if self.expand is not None and self.expand_norm is not None:
            inner = functional.relu6(self.expand_norm(self.expand(inner)))
        inner = functional.relu6(self.depthwise_norm(self.depthwise(self.pad(inner))))
        projected: torch.Tensor = self.project_norm(self.project(inner))
        return projected + maps if self.shortcut else projected


class EfficientNetLite0(nn.Module):
    """Sixteen blocks between a strided stem and a 1000-way classifier, for pictures of 224x224."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = same_padding(3, 2)
        self.stem = nn.Conv2d(3, 32, 3, 2, bias=False)
        self.stem_norm = _norm(32)
        blocks, channels = [], 32
        for count, kernel, stride, expansion, out in GROUPS:
            for index in range(count):
                blocks.append(InvertedBottleneck(channels, kernel, stride if index == 0 else 1, expansion, out))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(channels, 1280, 1, bias=False)
        self.head_norm = _norm(1280)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """[batch, 3, 224, 224] to the 1000 ImageNet logits, [batch, 1000]."""
        maps = self.blocks(functional.relu6(self.stem_norm(self.stem(self.pad(pictures)))))
        maps = functional.relu6(self.head_norm(self.head(maps)))
        logits: torch.Tensor = self.classifier(maps.mean((2, 3)))
        return logits
