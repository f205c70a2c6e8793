"""Make the atlas: receptive fields, predicted maps and the page."""

from collections.abc import Sequence
from pathlib import Path

from posinfo.store.devices import DeviceSetting


def structure(encoder: str, *, threads: int = 1, output: Path) -> None:
    """Measure the receptive fields of a network's stages.

    Args:
        encoder: JSON of the encoder's entry
    """
    from posinfo.experiments.atlas.structure import describe_network
    from posinfo.registry.entries import Encoder
    from posinfo.store.devices import choose_device
    from posinfo.store.files import write_json

    choose_device("cpu", threads)
    write_json(output, describe_network(Encoder.model_validate_json(encoder)))


def atlas_maps(
    *,
    base: Path,
    stages: Path,
    images: Path,
    features: Path,
    shown: int,
    seed: int,
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Predict the maps of the images that figures show, and average the errors of all images.

    Args:
        base: folder of an encoder's readout of all stages
        stages: folder of its readouts of each stage alone
        images: csv of the images
        features: folder of their features
        shown: number of photographs whose maps are kept
        seed: of the readouts whose maps are shown
        output: npz file of `stages` (the stage that each readout reads, shallow first, then all), `patterns`, `images`
            (names of those that are shown), `maps` (before the upsampling, float16 [readouts, patterns, images, side,
            side]) and `errors` (mean absolute error by distance from the border, float32 [readouts, patterns, rings])
    """
    from posinfo.experiments.atlas.maps import predict_maps
    from posinfo.features.stored import read_features
    from posinfo.images.decoded import read_image_names
    from posinfo.images.views import first_views
    from posinfo.protocol.readout import Readout
    from posinfo.readouts.stored import load_readout
    from posinfo.run.cells import MOST_PATTERNS
    from posinfo.store.arrays import write_arrays
    from posinfo.store.devices import choose_device

    chosen = choose_device(device, threads)
    names = read_image_names(images)
    kept = first_views(names, shown)
    read = read_features(features)
    readouts = [*(stage.name for stage in read), "all"]
    maps = []
    errors = []
    for name in readouts:
        folder = base if name == "all" else stages
        stack, metadata = load_readout(folder / f"{Readout(stages=name).name}.safetensors", read)
        used = [stage for stage in read if stage.name in metadata["stages"]]
        small, error = predict_maps(stack, used, MOST_PATTERNS, kept, seed, metadata["definition"], chosen)
        maps.append(small)
        errors.append(error)
    labels = {"stages": readouts, "patterns": MOST_PATTERNS, "images": [names[image] for image in kept]}
    write_arrays({**labels, "maps": maps, "errors": errors}, output, seed=seed)


def atlas_page(*, scores: Sequence[Path], maps: Sequence[Path], images: Path, run: str, output: Path) -> None:
    """Write the atlas as one page.

    Args:
        scores: csv files of every encoder of the atlas
        maps: {encoder}.npz files
        images: npy file of the images
    """
    from posinfo.experiments.atlas.page import content, write_page
    from posinfo.images.decoded import read_image_names, read_images
    from posinfo.run.config import load_passed
    from posinfo.store.arrays import read_arrays
    from posinfo.tables.summaries import read_scores

    predicted = {path.stem: read_arrays(path) for path in maps}
    pixels = dict(zip(read_image_names(images.with_suffix(".csv")), read_images(images), strict=True))
    write_page(content(load_passed(run), read_scores(scores), predicted, pixels), output)


OF_RULES = (structure, atlas_maps, atlas_page)
