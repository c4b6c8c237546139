"""`python -m uphill`: look at results, and write the config's documentation."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from uphill.config import hardware, laying
from uphill.config.docs import write_docs
from uphill.config.trained import bases
from uphill.config.whole import with_defaults
from uphill.errors import UphillError
from uphill.planning.cost import estimate
from uphill.planning.show import show_cost
from uphill.planning.study import check_profiles, read_study
from uphill.prompts.asks import shipped_asks
from uphill.report.verdicts import question, verdicts
from uphill.running.noting import LOOK, NOTES
from uphill.running.places import shipped
from uphill.running.provenance import beside, levels, read, read_table
from uphill.schemas.level_names import hardest, main_table
from uphill.schemas.names import ALL, UNSUPERVISED
from uphill.why.explaining import explain
from uphill.why.records import summary
from uphill.why.show import show as show_why
from uphill.workflow.paths import report_path, root, table_path
from uphill.workflow.stages.tables import names

HARDWARE = "config/hardware.yaml"
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


show_app = typer.Typer(help="Print the first table; or an item, a prompt, or what is behind a row.")
app.add_typer(show_app, name="show")
harness_app = typer.Typer(help="Other tools' formats: export tasks and answers, read logs.", no_args_is_help=True)
app.add_typer(harness_app, name="harness")
ConfigFile = Annotated[Path, typer.Option(help="The study's config.")]
CONFIG = Path("config/config.yaml")


@show_app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    test_on: Annotated[str | None, typer.Option(help="Test level to show; the hardest, unless given.")] = None,
    configfile: Annotated[Path | None, typer.Option(help="The study, if its first table is not population.")] = None,
) -> None:
    """Print the first table's rows of one test level; or an item, a prompt, or what is behind a row."""
    if context.invoked_subcommand is None:
        _accuracies(_first_table(configfile), test_on)


@show_app.command("item")
def show_item(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    item_id: Annotated[str, typer.Argument(help="The item's id.")],
    configfile: ConfigFile = CONFIG,
) -> None:
    """Print an item, and its level by each variable where they are made."""
    from uphill.showing.items import item_lines

    _print(item_lines(read_study(configfile), dataset, item_id))


@show_app.command("prompt")
def show_prompt(
    dataset: Annotated[str, typer.Argument(help="The dataset that is tested.")],
    item_id: Annotated[str, typer.Argument(help="The item's id.")],
    method: Annotated[str, typer.Option(help="A method of the config.")] = "zero_shot",
    model: Annotated[str | None, typer.Option(help="A model of the config; the first of test_models.")] = None,
    variable: Annotated[str | None, typer.Option(help="The variable that cuts levels; the first.")] = None,
    experiment: Annotated[str | None, typer.Option(help="The experiment, such as population; the first.")] = None,
    train_from: Annotated[str | None, typer.Option(help="The dataset that is trained on; the first.")] = None,
    train_on: Annotated[str | None, typer.Option(help="The level that is trained on; the first.")] = None,
    n_train: Annotated[int | None, typer.Option(help="How many items are trained on; the first.")] = None,
    boot: Annotated[int, typer.Option(help="The boot.")] = 0,
    configfile: ConfigFile = CONFIG,
) -> None:
    """Print what a method asks of an item, as text and tokens; no weights are loaded."""
    # torch and transformers, for which no other command waits.
    from uphill.showing.prompts import Wanted, prompt_lines

    study = read_study(configfile)
    named = model or study.config.test_models[0]
    wanted = Wanted(method, named, variable, experiment, train_from, train_on, boot, n_train)
    _print(prompt_lines(study, dataset, item_id, wanted))


@show_app.command("cell")
def show_cell(
    table: Annotated[str, typer.Argument(help="The table, such as population.")],
    where: Annotated[list[str] | None, typer.Argument(help="COLUMN=VALUE ..., until one row is left.")] = None,
    configfile: Annotated[Path | None, typer.Option(help="The study, if it has a name.")] = None,
) -> None:
    """Print a row of a table, and the answers, items, boots, seed and model behind it."""
    from uphill.showing.cells import cell_lines

    for one in where or ():
        if "=" not in one:
            raise UphillError(f"{one!r}: expected COLUMN=VALUE, such as train_on=easy")
    if configfile is not None:
        read_study(configfile)
    _print(cell_lines(table, dict(one.split("=", 1) for one in where or ())))


@harness_app.command("export")
def harness_export(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    out: Annotated[Path, typer.Option(help="The folder of the task.")],
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Ask for reasoning, and grade the text.")] = False,
    prompt: Annotated[str | None, typer.Option(help="Template id of another prompt than the dataset's.")] = None,
    pool: Annotated[str | None, typer.Option(help="The pool whose items are tested; all of them.")] = None,
    configfile: ConfigFile = CONFIG,
) -> None:
    """Write a dataset, as it is asked here, as a task of the LM Evaluation Harness."""
    from uphill.showing.tasks import export_lines

    _print(export_lines(read_study(configfile), dataset, out, reasoning, prompt, pool))


