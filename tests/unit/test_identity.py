"""Identity: what a job reads is in it, what it does not read is not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from changed_studies import ROOT, changed, ids, plan

from uphill.config.checked import check
from uphill.identity import code
from uphill.identity.code import code_contents, imported_modules
from uphill.identity.files import file_digest
from uphill.identity.specs import digest
from uphill.running.job import Running
from uphill.schemas.generations import GENERATIONS
from uphill.workflow.jobs import Job
from uphill.workflow.stages.items import items
from uphill.workflow.stages.responses import responses
from uphill.workflow.study import Study


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


OF_POPULATION = {"population", "sgr", "accuracy_by_hardness"}


def put(study: Study, method: str, dataset: str, share: str) -> dict[str, Any]:
    """How one share of a method's predictions puts its datasets' questions."""
    names = {"method": method, "model": "demo", "dataset": dataset}
    job = next(job for job in study.jobs if job.wildcards == {**names, "taught": ""})
    return next(part for part in job.parts if part.part == share).settings["datasets"]


def test_order_of_keys_is_no_change_and_values_are() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"lr": 1, "wd": 2}) != digest({"lr": 2, "wd": 1})


def test_predictions_of_two_datasets_are_told_apart_though_each_trains_on_both() -> None:
    """Tested is one of them: the same datasets, the same sources, and other answers."""
    row = {"variable": "num_steps", "methods": ["icl", "probe"], "train_from": ["dial", "road"]}
    study = plan(population=[{"dataset": name, **row} for name in ("dial", "road")])
    shares = [part for job in study.jobs if job.stage == "predictions" for part in job.parts]
    assert {part.wildcards["dataset"] for part in shares if part.part == "population/num_steps"} == {"dial", "road"}
    assert len({part.id for part in shares}) == len(shares)


def test_no_two_jobs_keep_their_parts_in_one_folder(tmp_path: Path) -> None:
    """Two generations may be equal in all that decides them, and be written at the same time."""

    def scratch(output: str) -> set[Path]:
        given = SimpleNamespace(input=[], output=[output], wildcards=None, resources=None, threads=1)
        given.params = SimpleNamespace(spec={"stage": "generate", "id": "same"}, get=lambda *_: str(tmp_path))
        job = Running(given)
        return {job.parts(GENERATIONS).folder, job.scratch_of("same")}

    assert not scratch("results/generations/a/shard-0.parquet") & scratch("results/generations/b/shard-0.parquet")
    assert scratch("results/generations/a/shard-0.parquet") == scratch("results/generations/a/shard-0.parquet")


def test_a_methods_setting_reaches_that_method_and_its_tables() -> None:
    stale = changed(methods__lora__lr=0.1)
    assert stale == {"lora/dial/population/num_steps", *OF_POPULATION}


def test_a_new_variable_leaves_the_shares_of_others_as_they_are() -> None:
    row = {"dataset": "dial", "variable": "answer_num_chars", "methods": ["zero_shot", "icl"]}
    raw = yaml.safe_load(Path("config/config.yaml").read_text())
    raw["population"].append(row)
    before, after = ids(plan()), ids(Study(check(raw)))
    assert {name for name in before if before[name] != after[name]} == OF_POPULATION
    whole = {"method": "icl", "model": "demo", "dataset": "dial"}
    assert plan().job("predictions_on_model", whole).id != Study(check(raw)).job("predictions_on_model", whole).id


def test_statistics_reach_tables_only() -> None:
    assert changed(statistics__draws=500) == plan().values("table")


def test_a_prompt_reaches_everything_that_asks_with_it() -> None:
    stale = changed(datasets__road__prompt="0306")
    # The probe trained on road data of dial's table reads road's responses; dial's own pass stays.
    assert {
        "responses/road",
        "hardness/road",
        "icl/road/population/num_steps",
        "icl/dial/population/num_steps",
        "probe/dial/population/num_steps",
        "icl/dial/road_to_dial/road_to_dial",
    } <= stale
    assert not stale & {
        "items/road",
        "responses/dial",
        "lora/dial/population/num_steps",
        "icl_cot/road_written/population/num_steps",
    }


def test_a_model_that_measures_hardness_reaches_no_split_by_a_persons_grades() -> None:
    stale = changed(measures__mdl_probe__boots=2)
    assert {"hardness/dial", "hardness/road"} <= stale
    assert not any(name.startswith(("splits/", "icl/", "probe/")) for name in stale)
    assert stale - {"hardness/dial", "hardness/road"} == {"all_to_all_by_hardness"}


def test_an_experiment_of_its_own_sizes_reaches_only_itself() -> None:
    stale = changed(learning_curves__0__sizes={"probe": [10, 20], "icl": [2]})
    assert stale == {
        "splits/dial/num_steps.learning_curves",
        *(f"{method}/dial/learning_curves/num_steps" for method in ("probe", "icl", "zero_shot")),
        "learning_curves",
        "learning_curves_sgr",
    }
    assert changed(noisy_labels__0__hard_factor=1.5) == {
        *(f"{method}/dial/noisy_labels/num_steps" for method in ("probe", "zero_shot")),
        "noisy_labels",
    }


def own_prompts(folder: Path, **sections: Any) -> str:
    path = folder / "prompts.yaml"
    path.write_text(yaml.safe_dump(sections))
    return str(path)


def test_a_template_is_known_by_its_text(tmp_path: Path) -> None:
    """Not by its id, nor by the file that it stands in."""
    unused = own_prompts(tmp_path, question={"z": "Puzzle: {}"})
    assert changed(prompts=unused) == set()
    same = own_prompts(tmp_path, question={"0": "Question: {}"}, label={"a": "\nAnswer: {}"})
    assert changed(prompts=same) == set()
    # 3, "Q: {}", is asked with where answers are written, and in examples with reasoning.
    other = own_prompts(tmp_path, question={"3": "Puzzle: {}"})
    stale = changed(prompts=other)
    assert {
        "responses/road_written",
        *(f"{method}/road_written/population/num_steps" for method in ("icl_cot", "zero_shot_cot")),
    } <= stale
    assert not stale & {"responses/dial", "responses/road", "items/road_written"}


def test_specs_hold_the_texts_that_are_asked_with() -> None:
    asked = responses(plan(), "demo", "road_written").settings["asked"]
    assert asked["prompt"]["question"] == "Q: {}"
    assert asked["prompt"]["label"] == "\nA: {}"
    assert asked["cot_prompt"]["label"] == "So the answer is {}"
    share = put(plan(), "icl", "dial", "population/num_steps")
    assert share["road"]["prompt"]["choices"]["each"] == "\n{letter}) {}"


def test_reasoning_without_examples_may_have_a_form_of_its_own() -> None:
    """As GSM8K's 5305 beside 0305."""
    stale = changed(datasets__road_written__zero_shot_cot_prompt="5305")
    assert "zero_shot_cot/road_written/population/num_steps" in stale
    assert "responses/road_written" in stale
    study = plan(datasets__road_written__zero_shot_cot_prompt="5305")

    def share(method: str) -> dict[str, Any]:
        return put(study, method, "road_written", "population/num_steps")["road_written"]

    assert share("zero_shot_cot")["cot_prompt"]["template"] == "5305"
    assert share("zero_shot_cot")["cot_prompt"]["instruction"]
    assert share("icl_cot")["cot_prompt"]["template"] == "0305"


