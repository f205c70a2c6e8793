"""Score readouts, keep the maps that figures show, and train on parts of the images."""

import json
from collections.abc import Sequence
from pathlib import Path

from posinfo.store.devices import DeviceSetting


def scores(
    *,
    readouts: Path,
    images: Path,
    features: Path,
    fit: str = "",
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Compute SPC and MAE of every readout of a folder, per image.

    Args:
        readouts: folder of one encoder's readouts
        images: csv file of the set of images
        features: folder of the features of those images
        output: csv file
    """
    import pandas as pd

    from posinfo.features.stored import read_features
    from posinfo.images.decoded import read_image_names
    from posinfo.readouts.stored import load_readout
    from posinfo.registry.entries import Fit
    from posinfo.scores.measures import score
    from posinfo.store.devices import choose_device
    from posinfo.store.frames import write_rows
    from posinfo.store.provenance import code_digest

    chosen = choose_device(device, threads)
    stages = read_features(features, fit=Fit.parse(fit))
    names = read_image_names(images)
    frames = []
    for path in sorted(readouts.glob("*.safetensors")):
        stack, metadata = load_readout(path, stages)
        frames.append(score(stack, stages, names, metadata["definition"], stages[0].alignment, chosen))
    write_rows(pd.concat(frames, ignore_index=True), output, code=code_digest("scores.measures"))


def predictions(
    maps: str,
    *,
    readouts: Sequence[Path],
    images: Sequence[Path],
    features: Sequence[Path],
    fit: str = "",
    shown: int,
    run: str,
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Keep the predicted maps of one encoder that figures show.

    Args:
        maps: JSON of readout, set of images and pattern, such as [["L1-k3-p0-all", "synthetic", "H"]]
        readouts: folders of the encoder's readouts
        images: csv files of the sets of images
        features: folders of their features, in that order
        shown: number of photographs of each set that figures show
        output: npz file
    """
    from posinfo.features.stored import read_features
    from posinfo.images.decoded import read_image_names
    from posinfo.images.views import first_views
    from posinfo.readouts.stored import load_readout
    from posinfo.registry.entries import Fit
    from posinfo.run.config import load_passed
    from posinfo.scores.predictions import predicted_maps, select_images, write_predictions
    from posinfo.store.devices import choose_device

    chosen = choose_device(device, threads)
    seed = load_passed(run).seeds[0]
    crop = Fit.parse(fit)
    files = {path.stem: path for folder in readouts for path in folder.glob("*.safetensors")}
    names_shown = {}
    stages = {}
    for table, folder in zip(images, features, strict=True):
        names = read_image_names(table)
        numbers = first_views(names, shown)
        names_shown[table.stem] = [names[number] for number in numbers]
        stages[table.stem] = select_images(read_features(folder, fit=crop), numbers)
    drawn = {}
    for readout, name, pattern in json.loads(maps):
        stack, _ = load_readout(files[readout], stages[name])
        drawn[readout, name, pattern] = predicted_maps(stack, stages[name], [pattern], seed, chosen)[pattern]
    write_predictions(drawn, names_shown, seed, output)


def learning_curve(
    readouts: Sequence[str],
    *,
    train_features: Path,
    test_features: Path,
    train: Path,
    test: Path,
    scores: Sequence[Path],
    run: str,
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Train readouts on growing parts of the training photographs; the whole has its scores already.

    Args:
        readouts: their names
        train_features: folder of the training images' features
        test_features: folder of the test images' features
        train: csv of the training images
        test: csv of the test images
        scores: of readouts trained on all photographs, these among them
    """
    import pandas as pd

    from posinfo.features.stored import read_features
    from posinfo.images.decoded import read_image_names
    from posinfo.images.views import photograph_of
    from posinfo.protocol.readout import Readout
    from posinfo.run.config import load_passed
    from posinfo.scores.learning_curve import COLUMNS, PATTERNS, curve
    from posinfo.store.devices import choose_device
    from posinfo.store.frames import write_rows
    from posinfo.tables.summaries import read_scores

    train_names = read_image_names(train)
    subsets = curve(
        load_passed(run),
        [Readout.parse(name) for name in readouts],
        read_features(train_features),
        train_names,
        read_features(test_features),
        read_image_names(test),
        choose_device(device, threads),
    )
    whole = read_scores(scores).drop(columns="images")
    whole = whole[whole["readout"].isin(readouts) & whole["pattern"].isin(PATTERNS)]
    counts = {"photographs": len(set(photograph_of(train_names))), "images": len(train_names)}
    write_rows(pd.concat([*subsets, whole.assign(**counts)], ignore_index=True)[list(COLUMNS)], output)


OF_RULES = (scores, predictions, learning_curve)