@harness_app.command("read")
def harness_read(
    logs: Annotated[list[Path], typer.Argument(help="Per-sample logs, or instance records of Every Eval Ever.")],
    out: Annotated[Path, typer.Option(help="The answer matrix, a .parquet file, which the irt measure reads.")],
    metric: Annotated[str, typer.Option(help="The field of 1 for right and 0 for wrong.")] = "acc",
    item: Annotated[str, typer.Option(help="The field of an item's id; doc_id is its place in the split.")] = "doc.id",
    filter: Annotated[str | None, typer.Option(help="Which of several filters (or evaluation results).")] = None,
) -> None:
    """Read who answered what from the logs of other tools."""
    from uphill.hardness.answer_matrix import write_matrix
    from uphill.harness.logs import Wanted, read_logs

    found = read_logs(logs, Wanted(metric, item, filter))
    write_matrix(found.matrix, out)
    models, items = found.matrix.answers.shape
    typer.echo(f"{models} models x {items} items: {out}")
    for path, count in found.without_id.items():
        typer.echo(f"{path}: {count} lines without an id left out")


@harness_app.command("instances")
def harness_instances(
    method: Annotated[str, typer.Argument(help="The method.")],
    model: Annotated[str, typer.Argument(help="The model.")],
    dataset: Annotated[str, typer.Argument(help="The dataset that is tested.")],
    out: Annotated[Path, typer.Option(help="The records, a .jsonl file.")],
    configfile: ConfigFile = CONFIG,
) -> None:
    """Write a method's graded answers as instance records of Every Eval Ever."""
    from uphill.showing.tasks import instance_lines

    _print(instance_lines(read_study(configfile), method, model, dataset, out))


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def _first_table(configfile: Path | None) -> Path:
    """The table that says what training on each level does: population, or the first such one of a study."""
    if configfile is None:
        path = Path(table_path("population"))
        if not path.is_file():
            raise UphillError(f"{path}: no such file; run `make demo` first, or name your study with --configfile")
        return path
    paths = {name: table_path(name) for name in names(read_study(configfile))}
    found = {name: read_table(path) for name, path in paths.items() if Path(path).is_file()}
    main = main_table(found)
    if main is None:
        looked = ", ".join(paths[name] for name in found or paths)
        raise UphillError(f"{configfile}: no table of levels is made, expected one; look at {looked}")
    return Path(table_path(main))


def _accuracies(path: Path, test_on: str | None) -> None:
    """A table's rows of one test level, and where everything else is."""
    rows = read_table(path)
    order = levels(path)
    console = Console()
    chosen = rows[rows["test_on"] == test_on] if test_on else hardest(rows, order)
    if chosen.empty and test_on is None:
        chosen, test_on = rows[rows["test_on"] == ALL], ALL
    console.print(
        f"Accuracy on {test_on or 'the hardest'} test items, and the gain over no supervision "
        "(%, with 95 % intervals)\n"
    )
    for line in read(beside(path))["spec"].get(NOTES, []):
        if line.startswith(LOOK):
            console.print(f"A look at {line.removeprefix(LOOK)}: no results of the set.\n")
    for (model, dataset, variable), panel in chosen.groupby(["model", "dataset", "variable"], sort=False):
        size = f"{panel['n_test'].max()} items, up to {panel['boots'].max()} boots"
        table = Table(title=f"{dataset} by {variable}, {model}: {size}", box=SIMPLE_HEAD, title_justify="left")
        for column in ("method", "trained on", "accuracy", "gain"):
            table.add_column(column, justify="right" if column in ("accuracy", "gain") else "left", no_wrap=True)
        for row in panel.itertuples(index=False):
            accuracy = _percent(row.accuracy, row.low, row.high)
            gain = _percent(row.gain, row.gain_low, row.gain_high, "+")
            table.add_row(f"{row.method}{_shots(row)}", _trained_on(row), accuracy, gain)
        console.print(table)
        found = panel.groupby("method", sort=False)["parse_rate"].min().dropna()
        if len(found):
            told = ", ".join(f"{method} {100 * share:.1f}" for method, share in found.items())
            console.print(f"  texts with an answer, % at least: {told}\n")
    if path.stem == "population":
        _verdicts(console)
    console.print(f"tables   {path.parent}/  (this one, with every test level: {path.name})")
    console.print(f"figures  {root()}/figures/")
    console.print(f"report   {report_path()}")


def _verdicts(console: Console) -> None:
    """The study's question answered in words, where a table says it."""
    path = Path(table_path("sgr"))
    sgr = read_table(path) if path.is_file() else None
    if sgr is None or sgr.empty:
        return
    console.print(question(sgr))
    for line in verdicts(sgr):
        console.print(f"  {line}", soft_wrap=True)
    console.print()


@app.command()
def config_docs(check: Annotated[bool, typer.Option(help="Only say whether they are up to date.")] = False) -> None:
    """Write config/schema.json and config/README.md from the config's model."""
    write_docs(Path("config"), check)


