"""One figure, as PDF and PNG, from its table."""

from uphill import registry
from uphill.figures.inputs import arranged, only_baselines, read_drawn
from uphill.figures.style import save, styled
from uphill.running import provenance
from uphill.running.job import start

with start(snakemake) as job, styled():
    settings = job.settings
    table = only_baselines(read_drawn(job.expected(job.input.drawn)), settings["unsupervised"])
    draw = registry.load("uphill.figures", settings["module"], "draw").draw
    figure = draw(arranged(table, settings["order"]), **settings["options"])
    formats = [job.output.pdf, job.output.png]
    for path in formats:
        save(figure, path)
    provenance.write(job.output.provenance, job.made_by, formats, provenance.digests(job.input.drawn))
