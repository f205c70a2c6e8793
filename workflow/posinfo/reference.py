"""The readout and its training, written the plain way: what the fast code in `readouts` must equal.

One head at a time: the stages are cut or resized, aligned and concatenated; convolutions with batch norms follow, then
the output and the upsampling to 224x224, where the mean squared error is taken. Read this module first. `readouts`
trains all heads together on the stored stages; its initial weights, its order of images and its results are the same.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from posinfo.features.batches import epoch_order
from posinfo.features.stored import StageFeatures
from posinfo.protocol.alignment import IMAGE_SIDE, Alignment, StageFit
from posinfo.protocol.patterns import Definition, ground_truth
from posinfo.protocol.readout import Readout, Training
from posinfo.readouts.stacked import Head


class ReferenceReadout(nn.Module):
    """Conv -> BatchNorm -> ReLU for each layer but the last; Conv -> BatchNorm -> output -> upsampling for the last."""

    def __init__(self, head: Head, channels: int, training: Training, alignment: Alignment) -> None:
        super().__init__()
        self.output = training.output
        self.corners = alignment.corners
        hidden = channels if training.hidden == "same" else min(training.hidden, channels)
        widths = [channels, *[hidden] * (head.readout.layers - 1), 1]
        generator = head.generator()
        self.convs = nn.ModuleList()
        self.norms = nn.ModuleList()
        for wide, narrow in pairwise(widths):
            conv = nn.Conv2d(wide, narrow, head.readout.kernel, padding=head.readout.padding, bias=False)
            nn.init.xavier_uniform_(conv.weight, generator=generator)
            self.convs.append(conv)
            self.norms.append(nn.BatchNorm2d(narrow))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Aligned stages [batch, C, side, side] to predicted maps [batch, 224, 224], float32."""
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            maps = norm(conv(maps if layer == 0 else maps.relu()))
        if self.output == "sigmoid":
            maps = maps.sigmoid()
        return functional.interpolate(maps, IMAGE_SIDE, mode="bilinear", align_corners=self.corners)[:, 0]


def fitted(maps: torch.Tensor, fit: StageFit | None) -> torch.Tensor:
    """Maps [batch, C, native, native] cut or resized to [batch, C, side, side]."""
    if fit is None:
        return maps
    if fit.how == "resize":
        return functional.interpolate(maps, min(fit.side, maps.shape[-1]), mode="bilinear", antialias=True)
    start = (fit.native - fit.side) // 2
    return maps[..., start : start + fit.side, start : start + fit.side]


def read_maps(
    stages: Sequence[StageFeatures], readout: Readout, indices: Sequence[int], training: Training, alignment: Alignment
) -> torch.Tensor:
    """The readout's input for some images, float32 [len(indices), C, side, side]; a cropped stage is stored whole."""
    names = readout.stages_read([stage.name for stage in stages])
    aligned = []
    for stage in stages:
        if stage.name in names:
            images = np.stack([stage.array[index] for index in indices])
            maps = fitted(torch.from_numpy(images).float(), stage.shape.fit)
            if training.scale == "rms" and not readout.raw and stage.metadata["rms"]:
                maps = maps / stage.metadata["rms"]
            corners = alignment.corners
            aligned.append(functional.interpolate(maps, alignment.side, mode="bilinear", align_corners=corners))
    whole = torch.cat(aligned, 1)
    inside = slice(readout.cut, alignment.side - readout.cut)
    return whole[..., inside, inside]


def train_reference(
    head: Head, stages: Sequence[StageFeatures], training: Training, definition: Definition, alignment: Alignment
) -> ReferenceReadout:
    """Train one head by the released protocol: mean squared error at 224x224, SGD, one step in the learning rate."""
    channels = read_maps(stages, head.readout, [0], training, alignment).shape[1]
    model = ReferenceReadout(head, channels, training, alignment)
    optimiser = torch.optim.SGD(
        model.parameters(), lr=training.lr, momentum=training.momentum, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [training.decay_epoch], gamma=training.lr_decay)
    truth = torch.from_numpy(ground_truth(head.pattern, IMAGE_SIDE, definition)).float()
    for epoch in range(training.epochs):
        order = epoch_order(len(stages[0].array), seed=0, epoch=epoch).tolist()
        for start in range(0, len(order), training.batch):
            maps = read_maps(stages, head.readout, order[start : start + training.batch], training, alignment)
            optimiser.zero_grad()
            error = functional.mse_loss(model(maps), truth.expand(len(maps), -1, -1))
            error.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
    return model
