"""A result that no rule makes, misspelt as a rule: said before the first job.

REQUIRED INPUTS, OUTPUTS: none
"""


rule mistaken:
    """Every kind of result answers with the nearest name."""
    input:
        asks(MISTAKEN.say, "result"),
    output:
        PATHS.whole("{result}"),
    log:
        PATHS.log("mistaken/{result}"),
    wildcard_constraints:
        result=MISTAKEN.pattern(),
    localrule: True
    conda:
        ENVIRONMENT
    shell:
        "false 2> {log:q}"
