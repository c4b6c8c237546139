"""What a study would cost: tokens against prompts that are really put together, hours against the recorded rates."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import gguf_writing
import pytest
import yaml
from rich.console import Console

from uphill import __main__
from uphill.config import hardware
from uphill.config.checked import check
from uphill.datasets.items import make_items
from uphill.methods.context import question_of
from uphill.planning import rates
from uphill.planning.cells import Cells, cells_of, n_levels
from uphill.planning.cost import Cost, estimate
from uphill.planning.lengths import CHARS_PER_TOKEN, Lengths, lengths, measured
from uphill.planning.show import show_cost
from uphill.planning.work import Asked, Work, cell_work, passes
from uphill.prompts.forms import shipped
from uphill.prompts.templates import PromptFormat, assemble
from uphill.workflow.stages.items import items
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _away_from_results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder with the demo's config and model, and without results."""
    for name in ("config", "resources", "benchmarks", "src", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


def demo() -> dict[str, Any]:
    return yaml.safe_load(Path("config/config.yaml").read_text())


def published() -> dict[str, Any]:
    """The published study's datasets and methods on one model, without its rows."""
    raw = yaml.safe_load(Path("config/paper.yaml").read_text())
    kept = ("seed", "datasets", "models", "measures", "methods", "splits", "test_models")
    return {key: raw[key] for key in kept} | {"test_models": ["llama-2-70b"], "hardness_models": ["llama-2-70b"]}


def cost_of(raw: dict[str, Any]) -> Cost:
    return estimate(Study(check(raw)), hardware.read("config/hardware.yaml"))


def rows(dataset: str, variables: list[str]) -> list[dict[str, Any]]:
    return [
        {"dataset": dataset, "variable": variable, "methods": ["zero_shot", "icl", "probe", "lora"]}
        for variable in variables
    ]


# -- tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "variables", "millions"),
    [
        ("ai2_arc", ["human_grade", "human_difficulty", "human_bloom", "question_num_words", "answer_num_chars"], 46),
        ("mmlu_stem5", ["human_hardness", "question_num_words", "answer_num_chars"], 16),
    ],
)
def test_tokens_of_the_published_grid(dataset: str, variables: list[str], millions: float) -> None:
    """Reckoned independently for the grid of one 70b model, read once and without LoRA's own training (spec, 9.7)."""
    raw = published() | {"population": rows(dataset, variables)}
    raw["measures"] = {name: raw["measures"][name] for name in ("human", "surface")}
    read = sum(load.work.read for load in cost_of(raw).loads)
    assert read / 1e6 == pytest.approx(millions, rel=0.35)


def test_few_shot_tokens_are_those_of_the_prompts() -> None:
    config = check(demo())
    table = make_items(items(Study(config), "dial").settings)
    asked = [question_of(row) for row in table.to_dict("records")]
    form, k, tested, count = PromptFormat(shipped().form("0040")), config.n_train("icl"), 240, 9
    examples = [form.example(question) for question in asked[:k]]
    prompts = [assemble(examples, form.query(question)) for question in asked[k : k + tested]]
    shared = len(assemble(examples, ""))
    own = sum(len(prompt) - shared for prompt in prompts)
    choices = sum(len(choice) for question in asked[k : k + tested] for choice in question.choices)
    cells = Cells("icl", "demo", "dial", "dial", count, k)
    found = cell_work(config, cells, {"dial": measured(table)})
    assert found is not None
    assert (found.fitted, found.written) == (0, 0)
    assert found.read == pytest.approx(count * (shared + own + choices) / CHARS_PER_TOKEN, rel=0.05)


