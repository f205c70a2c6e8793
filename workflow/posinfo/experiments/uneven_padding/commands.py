"""Measure uneven padding."""

from pathlib import Path

from posinfo.store.devices import DeviceSetting


def uneven_padding(
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
    maps: Path,
) -> None:
    """Measure the asymmetry of an encoder's maps and the errors of its readouts, for each side of the input.

    Args:
        encoder: its name
        train: uint8 npy of images
        test: the same, of other photographs; the csv beside it names them
        output: csv of every test image
        maps: npz of the mean maps
    """
    from posinfo.experiments.uneven_padding.measurement import measure_sides
    from posinfo.experiments.uneven_padding.settings import UnevenPadding
    from posinfo.features.extraction import Preprocessing, open_encoder
    from posinfo.images.decoded import read_image_names, read_images
    from posinfo.registry.entries import Encoder
    from posinfo.run.config import load_passed
    from posinfo.store.arrays import write_arrays
    from posinfo.store.devices import choose_device
    from posinfo.store.frames import write_rows

    settings = load_passed(run).section(UnevenPadding)
    chosen = choose_device(device, threads)
    known = Encoder.model_validate_json(entry)
    model = open_encoder(known, weights)
    preprocessing = Preprocessing.of(known.input)
    names = read_image_names(test.with_suffix(".csv"))
    rows, mean_maps = measure_sides(
        model, preprocessing, read_images(train), read_images(test), names, settings.sides, chosen
    )
    write_arrays(mean_maps, maps)
    rows.insert(0, "encoder", encoder)
    write_rows(rows, output)


OF_RULES = (uneven_padding,)
