"""The LoRA method on toy tasks: what it is fitted to, what it learns, and what it says of each test item."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from engine_models import VOCABULARY, tiny, words
from graded import graded
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from uphill.engine import fitting
from uphill.engine.fitting import Room
from uphill.engine.loading import Loaded
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.methods import asking, icl, lora
from uphill.methods.context import Context, Source, run
from uphill.prompts.forms import shipped
from uphill.running.parts import Parts
from uphill.schemas.predictions import PREDICTIONS
from uphill.splits.draw import draw_splits
from uphill.splits.settings import SplitSettings

LEVELS = ["easy"] * 40 + ["hard"] * 40
# The last word of a question decides on the answer; the model's words for prompts stand in the place of others.
ANSWERS = {"w1": "w11", "w2": "w12", "w3": "w13"}
SAID = {"w30": "Q:", "w31": "A:", "w32": "So", "w33": "the", "w34": "answer", "w35": "is"}
SHORT, REASONED = shipped().form("0306"), shipped().form("0305")
QUICK = {"r": 8, "dropout": 0.05, "lr": 0.01, "n_train": 30, "batch_items": 10, "target_modules": "all-linear"}


def speaking() -> Loaded:
    """A tiny model that has the words of reasoned answers."""
    vocabulary = {SAID.get(word, word): number for word, number in VOCABULARY.items()}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n|[^\s]+"), behavior="removed", invert=True)
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    spoken = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
    return dataclasses.replace(tiny(), tokenizer=spoken, bos="always")


def items(chosen: bool) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    last = rng.choice(list(ANSWERS), len(LEVELS))
    return pd.DataFrame(
        {
            "question": [f"w9 {words(rng, 2)} {word}" for word in last],
            "choices": [list(ANSWERS.values()) if chosen else []] * len(LEVELS),
            "answer_idx": pd.array([list(ANSWERS).index(word) if chosen else None for word in last], dtype="Int64"),
            "answer_text": [ANSWERS[word] for word in last],
            "reasoning": [f"w5 w2{word[1:]}" for word in last],
        },
        index=pd.Index([f"i{number:02d}" for number in range(len(LEVELS))], name="item_id"),
    )


def task(chosen: bool) -> Context:
    table = items(chosen)
    graded = pd.DataFrame({"level": LEVELS, "value": 0.0}, index=table.index)
    splits = draw_splits(graded, "toy", "v", SplitSettings(1, 30, None, 5, 0))
    source = Source("toy", table, splits, SHORT, REASONED, 12)
    columns = {"method": "lora", "experiment": "e", "model": "m", "k": None, "cot": True, "prompt": "0305"}
    return Context(source, [source], "v", 0, speaking, columns)


def settings(**changes: Any) -> lora.Settings:
    return lora.Settings.model_validate({**QUICK, **changes})


@pytest.mark.parametrize("chosen", [False, True], ids=["written", "choices"])
def test_reasoning_is_learned_and_answers_are_read_off_what_is_written(chosen: bool, tmp_path: Path) -> None:
    study, baseline = task(chosen), icl.Settings(k=0, cot=True)
    [(_, before)] = icl.predict(study, baseline, icl.cells(study, baseline))
    with Parts(tmp_path, PREDICTIONS) as parts:
        table = run(study, lora, settings(cot=True, min_updates=45), parts).to_pandas()
    assert table["train_on"].unique().tolist() == ["easy", "hard"]
    assert set(table["n_train"]) == {30}
    assert table["scores"].isna().all()
    assert (table["ended"] | table["n_tokens"].map(lambda count: list(count) == [12])).all()
    before, found = (graded(frame, study.target.items) for frame in (before, table))
    # The model knows nothing of the task; of 40 guesses a third would be right, give or take .075.
    assert before["correct"].mean() < 0.1
    assert found["correct"].mean() > 0.6
    assert set(found["parsed"]) <= {*ANSWERS.values(), ""}
    gold = study.target.items.loc[found["item_id"], "answer_text"].to_numpy()
    assert (found["correct"] == (found["parsed"] == gold)).all()
    assert found["p_gold"].isna().all()


def test_choices_are_scored_without_reasoning(tmp_path: Path) -> None:
    with Parts(tmp_path, PREDICTIONS) as parts:
        table = run(study := task(chosen=True), lora, settings(), parts).to_pandas()
    assert table["text"].isna().all()
    assert table["n_tokens"].map(list).map(len).eq(3).all()
    table = graded(table, study.target.items)
    assert table["correct"].mean() > 0.6
    assert table["p_gold"].between(0, 1).all()
    assert set(table["parsed"]) <= set(ANSWERS.values())


@pytest.mark.parametrize("chosen", [False, True])
def test_prompts_are_the_published_ones(chosen: bool) -> None:
    source = task(chosen).target
    row = source.items.iloc[0]
    [reasoned] = asking.zero_shot_prompts(source, source.items[:1], cot=True)
    # Spec: Hase et al. 2024, section 7.2; choices are not shown, and EOS comes with the fit.
    text = f"{row['reasoning']} So the answer is {row['answer_text']}"
    assert reasoned == Prompt("i00", f"Q: {row['question']}\nA:", [text])
    if chosen:
        [direct] = asking.zero_shot_prompts(source, source.items[:1], cot=False)
        assert direct == Prompt("i00", f"Q: {row['question']}\nA:", ["w11", "w12", "w13"])


@pytest.mark.parametrize("cot", [False, True])
def test_prompts_are_cut_to_the_published_limit_with_what_is_learned(
    cot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In training the gold reasoning takes room beside the answer; in asking only the choices do."""
    rooms: list[tuple[str, Room]] = []
    original = fitting.limited_prompts

    def watched(loaded: Loaded, prompts: list[Prompt], own: list[Room]) -> list[Prompt]:
        found = original(loaded, prompts, own)
        rooms.append((found[0].text, own[0]))
        return found

    monkeypatch.setattr(fitting, "limited_prompts", watched)
    loaded = dataclasses.replace(speaking(), max_prompt_tokens=9)
    study = dataclasses.replace(task(chosen=True), open_model=lambda: loaded, max_prompt_tokens=9)
    recipe = settings(cot=cot, epochs=1)
    next(lora.predict(study, recipe, lora.cells(study, recipe)))
    # Q: and four words, then what leaves two tokens beside them.
    (trained, learned), (asked, answered) = rooms
    assert (learned, answered) == (Room(3, 3) if cot else Room(1, 1), Room(1, 1))
    assert len(trained.split()) == (9 - 2 - learned.longest if cot else 6)
    assert len(asked.split()) == 6


def test_an_item_without_reasoning_cannot_teach_it() -> None:
    study = task(chosen=True)
    name = study.train_items(study.supervised_cells(30)[0]).index[2]
    study.target.items.loc[name, "reasoning"] = ""
    with pytest.raises(UphillError, match=f"toy: item '{name}' has no reasoning, expected some"):
        next(lora.predict(study, settings(cot=True), lora.cells(study, settings())))


def test_what_it_can_be_used_on() -> None:
    assert lora.misfit(settings(), generative=True) == "it needs choices, unless cot is on"
    assert lora.misfit(settings(), generative=False) is None
    assert lora.misfit(settings(cot=True), generative=True) is None
    assert lora.misfit(settings(cot=True), generative=False) is None
