"""Generations, clusters and labels of texts that cannot be made are refused before anything runs, in one line."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_config import Raw, at, both, without

from uphill.config import hardware
from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.identity.code import imported_modules
from uphill.identity.files import folder_digest
from uphill.planning.cost import estimate
from uphill.workflow.jobs import Job
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
WORLD = {"kind": "world", "domain": "road", "n_items": 60, "seed": 13, "generative": True}
ASKED = {"prompt": "0306", "cot_prompt": "0305", "unsupervised": "asked"}
RAW: Raw = {
    "datasets": {
        "carts": {"source": WORLD, **ASKED, "pools": {"hardness": 0, "supervisor": 20}},
        "other": {"source": {**WORLD, "seed": 14}, **ASKED},
    },
    "models": {"demo": {"path": "resources/demo-models/106k", "dtype": "float32"}},
    "measures": {"surface": {"kind": "surface"}},
    "hardness_models": ["demo"],
    "methods": {"asked": {"kind": "icl", "k": 0, "cot": True}, "icl": {"kind": "icl", "k": 2, "cot": True}},
    "test_models": ["demo"],
    "population": [{"dataset": "carts", "variable": "question_num_words", "methods": ["icl"]}],
    "asks": {
        "solve": {"text": "{question}\nA:", "ends": "statement"},
        "why": {"text": "{question}\n{answers}\nA:", "graded": False},
        "again": {"text": "{question}\n{own}\n{theirs}\n{doubt}\nA:"},
    },
    "generations": {
        "cot": {"dataset": "carts", "pool": "supervisor", "model": "demo", "ask": "solve"},
        "samples": {
            "dataset": "carts", "pool": "experiment", "model": "demo", "ask": "solve", "temperature": 0.9, "n": 5,
            "shards": 2,
        },
        "own": {"dataset": "carts", "pool": "experiment", "model": "demo", "ask": "solve"},
        "doubts": {"model": "demo", "ask": "why", "beside": {"answers": "same"}},
        "rewrites": {"model": "demo", "ask": "again", "beside": {"own": "own", "theirs": "same", "doubt": "doubts"}},
    },
    "clusters": {"same": {"generation": "samples", "same": "answer"}},
    "labels": {
        "kept": {"kind": "kept", "generation": "cot"},
        "weak": {"kind": "texts", "generation": "own"},
        "alice": {"kind": "certain_or_rewritten", "clusters": "same", "rewrites": "rewrites"},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def study(*changes: Callable[[Raw], None]) -> Study:
    raw = copy.deepcopy(RAW)
    for change in changes:
        change(raw)
    return Study(check(raw))


GEN, CLUSTER = "generations.", "clusters.same."
EMBEDDED = both(at(f"{CLUSTER}same", "embedding"), at(f"{CLUSTER}model", "demo"))
MADE = {"trained": {"base": "demo", "labels": "kept", "recipe": "light"}}
BAD: list[tuple[Callable[[Raw], None], str]] = [
    # Names.
    (at(f"{GEN}cot.model", "dmo"), "generations.cot.model is 'dmo', expected one of demo (did you mean 'demo'?)"),
    (at(f"{GEN}cot.ask", "solv"), "generations.cot.ask is 'solv', expected one of again, bare"),
    (at(f"{GEN}cot.dataset", "catrs"), "generations.cot.dataset is 'catrs', expected one of carts, other"),
    (at(f"{GEN}doubts.beside.answers", "sam"), "generations.doubts.beside.answers is 'sam', expected one of cot"),
    (at(f"{CLUSTER}generation", "same"), "clusters.same.generation is 'same', expected one of cot"),
    (at("labels.kept.generation", "c"), "labels.kept.generation is 'c', expected one of cot"),
    (at("labels.alice.clusters", "own"), "labels.alice.clusters is 'own', expected one of same"),
    (at("labels.alice.rewrites", "r"), "labels.alice.rewrites is 'r'"),
    (at("clusters.own", RAW["clusters"]["same"]), "clusters.own: the name is that of a generation"),
    (at(f"{GEN}COT", RAW["generations"]["cot"]), "generations.COT: generations.cot differs in case only"),
    # Slots.
    (at("asks.solve.text", "{question} {hint}"), "asks.solve: text has the slot {hint}, expected one of question"),
    (without(f"{GEN}rewrites.beside.doubt"), "generations.rewrites.beside has nothing for the slot {doubt} of ask"),
    (at(f"{GEN}rewrites.beside.answers", "same"), "generations.rewrites.beside.answers: ask 'again' has no such slot"),
    (at(f"{GEN}rewrites.beside.hint", "same"), "generations.rewrites.beside.hint"),
    (at(f"{GEN}rewrites.beside.theirs", "samples"), "beside.theirs is 'samples', which has 5 texts for each item"),
    # What is asked.
    (at(f"{GEN}doubts.dataset", "carts"), "generations.doubts.dataset is 'carts', expected none: its items are those"),
    (at(f"{GEN}doubts.half", "first"), "generations.doubts.half is 'first', expected none"),
    (without(f"{GEN}cot.pool"), "generations.cot.pool is missing, expected one"),
    (without(f"{GEN}cot.dataset"), "generations.cot.dataset is missing, expected one"),
    (at(f"{GEN}cot.pool", "test"), "generations.cot.pool is 'test', which is empty: datasets.carts.pools.test sets"),
    (at(f"{GEN}own.dataset", "other"), "generations.rewrites.beside: texts are of several datasets (own of"),
    (at(f"{GEN}cot.n", 2), "generations.cot.n is 2 at temperature 0, which gives one text"),
    (at(f"{GEN}cot.top_p", 0), "generations.cot.top_p: is 0"),
    (at(f"{GEN}cot.shards", 0), "generations.cot.shards: is 0"),
    # Circles.
    (
        both(at(f"{GEN}own", RAW["generations"]["doubts"] | {"ask": "again", "beside": {
            "own": "rewrites", "theirs": "rewrites", "doubt": "rewrites"}})),
        "is made from itself: ",
    ),
    # Grades.
    (at(f"{GEN}cot.grader", {"kind": "choice"}), "generations.cot.grader.kind is 'choice', expected a grader of texts"),
    (at(f"{GEN}cot.grader", {"kind": "numbr"}), "generations.cot.grader.kind is 'numbr', expected one of"),
    (at(f"{GEN}doubts.grader", {"kind": "stated"}), "generations.doubts.grader: ask 'why' is not graded"),
    # Clusters.
    (at(f"{CLUSTER}generation", "own"), "clusters.same.generation is 'own', of one text an item; expected n of 2"),
    (at(f"{CLUSTER}above", 0.9), "clusters.same.above is 0.9, expected none beside same: answer"),
    (at(f"{CLUSTER}model", "demo"), "clusters.same.model is 'demo', expected none beside same: answer"),
    (
        both(EMBEDDED, at(f"{CLUSTER}above", 0.9), at("models.made", MADE), at("recipes", {"light": {"lr": 0.1}}),
             at(f"{CLUSTER}model", "made")),
        "clusters.same.model is 'made', which is made here; expected an embedder with all its parts",
    ),
    (EMBEDDED, "clusters.same.above is missing, expected one beside same: embedding"),
    (at(f"{CLUSTER}certain", {"clusters": 1, "share": 0.5}), "clusters.same.certain: expected one of clusters"),
    (at("asks.solve.graded", False), "clusters.same.generation is 'samples', whose ask is not graded"),
    # Labels.
    (at("labels.kept.target", "text"), "labels.kept.target: is 'text', expected 'reasoning' or 'answer'"),
    (at("labels.kept.generation", "doubts"), "labels.kept.generation is 'doubts', whose ask 'why' answers no question"),
    (at("labels.weak.generation", "samples"), "labels.weak: generation 'samples' has 5 texts for each item"),
    (at("labels.alice.rewrites", "own"), "labels.alice.rewrites is 'own', which is not made from clusters 'same'"),
    (at("population.0.labels", "weak"), "labels 'weak' are texts, which no method of an experiment is trained on"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_made_is_refused(change: Callable[[Raw], None], said: str) -> None:
    with pytest.raises(UphillError) as caught:
        study(change)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_circle_is_named() -> None:
    with pytest.raises(UphillError, match=r"generations\.\w+ is made from itself: (\w+\.\w+ from )+\w+\.\w+; expected"):
        study(at("clusters.same.generation", "own"), at(f"{GEN}own", {
            "model": "demo", "ask": "why", "n": 2, "temperature": 1.0, "beside": {"answers": "same"}
        }))  # fmt: skip


def ids(*changes: Callable[[Raw], None]) -> dict[str, str]:
    """Identities of the jobs of the chain."""
    rules = ("generate", "grade_generation", "cluster", "label")
    return {job.record: job.id for job in study(*changes).jobs if job.rule in rules}


CHAIN = {
    *("generations/doubts/shard-0", "generations/rewrites/shard-0", "generations/rewrites/grades"),
    *("clusters/same", "labels/alice"),
}
STALE: list[tuple[Callable[[Raw], None], set[str]]] = [
    (at("clusters.same.certain", {"share": 0.8}), CHAIN),
    (at("asks.why.text", "{question} {answers} why:"), CHAIN - {"clusters/same"}),
    (at("asks.again.text", "{question} {own} {theirs} {doubt}"), {
        "generations/rewrites/shard-0", "generations/rewrites/grades", "labels/alice"}),
    (at(f"{GEN}samples.temperature", 0.8), CHAIN | {
        "generations/samples/shard-0", "generations/samples/shard-1", "generations/samples/grades"}),
    (at(f"{GEN}cot.seed", 1), {"generations/cot/shard-0", "generations/cot/grades", "labels/kept"}),
    (at("labels.kept.target", "answer"), {"labels/kept"}),
    (at(f"{GEN}cot.grader", {"kind": "number"}), {"generations/cot/grades", "labels/kept"}),
    (at("asks.unused", {"text": "{question}?"}), set()),
    (at("datasets.other.prompt", "0040"), set()),
]  # fmt: skip


@pytest.mark.parametrize(("change", "stale"), STALE)
def test_a_change_makes_stale_what_is_made_of_it_and_nothing_else(
    change: Callable[[Raw], None], stale: set[str]
) -> None:
    before, after = ids(), ids(change)
    assert {name for name in before if before[name] != after[name]} == stale


def test_no_sample_and_no_grade_is_made_of_the_clustering() -> None:
    """An edit of it reruns clusters and what follows by what they are made from."""
    scripts = ROOT / "workflow/scripts"
    module = "uphill.weak_to_strong.clustering"
    assert module in imported_modules(scripts / "cluster.py")
    for script in ("generate", "grade_generation", "label", "predictions_on_model", "table"):
        assert module not in imported_modules(scripts / f"{script}.py"), script
    # By answers, clusters are not made of the engine; by embeddings they are.
    assert not [name for name in imported_modules(scripts / "cluster.py") if name.startswith("uphill.engine")]
    embedded = study(EMBEDDED, at(f"{CLUSTER}above", 0.9)).job("cluster", {"clusters": "same"})
    assert list(embedded.code) == ["uphill.engine.embedding"]
    assert (embedded.model, "grades" in embedded.inputs) == ("demo", False)
    assert study().job("cluster", {"clusters": "same"}).model is None


def test_a_part_of_an_embedder_is_in_the_identity_of_its_clusters(tmp_path: Path) -> None:
    """How states are pooled lies in a folder of its own, which decides nothing of a language model."""

    def cluster() -> Job:
        folder_digest.cache_clear()
        changes = (EMBEDDED, at(f"{CLUSTER}above", 0.9), at("models.encoder", {"path": str(tmp_path / "encoder")}))
        found = study(*changes, at(f"{CLUSTER}model", "encoder")).job("cluster", {"clusters": "same"})
        assert found.id, "which is found out when it is first asked for"
        return found

    shutil.copytree(ROOT / "resources/demo-models/106k", tmp_path / "encoder")
    before = cluster()
    (tmp_path / "encoder/1_Pooling").mkdir()
    (tmp_path / "encoder/1_Pooling/config.json").write_text("{}")
    after = cluster()
    assert after.settings["model"] == before.settings["model"]
    assert after.id != before.id


def test_jobs_read_what_they_are_made_of() -> None:
    found = study()

    def inputs(rule: str, **names: str) -> dict[str, list[str]]:
        return found.inputs(rule, names)

    shards = [f"results/generations/samples/shard-{shard}.parquet" for shard in range(2)]
    assert inputs("cluster", clusters="same") == {
        "questions": ["results/items/carts.parquet"],
        "texts": shards,
        "grades": ["results/generations/samples/grades.parquet"],
    }
    assert inputs("generate", generation="rewrites", shard="0") == {
        "questions": ["results/items/carts.parquet"],
        "own": ["results/generations/own/shard-0.parquet"],
        "theirs": ["results/clusters/same.parquet"],
        "doubt": ["results/generations/doubts/shard-0.parquet"],
    }
    assert {job.wildcards["generation"] for job in found.of("grade_generation")} == {*RAW["generations"]} - {"doubts"}


def test_a_dataset_of_generations_alone_has_items_and_nothing_else() -> None:
    found = study(at(f"{GEN}elsewhere", {**RAW["generations"]["own"], "dataset": "other"}))
    assert {job.wildcards["dataset"] for job in found.of("items")} == {"carts", "other"}
    assert {job.wildcards["dataset"] for job in found.of("hardness")} == {"carts"}
    [report] = found.of("report")
    assert report.inputs["questions"] == ["results/items/carts.parquet"]


def test_texts_are_in_the_plan() -> None:
    """Of 40 items of the experiment pool five texts each, by two jobs; of 20 of the supervisor's one."""
    cost = estimate(study(), hardware.read("config/hardware.yaml"))
    loads: dict[str, list[Any]] = {}
    for load in cost.loads:
        if load.job.rule == "generate":
            loads.setdefault(load.job.wildcards["generation"], []).append(load.work)
    assert {name: len(works) for name, works in loads.items()} == {
        "cot": 1, "samples": 2, "own": 1, "doubts": 1, "rewrites": 1
    }  # fmt: skip
    one = loads["own"][0]
    assert sum(work.written for work in loads["samples"]) == pytest.approx(5 * one.written)
    assert sum(work.read for work in loads["samples"]) == pytest.approx(one.read)
    assert loads["cot"][0].read == pytest.approx(one.read / 2)
    assert loads["rewrites"][0].read > 2 * one.read > 0
    assert not cost.unknown
