"""The released procedure, written plainly from its description: the encoder runs again for every batch of every epoch.

Each pattern (and each seed) is trained by itself: pictures -> frozen VGG16 -> five maps resized to 28x28 and joined ->
Conv 3x3 without padding -> batch norm -> sigmoid -> upsampled to 224x224 -> mean squared error; SGD with learning rate
0.1, momentum 0.9, weight decay 1e-4, batches of 32.
"""

import torch
from torch import nn
from torch.nn import functional


class PosENet(nn.Module):
    """The readout on a frozen encoder that gives a dict of maps."""

    def __init__(self, encoder: nn.Module, channels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.conv = nn.Conv2d(channels, 1, 3)
        self.norm = nn.BatchNorm2d(1)
        nn.init.xavier_uniform_(self.conv.weight)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Float32 [batch, 3, 224, 224] to [batch, 1, 224, 224]."""
        with torch.no_grad():
            maps = self.encoder(pictures)
        aligned = [functional.interpolate(one, 28, mode="bilinear", align_corners=True) for one in maps.values()]
        drawn = self.norm(self.conv(torch.cat(aligned, 1))).sigmoid()
        return functional.interpolate(drawn, 224, mode="bilinear", align_corners=False)


def train(encoder: nn.Module, channels: int, pictures: torch.Tensor, truth: torch.Tensor, epochs: int) -> PosENet:
    """One readout of one pattern.

    Args:
        encoder: frozen; pictures in, a dict of maps out.
        channels: of all its maps together.
        pictures: as the encoder wants them, float32 [N, 3, 224, 224].
        truth: float32 [224, 224].
        epochs: passes over the pictures.
    """
    model = PosENet(encoder, channels)
    learned = [*model.conv.parameters(), *model.norm.parameters()]
    optimiser = torch.optim.SGD(learned, lr=0.1, momentum=0.9, weight_decay=1e-4)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(pictures)), 32):
            optimiser.zero_grad()
            loss = functional.mse_loss(model(pictures[chosen]), truth.expand(len(chosen), 1, -1, -1))
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return model