def test_how_a_model_is_asked_is_part_of_what_it_is() -> None:
    entry = {"path": "resources/demo-models/1280k", "dtype": "float32"}
    assert changed(models__demo=entry) == set()
    for setting in ({"chat": True}, {"chat": {"enable_thinking": False}}, {"trailing_space": True}):
        stale = changed(models__demo={**entry, **setting})
        assert {f"{method}/dial/population/num_steps" for method in ("icl", "zero_shot", "lora")} <= stale
        assert "responses/dial" in stale
        assert "items/dial" not in stale
    spaced = plan(models__demo={**entry, "trailing_space": True})
    assert responses(spaced, "demo", "dial").settings["asked"]["prompt"]["trailing_space"]


def test_measures_of_texts_share_a_pass_that_no_edit_of_theirs_makes_again() -> None:
    assert not any("hardness" in name for name in imported_modules("workflow/scripts/token_scores.py"))
    texts, low = {"kind": "text_logprob"}, {"kind": "min_k", "dataset": "dial"}
    one, other = (plan(measures__texts=texts, measures__low={**low, "share": share}) for share in (0.2, 0.3))
    names = {"model": "demo", "dataset": "dial"}
    assert one.job("token_scores", names).id == other.job("token_scores", names).id
    rule, which = "measure_from_token_scores", {**names, "measure": "low"}
    assert one.job(rule, which).id != other.job(rule, which).id
    assert [job.inputs["token_scores"] for job in one.of(rule) if job.wildcards["dataset"] == "dial"] == [
        ["results/token_scores/demo/dial.parquet"]
    ] * 2
    assert one.job("token_scores", names).settings["texts"] == ["answer_text", "question", "reasoning"]
    alone = plan(measures__low=low)
    assert alone.job("token_scores", names).settings["texts"] == ["question"]
    assert [job.wildcards for job in alone.of("token_scores")] == [names]


