"""The job that writes texts: each is a function of its prompt and its key, whatever stands beside it, and of parts."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from engine_models import WORDS, tiny, token_ids
from plain_decoding import LONGEST, make_talkative

from uphill.engine.loading import Loaded
from uphill.errors import UphillError
from uphill.grading.grade import Item
from uphill.grading.texts import graded
from uphill.prompts.forms import shipped
from uphill.running.job import Running
from uphill.running.leftovers import sweep
from uphill.running.noting import forget, noted
from uphill.running.parts import Parts
from uphill.schemas.clusters import CLUSTERS
from uphill.schemas.files import read, write
from uphill.schemas.generations import GENERATIONS, TEXT_GRADES
from uphill.schemas.items import ITEMS
from uphill.weak_to_strong import generating
from uphill.weak_to_strong.beside import asked, half

COUNT = 10
FORM = shipped().form("0100")


@pytest.fixture
def llama(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return make_talkative(tiny(), monkeypatch)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generating, "ITEMS_OF_A_PART", 3)
    forget()


def questions(count: int = COUNT) -> pd.DataFrame:
    """Items of one to five words, in an order that is not that of their ids."""
    rng = np.random.default_rng(5)
    told = [" ".join(rng.choice(WORDS, int(rng.integers(1, 6)))) for _ in range(count)]
    frame = pd.DataFrame({"item_id": [f"i{number}" for number in range(count)], "question": told})
    frame = frame.assign(answer_idx=None, answer_text="w1", reasoning="", pool="experiment")
    frame["choices"] = [[]] * count
    frame.loc[0, "pool"] = "supervisor"
    return frame[ITEMS.schema.names].sample(frac=1, random_state=3)


def settings(**changes: Any) -> dict[str, Any]:
    found = {
        "model": {"name": "m"},
        "dataset": "d",
        "pool": "experiment",
        "half": None,
        "form": FORM,
        "ask": {"text": "{question} w0", "ends": "line", "graded": True},
        "beside": {},
        "sampling": {"temperature": 0.7, "top_p": 0.9, "n": 3},
        "max_new_tokens": LONGEST,
        "most_answers": 2,
        "answer_characters": 8,
        "seed": [0, 0],
        "shard": 0,
        "shards": 1,
    }
    return {**found, **changes}


class Outputs(list[str]):
    """A job's outputs, by place and name."""

    @property
    def texts(self) -> str:
        return self[0]

    @property
    def writing(self) -> str:
        return self[1]


class Inputs(dict[str, list[str]]):
    """A job's inputs, by name."""

    def __getattr__(self, name: str) -> list[str]:
        return self[name]


def job(folder: Path, shown: dict[str, tuple[pd.DataFrame, Any]] | None = None, **changes: Any) -> Running:
    """A job whose inputs are written into a folder."""
    folder.mkdir(exist_ok=True)
    inputs = {"questions": [str(folder / "items.parquet")]}
    write(questions(), inputs["questions"][0], ITEMS, {"id": "up"})
    for slot, (frame, contract) in (shown or {}).items():
        inputs[slot] = [str(folder / f"{slot}.parquet")]
        write(frame, inputs[slot][0], contract, {"id": "up"})
    own = settings(**changes)
    spec = {"stage": "generate", "id": "me", "settings": own, "code": "", "upstream": {}}
    params = SimpleNamespace(spec=spec, get=lambda name, other: str(folder / ".parts"))
    made = SimpleNamespace(generation="g")
    found = Running(
        SimpleNamespace(
            input=Inputs(inputs), output=Outputs([str(folder / "out.parquet"), str(folder / "out.json")]),
            wildcards=made, resources=None, threads=1,
            params=params,
        )
    )  # fmt: skip
    found.upstream = lambda path: "up"  # type: ignore[method-assign]
    found.versions = lambda read: {}  # type: ignore[method-assign]
    return found


def made(folder: Path, loaded: Loaded, **changes: Any) -> pd.DataFrame:
    running = job(folder, **changes)
    generating.run_job(running, lambda: loaded)
    return read(running.output[0], GENERATIONS)


def test_a_text_depends_on_its_item_and_number_alone(llama: Loaded, tmp_path: Path) -> None:
    """Not on shards, on parts, on how many are asked or written side by side, nor on the order of items."""
    whole = made(tmp_path / "whole", llama)
    assert whole[["item_id", "sample"]].to_numpy().tolist() == [
        [f"i{number}", sample] for number in range(1, COUNT) for sample in range(3)
    ]
    assert whole["text"].nunique() > COUNT
    shards = [made(tmp_path / f"{shard}", llama, shard=shard, shards=4) for shard in range(4)]
    assert [one["item_id"].nunique() for one in shards] == [2, 2, 2, 3]
    pd.testing.assert_frame_equal(pd.concat(shards, ignore_index=True), whole)
    fewer = made(tmp_path / "fewer", llama, sampling={"temperature": 0.7, "top_p": 0.9, "n": 2})
    pd.testing.assert_frame_equal(fewer, whole[whole["sample"] < 2].reset_index(drop=True))
    llama.batch = 2
    pd.testing.assert_frame_equal(made(tmp_path / "batch", llama), whole)
    other = made(tmp_path / "seed", llama, seed=[0, 1])
    assert (other["text"] != whole["text"]).any()