def test_reasoning_is_read_in_examples_and_written_in_answers() -> None:
    config = check(demo())
    long = {"road_written": Lengths(1400, 600, question=90, choices=0, choice=0, answer=2, reasoning=150)}
    cells = Cells("icl_cot", "demo", "road_written", "road_written", 1, 4)
    short = {"road_written": Lengths(1400, 600, question=90, choices=0, choice=0, answer=2, reasoning=50)}
    more, less = cell_work(config, cells, long), cell_work(config, cells, short)
    assert more is not None
    assert less is not None
    assert more.read - less.read == pytest.approx(4 * 100 / CHARS_PER_TOKEN)
    assert more.written - less.written == pytest.approx(90 * 100 / CHARS_PER_TOKEN)  # n_test is 90


@pytest.mark.parametrize(("method", "seen"), [("lora", 9 * 50 * 1), ("lora_cot", 126 * 12 * 4)])
def test_items_that_the_published_schedule_trains_on(method: str, seen: int) -> None:
    """Steps, micro-batches a step and items of each, from the table in spec 6.4 (70b on four GPUs)."""
    config = check(published() | {"population": rows("ai2_arc", ["human_grade"])})
    settings: Any = config.method_settings(method)
    assert passes(settings, 160, 1 if settings.cot else 4) == seen


def test_a_method_that_it_does_not_know_is_said() -> None:
    config = check(demo())
    cells = Cells("probe", "demo", "dial", "dial", 1, 160)
    assert cell_work(config, cells, {"dial": Lengths(1400, 600, 100, 4, 5, 5, 0)}) is None


@pytest.mark.parametrize(
    ("splits", "trained", "asked"),
    [
        ({}, True, 1400 - 480),
        ({"folds": 5, "n_test": None}, True, 280),
        ({"folds": 5, "n_test": None}, False, 1400),
        ({"folds": 5, "n_test": 90}, True, 90),
        ({"folds": 5, "n_test": 90}, False, 450),
        ({"train_on_test": True}, True, 1400),
    ],
)
def test_folds_and_published_tests_are_reckoned_with(splits: dict[str, Any], trained: bool, asked: int) -> None:
    raw = demo()
    raw["splits"] = {"n_train": 160, "n_test": None, **splits}
    config = check(raw)
    cells = Cells("icl", "demo", "dial", "dial", 1, 8 if trained else 0, reserved=480)
    dial = Lengths(1400, 600, 100, 4, 5, 5, 0)
    one = cell_work(config, cells, {"dial": dial})
    shown = cell_work(config, dataclasses.replace(cells, share=0.0), {"dial": dial})
    assert one is not None
    assert shown is not None
    scored = Asked.of(config, "dial", dial).scored
    assert (one.read - shown.read) / scored == pytest.approx(asked)


@pytest.mark.parametrize("reads", ["question", "choices"])
def test_a_head_reads_each_choice_behind_its_question_or_the_question_alone(reads: str) -> None:
    raw = demo()
    raw["methods"]["head"] = {"kind": "classifier", "reads": reads, "epochs": 3, "batch_items": 8}
    config, dial = check(raw), Lengths(1400, 600, 100, 4, 5, 5, 0)
    asked = Asked.of(config, "dial", dial)
    choice = (asked.scored - asked.query[0]) / dial.choices
    item = asked.query[0] if reads == "question" else dial.choices * (asked.query[0] + choice)
    found = cell_work(config, Cells("head", "demo", "dial", "dial", 2, 20, reserved=480), {"dial": dial})
    assert found is not None
    assert found.fitted == pytest.approx(2 * 3 * 3 * 8 * item)  # three batches a pass
    assert found.read / item == pytest.approx(2 * (config.splits.n_test or 1400 - 480))


def test_a_test_pool_is_counted_apart() -> None:
    raw = demo()
    raw["datasets"]["dial"]["pools"] = {"hardness": 0.25, "supervisor": 0.5, "test": {"column": "num_steps", "is": [3]}}
    found = lengths(Study(check(raw)), "dial")
    assert found.all == 2000
    assert (
        found.pool == int(0.25 * (2000 - found.tested)) + (2000 - found.tested - int(0.25 * (2000 - found.tested))) // 2
    )
    raw["splits"]["n_test"] = None
    config, cells = check(raw), Cells("icl", "demo", "dial", "dial", 1, 8, reserved=480)
    one, shown = (cell_work(config, dataclasses.replace(cells, share=share), {"dial": found}) for share in (1.0, 0.0))
    assert one is not None
    assert shown is not None
    assert (one.read - shown.read) / Asked.of(config, "dial", found).scored == pytest.approx(found.tested)


