"""Measure absolute location learned from scratch."""

from pathlib import Path

from posinfo.store.devices import DeviceSetting


def red_green(padding: str, *, run: str, device: DeviceSetting = "auto", threads: int = 1, output: Path) -> None:
    """Train networks with one padding, and measure their accuracy at seen and unseen positions.

    Args:
        padding: valid, same, circular (same) or full
        output: csv of every test image
    """
    from posinfo.experiments.red_green.measurement import measure_accuracy
    from posinfo.experiments.red_green.settings import PADDINGS, RedGreen
    from posinfo.run.config import load_passed
    from posinfo.store.devices import choose_device
    from posinfo.store.errors import InputError, unknown
    from posinfo.store.frames import write_rows

    if padding not in PADDINGS:
        raise InputError(unknown("padding", padding, PADDINGS))
    settings = load_passed(run).section(RedGreen)
    chosen = choose_device(device, threads)
    rows = measure_accuracy(PADDINGS[padding], settings.seeds, settings.examples, settings.epochs, chosen)
    write_rows(rows, output)


OF_RULES = (red_green,)