ON_MODEL = {
    "responses/dial",
    *(f"{method}/dial/population/num_steps" for method in ("icl", "lora", "zero_shot", "probe")),
}


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": "apart"},
        {"max_prompt_tokens": 2048},
        {"models__demo__bos": "always"},
        {"models__demo__bos": "never"},
    ],
)
def test_how_texts_become_tokens_reaches_what_a_model_reads_and_nothing_else(changes: dict[str, Any]) -> None:
    stale = changed(**changes)
    assert stale >= ON_MODEL
    assert not any(name.startswith(("items/", "splits/", "surface", "human")) for name in stale)


def test_fresh_test_items_reach_splits_and_no_response() -> None:
    stale = changed(splits__fresh_test=True)
    assert "icl/dial/population/num_steps" in stale
    assert not any(name.startswith(("items/", "responses/", "hardness/")) for name in stale)


def test_fresh_test_items_are_no_matter_where_all_that_is_left_is_tested() -> None:
    def of(dataset: str) -> dict[str, str]:
        return {"dataset": dataset, "split": "num_steps"}

    def splits(**changes: Any) -> list[str]:
        study = plan(splits__n_test=None, datasets__road__n_test=30, **changes)
        return [job.id for job in study.of("splits") if job.wildcards in (of("dial"), of("road"))]

    (dial, road), (same, other) = splits(), splits(splits__fresh_test=True)
    assert (dial == same, road == other) == (True, False)


def test_a_pool_of_ids_is_known_by_what_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"

    def identity_of(content: str, dataset: str = "dial") -> str:
        path.write_text(content)
        file_digest.cache_clear()
        return items(plan(datasets__dial__pools={"hardness": {"ids": str(path)}}), dataset).id

    one, other = identity_of("dial-0001\n"), identity_of("dial-0002\n")
    assert len({one, other, items(plan(), "dial").id}) == 3
    assert identity_of("dial-0001\n") == one
    assert identity_of("dial-0001\n", "road") == identity_of("dial-0002\n", "road") == items(plan(), "road").id
    assert plan(datasets__dial__pools={"hardness": {"ids": str(path)}}).config.graded("dial").hardness_pool == 1


def test_cut_offs_do_not_touch_the_model() -> None:
    stale = changed(datasets__dial__cuts={"num_steps": {"easy_max": 3, "hard_min": 6}})
    assert "hardness/dial" in stale
    assert not any(name.startswith(("responses/", "items/")) for name in stale)


