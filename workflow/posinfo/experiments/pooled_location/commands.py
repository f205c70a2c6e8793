"""Measure location from pooled features."""

from pathlib import Path

from posinfo.store.devices import DeviceSetting


def pooled_location(
    encoder: str,
    *,
    entry: str,
    weights: Path | None,
    train: Path,
    test: Path,
    run: str,
    device: DeviceSetting = "auto",
    threads: int = 1,
    output: Path,
) -> None:
    """Measure whether a linear readout of an encoder's pooled features names the cell of a small image.

    Args:
        encoder: its name
        train: uint8 npy of images; the csv beside it names them
        test: the same, of other photographs
        output: csv of every tested image
    """
    from posinfo.experiments.pooled_location.measurement import Pooled, classify_cells, draw_placements, pool_features
    from posinfo.experiments.pooled_location.settings import PooledLocation
    from posinfo.features.extraction import Preprocessing, open_encoder
    from posinfo.images.decoded import read_image_names, read_images
    from posinfo.registry.entries import Encoder
    from posinfo.run.config import load_passed
    from posinfo.store.devices import choose_device
    from posinfo.store.frames import write_rows

    passed = load_passed(run)
    settings = passed.section(PooledLocation)
    chosen = choose_device(device, threads)
    known = Encoder.model_validate_json(entry)
    model = open_encoder(known, weights)
    preprocessing = Preprocessing.of(known.input)

    def pooled(path: Path, per_cell: int, seed: int) -> Pooled:
        placements = draw_placements(read_image_names(path.with_suffix(".csv")), settings.grids, per_cell, seed)
        means = pool_features(model, preprocessing, read_images(path), placements, settings.patch, chosen)
        return means, placements

    training = pooled(train, settings.training_images, seed=0)
    testing = pooled(test, settings.test_images, seed=1)
    rows = classify_cells(training, testing, passed.seeds)
    rows.insert(0, "encoder", encoder)
    write_rows(rows, output)


OF_RULES = (pooled_location,)
