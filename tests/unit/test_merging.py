"""What is saved and loaded again is what was trained: adapters merged, in chains, over 4 bits, and whole folders."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_models import write_model
from peft import PeftModel
from safetensors.torch import load_file, save_file
from test_text_training import QUICK, prompts
from transformers import AutoModelForCausalLM

from uphill.engine.adapters import Adapters
from uphill.engine.loading import Loaded, load
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.merging import refuse_tied
from uphill.engine.saving import remove_others, save
from uphill.engine.text_recipe import TextRecipe
from uphill.engine.text_training import TextFits
from uphill.errors import UphillError

ADAPTER = {"r": 4, "alpha": 8}
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
WHOLE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
IDS = torch.tensor([[0, 7, 9, 4, 12, 31, 8]])
MERGED = 1e-5
"""In float32: a sum of two products against a product with a sum."""


def entry(folder: Path, *adapters: Path, **own: Any) -> dict[str, Any]:
    found = {"path": str(folder), "dtype": "float32", "quantization": None, "trust_remote_code": False, **own}
    return found | ({"adapters": [str(one) for one in adapters]} if adapters else {})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    written(tmp_path / "base")
    return tmp_path / "base"


def written(folder: Path) -> None:
    write_model(folder, "llama", hidden_size=64, intermediate_size=128, initializer_range=0.1)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained adapter, beside its base. To copy."""
    folder = tmp_path_factory.mktemp("trained")
    written(folder / "base")
    train(load(entry(folder / "base"), 512), folder / "adapter")
    return folder / "adapter"


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    return model(IDS).logits.float()


def train(loaded: Loaded, folder: Path, adapter: Any = ADAPTER, key: str = "a") -> torch.Tensor:
    """Train, save; the logits while the fit holds."""
    names = ADAPTER_FILES if adapter else WHOLE_FILES
    fits = TextFits(loaded, TextRecipe.model_validate({**QUICK, "adapter": adapter}))
    with fits.fitted(prompts(), (key,), folder.with_name("fit")) as (fitted, _):
        save(fits, [folder / name for name in names], folder.with_name("scratch"), [p.text for p in prompts()])
        return logits(fitted.model)


def test_a_merged_adapter_is_the_adapter_over_its_base(base: Path, tmp_path: Path) -> None:
    before = logits(load(entry(base), 512).model)
    trained = train(load(entry(base), 512), tmp_path / "adapter")
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == sorted(ADAPTER_FILES)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    expected = logits(PeftModel.from_pretrained(plain, tmp_path / "adapter").eval())
    loaded = load(entry(base, tmp_path / "adapter"), 512)
    assert not isinstance(loaded.model, PeftModel)
    torch.testing.assert_close(logits(loaded.model), expected, rtol=0, atol=MERGED)
    torch.testing.assert_close(trained, expected, rtol=0, atol=MERGED)
    assert (expected - before).abs().max() > 1000 * MERGED


def test_a_chain_of_adapters_and_whole_weights(base: Path, tmp_path: Path) -> None:
    first, second, third = tmp_path / "first", tmp_path / "second", tmp_path / "third"
    train(load(entry(base), 512), first)
    over = train(load(entry(base, first), 512), second, key="b")
    torch.testing.assert_close(logits(load(entry(base, first, second), 512).model), over, rtol=0, atol=MERGED)
    whole = train(load(entry(base, first, second), 512), third, adapter=None, key="c")
    assert torch.equal(logits(load(entry(third), 512).model), whole)
    again = train(load(entry(third), 512), tmp_path / "fourth", key="d")
    torch.testing.assert_close(logits(load(entry(third, tmp_path / "fourth"), 512).model), again, rtol=0, atol=MERGED)


def test_a_folder_of_whole_weights_is_the_model_as_it_was_trained(base: Path, tmp_path: Path) -> None:
    loaded = load(entry(base, dtype="bfloat16"), 512)
    trained = train(loaded, tmp_path / "whole", adapter=None)
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == sorted(WHOLE_FILES)
    again = load(entry(tmp_path / "whole", dtype="bfloat16"), 512)
    assert torch.equal(logits(again.model), trained)
    # And the base is put back, buffers too.
    assert torch.equal(logits(loaded.model), logits(load(entry(base, dtype="bfloat16"), 512).model))
    assert not torch.equal(trained, logits(loaded.model))
    asked = [prompt.text for prompt in prompts()]
    assert again.tokenizer(asked)["input_ids"] == loaded.tokenizer(asked)["input_ids"]


