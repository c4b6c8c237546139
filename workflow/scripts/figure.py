"""One figure, as PDF and PNG, from its table."""

from uphill import registry
from uphill.figures.inputs import arranged, only_baselines, read_table
from uphill.figures.style import save, styled
from uphill.job import start

with start(snakemake) as job, styled():
    settings = job.settings
    table = only_baselines(read_table(job.input), settings["unsupervised"])
    draw = registry.load("uphill.figures", settings["module"], "draw").draw
    figure = draw(arranged(table, settings["order"]), **settings["options"])
    for path in job.output:
        save(figure, path)
