"""Min-k probability and the order of choices: against plain passes, and against what a model was trained on."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine_models import VOCABULARY, sequence_logprobs, tiny, token_ids, words
from scipy import stats
from texts_read import texts_read

from uphill.datasets.items import make_items
from uphill.engine.choosing import ALONE, Way
from uphill.engine.loading import Loaded, load
from uphill.engine.scoring import score
from uphill.engine.token_scores import on_their_own
from uphill.hardness import choice_order, min_k, text_logprob
from uphill.hardness.data import Graded, OnModel
from uphill.prompts.forms import shipped
from uphill.running.parts import Parts
from uphill.schemas.measures import MEASURE

ROOT = Path(__file__).parents[2]
COUNT, NATS = 8, 1e-4


def questions() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "question": [words(rng, int(rng.integers(3, 9))) for _ in range(COUNT)],
            "choices": [[words(rng, 2) for _ in range(3)] for _ in range(COUNT)],
        },
        index=pd.Index([f"i{number}" for number in range(COUNT)], name="item_id"),
    )


def on_model(folder: Path, loaded: Loaded, items: pd.DataFrame, template: str = "0000") -> OnModel:
    form = shipped().form(template)
    return OnModel(Graded("d", (), False, 0), items, 0, form, None, lambda: loaded, Parts(folder / "parts", MEASURE))


@pytest.mark.parametrize(
    ("logprobs", "share", "mean"),
    [([-1, -2, -3, -4], 0.5, -3.5), ([-2.5], 0.05, -2.5), ([*range(-19, 0)], 0.05, -19), ([*range(-15, 0)], 0.2, -14)],
)
def test_the_lowest_tokens_are_one_or_more(logprobs: list[float], share: float, mean: float) -> None:
    assert min_k.lowest(np.array(logprobs, dtype=float), share).mean() == mean


@pytest.mark.parametrize("bos", [True, False])
def test_min_k_is_the_mean_of_the_least_likely_tokens_of_a_plain_pass(bos: bool, tmp_path: Path) -> None:
    loaded, items = tiny("llama", bos=bos), questions()
    read = texts_read(loaded, items, min_k.READS_TEXTS, tmp_path)
    rows = min_k.measure("seen", min_k.Settings(share=0.5), read).set_index("item_id")
    start = token_ids("", bos=True) if bos else [VOCABULARY["\n"]]
    for item, text in items["question"].items():
        each = np.sort(sequence_logprobs(loaded.model, start, token_ids(text))[0].detach().numpy())
        kept = each[: -(-len(each) // 2)]
        assert rows.loc[item, "tokens"] == len(kept)
        assert rows.loc[item, "value"] == pytest.approx(kept.mean(), abs=NATS)


@pytest.mark.parametrize("way", [Way("packed"), Way("padded"), ALONE])
def test_each_token_is_scored_as_by_a_plain_pass_whatever_the_way(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole sum is the same to the bit, whether tokens are kept or not: nothing that is made of it changes."""
    loaded, items = tiny("llama"), questions()
    loaded.pack_tokens = 24
    monkeypatch.setattr("uphill.engine.scoring.choose", lambda *_, **__: way)
    _, prompts = on_their_own(loaded, items["question"])
    kept = list(score(loaded, prompts, tokens=True))
    assert [found.logprob[0] for found in kept] == [found.logprob[0] for found in score(loaded, prompts)]
    for found in kept:
        [each] = found.tokens or ()
        asked = token_ids(items.loc[found.item_id, "question"])
        plain = sequence_logprobs(loaded.model, token_ids("", bos=True), asked)[0].detach().numpy()
        np.testing.assert_allclose(each, plain, atol=NATS)
        assert each.sum() == pytest.approx(found.logprob[0], abs=NATS)


