"""Train encoders for classification, saliency or segmentation, and show what the last two predict.

REQUIRED INPUTS: <results>/images/{images}.npy (compositions are made of them); archives or folders with masks; the weights
of the encoder that a training starts from, if its entry names one.
OUTPUTS: <results>/masks/{images}.npy (uint8 [N, 224, 224]); <results>/encoders/{encoder}.safetensors (the encoder alone),
.head.safetensors, .epochs.csv, .metrics.csv, .images.csv and .steps/ (the encoder after some of its steps);
<results>/predictions/{encoder}/crops.npz and segmentations.npz.
"""

from posinfo.experiments.tasks import inputs as task_inputs


rule masks:
    """Ground-truth masks of a set of images, resized as the images are."""
    input:
        archives=lambda wildcards: INPUTS.mask_archives(wildcards.images),
        names="<results>/images/{images}.csv",
        sidecar="<results>/images/{images}.json",
    output:
        array="<results>/masks/{images}.npy",
        sidecar="<results>/masks/{images}.json",
    log:
        "<logs>/masks/{images}.log",
    benchmark:
        "<benchmarks>/masks/{images}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(2),
    params:
        entries=lambda wildcards: INPUTS.mask_entries(wildcards.images),
        resources=lambda wildcards: RUN.resources,
        code=lambda wildcards: code("experiments.tasks.commands:masks"),
    shell:
        "python3 -m posinfo --log {log:q} masks {wildcards.images:q} --entry {params.entries[0]:q} --names {input.names:q}"
        " --resources {params.resources:q} --output {output.array:q}"


rule train_encoder:
    """An encoder trained for a task. A killed job resumes from the checkpoint of its last whole epoch."""
    input:
        examples=lambda wildcards: task_inputs.examples(RUN, wildcards.encoder),
        start=lambda wildcards: [
            path for start in task_inputs.start_of(RUN, wildcards.encoder) for path in INPUTS.weights(start)
        ],
    output:
        weights="<results>/encoders/{encoder}.safetensors",
        head="<results>/encoders/{encoder}.head.safetensors",
        epochs="<results>/encoders/{encoder}.epochs.csv",
        epochs_sidecar="<results>/encoders/{encoder}.epochs.json",
        metrics="<results>/encoders/{encoder}.metrics.csv",
        metrics_sidecar="<results>/encoders/{encoder}.metrics.json",
        images="<results>/encoders/{encoder}.images.csv",
        images_sidecar="<results>/encoders/{encoder}.images.json",
        steps=directory("<results>/encoders/{encoder}.steps"),
    log:
        "<logs>/train_encoder/{encoder}.log",
    benchmark:
        "<benchmarks>/train_encoder/{encoder}.tsv"
    wildcard_constraints:
        encoder=r"[^/]+(?<!\.head)",
    priority: 1  # long jobs first
    conda:
        ENVIRONMENT
    # A slim network is limited by memory traffic: two side by side are done sooner than one after the other.
    threads: lambda wildcards: THREADS if RUN.registry.encoders[wildcards.encoder].architecture == "vgg16" else 1
    resources:
        **needs(6, minutes=240, gpus=1),
    params:
        entry=lambda wildcards: INPUTS.encoder(wildcards.encoder),
        recipe=lambda wildcards: task_inputs.recipe_of(RUN, wildcards.encoder).model_dump_json(),
        train=lambda wildcards: task_inputs.training_files(RUN, wildcards.encoder),
        tests=lambda wildcards: task_inputs.held_out_options(RUN, wildcards.encoder),
        start=lambda wildcards, input: task_inputs.start_file(RUN, wildcards.encoder, input.start),
        save=lambda wildcards: list(task_inputs.saved_steps(RUN, wildcards.encoder)),
        device=RUN.device,
        code=lambda wildcards: code("experiments.tasks.commands:train_encoder"),
    shell:
        "python3 -m posinfo --log {log:q} train-encoder {wildcards.encoder:q} --entry {params.entry:q}"
        " --recipe {params.recipe:q} --train {params.train:q} {params.tests:q} --start {params.start:q} --save {params.save}"
        " --device {params.device} --threads {threads} --output {output.weights:q}"


rule task_predictions:
    """What the figures show: saliency of cropped copies (crops), or classes of pixels (segmentations)."""
    input:
        weights="<results>/encoders/{encoder}.safetensors",
        head="<results>/encoders/{encoder}.head.safetensors",
        examples=lambda wildcards: task_inputs.with_lists(
            [
                *task_inputs.training_files(RUN, wildcards.encoder),
                *task_inputs.shown_files(RUN, wildcards.encoder, wildcards.shown),
            ]
        ),
    output:
        arrays="<results>/predictions/{encoder}/{shown}.npz",
        sidecar="<results>/predictions/{encoder}/{shown}.json",
    log:
        "<logs>/task_predictions/{encoder}/{shown}.log",
    benchmark:
        "<benchmarks>/task_predictions/{encoder}/{shown}.tsv"
    wildcard_constraints:
        shown="crops|segmentations",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(4, gpus=1),
    params:
        entry=lambda wildcards: INPUTS.encoder(wildcards.encoder),
        recipe=lambda wildcards: task_inputs.recipe_of(RUN, wildcards.encoder).model_dump_json(),
        train=lambda wildcards: task_inputs.training_files(RUN, wildcards.encoder),
        test=lambda wildcards: task_inputs.shown_files(RUN, wildcards.encoder, wildcards.shown),
        device=RUN.device,
        code=lambda wildcards: code("experiments.tasks.commands:task_predictions"),
    shell:
        "python3 -m posinfo --log {log:q} task-predictions {wildcards.shown} --entry {params.entry:q}"
        " --weights {input.weights:q} --recipe {params.recipe:q} --train {params.train:q} --test {params.test:q}"
        " --device {params.device} --threads {threads} --output {output.arrays:q}"
