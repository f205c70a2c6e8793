"""Extract feature maps."""

import argparse
import json
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    features = commands.add(_features, "features", "one forward pass: every stage of encoders for sets of images")
    features.add_argument(
        "encoders", help="JSON of encoder to entry; all with the same network, weights and input: they differ in `fit`"
    )
    features.add_argument("--weights", type=Path, help="their safetensors file, if they have weights")
    features.add_argument("--images", type=Path, nargs="+", required=True, help="uint8 .npy files")
    features.add_argument("--alignment", required=True, help="JSON of the config's alignment section")
    features.add_argument(
        "--output", type=Path, required=True, help="folder; {encoder}/{images}/{stage}.npy goes below it"
    )
    commands.on_device(features)


def _features(args: argparse.Namespace) -> None:
    from posinfo.features.extraction import Preprocessing, Target, extract, open_encoder
    from posinfo.protocol.alignment import Alignment
    from posinfo.registry.catalogue import fingerprint
    from posinfo.registry.entries import Encoder
    from posinfo.store.devices import choose_device
    from posinfo.store.files import sha256_of

    entries = {name: Encoder.model_validate(entry) for name, entry in json.loads(args.encoders).items()}
    first = next(iter(entries.values()))
    device = choose_device(args.device, args.threads)
    weights = sha256_of(args.weights) if args.weights else None
    model = open_encoder(first.architecture, args.weights, first.taps, first.padding, first.position_change)
    for images in args.images:
        targets = [
            Target(
                {stage: args.output / name / images.stem / f"{stage}.npy" for stage in entry.stages},
                {"encoder": name, "entry": fingerprint(entry), "weights_sha256": weights},
                (entry.fit.how, entry.fit.sides) if entry.fit else None,
            )
            for name, entry in entries.items()
        ]
        extract(
            model=model,
            preprocessing=Preprocessing(**first.input.model_dump()),
            images=images,
            targets=targets,
            alignment=Alignment.model_validate_json(args.alignment),
            device=device,
        )
