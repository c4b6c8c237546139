"""One figure, as PDF and PNG, from its table."""

from uphill import registry
from uphill.figures.plots.inputs import arranged, by_labels, only_baselines, read_drawn, read_levels, with_sources
from uphill.figures.plots.style import save, styled
from uphill.running import provenance
from uphill.running.job import start

with start(snakemake) as job, styled():
    settings = job.settings
    table = only_baselines(read_drawn(job.expected(job.input.drawn)), settings["unsupervised"])
    plot = registry.load("uphill.figures.plots", settings["plot"], "plot").plot
    table = with_sources(by_labels(arranged(table, settings["order"])), settings["sources"])
    figure = plot(table, read_levels(job.input.drawn), **settings["options"])
    formats = [job.output.pdf, job.output.png]
    for path in formats:
        save(figure, path)
    provenance.write(job.output.provenance, job.made_by, formats, provenance.digests(job.input.drawn))