def test_one_pass_serves_both_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a part that is there is not read again."""
    loaded = tiny("llama")
    items = questions().assign(answer_text="b c", reasoning="")
    read: list[int] = []
    monkeypatch.setattr("uphill.running.spending.count", lambda what, tokens: read.append(tokens))
    data = texts_read(loaded, items, text_logprob.READS_TEXTS, tmp_path)
    assert len(read) == 2  # of texts that say nothing none is read
    (tmp_path / "texts/question.parquet").unlink()
    again = texts_read(loaded, items, text_logprob.READS_TEXTS, tmp_path)
    assert len(read) == 3  # the one that a killed attempt had not finished
    pd.testing.assert_frame_equal(again.token_scores, data.token_scores)
    lowest = min_k.measure("seen", min_k.Settings(share=1), data).set_index("item_id")
    texts = text_logprob.measure("texts", text_logprob.Settings(), data).pivot(
        index="item_id", columns="variable", values="value"
    )
    np.testing.assert_allclose(lowest["value"] * lowest["tokens"], -texts["question_logprob"], atol=NATS)
    assert (texts["reasoning_logprob"] == 0).all()


def test_the_published_order_is_held_against_every_other_one_of_a_few(tmp_path: Path) -> None:
    loaded, items = tiny("llama"), questions()
    rows = choice_order.measure("order", choice_order.Settings(), on_model(tmp_path, loaded, items))
    assert set(rows["orders"]) == {5}
    start = token_ids("", bos=True)
    for item, row in items.iterrows():
        # A dataset whose prompt lists no choices is asked with A), B), ... on lines of their own.
        said = [
            "".join(f"\n{letter}) {choice}" for letter, choice in zip("ABC", order, strict=True))
            for order in itertools.permutations(row["choices"])
        ]
        question = [*start, *token_ids(f"Question: {row['question']}")]
        nats = [sequence_logprobs(loaded.model, question, token_ids(f" {text}"))[0].sum().item() for text in said]
        beats = sum(nats[0] > other for other in nats[1:]) / 5
        assert rows.set_index("item_id").loc[item, "value"] == pytest.approx(beats)


def test_orders_are_others_each_once_and_known_by_the_item() -> None:
    few, many = ["a", "b", "b"], [str(n) for n in range(7)]
    assert sorted(choice_order.other_orders(few, 20, "d", "i", 0)) == [["b", "a", "b"], ["b", "b", "a"]]
    found = choice_order.other_orders(many, 50, "d", "i", 0)
    assert len({tuple(order) for order in found} - {tuple(many)}) == 50
    assert all(sorted(order) == many for order in found)
    assert found == choice_order.other_orders(many, 50, "d", "i", 0)
    assert found != choice_order.other_orders(many, 50, "d", "j", 0)
    pairs = choice_order.other_orders(["x"] * 5 + ["y"], 100, "d", "i", 0)
    assert len(pairs) == 5


def test_a_tie_counts_by_half() -> None:
    assert choice_order.beaten(np.array([-1.0, -2.0, -1.0, -0.5])) == pytest.approx(0.5)


@pytest.mark.nightly
def test_items_that_a_model_was_trained_on_are_found_by_the_order_of_their_choices(tmp_path: Path) -> None:
    """The demo model read a twentieth of these items, some 200 times each. By chance the area is .5 +- .04."""
    source = {"domain": "dial", "n_items": 2000, "seed": 11}
    made = make_items({"kind": "world", "source": source, "dataset": "d", "pools": {"hardness": 0}, "seed": 0})
    made = made.set_index("item_id")
    read = made["in_training_text"].astype(bool)
    items = pd.concat([made[read], made[~read].iloc[: int(read.sum())]])
    entry = {"path": str(ROOT / "resources/demo-models/1280k"), "dtype": "float32", "quantization": "none"}
    loaded = load({**entry, "trust_remote_code": False}, 4096)
    data = on_model(tmp_path, loaded, items, "0040")
    rows = choice_order.measure("order", choice_order.Settings(orders=23), data).set_index("item_id")["value"]
    seen, unseen = rows[made.index[read]], rows.drop(made.index[read])
    assert stats.mannwhitneyu(seen, unseen, alternative="greater").pvalue < 0.001
    # Of an order that nobody wrote down, half of the others are likelier.
    assert unseen.mean() == pytest.approx(0.5, abs=4 * unseen.std() / len(unseen) ** 0.5)
