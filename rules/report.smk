"""The whole study on one page.

Needs: every table and figure; what is there of logs and benchmark files says what the study has spent.
Makes: results/report.html, self-contained. Its last section, hours and hardware, differs from run to run.
"""


rule report:
    input:
        questions=[paths.items_path(dataset) for dataset in PLAN.tested()],
        hardness=[paths.hardness_path(dataset) for dataset in PLAN.tested()],
        tables=PLAN.tables(),
        wide=[table for table in PLAN.wide_tables() if table.endswith(".csv")],
        provenance=PLAN.provenances(),
        figures=[figure for figure in PLAN.figures() if figure.endswith(".png")],
    output:
        report(
            paths.REPORT,
            caption="../workflow/report/page.rst",
            category="Report",
            labels={"page": "report.html"},
        ),
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.tsv"
    conda:
        CONDA
    resources:
        mem_mb=on_cpu("mem_mb"),
        runtime=on_cpu("runtime"),
    params:
        spec=lambda wildcards: PLAN.report_spec(),
    message:
        "Report"
    script:
        "../workflow/scripts/report.py"
