"""What a mistaken path was meant to be: every kind of result answers with the nearest name."""

import re
from typing import TYPE_CHECKING, NoReturn

from posinfo.protocol.origins import DRAWN, REDGREEN
from posinfo.registry.catalogue import look_up
from posinfo.registry.entries import LocalFile
from posinfo.run.families import ATLAS
from posinfo.run.figures import CROPS, FIGURES, SEGMENTATIONS
from posinfo.run.inputs import Inputs
from posinfo.run.paths import TABLES_OF_TRAINING
from posinfo.store.errors import InputError, nearest, unknown

if TYPE_CHECKING:
    from posinfo.run.config import RunConfig

WHOLE = (
    "atlas.html",
    "claims.csv",
    "claims.md",
    "learning_curve.csv",
    "learning_curve.json",
    "report.html",
    "verified.txt",
)
FIGURES_MADE = (*FIGURES, *DRAWN, ATLAS)
# Kinds of results whose own rules answer for every name.
ANSWERED = ("images", "masks", "readouts", "scores", "tables", "logs", "benchmarks", "pages", "atlas")
KINDS = (*ANSWERED, "encoders", "features", "figures", "origins", "predictions")


class Mistaken:
    """The paths below a run's folder of results at which nothing can lie."""

    def __init__(self, run: "RunConfig") -> None:
        self.run, self._ingredients = run, Inputs(run)

    def pattern(self) -> str:
        """A regular expression of the paths, below the folder of results, that no rule makes."""
        known = [re.escape(name) for name in WHOLE] + [f"{kind}/.+" for kind in ANSWERED]
        known += [rf"figures/{re.escape(name)}\.(pdf|png)" for name in FIGURES_MADE]
        known.append(rf"origins/redgreen/({'|'.join(REDGREEN)})\.(csv|json)")
        sets = "|".join(map(re.escape, self.run.registry.images))
        for encoder, entry in self.run.registry.encoders.items():
            stages = "|".join(map(re.escape, entry.stages))
            known.append(
                rf"origins/(pooled/{re.escape(encoder)}\.(csv|json)|uneven/{re.escape(encoder)}\.(csv|json|npz))"
            )
            known.append(rf"features/{re.escape(encoder)}/({sets})/({stages})\.(npy|json)")
            if entry.task and entry.variant_of is None:
                tables = "|".join(TABLES_OF_TRAINING)
                steps = "|".join(map(str, self.run.kept(encoder)))
                files = rf"((head|step-({steps}))\.)?safetensors|({tables})\.(csv|json)"
                known.append(rf"encoders/{re.escape(encoder)}\.({files})")
            shown = {"saliency": CROPS, "segmentation": SEGMENTATIONS}.get(entry.task or "")
            if shown and entry.variant_of is None:
                known.append(rf"predictions/{re.escape(encoder)}/{shown}\.(npz|json)")
        for encoder in self._ingredients.maps:
            files = "|".join(re.escape(self._below(path)) for path in self._ingredients.map_files(encoder))
            known.append(rf"({files.replace('npz', '(npz|json)')})")
        # What a config brings may lie among results too, such as weights that another run trained.
        own = [source.path for source in self.run.registry.sources.values() if isinstance(source, LocalFile)]
        known += [re.escape(self._below(path)) for path in own]
        if f"{self.run.resources}/".startswith(f"{self.run.results}/"):
            known.append(f"{re.escape(self._below(self.run.resources))}/.+")
        return f"(?!({'|'.join(known)})$).+"

    def _below(self, path: str) -> str:
        return path.removeprefix(f"{self.run.results}/")

    def say(self, result: str) -> NoReturn:
        """Name what is unknown in a path below the folder of results, and the nearest known name.

        Raises:
            InputError: always.
        """
        kind, *rest = result.split("/")
        registry = self.run.registry
        if kind == "figures" and len(rest) == 1:
            name, _, suffix = rest[0].rpartition(".")
            look_up("figure", name, dict.fromkeys(FIGURES_MADE))
            raise InputError(f"figures are written as pdf and png, not {suffix!r}")
        if kind == "encoders" and len(rest) == 1:
            self._say_encoder(rest[0])
        if kind == "features" and len(rest) == 3:
            encoder = look_up("encoder", rest[0], registry.encoders)
            look_up("set of images", rest[1], registry.images)
            look_up("stage", rest[2].rpartition(".")[0], dict.fromkeys(encoder.stages))
        if kind == "predictions" and len(rest) == 3:
            drawn = [self._below(path) for each in self._ingredients.maps for path in self._ingredients.map_files(each)]
            raise InputError(f"{result} is shown by no figure, and only such maps are kept{nearest(result, drawn)}")
        if kind not in KINDS:
            known = [*WHOLE, *(f"{name}/" for name in KINDS)] if not rest else KINDS
            raise InputError(unknown("result", kind, known))
        raise InputError(f"{self.run.results}/{result} is no result; a path of {kind} looks like {EXAMPLES[kind]}")

    def _say_encoder(self, file: str) -> None:
        """The same for a file of an encoder that is trained here."""
        encoders = self.run.registry.encoders
        named = [name for name in encoders if file.startswith(f"{name}.")]
        name = max(named, key=len, default=file.split(".")[0])
        entry = look_up("encoder", name, encoders)
        if entry.task is None or entry.variant_of:
            raise InputError(
                f"encoder {name!r} is not trained here; its weights are {self._ingredients.paths.weights(name)}"
            )
        if re.fullmatch(r"step-\d+\.safetensors", file.removeprefix(f"{name}.")):
            steps = ", ".join(map(str, self.run.kept(name))) or "none"
            last = self.run.tasks.recipe_of(entry).steps
            raise InputError(
                f"{file} is not kept: {name} is trained for {last} steps and kept after these of them: {steps}; "
                f"an encoder with variant_of: {name} and step: NUMBER keeps another"
            )


EXAMPLES = {
    "encoders": "encoders/vgg-slim-saliency.safetensors",
    "features": "features/vgg16/photos-test/f5.npy",
    "figures": "figures/stages.png",
    "origins": "origins/redgreen/valid.csv, origins/pooled/vgg16.csv or origins/uneven/resnet50-thin.csv",
    "predictions": "predictions/vgg16/L1-k3-p0-all/photos-test.npz",
}
