"""Say what disk a run takes before it starts, and make the page of a run."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path


def plan(*, configfile: Sequence[Path] = ()) -> None:
    """Print the disk that a run takes, folder by folder."""
    from posinfo.registry.overlays import merged
    from posinfo.report.disk import needs, table
    from posinfo.run.config import load_config

    print(table(needs(load_config(merged(configfile)))))


def space(*, run: str) -> None:
    """Print the disk that files named on the standard input take; stop if it is not there."""
    from posinfo.report.disk import needs, room_for
    from posinfo.run.config import load_config

    config = load_config(json.loads(run))
    print(room_for(needs(config), sys.stdin.read().splitlines(), keep_features=config.keep.features))


def index(
    *,
    readouts: Sequence[Path] = (),
    images: Sequence[Path] = (),
    masks: Sequence[Path] = (),
    run: str,
    output: Path,
) -> None:
    """Write the page of a run from its tables, claims and figures, which lie beside it.

    Args:
        readouts: folders of readouts, one for each encoder
        images: npy files of the sets of photographs
        masks: sidecars of their masks
    """
    from posinfo.report.page import page_content, write_page
    from posinfo.run.config import load_passed

    write_page(page_content(load_passed(run), run, output.parent, readouts, images, masks), output)


FOR_USERS = (plan,)
OF_RULES = (space, index)