# -- cells -----------------------------------------------------------------------------------------------------------


def counted(study: Study) -> set[tuple[str, str, str, int, int, float]]:
    jobs = [job for job in study.jobs if job.stage == "predictions"]
    cells = [cells for job in jobs for cells in cells_of(study, **job.wildcards)]
    return {(c.method, c.model, c.source, c.count, c.n_train, round(c.share, 2)) for c in cells}


def test_cells_of_every_experiment() -> None:
    mmlu, college = "mmlu_stem5", {"dataset": "mmlu_stem5", "variable": "human_hardness", "level": "hard"}
    row = {"dataset": mmlu, "variable": "human_hardness"}
    third = {"dataset": "ai2_arc_all", "variable": "human_grade", "max": 3}
    experiments = {
        "population": [row | {"methods": ["zero_shot", "icl"]}],
        "all_to_all": [{"dataset": mmlu, "methods": ["lora"], "models": ["mixtral-8x7b"]}],
        "learning_curves": [row | {"sizes": {"probe": [10, 320]}, "boots": 10, "test_on": ["hard"]}],
        "noisy_labels": [row | {"methods": ["probe"], "noise": [0, 0.1, 0.3], "train_on": ["easy", "hard"]}],
        "ladders": {"up": {"test": college, "train": {"3rd": third, "top": college}, "methods": ["icl"], "boots": 4}},
        "quantization": [{"dataset": mmlu, "methods": ["lora"], "pairs": {"llama-7b-float32": "llama-7b"}}],
    }
    big = "llama-2-70b"
    assert counted(Study(check(published() | experiments))) == {
        *(("zero_shot", model, mmlu, 1, 0, 1.0) for model in (big, "mixtral-8x7b")),
        ("zero_shot", big, mmlu, 1, 0, 0.5),
        ("icl", big, mmlu, 2 * 5, 10, 1.0),
        ("lora", "mixtral-8x7b", mmlu, 5, 160, 1.0),
        ("probe", big, mmlu, 2 * 10, 10, 0.5),
        ("probe", big, mmlu, 2 * 10, 320, 0.5),
        ("probe", big, mmlu, 2 * 3 * 5, 160, 0.5),
        ("icl", big, "ai2_arc_all", 4, 10, 0.5),
        ("icl", big, mmlu, 4, 10, 0.5),
        ("lora", "llama-7b-float32", mmlu, 5, 160, 1.0),
        ("lora", "llama-7b", mmlu, 5, 160, 1.0),
    }


def test_cells_of_the_demo() -> None:
    plan = Study(check(demo()))
    # Two sources, three levels, five boots; all to all; two levels of each of three sizes; and a ladder's rungs.
    found = cells_of(plan, "icl", "demo", "dial")
    assert sum(cell.count for cell in found) == 5 * (2 * 3 + 1 + 3 * 2 + 4)
    assert [cell.count for cell in cells_of(plan, "zero_shot_cot", "demo", "road_written")] == [1]


@pytest.mark.parametrize(
    ("dataset", "variable", "levels"),
    [
        ("ai2_arc", "human_grade", 3),
        ("mmlu_stem5", "human_hardness", 2),
        ("ai2_arc", "question_num_words", 3),
        ("ai2_arc", "all", 1),
    ],
)
def test_levels(dataset: str, variable: str, levels: int) -> None:
    config = check(published() | {"population": rows("ai2_arc", ["human_grade"])})
    assert n_levels(config, dataset, variable) == levels


# -- hours -----------------------------------------------------------------------------------------------------------


