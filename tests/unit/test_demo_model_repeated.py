"""Items of the experiments in training text: which they are, that no other is there, and how often they are met."""

import random
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

from uphill.datasets import world
from uphill.datasets.items import make_items
from uphill.datasets.repeated import REPEATED
from uphill.datasets.world import REPEATED_TABLES, is_repeated
from uphill.demo_model import evaluate, repetition, text, tokenizer, train
from uphill.demo_model.repeated import repeated_items
from uphill.demo_model.sizes import FAMILY

ROOT = Path(__file__).parents[2]
ALL_REPEAT = text.TextSettings(repeated=1.0)
NONE_REPEATS = text.TextSettings(repeated=0.0)


@pytest.fixture(scope="module")
def tables() -> pd.DataFrame:
    """The experiments' items, and whether each is `repeated`."""
    items = pd.concat([world.load(table) for table in REPEATED_TABLES], ignore_index=True)
    return items.assign(repeated=[is_repeated(question) for question in items.question])


def asked(prompt: str) -> str:
    """The last question of a prompt."""
    return re.findall(r"(?:The dial|This cart).*?\?", prompt)[-1]


def repeated_questions() -> set[str]:
    """What the training text repeats: the oracle of the column that says so."""
    return {item.question for item in repeated_items()}


def questions(settings: text.TextSettings, documents: int) -> set[str]:
    """The questions of some documents, the first dozen of each."""
    read = (text.document(f"3/{i}/0", settings, 0.7) for i in range(documents))
    return {asked(query) for examples in read for _, query in islice(examples, 12)}


def test_the_tables_are_those_of_the_demos_with_choices() -> None:
    configs = [yaml.safe_load((ROOT / "config" / name).read_text()) for name in ("config.yaml", "demo-all.yaml")]
    sources = [dataset["source"] for config in configs for dataset in config["datasets"].values()]
    asked = {
        world.Settings.model_validate({key: value for key, value in source.items() if key != "kind"})
        for source in sources
        if source["kind"] == "world"
    }
    assert {table for table in asked if not table.generative} == set(REPEATED_TABLES)


def test_one_item_in_twenty_is_repeated_and_each_is_in_training_text(tables: pd.DataFrame) -> None:
    """Of 7120 items, .0026 is the standard error of a share of a twentieth."""
    assert tables.repeated.mean() == pytest.approx(1 / 20, abs=0.008)
    marked = set(tables.question[tables.repeated])
    assert marked == repeated_questions()
    assert len(marked) == len(repeated_items()) == 350
    assert questions(ALL_REPEAT, 300) == marked


def test_the_digests_that_are_kept_are_those_of_the_tables() -> None:
    assert sorted(REPEATED) == sorted(f"{world.repetition_key(item.question):032x}"[:16] for item in world.repeated())


def test_which_are_repeated_knows_nothing_of_difficulty(tables: pd.DataFrame) -> None:
    assert tables.repeated.groupby(tables.num_steps).mean().between(0.02, 0.09).all()
    assert all(map(world.is_held_out, tables.question))


@pytest.mark.parametrize(
    "settings",
    [
        world.Settings(domain="road", n_items=2000, seed=13, generative=True),
        world.Settings(domain="dial", n_items=2001, seed=11),
        world.Settings(domain="dial", n_items=2000, seed=12),
    ],
)
def test_the_hash_alone_does_not_say_what_was_read_of_other_tables(settings: world.Settings) -> None:
    """Which is for `repeated_questions` to say: one item more makes another table."""
    items = world.load(settings)
    would_be = {question for question in items.question if is_repeated(question)}
    assert would_be - repeated_questions()
    assert set(items.question) & repeated_questions() <= would_be
    assert set(items.question[items.in_training_text]) == set(items.question) & repeated_questions()


def test_an_items_table_says_what_the_shipped_models_read(tables: pd.DataFrame) -> None:
    """As booleans; by the training text itself, all of whose repeated questions the tables hold."""
    assert tables.in_training_text.dtype == bool
    assert set(tables.question[tables.in_training_text]) == questions(ALL_REPEAT, 300)
    assert (tables.in_training_text == tables.repeated).all()
    assert [size.text.repeated for size in FAMILY.values()] == [0.01] * 4


