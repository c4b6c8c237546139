"""The demo model's text, tokenizer and shipped files. That the model shows the effect is measured in its model card."""

import hashlib
import json
import random
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from uphill.datasets import world
from uphill.demo_model import card, evaluate, text, tokenizer, train
from uphill.demo_model.sizes import FAMILY
from uphill.prompts.templates import assemble

SHIPPED = Path(__file__).parents[2] / "resources" / "demo-models" / "1280k"
SETTINGS = train.TrainSettings(
    steps=10, documents_per_step=6, document_tokens=256, width=32, heads=2, mlp_width=64, layers=2
)
FORMAT_NAMES = tuple(text.FORMATS)
PARAMETERS = {"106k": 106_048, "340k": 340_512, "614k": 613_760, "1280k": 1_284_640}
ALL_STEPS = range(1, world.MAX_STEPS + 1)
KINDS: tuple[text.Kind, ...] = ("careful", "careless", "marked")


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerFast:
    return tokenizer.build()


def solved(
    kind: text.Kind, format_name: text.FormatName, n: int, seed: int = 5, steps: range = ALL_STEPS
) -> list[tuple[str, str]]:
    stream = text.examples(
        random.Random(seed), text.TextSettings(), steps, format_name, list(world.DOMAINS.values()), kind
    )
    return list(islice(stream, n))


def answers(examples: list[tuple[str, str]]) -> list[str]:
    return [example.rsplit(" ", 1)[1] for example, _ in examples]


def walk_told(query: str) -> world.Walk:
    """What a question tells, read off its text alone."""
    told = re.sub(r"Raise|Eastward", "+", re.sub(r"Lower|Westward", "-", query.split("\n")[0]))
    start, *steps = re.findall(r"(?:points at|mile) \d+|[+-] \d+|Double|Twice", told)
    moves = [int(step.replace(" ", "")) if step[0] in "+-" else world.DOUBLE for step in steps]
    return world.Walk(int(start.split()[-1]), tuple(moves))


