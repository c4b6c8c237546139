"""The whole study on one page.

Needs: tables=results/tables/*.csv, wide=results/tables/wide/*.csv, figures=results/figures/*.png, each with its
provenance=*.provenance.json; questions=results/items/*.parquet and hardness=results/hardness/*.parquet, every one. What is
there of logs and benchmark files says what the study has spent.
Makes: results/report.html, self-contained. Its last section, hours and hardware, differs from run to run.
"""


rule report:
    input:
        inputs("report"),
    output:
        report(
            paths.report_path(),
            caption="../workflow/report/page.rst",
            category="Report",
            labels={"page": "report.html"},
        ),
    log:
        paths.log_path("report"),
    benchmark:
        paths.benchmark_path("report")
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=spec("report"),
    message:
        "Report"
    script:
        "../workflow/scripts/report.py"
