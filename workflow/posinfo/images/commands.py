"""Decode sets of pictures, and their masks."""

import argparse
from pathlib import Path

from posinfo.command_line import Commands


def add(commands: Commands) -> None:
    """Add these commands to the command line."""
    images = commands.add(_images, "images", "decode and resize a set of images")
    images.add_argument("name", help="a set in registry/images.yaml")
    commands.described(images, "the registry's part behind the set")
    images.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    images.add_argument("--output", type=Path, required=True, help="the .npy file; .csv and .json go beside it")
    images.add_argument("--apart-from", type=Path, help="csv of the training set, whose photographs it may not hold")

    masks = commands.add(_masks, "masks", "decode and resize the masks of a set of images")
    masks.add_argument("name", help="a set in registry/images.yaml")
    commands.described(masks, "the registry's part behind the set's masks")
    masks.add_argument("--names", type=Path, required=True, help="csv of the set's pictures")
    masks.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    masks.add_argument("--output", type=Path, required=True, help="the .npy file; .json goes beside it")


def _images(args: argparse.Namespace) -> None:
    from posinfo.images.pictures import apart, write_images
    from posinfo.images.sets import pictures_of
    from posinfo.registry.catalogue import described

    known = described(args.entry)
    pictures, count = pictures_of(args.name, known, args.resources)
    write_images(apart(pictures, args.apart_from) if args.apart_from else pictures, count, args.output)


def _masks(args: argparse.Namespace) -> None:
    from posinfo.images.masks import masks_of, meaning_of, sizes_of, write_masks
    from posinfo.registry.catalogue import described

    known, sizes = described(args.entry), sizes_of(args.names)
    masks = masks_of(args.name, known, args.resources, sizes)
    write_masks(masks, len(sizes), args.output, classes=meaning_of(args.name, known).classes)