def test_a_module_is_tracked_through_any_number_of_imports(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from uphill.methods.job import run_job\n")
    modules = imported_modules(script, also=("uphill.methods.probe",))
    assert {"uphill.methods.job", "uphill.engine.probes", "uphill.randomness", "uphill.schemas.items"} <= set(modules)
    assert not {"uphill.engine.loading", "uphill.engine.adapters", "uphill.methods.icl", "uphill.tables"} & set(modules)


def test_code_digest_is_of_content_not_of_dates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "src"
    package.mkdir()
    for module in imported_modules("workflow/scripts/items.py"):
        source = code._module_file(module)
        target = package / source.relative_to(code.SOURCE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    before = code_contents("workflow/scripts/items.py")
    monkeypatch.setattr(code, "SOURCE", package)
    code_contents.cache_clear()
    assert code_contents("workflow/scripts/items.py") == before  # other dates, other folder, same content
    edited = package / "schemas/items.py"
    edited.write_text(edited.read_text() + "\n# a comment\n")
    code_contents.cache_clear()
    assert code_contents("workflow/scripts/items.py") == before
    edited.write_text(edited.read_text() + "\nEDITED = True\n")
    code_contents.cache_clear()
    assert code_contents("workflow/scripts/items.py") != before
    code_contents.cache_clear()


def test_a_source_file_is_known_by_content(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("{}")
    source = {"kind": "file", "path": str(path)}
    entry = {"source": source, "prompt": "0040", "pools": {"hardness": 1}}
    before = items(plan(datasets__mine=entry), "mine").id
    path.write_text("{ }")
    file_digest.cache_clear()
    assert items(plan(datasets__mine=entry), "mine").id != before


def test_hidden_states_are_kept_where_something_reads_them() -> None:
    """A pass is another one where its first reader of states comes, and the same where a reader of scores does."""

    def passes(*methods: str, measures: tuple[str, ...] = ("human", "mdl_zero_shot")) -> dict[str, Job]:
        raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
        for experiment in ("all_to_all", "learning_curves", "noisy_labels", "quantization"):
            raw[experiment] = []
        raw["ladders"], raw["measures"] = {}, {name: raw["measures"][name] for name in measures}
        raw["population"] = [
            {"dataset": "dial", "variable": "num_steps", "methods": [*methods]},
            {"dataset": "road", "variable": "num_steps", "methods": ["zero_shot"]},
        ]
        study = Study(check(raw))
        return {job.wildcards["dataset"]: job for job in study.of("responses")}

    scores, more = passes("zero_shot"), passes("zero_shot", "icl")
    probed, measured = passes("zero_shot", "probe"), passes("zero_shot", measures=("human", "mdl_probe"))
    assert scores["dial"].settings["states"] is False
    assert scores["dial"].id == more["dial"].id
    assert probed["dial"].settings["states"] is True
    assert {probed["dial"].id, scores["dial"].id} == {probed["dial"].id, more["dial"].id}
    assert probed["dial"].id != scores["dial"].id
    assert probed["dial"].id == measured["dial"].id
    assert (probed["road"].settings["states"], measured["road"].settings["states"]) == (False, True)


def test_who_reads_hidden_states_asks_for_memory_by_them() -> None:
    study = plan()
    jobs = study.of("predictions_from_responses")
    held = {(job.wildcards["method"], job.wildcards["dataset"], job.wildcards["model"]): job.held for job in jobs}
    assert held["probe", "road", "demo"] == ["results/responses/demo/road/shard-0-of-1.parquet"]
    assert held["probe", "dial_taught", "demo_106k"] == ["results/responses/demo_106k/dial_taught/shard-0-of-1.parquet"]
    assert held["zero_shot", "road", "demo"] == []
    jobs = study.of("measure_from_responses")
    measures = {(job.wildcards["measure"], job.wildcards["dataset"]): job for job in jobs}
    assert measures["mdl_probe", "dial"].held == measures["mdl_probe", "dial"].inputs["responses"] != []
    assert measures["mdl_zero_shot", "dial"].held == []


def test_a_ladder_may_test_as_many_items_as_it_says() -> None:
    """All of them, say, where it trains on others alone: as a panel's respondents are to answer every item."""
    [name], [entry] = zip(*plan().config.entries("ladders").items(), strict=True)
    settings = {at: plan(**{f"ladders__{name}__n_test": at}) for at in (None, 17)}
    sizes = {
        at: study.job("splits", {"dataset": entry.test.dataset, "split": name}).settings["sizes"]["n_test"]
        for at, study in settings.items()
    }
    assert sizes == {None: plan().config.splits.n_test, 17: 17}