def needs(**told: Any) -> hardware.Hardware:
    return hardware.Hardware.model_validate({"models": {"m": {"gpu": 2, **told}}, "read_gb_s": 2.0})


def entry(**told: Any) -> Any:
    models = demo()["models"] | {"demo": {"path": "resources/demo-models/1280k", **told}}
    return check(demo() | {"models": models}).models["demo"]


def test_an_hour_of_reading_is_an_hour_at_the_recorded_rate() -> None:
    plain, size = entry(dtype="bfloat16"), rates.MEASURED
    loading = (rates.START_S + size * 2 / 2.0) / 3600
    an_hour = Work(read=rates.READ * 3600)
    assert rates.hours(Work(), "m", plain, needs(parameters=size)) == pytest.approx(loading)
    assert rates.hours(an_hour, "m", plain, needs(parameters=size)) == pytest.approx(loading + 1)
    twice = needs(parameters=2 * size)
    assert rates.hours(an_hour, "m", plain, twice) == pytest.approx(2 + (rates.START_S + 2 * size) / 3600)
    faster = twice.model_copy(update={"gpu_speed": 4.0})
    assert rates.hours(an_hour, "m", plain, faster) == pytest.approx(0.5 + (rates.START_S + 2 * size) / 3600)


def test_a_small_model_is_no_faster_than_launches_allow_and_shares_a_card_with_others() -> None:
    plain, size = entry(dtype="bfloat16"), 0.001
    alone, shared = needs(parameters=size), needs(parameters=size, gpu=0.1)
    idle = rates.hours(Work(), "m", plain, alone)
    assert rates.hours(Work(read=rates.FASTEST_READ * 3600), "m", plain, alone) == pytest.approx(idle + 1)
    assert rates.hours(Work(read=rates.FASTEST_CARD * 360), "m", plain, shared) == pytest.approx(idle + 1)
    assert rates.hours(Work(fitted=rates.FASTEST_FITTED * 3600), "m", plain, shared) == pytest.approx(idle + 1)


def test_a_mixture_reads_with_its_active_weights_and_writes_with_all() -> None:
    mixture, plain = needs(parameters=10 * rates.MEASURED, active_parameters=rates.MEASURED), entry(dtype="float16")
    idle = rates.hours(Work(), "m", plain, mixture)
    assert rates.hours(Work(read=rates.READ * 3600), "m", plain, mixture) == pytest.approx(idle + 1)
    assert rates.hours(Work(written=rates.WRITTEN * 3600), "m", plain, mixture) == pytest.approx(idle + 10)


def test_rates_are_those_that_were_recorded() -> None:
    text = Path("benchmarks/RESULTS.md").read_text()
    assert f"{rates.READ:,}".replace(",", " ") in text
    assert f"| {rates.WRITTEN} |" in text
    assert "Llama of 6.74 billion weights" in text
    eight = recorded(text, "| LLM.int8 |")
    assert 160 * 3 * 67 / recorded(text, "| bfloat16, dropout 0.1 |")[1] == pytest.approx(rates.FITTED, rel=0.02)
    assert 500 * 67 / eight[3] == pytest.approx(rates.READ_QUANTIZED, rel=0.02)
    slower = eight[1] / recorded(text, "| bfloat16 |")[1]
    assert slower == pytest.approx(rates.FITTED / rates.FITTED_QUANTIZED, rel=0.02)


def recorded(text: str, start: str) -> list[float]:
    """The numbers of a row: fit, plain and ours; evaluation, plain and ours; the ratio."""
    row = next(line for line in text.splitlines() if line.startswith(start))
    return [float(cell) for cell in row.removeprefix(start).strip(" |").split("|")]


