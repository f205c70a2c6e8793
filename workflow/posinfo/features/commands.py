"""Extract feature maps."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from posinfo.command_line import Commands

if TYPE_CHECKING:
    pass


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    features = commands.add(_features, "features", "one forward pass: every stage of an encoder for sets of images")
    features.add_argument("encoder", help="an encoder in registry/encoders.yaml")
    commands.described(features, "an encoder")
    features.add_argument("--weights", type=Path, help="its safetensors file, if it has weights")
    features.add_argument("--images", type=Path, nargs="+", required=True, help="uint8 .npy files")
    features.add_argument("--alignment", required=True, help="JSON of the config's alignment section")
    features.add_argument("--output", type=Path, required=True, help="folder; {images}/{stage}.npy goes below it")
    commands.on_device(features)


def _features(args: argparse.Namespace) -> None:
    from posinfo.features.extraction import InputConvention, extract, open_encoder
    from posinfo.protocol.alignment import Alignment
    from posinfo.registry import catalogue
    from posinfo.store.devices import choose_device
    from posinfo.store.files import sha256_of

    entry = catalogue.described_encoder(args.encoder, args.entry)
    device = choose_device(args.device, args.threads)
    fit = (entry.fit.how, entry.fit.sides) if entry.fit else None
    model = open_encoder(entry.architecture, args.weights, entry.taps, entry.padding, fit)
    story = {
        "encoder": args.encoder,
        "entry": catalogue.fingerprint(entry),
        "weights_sha256": sha256_of(args.weights) if args.weights else None,
    }
    for images in args.images:
        extract(
            model=model,
            convention=InputConvention(**entry.input.model_dump()),
            images=images,
            outputs={stage: args.output / images.stem / f"{stage}.npy" for stage in entry.stages},
            alignment=Alignment.model_validate_json(args.alignment),
            device=device,
            story=story,
        )
