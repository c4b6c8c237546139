"""Models that are trained here, as a config has them: their base's, of no circle, and untested on what they learned."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from trained_studies import study

from uphill.config import hardware
from uphill.config.checked import check
from uphill.config.trained import adapters_of, bases
from uphill.errors import UphillError
from uphill.planning.cost import estimate
from uphill.workflow.fetching import repositories
from uphill.workflow.stages.models import model_identity
from uphill.workflow.study import Study

A = "a" * 40
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def made(*changes: Change) -> Study:
    raw = study()
    for change in changes:
        change(raw)
    return Study(check(raw))


def ids(found: Study) -> dict[str, str]:
    return {job.title: job.id for job in found.jobs}


def changed(change: Change) -> set[str]:
    before, after = ids(made()), ids(made(change))
    return {title for title in before if before[title] != after.get(title)}


def training(model: str, **own: Any) -> Change:
    return lambda raw: raw["models"][model]["trained"].update(own)


def entry(model: str, **own: Any) -> Change:
    return lambda raw: raw["models"].setdefault(model, {}).update(own)


def test_what_a_training_does_not_say_it_has_of_its_base() -> None:
    hub = {"hub_id": "org/small", "revision": A, "chat": True, "trailing_space": True}
    config = made(lambda raw: raw["models"].update(demo2=hub), training("teacher", base="demo2"),
                  entry("chained", dtype="float16", chat=False)).config  # fmt: skip
    teacher, chained = config.model("teacher"), config.model("chained")
    assert (teacher.hub_id, teacher.revision, teacher.dtype, teacher.chat) == ("org/small", A, "bfloat16", True)
    assert (chained.hub_id, chained.dtype, chained.chat, chained.trailing_space) == (
        "org/small",
        "float16",
        False,
        True,
    )
    assert config.form("0040", "chained")["trailing_space"]
    assert repositories(config, ["teacher", "chained"], []) == [{"kind": "model", "hub_id": "org/small", "revision": A}]
    assert config.model("demo") == config.models["demo"]


def test_what_jobs_ask_for_is_what_the_nearest_base_asks_for() -> None:
    given = hardware.Hardware(models={"demo": hardware.ModelNeeds(gpu=2), "student": hardware.ModelNeeds(gpu=4)})
    found = given.following(bases(made().config))
    assert [found.of(model).gpu for model in ("demo", "teacher", "chained", "student", "other")] == [2, 2, 2, 4, 0]


def test_a_job_that_asks_reads_every_layer_of_what_it_loads() -> None:
    found = made(training("student", base="chained"), lambda raw: raw["test_models"].append("over"),
                 entry("over", trained={"base": "student", "labels": "right", "recipe": "low_rank"}))  # fmt: skip
    assert adapters_of(found.config, "chained") == ["teacher", "chained"]
    passes = {job.wildcards["model"]: job for job in found.of("responses")}
    read = {model: [one.wildcards["model"] for one in job.reads.get("weights", ())] for model, job in passes.items()}
    assert read == {
        "demo": [],
        "teacher": ["teacher"],
        "chained": ["teacher", "chained"],
        "student": ["student"],
        "over": ["student", "over"],
    }
    assert model_identity(found, "chained")["adapters"] == ["results/models/teacher", "results/models/chained"]
    over = model_identity(found, "over")
    assert (over["path"], over["adapters"]) == ("results/models/student", ["results/models/over"])
    assert found.job("train_full", {"model": "student"}).inputs["weights"] == [
        path for model in ("teacher", "chained") for path in found.job("train_adapter", {"model": model}).made
    ]


def test_a_dataset_that_models_alone_learn_has_items_and_a_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where no run has left items of that name.
    for name in ("config", "resources"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)

    def elsewhere(raw: dict[str, Any]) -> None:
        source = {**raw["datasets"]["dial"]["source"], "seed": 5}
        raw["datasets"]["other"] = {**raw["datasets"]["dial"], "source": source, "pools": {"hardness": 20}}
        raw["labels"]["reasoned"]["dataset"] = "other"

    found = made(elsewhere)
    assert found.datasets == ["dial"]
    assert {job.wildcards["dataset"] for job in found.of("items")} == {"dial", "other"}
    needs = hardware.read("config/hardware.yaml").following(bases(found.config))
    loads = {load.job.title: load for load in estimate(found, needs).loads}
    whole, adapter = (loads[f"Training {name}"].work for name in ("all weights of student", "the adapter teacher"))
    assert whole.read == whole.written == adapter.read == 0
    # 12 updates of 8 items, and one pass over 40; reasoning makes texts longer.
    assert whole.fitted > adapter.fitted * 96 / 40 > 0


def test_a_recipe_makes_its_trainings_stale_and_what_follows_and_nothing_else() -> None:
    stale = changed(lambda raw: raw["recipes"]["whole"].update(lr=0.0002))
    assert "Training all weights of student" in stale
    assert "Zero-shot pass of student over dial" in stale
    assert "probe with student on dial" in stale
    assert not [title for title in stale if any(name in title for name in ("demo", "teacher", "chained", "Labels"))]


def test_a_chain_is_stale_from_where_it_changed() -> None:
    stale = changed(training("teacher", seed=1))
    expected = {
        *("Training the adapter teacher", "Training the adapter chained", "Labels said"),
        *(f"Zero-shot pass of {model} over dial" for model in ("teacher", "chained")),
        *(f"{method} with {model} on dial" for method in ("zero_shot", "probe") for model in ("teacher", "chained")),
    }
    assert expected <= stale
    assert not [title for title in stale if "student" in title or "demo" in title or title == "Labels right"]
    upper = changed(training("chained", seed=1))
    assert "Training the adapter chained" in upper
    assert not [title for title in upper if "teacher" in title or title == "Labels said"]


def test_the_form_that_a_recipe_does_not_use_trains_nobody_again() -> None:
    stale = changed(lambda raw: raw["datasets"]["dial"].update(cot_prompt="0306"))
    assert "Training all weights of student" in stale
    assert not stale & {"Training the adapter teacher", "Labels right", "Labels reasoned"}


def test_two_trainings_differ_by_seed() -> None:
    again = {"trained": {"base": "demo", "labels": "right", "recipe": "low_rank", "seed": 1}}
    found = made(lambda raw: raw["models"].update(again=again), lambda raw: raw["test_models"].append("again"))
    one, other = (found.job("train_adapter", {"model": name}).settings for name in ("teacher", "again"))
    assert {key for key in one if one[key] != other[key]} == {"model", "seed"}


TAUGHT = {"kind": "predicted", "dataset": "dial", "method": "probe", "model": "chained"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (training("teacher", base="dmo"), "models.teacher.trained.base is 'dmo', expected .*did you mean 'demo'"),
        (training("teacher", labels="rihgt"), "models.teacher.trained.labels is 'rihgt', expected one of"),
        (training("teacher", recipe="none"), "models.teacher.trained.recipe is 'none', expected one of low_rank"),
        (entry("teacher", path="resources/demo-models/1280k"), "models.teacher: expected one of path, .* and trained"),
        (entry("teacher", revision=A), "models.teacher: revision is .* beside trained, expected it beside hub_id"),
        (entry("teacher", trust_remote_code=False), "trust_remote_code beside trained, expected it of the base alone"),
        (training("teacher", base="teacher"), "models.teacher is made of itself: models.teacher for models.teacher;"),
        (training("teacher", base="chained"), r"made of itself: .*models.teacher for models.chained"),
        (training("teacher", labels="said"), r"made of itself: .*labels.said for models.teacher"),
        (lambda raw: raw["labels"]["said"].update(soft=True), "models.chained.trained.labels: labels 'said' are soft"),
        (training("chained", recipe="whole"), "models.chained.trained.labels: labels 'said' have no reasoning, which"),
        (lambda raw: raw["datasets"]["dial"].update(cot_prompt=None), "datasets.dial.cot_prompt is missing"),
        (lambda raw: raw["datasets"]["dial"]["pools"].update(supervisor=0), "pools.supervisor is 0, expected items"),
        (entry("student", quantization="4bit"), "models.student: recipes.whole trains all weights, and quantiz"),
        (entry("chained", quantization="8bit"), "models.chained: quantization is '8bit', and its base is the adapter"),
        (entry("demo", trust_remote_code=True), "models.student: recipes.whole trains all weights, and the code of"),
        (lambda raw: [entry("teacher", quantization="4bit")(raw), entry("chained", trained={"base": "demo", "labels":
                      "said", "recipe": "low_rank"})(raw), raw["methods"].update(tuned={"kind": "lora", "n_train": 8}),
                      raw["population"][0]["methods"].append("tuned")],
         "population.0: 'tuned' fits 'teacher', an adapter over quantized weights, expected quantization: none"),
        (lambda raw: [raw["models"].update(narrow=raw["models"]["demo"] | {"quantization": "8bit"}),
                      raw["methods"].update(tuned={"kind": "finetune", "n_train": 8}),
                      raw["population"].append({"dataset": "dial", "variable": "num_steps", "methods": ["tuned"],
                                                "models": ["narrow"]})],
         "population.1: 'tuned' trains all weights of 'narrow', whose quantization is '8bit', expected none, or a"),
        (lambda raw: raw["labels"]["said"].update(model="student"),
         "labels.said: 'student' labels items of dataset 'dial' that it was trained on, by labels 'reasoned'"),
        (lambda raw: raw["datasets"]["dial"]["pools"].pop("test"),
         "population.0: 'student' is tested on items of dataset 'dial' that it was trained on, by labels 'reasoned'; "
         "expected pools.test"),
        (lambda raw: raw.update(panels={"p": {"dataset": "dial", "models": ["demo", "teacher"]}}),
         "panels.p.models: 'teacher' was trained on items of dataset 'dial', by labels 'right'"),
        (lambda raw: raw.update(measures={"human": {"kind": "human"}, "mdl": {"kind": "mdl_zero_shot"}},
                                hardness_models=["student"]),
         "hardness_models: 'student' was trained on items of dataset 'dial'"),
        (lambda raw: raw["population"].append({"dataset": "dial", "variable": "num_steps", "methods": ["probe"],
                                               "labels": "right", "models": ["demo"]}),
         "population.1.methods: labels 'right' are of the supervisor pool, expected some of the experiment pool"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(change: Change, message: str) -> None:
    with pytest.raises(UphillError, match=message) as raised:
        made(change)
    assert "\n" not in str(raised.value)


def test_a_circle_by_way_of_hardness_is_refused() -> None:
    """What cuts levels of a job that labels, though of another row, is measured by whom these labels train."""

    def round_about(raw: dict[str, Any]) -> None:
        raw["measures"]["mdl"] = {"kind": "mdl_zero_shot"}
        raw["hardness_models"] = ["chained"]
        raw["population"].append({"dataset": "dial", "variable": "mdl", "methods": ["probe"], "models": ["teacher"]})

    with pytest.raises(UphillError, match=r"made of itself: .*(measures.mdl for labels.said|labels.said for models)"):
        made(round_about)


def test_items_of_one_source_in_another_pool_are_not_tested() -> None:
    def twice(raw: dict[str, Any]) -> None:
        raw["datasets"]["again"] = {**raw["datasets"]["dial"], "pools": {"hardness": 20}}
        raw["labels"]["right"].update(dataset="dial")
        raw["population"].append(
            {"dataset": "again", "variable": "num_steps", "methods": ["probe"], "models": ["teacher"]}
        )

    with pytest.raises(UphillError, match=r"population\.1: 'teacher' is tested on items of dataset 'again'"):
        made(twice)
