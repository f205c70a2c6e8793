"""Fetch what the registry names, and verify it before anything uses it.

REQUIRED INPUTS: none; a package index for wheels, the network for URLs, local files where an entry names one.
OUTPUTS: {resources}/packages/{package}-{version}.whl, {resources}/archives/{file}, beside it {file}.sha256 where nobody
published a checksum: the first download's
"""


rule source:
    """One file a job, on the machine with the network; once it lies there, nothing asks for it again."""
    input:
        local_origin,
    output:
        update(f"{RESOURCES}/{{kind}}/{{file}}"),  # not removed first: another run may be reading it
    log:
        f"{RESULTS}/logs/sources/{{kind}}/{{file}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sources/{{kind}}/{{file}}.tsv"
    wildcard_constraints:
        kind="packages|archives",
        file="[^/]+",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        entry=lambda wildcards: source_at(wildcards).model_dump_json(exclude={"about", "licence"}),
    shell:
        "python3 -m posinfo --log {log:q} fetch {wildcards.file:q} --entry {params.entry:q} --output {output:q}"


rule download:
    """Everything that needs the network: run this where there is one (a login node)."""
    input:
        needed_from_outside(),
    localrule: True
