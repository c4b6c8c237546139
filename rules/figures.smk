"""Tables to figures.

Needs: the table that a figure draws (uphill/workflow/drawings.py), or the hardness tables.
Makes: results/figures/{figure}.pdf and .png, and beside them a .provenance.json with the digest of what they draw.
"""


rule figure:
    input:
        drawn=lambda wildcards: PLAN.figure_inputs(wildcards.figure),
        provenance=lambda wildcards: [
            paths.provenance_path(path)
            for path in PLAN.figure_inputs(wildcards.figure)
            if path.endswith(".csv")
        ],
    output:
        pdf="results/figures/{figure}.pdf",
        png=report(
            "results/figures/{figure}.png",
            caption="../workflow/report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        provenance=paths.provenance_path("results/figures/{figure}.png"),
    log:
        "results/logs/figures/{figure}.log",
    benchmark:
        "results/benchmarks/figures/{figure}.tsv"
    wildcard_constraints:
        figure=one_of(PLAN.figure_names()),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.figure_spec(wildcards.figure),
    message:
        "Figure {wildcards.figure}"
    script:
        "../workflow/scripts/figure.py"
