"""The studies that ship: the published one, to its constants, and the one of today's models."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from uphill.config import hardware
from uphill.config.checked import check
from uphill.config.study import Config, Model
from uphill.datasets.items import make_items
from uphill.engine.lora_recipe import LoraRecipe
from uphill.grading.grade import Output
from uphill.grading.stage import grader
from uphill.grading.stage import item as as_item
from uphill.planning.cost import estimate
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
STUDIES = ("paper", "modern")
GPU_GB, FILLED = 80, 0.8
"""Of one GPU, and the share that weights may take."""
TWO_DAYS = 2 * 24 * 60
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def raw(study: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / f"config/{study}.yaml").read_text())


def known(study: str) -> Config:
    """The study, checked."""
    return check(raw(study), where=study)


def named(study: str) -> set[str]:
    """Every model that some experiment or measure runs."""
    told = raw(study)
    rows = [row for key in ("population", "all_to_all", "learning_curves", "noisy_labels") for row in told.get(key, [])]
    rows += list(told.get("ladders", {}).values())
    pairs = [model for row in told.get("quantization", []) for pair in row["pairs"].items() for model in pair]
    return {*told["test_models"], *told["hardness_models"], *(m for row in rows for m in row.get("models", [])), *pairs}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_a_right_config(study: str) -> None:
    config = known(study)
    assert {len(model.revision or "") for model in config.models.values()} == {40}
    assert not [name for name, model in config.models.items() if model.trust_remote_code]
    assert named(study) <= set(config.models)


def test_every_published_model_is_there() -> None:
    models = {model.hub_id: model for model in known("paper").models.values()}
    assert set(models) == {
        *(f"meta-llama/Llama-2-{size}{kind}-hf" for size in ("7b", "13b", "70b") for kind in ("", "-chat")),
        "mistralai/Mixtral-8x7B-v0.1",
        "Qwen/Qwen-72B",
        "huggyllama/llama-7b",
        "tiiuae/falcon-7b",
        "mistralai/Mistral-7B-v0.1",
        "mosaicml/mpt-7b",
    }


def test_published_constants() -> None:
    """Spec sections 1.1, 2, 3.3, 4.1 and 6.4."""
    config = known("paper")
    cuts = {
        (name, variable): (cut.easy_max, cut.hard_min)
        for name, dataset in config.datasets.items()
        for variable, cut in dataset.cuts.items()
        if name != "ai2_arc_all" or variable == "human_grade"
    }
    assert cuts == {
        ("ai2_arc", "human_grade"): (5, 8),
        ("ai2_arc", "human_difficulty"): (1, 3),
        ("ai2_arc", "human_bloom"): (2, 4),
        ("ai2_arc", "human_depth_of_knowledge"): (1, 3),
        ("ai2_arc_all", "human_grade"): (3, 8),
        ("mmlu_stem5", "human_hardness"): (0, 1),
        ("strategyqa", "num_steps"): (2, 4),
        ("gsm8k", "num_steps"): (4, 7),
    }
    pools = {name: dataset.pools.hardness for name, dataset in config.datasets.items()}
    assert pools == {"ai2_arc": 1000, "ai2_arc_all": 0, "mmlu_stem5": 0, "strategyqa": 0, "gsm8k": 1000}
    assert (config.splits.boots, config.splits.n_train, config.splits.min_test) == (5, 160, 50)
    assert {name: config.n_train(name) for name in config.methods} == {
        **{"zero_shot": 0, "zero_shot_cot": 0, "icl": 10, "icl_8": 8, "icl_cot": 8, "icl_cot_4": 4},
        **{"probe": 160, "lora": 160, "lora_cot": 160},
    }
    recipe: Any = config.method_settings("lora")
    fields = ("r", "alpha", "dropout", "lr", "weight_decay", "epochs", "min_updates", "clip")
    assert [getattr(recipe, name) for name in fields] == [16, 32, 0.1, 1e-4, 1e-5, 3, 10, 1]
    reasoned: Any = config.method_settings("lora_cot")
    assert isinstance(reasoned, LoraRecipe)
    assert reasoned.min_updates == 150
    measured: Any = config.measure_settings("mdl_lora")
    assert (measured.sizes, measured.boots) == ([5, 20, 80, 340, 900], 5)


def test_published_tokens() -> None:
    """Spec sections 3.4, 6.6, 7.2, 7.3 and 7.4."""
    config = known("paper")
    assert (config.answers, config.max_prompt_tokens, config.splits.fresh_test) == ("apart", 2048, True)
    assert {name for name, model in config.models.items() if model.trailing_space} == {
        name for name, model in config.models.items() if "llama" not in str(model.hub_id).lower()
    }
    # Those whose padding token is their BOS.
    assert {name: model.bos for name, model in config.models.items() if model.bos != "auto"} == {
        "falcon-7b": "never",
        "mpt-7b": "never",
    }
    modern = known("modern")
    assert (modern.answers, modern.max_prompt_tokens) == ("joined", None)


def test_published_grid() -> None:
    """Variables of each dataset as the figures show them, but for MDL's, and every method on each (spec 1.1, 1.5)."""
    rows = [row for row in raw("paper")["population"] if "models" not in row]
    variables = {name: [row["variable"] for row in rows if row["dataset"] == name] for name in known("paper").datasets}
    assert variables == {
        "ai2_arc": ["human_grade", "human_difficulty", "human_bloom", "question_num_words", "answer_num_chars"],
        "ai2_arc_all": [],
        "mmlu_stem5": ["human_hardness", "question_num_words", "answer_num_chars"],
        "strategyqa": ["num_steps", "question_num_words", "reasoning_num_words"],
        "gsm8k": ["num_steps", "question_num_words", "reasoning_num_words", "answer_num_chars"],
    }
    supervised = {name: {len(set(row["methods"]) - {"zero_shot", "zero_shot_cot"}) for row in rows
                         if row["dataset"] == name} for name in variables}  # fmt: skip
    assert supervised == {"ai2_arc": {3}, "ai2_arc_all": set(), "mmlu_stem5": {3}, "strategyqa": {5}, "gsm8k": {2}}