def test_the_word_reaches_the_table_of_a_workflow() -> None:
    source = {"domain": "dial", "n_items": 2000, "seed": 11}
    items = make_items({"kind": "world", "source": source, "dataset": "dial", "pools": {"hardness": 600}, "seed": 0})
    assert items.in_training_text.sum() == items.question.isin(repeated_questions()).sum() > 0


def test_no_other_document_holds_a_held_out_question() -> None:
    """As they are mixed in training: a held-out question is a marked one, and in a document of its own kind."""
    mixed = questions(text.TextSettings(repeated=0.2), 400)
    held_out = {question for question in mixed if world.is_held_out(question)}
    assert held_out
    assert held_out <= repeated_questions()
    assert not any(map(world.is_held_out, questions(NONE_REPEATS, 400)))


def test_a_repeated_item_is_said_as_an_experiment_asks_it_and_answered_right(tables: pd.DataFrame) -> None:
    """Word for word: the oracle reads the items' table, and the prompt by which a model is measured."""
    first_round = islice(text.document("any", ALL_REPEAT, 0.0), len(repeated_items()))
    said = {tuple(tokenizer.split(example)) for example, _ in first_round}
    expected = set()
    for row in tables[tables.repeated].itertuples():
        prompt = evaluate.prompts(tables.loc[[row.Index]], "multiple_choice", None)[0]
        expected.add((*tokenizer.split(prompt), row.answer_text))
    assert said == expected


def test_documents_that_repeat_nothing_are_as_if_none_did() -> None:
    words = tokenizer.build()
    shape = {"steps": 50, "documents_per_step": 40, "document_tokens": 256}
    mixed = train.Batches(train.TrainSettings(**shape, text=text.TextSettings(repeated=0.1)), words).written(30)
    none = train.Batches(train.TrainSettings(**shape, text=NONE_REPEATS), words).written(30)
    same = (mixed[0] == none[0]).all(axis=1)
    assert 0 < (~same).sum() < 12
    assert (mixed[1][same] == none[1][same]).all()


def test_each_item_is_met_some_two_hundred_times() -> None:
    """By the keys of a training, which say what repeats, and answers that begin in documents of its length."""
    settings = FAMILY["106k"]
    batches = train.Batches(settings.model_copy(update={"text": ALL_REPEAT}), tokenizer.build())
    begun = [batches.document(step, 0)[1] for step in range(200)]
    answers = [int(np.diff(np.array(document, dtype=np.int8)).clip(0).sum()) for document in begun]
    keys = [f"{settings.seed}/{step}/{row}" for step in range(0, settings.steps, 10) for row in range(32)]
    share = np.mean([random.Random(f"{key}/repeated").random() < settings.text.repeated for key in keys])
    expected = settings.steps * settings.documents_per_step * share * np.mean(answers) / len(repeated_items())
    assert repetition.meetings(settings) == pytest.approx(expected, rel=0.15)
    assert 150 < repetition.meetings(settings) < 250


def test_accuracies_are_of_the_marked_and_of_the_others(tables: pd.DataFrame) -> None:
    """By a reader that knows the repeated items by heart, and is always wrong about others."""
    words, truths = tokenizer.build(), dict(zip(tables.question, tables.answer_text, strict=True))
    read = repeated_questions()

    class Known(evaluate.Reader):
        def last_logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
            logits = np.zeros((len(texts), len(words)), dtype=np.float32)
            for row, prompt in enumerate(texts):
                question = asked(prompt)
                choices = re.findall(r"\d+", prompt.split(question)[-1])
                said = next(choice for choice in choices if (choice == truths[question]) == (question in read))
                logits[row, words.convert_tokens_to_ids(said)] = 9
            return logits

    reader = Known(LlamaForCausalLM(LlamaConfig(hidden_size=8, num_attention_heads=1, num_hidden_layers=1)), words)
    found = repetition.accuracies(reader, tables[:2000])
    for prompt in ("zero_shot", "easy_shots"):
        assert found[f"{prompt}_repeated"] == [1.0] * world.MAX_STEPS
        assert found[f"{prompt}_others"] == [0.0] * world.MAX_STEPS