def test_a_model_of_unknown_size_is_said_in_one_line() -> None:
    assert rates.hours(Work(), "m", entry(), needs()) is None
    raw = demo()
    raw["models"]["mine"] = raw["models"]["demo"]
    raw["test_models"] = ["mine"]
    text = shown(raw, hardware.read("config/hardware.yaml"))
    assert "does not say their parameters (billions of weights): mine." in text
    assert [line.split()[-1] for line in text.splitlines() if line.strip().startswith("mine ")] == ["?"]


# -- what is shown ---------------------------------------------------------------------------------------------------


def shown(raw: dict[str, Any], found: hardware.Hardware) -> str:
    text = io.StringIO()
    show_cost(estimate(Study(check(raw)), found), found, Console(file=text, width=80, soft_wrap=True))
    return text.getvalue()


def test_hours_are_shown_times_gpus_and_long_jobs_named() -> None:
    raw = published() | {"population": rows("mmlu_stem5", ["human_hardness"])}
    found = hardware.read("config/hardware.yaml")
    short = found.models["llama-2-70b"].model_copy(update={"runtime": 1})
    loads = estimate(Study(check(raw)), found).loads
    text = shown(raw, found.model_copy(update={"models": found.models | {"llama-2-70b": short}}))
    total = sum(load.hours * 2 for load in loads if load.hours)
    last = next(line.split() for line in text.splitlines() if line.strip().startswith("all "))
    assert float(last[-1]) == pytest.approx(total, rel=0.05)
    assert (
        int(last[1]) == len(loads) == 4
    )  # the zero-shot pass, text_logprob, icl and lora; there is no pool to train mdl_lora on
    assert "lora with llama-2-70b on mmlu_stem5" in text
    assert "…" not in text  # nothing is cut off at 80 columns


def test_a_job_on_a_share_of_a_gpu_spends_that_share_of_its_hours() -> None:
    raw = published() | {"population": rows("mmlu_stem5", ["human_hardness"])}
    found = hardware.read("config/hardware.yaml")
    small = found.models["llama-2-70b"].model_copy(update={"gpu": 0.25})
    quarter = found.model_copy(update={"models": {"llama-2-70b": small}})
    two, shared = (estimate(Study(check(raw)), each).loads for each in (found, quarter))
    assert [load.hours for load in two] == [load.hours for load in shared]
    assert sum(load.gpu_hours for load in shared) == pytest.approx(sum(load.gpu_hours for load in two) / 8) != 0
    line = next(line.split() for line in shown(raw, quarter).splitlines() if "llama-2-70b " in line)
    assert line[1] == "0.25"


SHIPPED = sorted(path.name for path in (ROOT / "config").glob("*.yaml") if path.name != "hardware.yaml")

ABSENT = ("alice.yaml", "cross_difficulty.yaml", "smollm2.yaml", "smollm2-slice.yaml")
"""Whose datasets come over the network, or are put in place."""


@pytest.mark.parametrize("name", SHIPPED)
def test_every_study_that_ships_can_be_planned(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its data: every model's size is known, and which datasets' sizes are not is said."""
    gguf = Path("data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    if name.startswith("smollm2"):
        gguf.parent.mkdir(parents=True)
        gguf_writing.write(gguf, gguf_writing.model())
    monkeypatch.setattr("sys.argv", ["uphill", "plan", f"config/{name}"])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "By model" in told
    assert "Without hours" not in told
    assert "their tokens are not known" not in told
    assert ("Not counted beyond loading" in told) == (name in ABSENT)


def test_a_cpu_has_no_hours() -> None:
    text = shown(demo(), hardware.read("config/hardware.yaml"))
    assert [line.split()[-1] for line in text.splitlines() if line.strip().startswith("demo ")] == ["none"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("a: [", "not YAML"), ("", "empty, expected"), ("seed: 1", "datasets: missing")],
)
def test_a_bad_config_ends_the_command_with_one_line(
    content: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        Path("mine.yaml").write_text(content)
    monkeypatch.setattr("sys.argv", ["uphill", "plan", "mine.yaml"])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert message in str(ended.value)
    assert "\n" not in str(ended.value)
