"""Absolute location learned from scratch: small networks on images of a red and a green square.

REQUIRED INPUTS: none
OUTPUTS: <results>/red_green/{padding}.csv (a row for each image and seed), .json; padding: valid, same, circular, full
"""


rule red_green:
    """Errors of networks trained with one padding, at seen and unseen positions."""
    output:
        rows="<results>/red_green/{padding}.csv",
        sidecar="<results>/red_green/{padding}.json",
    log:
        "<logs>/red_green/{padding}.log",
    benchmark:
        "<benchmarks>/red_green/{padding}.tsv"
    wildcard_constraints:
        padding="valid|same|circular|full",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **needs(2, gpus=1),
    params:
        run=settings("red_green"),
        device=RUN.device,
        code=lambda wildcards: code("experiments.red_green.commands:red_green"),
    shell:
        "python3 -m posinfo --log {log:q} red-green {wildcards.padding:q} --run {params.run:q}"
        " --device {params.device} --threads {threads} --output {output.rows:q}"
