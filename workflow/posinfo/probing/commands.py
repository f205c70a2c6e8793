"""Probe one network."""

import sys
import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

from posinfo.store.devices import DeviceSetting


def probe(
    network: str,
    *,
    weights: str | None = None,
    key: str | None = None,
    images: Path | None = None,
    no_random: bool = False,
    device: DeviceSetting = "auto",
    threads: int | None = None,
    resources: Path = Path("resources"),
    output: Path | None = None,
) -> None:
    """Read position out of one network, stage by stage, beside random weights: a table and a figure.

    Args:
        network: torchvision/NAME, timm/NAME, or an encoder
        weights: a file of torch or safetensors, or random; by default the zoo's or the encoder's
        key: the part of the file to take, where it holds several, such as state_dict_ema
        images: folder of photographs; by default those of the default run
        no_random: without random weights beside it
        threads: CPU threads of torch; by default as many as torch has
        output: path without suffix; by default results/probe/NAME
    """
    from posinfo.encoders.commands import refuse_unknown
    from posinfo.registry.catalogue import shipped

    refuse_unknown(network, shipped().encoders)
    name = output or Path("results/probe") / network.split("/")[-1]
    path = Path(f"{name}.csv")  # whose suffix is replaced; one of the name, as in resnet50.a1_in1k, stays
    path.parent.mkdir(parents=True, exist_ok=True)
    TemporaryFile(dir=path.parent).close()  # an error now where nothing can be written, and not once all is computed
    beside = "" if no_random else ", beside random weights of its architecture"
    print(f"Position in {network}{beside}; a ResNet-18 takes two minutes of one core.", flush=True)
    from posinfo.figures.style import write_figure
    from posinfo.probing.figure import plot
    from posinfo.probing.probe import DRAWS
    from posinfo.probing.probe import probe as probed
    from posinfo.probing.table import caption, layout
    from posinfo.tables.built import BuiltTable
    from posinfo.tables.layouts import markdown, write_table

    with warnings.catch_warnings(record=True) as said:
        scores, _ = probed(
            network,
            images,
            weights=weights,
            key=key,
            random=0 if no_random else DRAWS,
            device=device,
            threads=threads,
            resources=resources,
        )
    for warning in said:
        print(warning.message, file=sys.stderr)
    titles = {network: scores.attrs["weights"]}
    built = BuiltTable(
        tidy=scores, layout=layout(scores), caption=caption(scores, scores.attrs["images"]), titles=titles
    )
    write_table(built, f"probe-{name.name}", path)
    write_figure(lambda: plot(scores), path)
    spc = built.layout.loc[:, built.layout.columns.get_level_values(1) != "MAE"]
    print(f"\n{markdown(replace(built, layout=spc))}\nWritten: {path}, .md, .tex, .pdf, .png")


FOR_USERS = (probe,)