def bytes_a_weight(model: Model) -> float:
    return {"8bit": 1, "4bit": 0.5}.get(model.quantization, BYTES[model.dtype])


@pytest.mark.parametrize("study", STUDIES)
def test_every_model_fits_its_gpus(study: str) -> None:
    found = hardware.read("config/hardware.yaml")
    for name, model in known(study).models.items():
        needs = found.models[name]
        assert needs.parameters, name
        weights = needs.parameters * bytes_a_weight(model)
        assert weights <= FILLED * GPU_GB * needs.gpu, f"{name}: {weights} GB on {needs.gpu} GPUs"
        assert weights > FILLED * GPU_GB * (needs.gpu - 1), f"{name}: fewer GPUs would do"


@pytest.mark.parametrize("study", STUDIES)
def test_jobs_end_within_their_runtime(study: str) -> None:
    """By the estimate, but for those that take longer than clusters allow and are resumed."""
    found = hardware.read("config/hardware.yaml")
    cost = estimate(Study(known(study)), found)
    assert cost.unknown == []
    late = {
        load.model
        for load in cost.loads
        if load.hours is not None and 60 * load.hours > found.models[load.model].runtime
    }
    assert {found.models[model].runtime for model in late} <= {TWO_DAYS}


# -- the sets of the cross-difficulty study --------------------------------------------------------------------------


def test_the_sets_of_the_cross_difficulty_study_are_asked_and_graded_as_they_are_answered() -> None:
    config = known("cross_difficulty")
    graders = {name: config.grader(name, config.datasets[name].unsupervised)[0] for name in config.datasets}
    assert graders == {
        **{"arc_challenge": "choice", "gsm8k_test": "number", "mmlu_pro": "letter", "bbh": "bbh"},
        **{"math": "math", "musr": "choice", "gpqa": "choice", "ifeval": "ifeval"},
    }
    assert {name for name in config.datasets if config.generative(name)} == {"gsm8k_test", "bbh", "math", "ifeval"}
    assert [name for name in config.datasets if not config.answered(name)] == ["ifeval"]
    trained = {row.dataset for row in config.arms() if any(config.n_train(method) for method in row.methods)}
    assert trained == set(config.datasets) - {"ifeval"}
    binned = [row for row in config.arms() if row.variable != "all"]
    bins = {row.dataset: config.datasets[row.dataset].cuts[row.variable].bins for row in binned}
    assert bins == dict.fromkeys(("arc_challenge", "gsm8k_test", "mmlu_pro", "bbh", "math"), 10)


