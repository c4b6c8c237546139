"""A config to begin with: of a file of questions, or a dataset of the hub, with its columns guessed and said."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from uphill.config.checked import check
from uphill.datasets.guessing import Guess, guessed, plain
from uphill.datasets.raw_files import Record, Records, delimiter_of, read_records
from uphill.datasets.sources import Part, by_number, hub_rows
from uphill.errors import UphillError
from uphill.running.hub import HUB_ID
from uphill.workflow import preflight
from uphill.workflow.claims import check_claims
from uphill.workflow.study import Study

SIZES = ((160, 50), (80, 50), (40, 40), (24, 30), (16, 20), (8, 12), (6, 8), (4, 5), (3, 4), (2, 3), (2, 1))
"""Items that a level is trained on, and that it keeps for testing: the largest that all levels have."""
PART, PART_UNSEEN = 0.5, 0.25
"""Of all questions, the most that a level is asked for: one whose size is looked at, and one of three tenths unseen."""
MEASURED = "mdl_zero_shot"
BY_LENGTH = ["question_num_words", "answer_num_chars", MEASURED]
"""What cuts levels where nobody graded questions: the first that gives three; the last comes of a model's run."""
LEVELS = "all levels: "
"""What the complaint of a level that is too small says."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Of a study; and of a column that a config can name as it is."""
MOST_SHOTS = 8
MODEL = "resources/demo-models/1280k"


@dataclass(frozen=True)
class Asked:
    """What the user says.

    Attributes:
        name: of the study and its dataset.
        source: a file, or a hub id.
        columns: by `question`, `choices`, `answer` and `grades`, what is not to be guessed.
        answer_is: how answers are told, if it is said.
        revision, config, split: of a hub id.
    """

    name: str
    source: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    answer_is: str | None = None
    revision: str | None = None
    config: str | None = None
    split: str = "train"


@dataclass(frozen=True)
class Known:
    """What is known before sizes are chosen.

    Attributes:
        where: the source, as messages name it.
        place: keys of the dataset's `source` that say where its rows are.
        count: questions.
    """

    asked: Asked
    out: Path
    where: str
    place: Mapping[str, Any]
    guess: Guess
    count: int


def begun(asked: Asked, out: Path) -> list[str]:
    """Write a config, checked and with sizes that its levels have; what to say of it, a line each.

    Raises:
        UphillError: the file cannot be read, its columns cannot be guessed, or its rows are no items; `out` is there.
    """
    if not NAME.fullmatch(asked.name):
        raise UphillError(f"{asked.name!r}: no name of a study, expected letters, digits, _, . and - without a space")
    if out.exists():
        raise UphillError(f"{out}: there already, expected a new file; name another with --out")
    here = Path(asked.source)
    if here.is_file() or here.suffix or not HUB_ID.fullmatch(asked.source):
        delimiter = delimiter_of(here)
        records = read_records(here, delimiter)
        where, place = asked.source, _file(asked, delimiter)
    else:
        records, where, place = _hub_records(asked), f"hub dataset {asked.source}", _hub(asked)
    if not records.rows:
        raise UphillError(f"{where}: no rows, expected at least one question")
    guess = guessed(records, where, asked.columns)
    if place["kind"] == "hub":
        # No key of it gives columns another name.
        guess = replace(guess, grades=[name for name in guess.grades if NAME.fullmatch(name)])
    known = Known(asked, out, where, place, guess, len(records.rows))
    text, sizes = _fitting(known)
    out.write_text(text, encoding="utf-8")
    return list(_said(known, sizes))


def _file(asked: Asked, delimiter: str | None) -> dict[str, Any]:
    return {"kind": "file", "path": asked.source, **({"delimiter": delimiter} if delimiter else {})}


def _hub(asked: Asked) -> dict[str, Any]:
    config = {"config": asked.config} if asked.config else {}
    return {"kind": "hub", "hub_id": asked.source, "revision": asked.revision, **config, "splits": [asked.split]}


def _hub_records(asked: Asked) -> Records:
    if asked.revision is None:
        raise UphillError(
            f"{asked.source}: no such file, and of a dataset of the hub expected --revision, the commit that is read"
        )
    part = Part(by_number(asked.split), lambda row: {"row": row}, {})
    read = hub_rows(asked.source, asked.config, asked.split, asked.revision, part, written=True)
    rows = [Record(row.number, None, row.value) for row in read if isinstance(row.value, Mapping)]
    return Records(rows, list(dict.fromkeys(name for row in rows for name in row.cells)))


def _fitting(known: Known) -> tuple[str, tuple[int, int]]:
    """The config with the largest sizes that every level has items for."""
    problem: UphillError | None = None
    for variable in [*known.guess.grades[:1]] or BY_LENGTH:
        for sizes in SIZES:
            unseen = variable == MEASURED or known.place["kind"] == "hub"
            if sum(sizes) > (PART_UNSEEN if unseen else PART) * known.count:
                continue
            text = _text(known, sizes, variable)
            study = Study(check(yaml.safe_load(text), f"the config of {known.where}"))
            check_claims(study)
            try:
                preflight.check(study)
            except UphillError as error:
                if LEVELS not in str(error):
                    raise
                problem = problem or error
                continue
            return text, sizes
    why = problem or f"{known.count} questions, expected {round(sum(SIZES[-1]) / PART)} or more"
    raise UphillError(f"{known.where}: too few questions for a study: {why}")


