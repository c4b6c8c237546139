"""Generation: sharing the prefix and batching change nothing about the answers."""

import numpy as np
import pytest
import torch
from engine_models import VOCABULARY, WINDOW, WORDS, ragged_prompts, tiny, token_ids, words

from uphill.engine.generation import generate, line_end_tokens
from uphill.engine.loading import Loaded
from uphill.errors import UphillError

LONGEST = 12
KINDS = ("llama", "gpt_neox", "gpt2")


def prompts(shared_words: int, count: int = 8) -> list[str]:
    """Prompts of 2 to 12 own words, longer and shorter ones mixed."""
    return [prompt.text for prompt in ragged_prompts(count, seed=11, shared_words=shared_words)]


def plain(loaded: Loaded, prompt: str, bos: bool = True) -> str:
    """The first line of transformers' own greedy continuation of one prompt, which knows of no line ends."""
    ids = torch.tensor([token_ids(prompt, bos)])
    output = loaded.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=LONGEST,
        use_cache=False,
        pad_token_id=0,
    )
    text: str = loaded.tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    return text.split("\n")[0].strip()


@pytest.fixture(params=KINDS)
def talkative(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """A model whose lines end at times: the line break's logit is high, and so is that of the end of text."""
    loaded = tiny(request.param)
    head = loaded.model.get_output_embeddings()
    forward = head.forward

    def louder(rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = forward(rows)
        logits[..., [VOCABULARY["\n"], VOCABULARY["</s>"]]] += 2.0
        return logits

    monkeypatch.setattr(head, "forward", louder)
    return loaded


# Behind a shared prefix, and with none but the BOS.
@pytest.mark.parametrize("shared", [30, 0])
def test_answers_are_those_of_plain_generation(talkative: Loaded, shared: int) -> None:
    asked = prompts(shared, count=12)
    expected = [plain(talkative, prompt) for prompt in asked]
    # The comparison says something about stopping only if some answers stop and some do not.
    lengths = {len(answer.split()) for answer in expected}
    assert min(lengths) < LONGEST
    assert len(lengths) > 2
    assert list(generate(talkative, asked, LONGEST, batch=5)) == expected


def test_batch_size_and_order_change_nothing(talkative: Loaded) -> None:
    asked = prompts(20)
    expected = list(generate(talkative, asked, LONGEST, batch=1))
    assert list(generate(talkative, asked, LONGEST, batch=3)) == expected
    assert list(generate(talkative, asked, LONGEST, batch=100)) == expected
    order = np.random.default_rng(0).permutation(len(asked)).tolist()
    shuffled = list(generate(talkative, [asked[index] for index in order], LONGEST, batch=3))
    assert shuffled == [expected[index] for index in order]


def test_prompts_without_anything_to_share() -> None:
    loaded = tiny("qwen2", bos=False)
    asked = prompts(0)
    assert list(generate(loaded, asked, LONGEST, batch=3)) == [plain(loaded, prompt, bos=False) for prompt in asked]


# Neither allows a gap between a shared prefix and a prompt's own part.
@pytest.mark.parametrize("kind", ["mpt", "mistral, sliding"])
@pytest.mark.parametrize("shared", [30, 0])
def test_models_that_cannot_be_packed(kind: str, shared: int) -> None:
    # The BOS, 12 words at most and the answer are 25 tokens.
    loaded = tiny("mistral", sliding_window=24) if "sliding" in kind else tiny(kind)
    asked = prompts(shared, count=12)
    expected = [plain(loaded, prompt) for prompt in asked]
    assert list(generate(loaded, asked, LONGEST, batch=5)) == expected
    assert not loaded.packed


def test_one_prompt_and_no_prompt() -> None:
    loaded = tiny()
    assert list(generate(loaded, [], LONGEST, batch=4)) == []
    assert list(generate(loaded, ["w1 w2 w3"], LONGEST, batch=4)) == [plain(loaded, "w1 w2 w3")]


def test_an_answer_stops_at_the_end_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that counts w0, w1, ... and breaks the line after w4: the answer is what is left of its line."""
    loaded = tiny()
    follows = {VOCABULARY[f"w{i}"]: VOCABULARY[f"w{i + 1}"] for i in range(4)} | {VOCABULARY["w4"]: VOCABULARY["\n"]}

    def counting(input_ids: torch.Tensor, **kwargs: object) -> object:
        output = forward(input_ids=input_ids, **kwargs)
        output.logits.zero_()
        for row, token in enumerate(input_ids[:, -1].tolist()):
            # After a line break it would go on with w7.
            output.logits[row, -1, follows.get(token, VOCABULARY["w7"])] = 1.0
        return output

    forward = loaded.model.forward
    monkeypatch.setattr(loaded.model, "forward", counting)
    asked = ["w9 w2", "w9 w8 w4", "w9 w0"]
    assert list(generate(loaded, asked, LONGEST, batch=3)) == ["w3 w4", "", "w1 w2 w3 w4"]
    assert list(generate(loaded, ["w9 w0"], 2, batch=3)) == ["w1 w2"]


def test_line_ends_are_the_tokens_with_a_break_and_the_end_of_text() -> None:
    assert line_end_tokens(tiny()) == sorted([VOCABULARY["\n"], VOCABULARY["</s>"]])


def test_a_prompt_without_room_for_its_answer_is_refused() -> None:
    rng = np.random.default_rng(0)
    # With the BOS and the answer: exactly the window, then one more.
    fits, long = (words(rng, WINDOW - 1 - LONGEST + more) for more in (0, 1))
    assert len(list(generate(tiny(), [WORDS[0], fits], LONGEST, batch=2))) == 2
    with pytest.raises(UphillError, match=rf"{WINDOW + 1} tokens.*{WINDOW}"):
        list(generate(tiny(), [fits, long], LONGEST, batch=2))