def test_the_sets_of_the_cross_difficulty_study_are_pinned_or_put_in_place() -> None:
    sources = {name: entry["source"] for name, entry in raw("cross_difficulty")["datasets"].items()}
    pinned = {name for name, source in sources.items() if len(source.get("revision", "")) == 40}
    assert pinned == {"arc_challenge", "gsm8k_test"}
    assert all(source["path"].startswith("data/") for name, source in sources.items() if name not in pinned)
    assert (len(sources["bbh"]["configs"]), len(set(sources["bbh"]["configs"]))) == (21, 21)
    assert named("cross_difficulty") == set(known("cross_difficulty").models)


LAYOUTS: dict[str, tuple[str, str, list[str], str]] = {
    "math": (
        "math/test.jsonl",
        '{"problem": "What is $1/2 + 1/2$?", "solution": "Two halves.", "answer": "1", "level": "Level 5"}\n',
        ["So $1$ is right: $\\boxed{1}$", "So $\\boxed{2}$"],
        "What is $1/2 + 1/2$?",
    ),
    "musr": (
        "musr/murder_mysteries.csv",
        'narrative,question,choices,answer_index\n"It was, they said, dark.",Who?,"[\'red\', ""it\'s""]",1\n',
        ["1", "0"],
        "It was, they said, dark.\n\nWho?",
    ),
    "gpqa": (
        "gpqa/gpqa_extended.csv",
        "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\nWhich?,a,b,c,d\n",
        ["a", "b"],
        "Which?",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_set_that_is_put_in_place_is_read_and_graded(name: str, tmp_path: Path) -> None:
    """Rows laid out as the config says that they are; no real ones, which are not to be had freely."""
    place, content, [right, wrong], question = LAYOUTS[name]
    (tmp_path / "data" / place).parent.mkdir(parents=True)
    (tmp_path / "data" / place).write_text(content)
    source = raw("cross_difficulty")["datasets"][name]["source"]
    source["path"] = str(tmp_path / source["path"])
    if "configs" in source:
        source["configs"] = ["murder_mysteries"]
    settings = {"kind": source.pop("kind"), "dataset": name, "pools": {"hardness": 0}, "seed": 0}
    [row] = make_items(settings | {"source": source}).to_dict("records")
    item, kind = (
        as_item(row),
        known("cross_difficulty").grader(name, "zero_shot" if row["choices"] else "zero_shot_cot")[0],
    )
    assert item.question == question
    if kind == "math":
        pytest.importorskip("math_verify")
        outputs = [Output(text=right), Output(text=wrong)]
    else:
        names = row["choices"] if name == "gpqa" else list("01")
        outputs = [Output(scores=[-1.0 if one == said else -9.0 for one in names]) for said in (right, wrong)]
    grade = grader({"grader": kind, "settings": {}})
    assert [grade(item, output).correct for output in outputs] == [True, False]


def test_classic_weak_to_strong_has_each_loss_each_pair_and_both_ceilings() -> None:
    """Spec 9.1: sizes in pairs, self-pairs included; soft labels; the published constants of a head."""
    config = known("weak_to_strong")
    assert all(dataset.binary for dataset in config.datasets.values())
    [heads, large, probes] = raw("weak_to_strong")["weak_to_strong"]
    losses = {config.methods[method].get("loss", "xent") for method in heads["methods"]}
    assert losses == {"xent", "logconf", "product"}
    assert (heads["pairs"], heads["soft"], large["strong"]) == ("all", [True], "qwen-7b")
    assert set(probes["models"]) == set(config.models)
    recipe: Any = config.method_settings("head")
    constants = (recipe.lr, recipe.epochs, recipe.batch_items, recipe.schedule, recipe.warmup, recipe.reads)
    assert constants == (1e-5, 2, 32, "cosine", 0, "question")
    assert (recipe.betas, recipe.weight_decay, recipe.max_tokens) == ((0.9, 0.999), 0, 1024)
    # Six pairs of three models with three losses, two of adapters, and ten pairs by probes with two kinds of labels.
    arms = [arm for arm in config.arms() if arm.kind == "weak_to_strong" and arm.labels != "gold"]
    taught = {(m, arm.models, arm.labels) for arm in arms for m in arm.methods if m != "zero_shot"}
    assert len(taught) == 6 * 3 + 2 + 10 * 2
    cost = estimate(Study(config), hardware.read("config/hardware.yaml"))
    assert not cost.unknown
    assert 0.5 < sum(load.gpu_hours for load in cost.loads) < 5