def test_lengths_are_those_of_the_prompt_and_the_answer(llama: Loaded, tmp_path: Path) -> None:
    told, texts = questions().set_index("item_id")["question"], made(tmp_path, llama, max_new_tokens=4)
    prompts = [token_ids(f"{told[item]} w0", bos=True) for item in texts["item_id"]]
    assert texts["n_prompt_tokens"].tolist() == [len(ids) for ids in prompts]
    assert texts["n_tokens"].between(1, 4).all()
    cut = ~texts["ended"]
    assert 0 < cut.sum() < len(cut)
    assert (texts.loc[cut, "n_tokens"] == 4).all()


@pytest.mark.parametrize("at_once", [9, 18, 1000])
def test_a_job_that_was_killed_goes_on_to_the_same_bytes(
    at_once: int, llama: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of three items, one, two or all in one go; the job is killed as it keeps its third."""
    undisturbed = job(tmp_path / "one")
    generating.run_job(undisturbed, lambda: llama)
    monkeypatch.setattr(generating, "TEXTS_AT_ONCE", at_once)
    llama.batch = 4
    killed, written, keep = job(tmp_path / "two"), generating.written, Parts.put
    calls: list[list[str]] = []
    kept: list[str] = []

    def listening(loaded: Loaded, parts: Any, *rest: Any) -> Any:
        calls.append([item for part in parts for item in part])
        return written(loaded, parts, *rest)

    def until_killed(parts: Parts, name: str, table: pa.Table) -> None:
        if len(kept) == 2:
            raise KeyboardInterrupt
        kept.append(name)
        keep(parts, name, table)

    monkeypatch.setattr(generating, "written", listening)
    monkeypatch.setattr(Parts, "put", until_killed)
    with pytest.raises(KeyboardInterrupt):
        generating.run_job(killed, lambda: llama)
    assert not Path(killed.output[0]).exists()
    monkeypatch.setattr(Parts, "put", keep)
    first, calls = calls, []
    generating.run_job(killed, lambda: llama)
    # The part in hand is made again, and none that was finished; those of a go are begun in order.
    assert kept == ["items-0", "items-3"]
    assert calls == [["i7", "i8", "i9"]]
    assert [item for call in first for item in call] == [f"i{number}" for number in range(1, COUNT)]
    assert len(first) == {9: 3, 18: 2, 1000: 1}[at_once]
    assert Path(killed.output[0]).read_bytes() == Path(undisturbed.output[0]).read_bytes()
    # Until nothing can take the output away any more.
    assert list((tmp_path / "two/.parts").glob("generate-me-*"))
    sweep(tmp_path / "two/.parts", 0)
    assert not list((tmp_path / "two/.parts").iterdir())
    # Once it is there it is not made again.
    generating.run_job(killed, lambda: pytest.fail("loaded a model for nothing"))


def test_halves_are_disjoint_whatever_the_order() -> None:
    ids = [f"i{number}" for number in range(25)]
    first, second = (half(ids, which, "d", 0) for which in ("first", "second"))
    assert (len(first), len(second)) == (13, 12)
    assert sorted(first + second) == sorted(ids)
    assert half(reversed(ids), "first", "d", 0) == first
    assert half(ids, "first", "d", 1) != first != half(ids, "first", "e", 0)
    assert half(reversed(ids), None, "d", 0) == sorted(ids)


def own(ids: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"item_id": ids, "text": [f"own of {item}" for item in ids]})
    return frame.assign(sample=0, n_tokens=1, n_prompt_tokens=1, ended=True)[GENERATIONS.schema.names]


def clustered(*rows: tuple[str, int, int, bool]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["item_id", "cluster", "size", "certain"])
    frame["text"] = [f"leader {row.cluster} of {row.item_id}" for row in frame.itertuples()]
    more = {"answer": "", "n_samples": 9, "n_singletons": 0, "n_unparsed": 0, "entropy": 0.0}
    return frame.assign(**more)[CLUSTERS.schema.names]


CLUSTERED = clustered(
    ("i1", 0, 2, False), ("i1", 1, 3, False), ("i2", 0, 5, True), ("i3", -1, 0, False),
    ("i4", 0, 2, False), ("i4", 1, 2, False), ("i4", 2, 2, False), ("i5", 0, 2, False),
)  # fmt: skip
ASK = {"text": "{question}|{own}|{theirs}|{answers}", "ends": "model", "graded": False}
SHOWN = {"own": "generations", "theirs": "clusters", "answers": "clusters"}


def prompts(folder: Path, shown: dict[str, tuple[pd.DataFrame, Any]], **changes: Any) -> dict[str, str]:
    running = job(folder, shown, ask=ASK, beside=SHOWN, pool=None, **changes)
    items = running.read("questions", ITEMS).set_index("item_id")
    found = asked(running, items)
    return generating._prompts(running.settings, items.loc[found.ids], found.beside)


def test_what_is_shown_is_joined_by_item(tmp_path: Path) -> None:
    """Uncertain items that are in all of it, each with its own texts: the largest cluster, of several the earliest."""
    told = questions().set_index("item_id")["question"]
    expected = {
        "i1": f"{told['i1']}|own of i1|leader 1 of i1|1. leader 1 [...]\n2. leader 0 [...]",
        "i4": f"{told['i4']}|own of i4|leader 0 of i4|1. leader 0 [...]\n2. leader 1 [...]\n(and 1 more)",
    }
    clusters, texts = CLUSTERED, own(["i4", "i3", "i2", "i1", "i9"])
    for seed in range(5):
        shown = {"own": (texts, GENERATIONS), "theirs": (clusters, CLUSTERS), "answers": (clusters, CLUSTERS)}
        assert prompts(tmp_path, shown) == expected
        clusters, texts = (one.sample(frac=1, random_state=seed) for one in (clusters, texts))
    assert noted() == ["cut d: some prompts do not show all answers that they list, or not the whole of them"]
    assert list(prompts(tmp_path, shown, shard=1, shards=2)) == ["i4"]


def test_texts_that_are_of_no_item_in_common_are_refused(tmp_path: Path) -> None:
    shown = {"own": (own(["i2"]), GENERATIONS), "theirs": (CLUSTERED, CLUSTERS), "answers": (CLUSTERED, CLUSTERS)}
    with pytest.raises(UphillError, match=r"g\.beside: no item is in all of it \(own 1, theirs 3, answers 3"):
        prompts(tmp_path, shown)
    stranger = clustered(("j", 0, 2, False))
    shown = {"own": (own(["j"]), GENERATIONS), "theirs": (stranger, CLUSTERS), "answers": (stranger, CLUSTERS)}
    with pytest.raises(UphillError, match="item 'j' is none of dataset 'd'"):
        prompts(tmp_path, shown)
    certain = clustered(("i1", 0, 2, True))
    shown = {"own": (own(["i1"]), GENERATIONS), "theirs": (certain, CLUSTERS), "answers": (certain, CLUSTERS)}
    assert prompts(tmp_path, shown) == {}


def test_where_nothing_is_uncertain_no_model_is_loaded(tmp_path: Path) -> None:
    certain = clustered(("i1", 0, 2, True))
    ask = {"text": "{question} {answers}", "ends": "model", "graded": False}
    running = job(tmp_path, {"answers": (certain, CLUSTERS)}, ask=ask, beside={"answers": "clusters"}, pool=None)
    generating.run_job(running, lambda: pytest.fail("loaded a model for nothing"))
    assert len(read(running.output[0], GENERATIONS)) == 0


def test_texts_are_graded_one_by_one() -> None:
    said = ["So the answer is 3.\n", "So the answer is 4.\n", "3", "So the answer is"]
    texts = pd.DataFrame({"item_id": ["a", "a", "b", "b"], "sample": [0, 1, 0, 1], "text": said})
    texts = texts.assign(n_tokens=1, n_prompt_tokens=1, ended=[True, True, True, False])
    items = {"a": Item(answer_text="3"), "b": Item(answer_text="3")}
    own = {"grader": "stated", "settings": {}, "dataset": "d"}
    table = pa.concat_tables(graded(GENERATIONS.to_arrow(texts[GENERATIONS.schema.names], "texts"), items, own))
    TEXT_GRADES.check(table, "grades")
    assert table.select(["item_id", "sample", "status", "correct"]).to_pylist() == [
        {"item_id": "a", "sample": 0, "status": "ok", "correct": True},
        {"item_id": "a", "sample": 1, "status": "ok", "correct": False},
        {"item_id": "b", "sample": 0, "status": "none", "correct": False},
        {"item_id": "b", "sample": 1, "status": "truncated", "correct": False},
    ]
    with pytest.raises(UphillError, match=r"datasets\.d\.grader: number of item 'a': the right answer is 'x'"):
        list(graded(GENERATIONS.to_arrow(texts[GENERATIONS.schema.names], "texts"),
                    {"a": Item(answer_text="x")}, {**own, "grader": "number"}))  # fmt: skip
