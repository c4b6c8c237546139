"""The fine-tuning method on toy tasks: what it is taught, what it learns, and that both arms are asked alike."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from graded import graded
from test_lora_method import ANSWERS, task

from uphill.engine.text_examples import examples
from uphill.engine.tokens import encode_prompts
from uphill.errors import UphillError
from uphill.methods import finetune
from uphill.methods.asking import taught_prompts, zero_shot_prompts
from uphill.methods.context import Context, run
from uphill.running.parts import Parts
from uphill.schemas.predictions import PREDICTIONS

QUICK = {"lr": 0.01, "n_train": 30, "batch_items": 10, "clip": 1.0, "adapter": {"r": 8, "alpha": 32}}


def settings(**changes: Any) -> finetune.Settings:
    return finetune.Settings.model_validate({**QUICK, **changes})


def found(context: Context, asked: finetune.Settings, folder: Path) -> pd.DataFrame:
    with Parts(folder / "parts", PREDICTIONS) as parts:
        return run(context, finetune, asked, parts).to_pandas()


def in_folder(chosen: bool, folder: Path) -> Context:
    context = task(chosen)
    return Context(**{**vars(context), "scratch": folder / "unfinished"})


@pytest.mark.parametrize("cot", [True, False], ids=["written", "choices"])
def test_it_learns_what_it_is_taught(cot: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    context = in_folder(True, tmp_path)
    with caplog.at_level(logging.INFO):
        table = found(context, settings(cot=cot, updates=60 if cot else 20), tmp_path)
    assert sorted(table["train_on"].unique()) == ["easy", "hard"]
    assert set(table["n_train"]) == {30}
    assert table["scores"].isna().all() == cot
    grades = graded(table, context.target.items)
    # The model knows nothing of the task; of 40 guesses a third would be right, give or take .075.
    assert grades["correct"].mean() > 0.6
    assert set(grades["parsed"]) <= {*ANSWERS.values(), ""}
    assert not (tmp_path / "unfinished").exists()
    assert caplog.text.count("updates") == 2


def test_a_finished_cell_is_not_fitted_again(tmp_path: Path) -> None:
    asked = settings(updates=2)
    context = in_folder(True, tmp_path)
    parts = Parts(tmp_path / "parts", PREDICTIONS)
    whole = run(context, finetune, asked, parts)
    (tmp_path / "parts" / f"{finetune.cells(context, asked)[1].name}.parquet").unlink()
    made = [cell.name for cell, _ in finetune.predict(context, asked, finetune.cells(context, asked)[1:])]
    assert made == [finetune.cells(context, asked)[1].name]
    assert run(context, finetune, asked, parts).equals(whole)


@pytest.mark.parametrize("cot", [True, False])
def test_training_texts_begin_with_the_very_tokens_that_are_asked(cot: bool) -> None:
    context = task(chosen=True)
    loaded, source = context.open_model(), context.target
    taught = taught_prompts(loaded, source, source.items[:5], cot)
    asked = zero_shot_prompts(source, source.items[:5], cot)
    assert [prompt.text for prompt in taught] == [prompt.text for prompt in asked]
    answers = source.items["answer_text"][:5]
    for prompt, text, answer in zip(taught, examples(loaded, taught, 100), answers, strict=True):
        assert text.tokens[: text.answer] == encode_prompts(loaded, [prompt.text])[0]
        assert prompt.choices[0].endswith(answer)
        assert loaded.tokenizer.decode(text.tokens[-1:]) == "</s>"


def test_reasoning_that_is_missing_is_refused(tmp_path: Path) -> None:
    context = task(chosen=True)
    context.target.items["reasoning"] = np.where(context.target.items.index == "i01", "", "w5")
    context.target.items["reasoning"] = ""
    with pytest.raises(UphillError, match=r"toy: item 'i\d+' has no reasoning, expected some"):
        found(context, settings(cot=True), tmp_path)


def test_written_answers_need_reasoning_to_learn() -> None:
    assert finetune.misfit(settings(), generative=True) == "it needs choices, unless cot is on"
    assert finetune.misfit(settings(cot=True), generative=True) is None
    assert finetune.misfit(settings(), generative=False) is None
