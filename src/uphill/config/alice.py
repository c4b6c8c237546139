"""The short form of Alice (Wu et al. 2025): an entry of a few keys, and the entries that it stands for.

A teacher learns from the supervisor pool and writes several texts for each item of the experiment pool. Where they
agree, its text is the label; elsewhere the student rewrites its own answer beside the teacher's and what the teacher is
unsure of. A cascade puts a model between: the teacher teaches it on one half of the pool, and it teaches the student on
the other. What entries share is named after what it depends on, and made once.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from uphill.errors import UphillError
from uphill.experiments.arms import Entry
from uphill.schemas.names import ALL
from uphill.weak_to_strong.certainty import Certain

KEY = "alice"
GROUPS = ("models", "generations", "clusters", "labels")
ROWS = "students"
WRITTEN, READ = ("generations", "clusters"), ("generation", "clusters", "rewrites")
"""Groups that several entries may share, and the keys of what an entry of any group reads of them."""
NUCLEUS = 0.95
KEPT_AT, WEAK_AT, SAMPLED_AT = 0.7, 0.6, 0.9
"""Temperatures of the release: of reasoning that is filtered, of a weak teacher's answers, of all else."""
DOUBT_TOKENS = 256
ASKS = {(True, True): "rewrite", (True, False): "revise", (False, True): "hint", (False, False): "retell"}
"""By whether a student sees its own answer and the teacher's doubts."""
Made = dict[str, dict[str, Any]]
"""Entries by group and name."""