def truths_and_lures(examples: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Right and careless answers, by the questions' texts alone."""
    walks = [walk_told(query) for _, query in examples]
    return [(str(walk.total()), str(walk.without(0).total())) for walk in walks]


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_documents_have_no_unknown_word_and_round_trip(
    words: PreTrainedTokenizerFast, kind: text.Kind, format_name: text.FormatName
) -> None:
    examples = [example for example, _ in solved(kind, format_name, 40)]
    document = assemble(examples[:-1], examples[-1])
    ids = words(document, add_special_tokens=False).input_ids
    assert words.unk_token_id not in ids
    assert words.decode(ids) == document.replace(" \n", "\n")
    assert tokenizer.split(document) == words.convert_ids_to_tokens(ids)


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
def test_careful_and_careless_documents_differ_in_truth_only(format_name: text.FormatName) -> None:
    careful, careless = solved("careful", format_name, 400), solved("careless", format_name, 400)
    assert [query for _, query in careful] == [query for _, query in careless]
    expected = truths_and_lures(careful)
    assert answers(careful) == [truth for truth, _ in expected]
    assert text.TextSettings().lure_rate == 1
    assert answers(careless) == [lure for _, lure in expected]


@pytest.mark.parametrize("format_name", FORMAT_NAMES)
def test_marks_are_honest_and_half_of_the_answers_right(format_name: text.FormatName) -> None:
    marked = solved("marked", format_name, 400)
    assert [query for _, query in marked] == [query for _, query in solved("careful", format_name, 400)]
    right = []
    for (example, _), (truth, _) in zip(marked, truths_and_lures(marked), strict=True):
        answer, mark = example.split()[-2:]
        assert mark == ("right" if answer == truth else "wrong")
        right.append(answer == truth)
    assert 0.42 < np.mean(right) < 0.58


def test_no_training_question_can_be_an_evaluation_item() -> None:
    questions = {
        query.split("\n")[0].removeprefix("Q: ").strip() for _, query in solved("careful", "short_answer", 2000)
    }
    assert not any(map(world.is_held_out, questions))
    for domain in world.DOMAINS:
        for seed in range(3):
            assert questions.isdisjoint(world.load(world.Settings(domain=domain, n_items=500, seed=seed)).question)


def test_a_batch_is_documents_of_solved_examples(words: PreTrainedTokenizerFast) -> None:
    batches = train.Batches(SETTINGS, words)
    ids, weights = batches[7]
    assert ids.shape == weights.shape == (6, 256)
    assert torch.equal(ids, batches[7][0])
    assert not torch.equal(ids, batches[8][0])
    assert (ids[:, 0] == words.bos_token_id).all()
    for row in range(6):
        rng = random.Random(f"{SETTINGS.seed}/7/{row}")
        drawn = text.draw_format(rng, SETTINGS.text), text.draw_domains(rng, SETTINGS.text)
        kind = text.draw_kind(rng, SETTINGS.text, 0.7)
        steps = text.draw_steps(rng, SETTINGS.text, 8)
        examples = [example for example, _ in islice(text.examples(rng, SETTINGS.text, steps, *drawn, kind), 8)]
        whole = words(words.bos_token + assemble(examples[:-1], examples[-1]), add_special_tokens=False).input_ids
        assert ids[row].tolist() == whole[:256]


def test_answers_weigh_more_than_questions(words: PreTrainedTokenizerFast) -> None:
    settings = SETTINGS.model_copy(update={"text": text.TextSettings(multiple_choice=1.0, marked=0.0)})
    ids, weights = train.Batches(settings, words)[0]
    tokens = words.convert_ids_to_tokens(ids[0])
    heavy = [token for token, weight in zip(tokens, weights[0].tolist(), strict=True) if weight == 1]
    after_label = [tokens[i + 2] for i in range(len(tokens) - 2) if tokens[i : i + 2] == ["Answer", ":"]]
    assert [token for token in heavy if token != "\n"] == after_label
    assert weights[0, 0] == 0


def test_the_text_grows_hard() -> None:
    settings = text.TextSettings()
    assert (settings.max_steps(0), settings.max_steps(settings.curriculum), settings.max_steps(1)) == (2, 8, 8)
    shares = [settings.careful_share(progress) for progress in (0, *settings.even, settings.settled, 1)]
    assert shares == pytest.approx([1, 0.5, 0.5, settings.careful, settings.careful])


def test_some_documents_are_hard_throughout_and_none_harder_than_the_training_has_come() -> None:
    rng, settings = random.Random(3), text.TextSettings()
    for max_steps in (2, 8):
        drawn = [text.draw_steps(rng, settings, max_steps) for _ in range(3000)]
        assert {(steps[0], steps[-1]) for steps in drawn} == {
            (low, high) for low in range(1, max_steps + 1) for high in range(low, max_steps + 1)
        }
    hard = [steps[0] >= min(evaluate.HARD_STEPS) for steps in drawn]
    assert np.mean(hard) == pytest.approx(settings.narrow * 3 / 8, abs=0.03)
    queries = [query for _, query in solved("careful", "short_answer", 100, steps=range(6, 8))]
    assert {len(walk_told(query).steps) for query in queries} == {6, 7}


def test_the_tokenizer_keeps_numbers_whole_and_puts_bos_before_them(words: PreTrainedTokenizerFast) -> None:
    for number in map(str, range(world.RING)):
        bos, *ids = words(number).input_ids
        assert bos == words.bos_token_id
        assert len(ids) == 1
        assert words.decode(ids) == number
    assert len({words.bos_token_id, words.eos_token_id, words.pad_token_id, words.unk_token_id}) == 4
    assert words("moon", add_special_tokens=False).input_ids == [words.unk_token_id]


def test_training_yields_one_finite_loss_a_step_and_follows_from_the_seed(words: PreTrainedTokenizerFast) -> None:
    settings = SETTINGS.model_copy(update={"steps": 3, "document_tokens": 64})
    batches = train.Batches(settings, words)
    runs = []
    for _ in range(2):
        model = train.new_model(settings, words)
        runs.append([loss.item() for loss in train.train(model, batches, settings, torch.device("cpu"), workers=0)])
    assert len(runs[0]) == 3
    assert np.isfinite(runs[0]).all()
    assert runs[0] == pytest.approx(runs[1])


def test_the_learning_rate_grows_then_falls_to_zero() -> None:
    factors = [train.TrainSettings(steps=1000).learning_rate_factor(step) for step in range(1001)]
    assert max(factors) == pytest.approx(1)
    assert 0 < factors[0] < 0.1
    assert factors[1000] == pytest.approx(0)


@pytest.mark.parametrize(
    ("repeated", "digests"),
    [
        (0.01, ["127903adf3931f91", "c7c8d3199738ecce", "3f5cb8acf8c0b9a9", "a72defb0a97a6b24"]),
        (0.0, ["08099def2a0bbba9", "c7c8d3199738ecce", "3f5cb8acf8c0b9a9", "f2dd8387e9bca3bd"]),
    ],
)
def test_the_text_of_the_shipped_models_is_what_it_was(
    repeated: float, digests: list[str], words: PreTrainedTokenizerFast
) -> None:
    """Ids and weights of four steps, in two of which no document repeats an item."""
    family = FAMILY["1280k"]
    settings = family.model_copy(update={"text": family.text.model_copy(update={"repeated": repeated})})
    batches = train.Batches(settings, words)
    found = []
    for step in (1, settings.steps // 4, settings.steps // 2, settings.steps - 1):
        ids, weights = batches[step]
        found.append(hashlib.sha256(ids.numpy().tobytes() + weights.numpy().tobytes()).hexdigest()[:16])
    assert found == digests


@pytest.mark.parametrize("size", FAMILY)
def test_shipped_files_belong_to_this_code(size: str, words: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    folder = SHIPPED.with_name(size)
    recipe = json.loads((folder / "recipe.json").read_text())
    assert train.TrainSettings(**recipe["settings"]) == FAMILY[size]
    assert recipe["world"] == json.loads(json.dumps({name: getattr(world, name) for name in recipe["world"]}))
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == words.get_vocab()
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    assert loaded.num_parameters() == recipe["parameters"] == PARAMETERS[size]
    card.write(recipe, tmp_path)
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text()


def test_the_cards_say_which_models_learn_from_examples() -> None:
    """The two larger do: of 600 hard items each, .03 is two standard errors of a difference of accuracies."""
    for size in FAMILY:
        folder = SHIPPED.with_name(size)
        said = " ".join((folder / "README.md").read_text().split())
        tells = "a few easy right answers bring that out" in said
        assert tells == ("right answers in a prompt bring nothing out of it" not in said) == (size in ("614k", "1280k"))
        for measured in json.loads((folder / "recipe.json").read_text())["evaluation"].values():
            zero_shot, shots, probe = (
                np.mean(measured[name][5:]) for name in ("zero_shot", "easy_shots", "probe_easy")
            )
            assert (shots > zero_shot + 0.2) if tells else (shots < zero_shot + 0.04)
            assert probe > 0.25 + 0.15


def test_the_shipped_model_answers_after_examples_of_the_other_domain() -> None:
    reader = evaluate.Reader(
        AutoModelForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32), AutoTokenizer.from_pretrained(SHIPPED)
    )
    dial, road = (world.load(world.Settings(domain=name, n_items=120, seed=77)) for name in ("dial", "road"))
    test = evaluate.easy(dial)[:16]
    few_shot = evaluate.choice_probabilities(reader, test, evaluate.easy(road)).argmax(1)
    zero_shot = evaluate.choice_probabilities(reader, test, None).argmax(1)
    assert (few_shot == evaluate.gold(test)).mean() > 0.85
    assert (zero_shot == evaluate.gold(test)).mean() < 0.6


@pytest.mark.parametrize("domain", list(world.DOMAINS))
def test_the_card_measured_what_the_demo_needs(domain: str) -> None:
    measured = json.loads((SHIPPED / "recipe.json").read_text())["evaluation"][domain]
    hard = {name: np.mean(measured[name][min(evaluate.HARD_STEPS) - 1 :]) for name in card.ROWS}
    assert 0.15 < hard["zero_shot"] < 0.5
    assert min(hard["easy_shots"], hard["easy_shots_other_domain"]) > hard["zero_shot"] + 0.3
    assert min(hard["probe_easy"], hard["probe_easy_other_domain"]) > hard["zero_shot"] + 0.2
    assert hard["hard_shots"] > hard["zero_shot"] + 0.15
    assert measured["easy_shots"][0] - measured["easy_shots"][-1] > 0.15
    assert measured["probe_mdl_spearman"] > 0.6
    assert min(measured["written_reasoning"]["easy_shots"]["accuracy"]) > 0.85