def test_the_same_training_is_the_same_bytes(base: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        train(load(entry(base), 512), tmp_path / name)
    for name in ADAPTER_FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_over_quantized_weights_an_adapter_stays_beside_them_and_none_lies_over_it(base: Path, tmp_path: Path) -> None:
    four = entry(base, quantization="4bit")
    trained = train(load(four, 512), tmp_path / "adapter")
    loaded = load(entry(base, tmp_path / "adapter", quantization="4bit"), 512)
    torch.testing.assert_close(logits(loaded.model), trained, rtol=0, atol=MERGED)
    assert not torch.allclose(logits(load(four, 512).model), trained, atol=1000 * MERGED)
    with pytest.raises(UphillError, match="fine-tuning: the model has an adapter over quantized weights"):
        TextFits(loaded, TextRecipe.model_validate({**QUICK, "adapter": ADAPTER}))
    with pytest.raises(UphillError, match="LoRA: the model has an adapter over quantized weights"):
        Adapters(loaded, LoraRecipe())
    with pytest.raises(UphillError, match=r"adapter: an adapter: the model has an adapter over quantized weights"):
        load(entry(base, tmp_path / "adapter", tmp_path / "adapter", quantization="4bit"), 512)


def rewritten(path: Path, change: Any) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def first(tensors: dict[str, torch.Tensor]) -> str:
    return sorted(tensors)[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), "adapter_model.safetensors: cannot be loaded as an"),
        (lambda path: path.unlink(), "adapter_model.safetensors: cannot be loaded as an adapter"),
        (lambda path: path.with_name("adapter_config.json").write_text("{"), "cannot be loaded as an adapter"),
        (lambda path: rewritten(path, lambda one: one.pop(first(one))), "is missing, not of this model or not finite"),
        (lambda path: rewritten(path, lambda one: one[first(one)].fill_(float("nan"))), "or not finite, expected"),
        (lambda path: rewritten(path, lambda one: one.update(other=torch.ones(2))), "other is missing, not of this"),
        (lambda path: rewritten(path, lambda one: one.update({first(one): torch.ones(2, 2)})), "cannot be loaded as"),
    ],
)
def test_a_damaged_adapter_is_one_line(adapter: Path, tmp_path: Path, change: Any, message: str) -> None:
    base = adapter.with_name("base")
    shutil.copytree(adapter, tmp_path / "adapter")
    change(tmp_path / "adapter" / "adapter_model.safetensors")
    with pytest.raises(UphillError, match=message) as raised:
        load(entry(base, tmp_path / "adapter"), 512)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("targets", [["lm_head"], ["embed_tokens", "q_proj"], ".*embed.*"])
def test_an_adapter_on_tied_embeddings_is_refused(targets: Any, tmp_path: Path) -> None:
    for tied in (False, True):
        write_model(tmp_path / str(tied), "llama", tie_word_embeddings=tied)
    refuse_tied(load(entry(tmp_path / "False"), 512).model, targets)
    model = load(entry(tmp_path / "True"), 512).model
    with pytest.raises(UphillError, match=r"target_modules has (lm_head|model\.embed_tokens), which the model ties"):
        refuse_tied(model, targets)
    for plain in ("all-linear", ["q_proj"], ".*proj"):
        refuse_tied(model, plain)


def test_what_another_kind_of_training_left_goes(tmp_path: Path) -> None:
    for name in (*ADAPTER_FILES, *WHOLE_FILES, "training.json"):
        (tmp_path / name).write_text(json.dumps({}))
    remove_others([tmp_path / name for name in WHOLE_FILES])
    assert {path.name for path in tmp_path.iterdir()} == {*WHOLE_FILES, "training.json"}
    (tmp_path / ADAPTER_FILES[0]).write_text("{}")
    remove_others([tmp_path / name for name in ADAPTER_FILES])
    assert {path.name for path in tmp_path.iterdir()} == {ADAPTER_FILES[0], "tokenizer_config.json", "training.json"}


def test_a_warm_up_longer_than_the_fit_is_refused(base: Path, tmp_path: Path) -> None:
    asked = TextRecipe.model_validate({**QUICK, "warmup_steps": 6, "updates": 6})
    with pytest.raises(UphillError, match="warmup_steps is 6 and the fit has 6 updates, expected fewer"):  # noqa: SIM117
        with TextFits(load(entry(base), 512), asked).fitted(prompts(), ("a",), tmp_path / "fit"):
            pass
    assert asked.model_copy(update={"warmup_steps": 2}).warm(6) == 2
    assert TextRecipe(warmup=0.5).warm(7) == round(3.5)