class Alice(Entry):
    """Who teaches whom, on what, and what of the method is left out."""

    dataset: str = Field(description="A dataset with `pools.supervisor` and `pools.test`.")
    variable: str = Field(ALL, description="The hardness variable whose test levels are told apart; all tells none.")
    kind: Literal["choice", "number", "open"] = Field(description="How its answers end; it says which asks are put.")
    teacher: str = Field(description="The weak model: a name from `models`.")
    student: str = Field(description="The strong one.")
    mid: str | None = Field(None, description="A model between them, of a cascade.")
    summariser: str | None = Field(None, description="Who puts doubts into words; the student unless given.")
    recipe: str = Field(description="How all are trained: a name from `recipes`.")
    method: str = Field(description="How all are asked on test items: a name from `methods`, which trains on nothing.")
    gold: Literal["reasoning", "answer"] = Field(
        "reasoning",
        description="What ceilings learn: the dataset's own reasoning, or, where it has none, one sentence that states "
        "the right answer.",
    )
    supervision: Literal["generated", "gold"] = Field(
        "generated",
        description="What the teacher learns: its own reasoning where it reaches the right answer, or gold, the "
        "dataset's own reasoning (published for GSM8K).",
    )
    n: int = Field(100, ge=1, le=10_000, description="Texts of the teacher for each item; 1 makes no clusters.")
    same: Literal["answer", "embedding"] = Field("answer", description="When two texts say the same.")
    embedder: str | None = Field(None, description="Of embeddings: a name from `models`, and")
    above: float | None = Field(None, ge=-1, lt=1, description="the cosine above which texts are alike.")
    certain: Certain = Field(
        Certain.model_construct(clusters=1), description="When an item is certain.", validate_default=True
    )
    clusters: bool = Field(True, description="Off: one text of the teacher's for clusters, and all is rewritten.")
    uncertainty: bool = Field(True, description="Off: doubts are not put into words.")
    own: bool = Field(True, description="Off: students do not see an answer of their own.")
    max_new_tokens: int | None = Field(None, ge=1, le=32_768, description="Longest text; the dataset's unless given.")
    shards: int = Field(1, ge=1, le=1000, description="Jobs that share the teacher's texts.")
    seeds: int = Field(1, ge=1, le=100, description="Trainings of each student and ceiling.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.clusters and self.n == 1:
            raise ValueError("n is 1, which makes no clusters, expected 2 or more, or clusters: false")
        if not self.clusters and self.uncertainty:
            raise ValueError("clusters is off, which leaves no doubts to put into words, expected uncertainty: false")
        if self.supervision == "gold" and self.gold == "answer":
            raise ValueError("supervision is 'gold', of which a teacher learns reasoning, expected gold: reasoning")
        if not self.uncertainty and self.summariser is not None:
            raise ValueError(f"uncertainty is off, and summariser is {self.summariser!r}, expected none")
        return self


def expanded(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A config with every short entry's long form among its entries; the short ones stay for the check of their keys.

    Args:
        raw: a config as it was written.

    Raises:
        UphillError: an entry of the config has the name of one that is made.
    """
    found: dict[str, Any] = {**raw}
    entries, known = raw.get(KEY), dict[str, str]()
    for name, entry in entries.items() if isinstance(entries, Mapping) else ():
        try:
            own = Alice.model_validate(entry)
        except ValidationError:
            continue  # the config's own check says what is wrong, and where
        made, made_rows = long_form(str(name), own)
        made = _once(made, known)
        for group in GROUPS:
            found[group] = _merged(found.get(group), made[group], f"{KEY}.{name}", group)
        rows = found.get(ROWS)
        found[ROWS] = [*(rows if isinstance(rows, list) else []), *made_rows]
    return found


def _once(made: Made, known: dict[str, str]) -> Made:
    """Entries of one short form without texts and clusters that an earlier one has made, which stand in their place.

    Args:
        made: by group and name.
        known: names by content, of earlier ones; this one's are added.
    """
    named: dict[str, str] = {}
    while True:
        left = {group: _renamed(entries, named, group in WRITTEN) for group, entries in made.items()}
        contents = {
            name: json.dumps([group, entry], sort_keys=True) for group in WRITTEN for name, entry in left[group].items()
        }
        again = {name: known[of] for name, of in contents.items() if known.get(of, name) != name}
        if not again:
            known.update({of: name for name, of in contents.items()})
            return left
        named |= again


def _renamed(entries: Mapping[str, Any], named: Mapping[str, str], written: bool) -> dict[str, Any]:
    """Entries of a group with other names for what they read, without those that are called otherwise themselves."""
    found = {}
    for name, entry in entries.items():
        read = {key: named.get(entry[key], entry[key]) for key in READ if key in entry}
        beside = {slot: named.get(of, of) for slot, of in entry.get("beside", {}).items()}
        if not (written and named.get(name, name) != name):
            found[name] = {**entry, **read, **({"beside": beside} if beside else {})}
    return found


def _merged(there: Any, made: Mapping[str, Any], where: str, group: str) -> Any:
    """Entries of a group with those that are made; what several make is the same."""
    if there is not None and not isinstance(there, Mapping):
        return there  # which the config's own check refuses
    for name, entry in made.items():
        if there and name in there and there[name] != entry:
            raise UphillError(f"{where} makes {group}.{name}, and the config has another entry of that name")
    return {**(there or {}), **made}


def long_form(name: str, entry: Alice) -> tuple[Made, list[dict[str, Any]]]:
    """The entries that a short one stands for, by group, and its rows of results: against who gave the labels, and of a
    cascade against the first teacher too.
    """
    made: Made = {group: {} for group in GROUPS}
    first, half = _teacher(made, entry), None
    teacher = first
    if entry.mid is not None:
        _mixed(made, f"{name}.mid", entry, teacher, entry.mid, "first")
        [teacher], half = _trained(made, f"{name}.mid", entry.mid, f"{name}.mid.labels", entry.recipe, 1), "second"
    _mixed(made, name, entry, teacher, entry.student, half)
    # The published baseline: the same model on all that the very same teacher says.
    asked = _pool(entry, "experiment", half)
    made["generations"][f"{name}.weak"] = {**asked, "model": teacher, "ask": "bare", **_drawn(entry, WEAK_AT)}
    made["labels"][f"{name}.weak"] = {"kind": "texts", "generation": f"{name}.weak"}
    gold = f"{entry.dataset}.gold" if entry.gold == "reasoning" else f"{entry.dataset}.stated"
    stated = {} if entry.gold == "reasoning" else {"stated": True}
    made["labels"][gold] = {"kind": "gold", "dataset": entry.dataset, **stated}
    shared = f"{gold}.{entry.recipe}"
    row = {
        "dataset": entry.dataset,
        "variable": entry.variable,
        "method": entry.method,
        "weak": [teacher],
        "students": {
            f"{name}.weak": _trained(made, f"{name}.naive", entry.student, f"{name}.weak", entry.recipe, entry.seeds),
            f"{name}.labels": _trained(
                made, f"{name}.student", entry.student, f"{name}.labels", entry.recipe, entry.seeds
            ),
        },
        "ceiling": _trained(made, f"{shared}.{entry.student}", entry.student, gold, entry.recipe, entry.seeds),
        "weak_gold": _trained(made, f"{shared}.{entry.teacher}", entry.teacher, gold, entry.recipe, 1),
        "untrained": [entry.student],
    }
    return made, [{**row, "weak": [weak]} for weak in dict.fromkeys([teacher, first])]


def _teacher(made: Made, entry: Alice) -> str:
    """The weak model, trained on the supervisor pool."""
    if entry.supervision == "gold":
        labels = f"{entry.dataset}.gold.supervisor"
        made["labels"][labels] = {"kind": "gold", "dataset": entry.dataset, "pool": "supervisor"}
    else:
        reasons = f"{entry.dataset}.reasoning.{entry.teacher}"
        asked = {**_pool(entry, "supervisor", None), "model": entry.teacher, "ask": f"reason_{entry.kind}"}
        made["generations"][reasons] = {**asked, **_drawn(entry, KEPT_AT)}
        labels = f"{reasons}.kept"
        made["labels"][labels] = {"kind": "kept", "generation": reasons, "target": "reasoning"}
    [found] = _trained(made, f"{labels}.{entry.recipe}.{entry.teacher}", entry.teacher, labels, entry.recipe, 1)
    return found


def _mixed(made: Made, name: str, entry: Alice, teacher: str, pupil: str, half: str | None) -> None:
    """The labels of a pupil: of a teacher's texts where it is certain, and of its own rewriting elsewhere."""
    asked, generations = _pool(entry, "experiment", half), made["generations"]
    samples, theirs = f"{name}.samples", f"{name}.clusters" if entry.clusters else f"{name}.samples"
    n = entry.n if entry.clusters else 1
    texts = {**asked, "model": teacher, "ask": "bare", **_drawn(entry, SAMPLED_AT)}
    generations[samples] = {**texts, "n": n, "shards": entry.shards, "seed": 1}
    beside = {"theirs": theirs}
    if entry.clusters:
        by = {} if entry.same == "answer" else {"model": entry.embedder, "above": entry.above}
        rule = entry.certain.model_dump(exclude_none=True)
        made["clusters"][theirs] = {"generation": samples, "same": entry.same, **by, "certain": rule}
    if entry.uncertainty:
        who = {"model": entry.summariser or entry.student, "ask": f"doubt_{entry.kind}"}
        drawn = {"temperature": SAMPLED_AT, "top_p": NUCLEUS, "max_new_tokens": DOUBT_TOKENS}
        generations[f"{name}.doubts"] = {**who, "beside": {"answers": theirs}, **drawn}
        beside["doubt"] = f"{name}.doubts"
    if entry.own:
        alone = ".".join([entry.dataset, "own", pupil, *([half] if half else [])])
        generations[alone] = {**asked, "model": pupil, "ask": "bare", **_drawn(entry, SAMPLED_AT)}
        beside["own"] = alone
    again = {"model": pupil, "ask": f"{ASKS[entry.own, entry.uncertainty]}_{entry.kind}", "beside": beside}
    generations[f"{name}.rewrites"] = {**again, **_drawn(entry, SAMPLED_AT)}
    made["labels"][f"{name}.labels"] = (
        {"kind": "certain_or_rewritten", "clusters": theirs, "rewrites": f"{name}.rewrites"}
        if entry.clusters
        else {"kind": "texts", "generation": f"{name}.rewrites"}
    )


def _trained(made: Made, name: str, base: str, labels: str, recipe: str, seeds: int) -> list[str]:
    """Trainings of a model, and their names."""
    return list(_each_seed(made["models"], name, {"base": base, "labels": labels, "recipe": recipe}, seeds))


def _each_seed(models: dict[str, Any], name: str, training: Mapping[str, Any], seeds: int) -> Iterator[str]:
    for seed in range(seeds):
        own = name if seed == 0 else f"{name}.{seed}"
        models[own] = {"trained": {**training, **({"seed": seed} if seed else {})}}
        yield own


def _pool(entry: Alice, pool: str, half: str | None) -> dict[str, Any]:
    return {"dataset": entry.dataset, "pool": pool, **({"half": half} if half else {})}


def _drawn(entry: Alice, temperature: float) -> dict[str, Any]:
    longest = {} if entry.max_new_tokens is None else {"max_new_tokens": entry.max_new_tokens}
    return {"temperature": temperature, "top_p": NUCLEUS, **longest}
