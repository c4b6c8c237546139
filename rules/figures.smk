"""Tables to figures.

Needs: drawn=results/tables/{table}.csv, with provenance=*.provenance.json beside it, or every
results/hardness/{dataset}.parquet (which: uphill/figures).
Makes: results/figures/{figure}.pdf and .png, and beside them a .provenance.json with the digest of what they draw.
"""


rule figure:
    input:
        inputs("figure"),
    output:
        pdf=paths.figure_path("{figure}", "pdf"),
        png=report(
            paths.figure_path("{figure}", "png"),
            caption="../workflow/report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        provenance=beside(paths.figure_path("{figure}", "png")),
    log:
        paths.log_path("figures/{figure}"),
    benchmark:
        paths.benchmark_path("figures/{figure}")
    wildcard_constraints:
        figure=values("figure"),
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("figure"),
    message:
        "Figure {wildcards.figure}"
    script:
        "../workflow/scripts/figure.py"
