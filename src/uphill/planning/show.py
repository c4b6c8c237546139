"""A study's cost in a reader's tables."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from uphill.config.hardware import Hardware
from uphill.planning.cost import Cost, Load
from uphill.planning.lengths import CHARS_PER_TOKEN
from uphill.planning.power import Sight
from uphill.planning.work import Work

NUMBERS = ("GPUs", "loads", "read", "fitted", "written", "GPU h", "longest")


def show_cost(cost: Cost, hardware: Hardware, console: Console) -> None:
    """Print jobs by rule, loads by model and by stage, and what the estimate assumes."""
    counts = Counter(job.rule for job in cost.jobs)
    console.print(f"{len(cost.jobs)} jobs: " + ", ".join(f"{count} {rule}" for rule, count in counts.items()) + ".")
    console.print(
        f"{len(cost.loads)} of them load a model. Tokens are in millions; GPU h, hours times GPUs;\n"
        "longest, the hours of the longest job. All of it is an estimate.\n"
    )
    console.print(_by_model(cost.loads))
    console.print(_by_stage(cost.loads))
    console.print(_by_sight(cost))
    if cost.unknown:
        console.print(f"Not counted, since their tokens are not known: {', '.join(cost.unknown)}.")
    if cost.absent:
        console.print(
            "Not counted beyond loading, since the size is known only once the items are made (snakemake "
            f"results/items/DATASET.parquet): what reads {', '.join(cost.absent)}."
        )
    if cost.unsized:
        console.print(
            "Without hours, since config/hardware.yaml does not say their parameters (billions of weights): "
            f"{', '.join(cost.unsized)}."
        )
    long = _too_long(cost.loads, hardware)
    if long:
        console.print("\n".join(["Longer than their runtime in config/hardware.yaml:", *long]))
    console.print(_assumptions(hardware))


def _by_model(loads: Sequence[Load]) -> Table:
    table = _table("By model", ("model", "GPUs", "loads", "read", "fitted", "written", "GPU h", "longest"))
    for model, own in _grouped(loads, lambda load: load.model):
        longest = max(load.hours or 0 for load in own)
        table.add_row(model, f"{own[0].gpus:g}", *_sums(own), _number(longest) if longest else "")
    table.add_section()
    table.add_row("all", "", *_sums(loads), "")
    return table


def _by_sight(cost: Cost) -> str:
    """What the study would be able to tell apart, a line for all variables of a dataset that are alike in it."""
    variables: dict[Sight, list[str]] = defaultdict(list)
    for one in cost.sights:
        variables[replace(one, variable="")].append(one.variable)
    lines = [
        f"  {one.experiment}, {one.dataset} by {', '.join(names)}: {one.items:,} items x {one.boots} boots see "
        f"{_points(one.gain)} of gain, {_points(one.between)} of hard - easy"
        + ("" if one.needed is None else f"; {one.needed[0]} boots x {one.needed[1]:,} items would see the margin")
        for one, names in variables.items()
    ]
    head = "Smallest difference on one level's items that four of five such studies would find; the margin is "
    return "\n".join([f"{head}{_points(cost.margin)}:", *lines, ""])


def _points(value: float) -> str:
    return "nothing (too few boots to test)" if math.isnan(value) else f"{100 * value:.3g} points"


def _too_long(loads: Sequence[Load], hardware: Hardware) -> list[str]:
    """Jobs that would not end within the time that they ask for first."""
    limits = {load.model: hardware.of_model(load.model).runtime / 60 for load in loads}
    return [
        f"  {load.job.title}: {load.hours:.1f} h, runtime {limits[load.model]:g} h"
        for load in loads
        if load.hours and load.hours > limits[load.model]
    ]


def _by_stage(loads: Sequence[Load]) -> Table:
    table = _table("By stage", ("stage", "loads", "read", "fitted", "written", "GPU h"))
    for stage, own in _grouped(loads, lambda load: load.stage):
        table.add_row(stage, *_sums(own))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", collapse_padding=True)
    for column in columns:
        table.add_column(column, justify="right" if column in NUMBERS else "left", no_wrap=True)
    return table


def _grouped(loads: Sequence[Load], key: Callable[[Load], str]) -> list[tuple[str, list[Load]]]:
    """Loads by some name, in the order in which the names first occur."""
    order = list(dict.fromkeys(map(key, loads)))
    ranked = sorted(loads, key=lambda load: order.index(key(load)))
    return [(name, list(own)) for name, own in groupby(ranked, key=key)]


def _sums(loads: Sequence[Load]) -> list[str]:
    work = sum((load.work for load in loads), Work())
    millions = [_number(tokens / 1e6) for tokens in (work.read, work.fitted, work.written)]
    return [str(len(loads)), *millions, _gpu_hours(loads)]


def _gpu_hours(loads: Sequence[Load]) -> str:
    """Of the loads whose hours are known."""
    on_gpus = [load for load in loads if load.gpus]
    if not on_gpus:
        return "none"
    known = [load.gpu_hours for load in on_gpus if load.hours is not None]
    return _number(sum(known)) if known else "?"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 1 or value == 0 else f"{value:.2g}"


def _assumptions(hardware: Hardware) -> str:
    return f"""
What this assumes. Expect it to be wrong by a factor of 2; of 3 for 8 bits, float32 and mixtures of experts.
  Rates    those of benchmarks/RESULTS.md, measured on an H200 with 6.7 billion weights in bfloat16 and in 8 bits;
           not measured: 8 bits writing, float32. Time grows with the weights; of a mixture, those active, but all
           of them for what is written. gpu_speed is {hardware.gpu_speed:g} (config/hardware.yaml).
  GPUs     take turns: more of them hold a larger model, and are not faster. A job on a share of one spends that
           share of its hours, and is as fast as on a whole one; jobs beside it may slow it down.
  Loading  {hardware.read_gb_s:g} GB/s (read_gb_s), two bytes a weight, and a minute to start.
  Tokens   of {CHARS_PER_TOKEN:g} characters; lengths of results/items where it is made, else of the published files.
           Written answers are as long as gold ones; a base model may ramble on to max_new_tokens.
  Packs    a model that cannot be scored in packs (mpt: no rotary positions) reads some four times as much.
  Seeing   accuracies about 70 %, answers to one item that correlate by .7 between boots and by .5 between conditions,
           and boots whose accuracies have a standard deviation of 4 points; boots are seeds, draws of training items.
  Levels   are of equal size, and tested without training items. Nothing counts as done; no job is retried."""