def _text(known: Known, sizes: tuple[int, int], variable: str) -> str:
    asked, guess, (n_train, min_test) = known.asked, known.guess, sizes
    new = {name: name if NAME.fullmatch(name) else plain(name) for name in guess.grades}
    renamed = {old: name for old, name in new.items() if old != name}
    columns: dict[str, Any] = {
        **({"rename": renamed} if renamed else {}),
        "item_id": guess.item_id,
        "question": guess.question,
        "choices": guess.choices,
        "answer": guess.answer,
        **({"answer_is": asked.answer_is} if asked.answer_is else {}),
        **({"reasoning": guess.reasoning} if guess.reasoning else {}),
        **({"metadata": list(new)} if known.place["kind"] == "hub" and new else {}),
    }
    source = {**known.place, **columns}
    written = guess.choices is None
    return TEXT.format(
        name=asked.name,
        out=known.out,
        source_name=asked.source,
        count=known.count,
        source="\n".join(f"      {key}: {_yaml(value)}{_about(key)}" for key, value in source.items()),
        prompts=WRITTEN if written else CHOSEN,
        human=_yaml(list(new.values())),
        human_measure="  human: {kind: human}\n" if new else "",
        methods=(METHODS_WRITTEN if written else METHODS_CHOSEN).format(
            shots=min(MOST_SHOTS, n_train), n_train=n_train
        ),
        n_train=n_train,
        min_test=min_test,
        variable=new.get(variable, variable),
        used="[zero_shot_cot, icl_cot]" if written else "[zero_shot, icl, probe]",
        model=MODEL,
    )


def _yaml(value: Any) -> str:
    dumped = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return dumped.removesuffix("\n").removesuffix("\n...")


ABOUT = {
    "item_id": "a column of unique ids, or null: rows are numbered",
    "choices": "a column of lists, a column each, or null where answers are written",
    "answer_is": "index (from 0), one_based, letter or text",
    "rename": "columns by names that tables can hold",
    "delimiter": "between cells",
}


def _about(key: str) -> str:
    return f"  # {ABOUT[key]}" if key in ABOUT else ""


CHOSEN = """    prompt: "0040"  # question, lettered choices, answer; others: python -m uphill list prompts
"""
WRITTEN = """    prompt: "0306"  # Q: and A:; others: python -m uphill list prompts
    cot_prompt: "0305"  # the same with reasoning; a model writes its answer
    unsupervised: zero_shot_cot
    max_new_tokens: 64  # longest written answer
"""
METHODS_CHOSEN = """  zero_shot: {{kind: zero_shot}}
  icl: {{kind: icl, k: {shots}}}  # so many examples in the prompt
  probe: {{kind: probe, n_train: {n_train}}}
"""
METHODS_WRITTEN = """  zero_shot_cot: {{kind: icl, k: 0, cot: true}}
  icl_cot: {{kind: icl, k: {shots}, cot: true}}  # so many examples in the prompt
"""
TEXT = """# A study of {source_name}: {count} questions. Every key is explained in config/README.md.
#   make check CONFIG={out}   make plan CONFIG={out}   make run CONFIG={out}

study: {name}  # all results are under results/{name}/
seed: 0

datasets:
  {name}:
    source:
{source}
{prompts}    human: {human}  # columns of numbers by which people graded difficulty
    pools: {{hardness: 0}}  # items set aside for measures that train, such as mdl_probe
    # limit: 300  # a quick look at so many items

models:
  # It ships with this project and knows little: put yours, a folder (path: ...) or a model of the hub
  # ({{hub_id: ..., revision: ...}}), and what it needs into config/hardware.yaml.
  demo: {{path: {model}, dtype: float32}}

measures:  # of difficulty
{human_measure}  surface: {{kind: surface}}  # lengths
  mdl_zero_shot: {{kind: mdl_zero_shot}}  # how unlikely the right answer is to a model
hardness_models: [demo]

methods:
{methods}
# The largest of a few sizes that easy, medium and hard have items for.
splits: {{boots: 5, n_train: {n_train}, min_test: {min_test}}}

test_models: [demo]
population:  # trained on easy, on medium and on hard items, tested on each
  - {{dataset: {name}, variable: {variable}, methods: {used}}}
"""


def _said(known: Known, sizes: tuple[int, int]) -> Iterator[str]:
    guess = known.guess
    choices = guess.choices if guess.choices is not None else "none, answers are written"
    yield f"{known.out}: a study of {known.count} questions of {known.asked.source}"
    yield f"  question  {guess.question}"
    yield f"  choices   {', '.join(choices) if isinstance(choices, list) else choices}"
    yield f"  answer    {guess.answer}"
    yield f"  ids       {guess.item_id or 'none, rows are numbered'}"
    yield f"  grades    {', '.join(guess.grades) or 'none, difficulty is measured'}"
    yield f"  sizes     {sizes[0]} items of a level to train on, {sizes[1]} or more to test on"
    yield f"next: look at it, then make run CONFIG={known.out}"