@app.command("config")
def show_config(
    config: Annotated[Path, typer.Argument(help="The study's config.")] = CONFIG,
    expanded: Annotated[
        bool, typer.Option("--expanded", help="With every default, and the entries that short ones stand for.")
    ] = False,
) -> None:
    """Print a study's config, with what it extends, once it is checked: as YAML that is a config of the same study."""
    study = read_study(config)
    found = with_defaults(study.config) if expanded else laying.read(config).raw
    typer.echo(yaml.safe_dump(found, sort_keys=False, width=120), nl=False)


@app.command("list")
def list_names(
    group: Annotated[str | None, typer.Argument(help="One group, such as methods, with its settings.")] = None,
    configfile: Annotated[Path | None, typer.Option(help="A study, for its own prompts and asks too.")] = None,
) -> None:
    """List what a config may name: datasets, measures, methods, labels, graders, experiments, prompts and asks."""
    from uphill.showing.listing import group_lines

    if configfile is None:
        _print(group_lines(group))
    else:
        config = read_study(configfile).config
        _print(group_lines(group, config.templates, {**shipped_asks(), **config.asks}))


@app.command("new")
def new_study(
    name: Annotated[str, typer.Argument(help="What the study and its dataset are called.")],
    source: Annotated[str, typer.Argument(help="A .csv, .tsv, .json, .jsonl or .parquet file, or a hub id.")],
    question: Annotated[str | None, typer.Option(help="Column of the question, where it cannot be guessed.")] = None,
    choices: Annotated[list[str] | None, typer.Option(help="Column of the choices; or once for each of them.")] = None,
    answer: Annotated[str | None, typer.Option(help="Column of the answer.")] = None,
    answer_is: Annotated[str | None, typer.Option(help="index (from 0), one_based, letter or text.")] = None,
    grade: Annotated[list[str] | None, typer.Option(help="Column of numbers of difficulty; may be repeated.")] = None,
    revision: Annotated[str | None, typer.Option(help="Of a hub id: the commit.")] = None,
    config: Annotated[str | None, typer.Option(help="Of a hub id: its config.")] = None,
    split: Annotated[str, typer.Option(help="Of a hub id: the split.")] = "train",
    out: Annotated[Path | None, typer.Option(help="The config to write; NAME.yaml unless given.")] = None,
) -> None:
    """Write a config for questions of yours, its columns guessed, and say what was guessed."""
    from uphill.showing.beginning import Asked, begun

    listed = choices[0] if choices and len(choices) == 1 else choices
    named = {"question": question, "choices": listed, "answer": answer, "grades": grade}
    columns = {key: value for key, value in named.items() if value}
    asked = Asked(name, source, columns, answer_is, revision, config, split)
    _print(begun(asked, out or Path(f"{name}.yaml")))


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="The study's config.")] = Path("config/config.yaml"),
    profile: Annotated[str, typer.Option(help="Snakemake's profile.")] = "profiles/local",
) -> None:
    """Say whether Snakemake may read a study: nothing is evaluated, and no line means that nothing is wrong."""
    check_profiles(profile)
    hardware.read(shipped(HARDWARE))
    read_study(config)


@app.command()
def plan(
    config: Annotated[Path, typer.Argument(help="The study's config.")] = Path("config/config.yaml"),
) -> None:
    """Print what a study would cost: jobs, model loads, tokens and GPU-hours."""
    study = read_study(config)
    found = hardware.read(shipped(HARDWARE)).following(bases(study.config))
    show_cost(estimate(study, found), found, Console(soft_wrap=True))


@app.command()
def why(
    targets: Annotated[list[str] | None, typer.Argument(help="Files to be made; everything, unless given.")] = None,
    configfile: Annotated[Path, typer.Option(help="The study's config.")] = Path("config/config.yaml"),
    profile: Annotated[str, typer.Option(help="Snakemake's profile.")] = "profiles/local",
    full: Annotated[bool, typer.Option("--full", help="Name every job, those downstream too.")] = False,
) -> None:
    """Say which jobs would run, and what made each stale: root causes first."""
    check(configfile, profile)
    pending = summary(targets or [], profile, str(configfile))
    show_why(explain(read_study(configfile), pending), Console(soft_wrap=True), full)


def _shots(row) -> str:  # type: ignore[no-untyped-def] # a named tuple of pandas
    return f", {row.k} shots" if row.k else f", {row.n_train} items" if row.n_train else ""


def _trained_on(row) -> str:  # type: ignore[no-untyped-def] # a named tuple of pandas
    if row.train_on == UNSUPERVISED:
        return "nothing"
    noise = f", {100 * row.noise_p:g} % random labels" if row.noise_p else ""
    return row.train_on + noise + ("" if row.train_dataset == row.dataset else f" ({row.train_dataset})")


def _percent(value: float, low: float, high: float, sign: str = "") -> str:
    return "" if pd.isna(value) else f"{100 * value:{sign}.1f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def main() -> None:
    """Run a command; bad input ends with one line."""
    try:
        app()
    except UphillError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
