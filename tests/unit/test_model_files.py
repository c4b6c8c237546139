"""Nothing is opened for a model but safetensors and its tokenizer, and nothing outside its folder."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from engine_models import write_model
from model_folders import (
    FILE,
    INDEX,
    UP,
    Change,
    beside,
    config,
    edited,
    in_hubs_cache,
    in_turn,
    index,
    pickled,
    read,
    refusal,
    sharded,
)
from safetensors.torch import load_file, save_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "model", "llama")
    return tmp_path / "model"


def linked(name: str) -> Change:
    """A file of the folder becomes a link to one outside it."""

    def apply(folder: Path) -> None:
        there = beside(folder) / name
        (folder / name).unlink()
        (folder / name).symlink_to(there)

    return apply


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def content(name: str, data: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(data)


def shortened(name: str, by: int) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-by])


def twice(folder: Path) -> None:
    sharded(folder)
    tensors = load_file(folder / "part-1.safetensors")
    save_file(tensors | {UP: torch.zeros(48, 32)}, folder / "part-1.safetensors")
    save_file(load_file(folder / "part-2.safetensors") | {UP: torch.ones(48, 32)}, folder / "part-2.safetensors")


def of_processes(folder: Path) -> None:
    shutil.copy(folder / FILE, folder / "shard-00000-model-00001-of-00001.safetensors")


HEADER = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
FILES: dict[str, tuple[Change, str]] = {
    "an index that names a pickle": (
        in_turn(lambda folder: pickled(folder, "pytorch_model.bin"), index({UP: "pytorch_model.bin"})),
        "pytorch_model.bin is to be opened for weights, expected a .safetensors file",
    ),
    "an index that names a pickle among others": (
        in_turn(lambda folder: pickled(folder, "x.bin"), lambda folder: sharded(folder, **{UP: "x.bin"})),
        "x.bin is to be opened for weights",
    ),
    "a pickle by a weight's name": (
        lambda folder: pickled(folder, FILE),
        "model.safetensors: no whole safetensors file",
    ),
    "a pickle by a shard's name": (
        in_turn(sharded, lambda folder: pickled(folder, "part-2.safetensors")),
        "part-2.safetensors: no whole safetensors file",
    ),
    "pickles alone": (
        in_turn(without(FILE), lambda folder: pickled(folder, "pytorch_model.bin")),
        "cannot be loaded: no safetensors there",
    ),
    "an index of pickles alone": (
        in_turn(
            without(FILE),
            lambda folder: pickled(folder, "pytorch_model-1.bin"),
            edited("pytorch_model.bin.index.json", metadata={}, weight_map={UP: "pytorch_model-1.bin"}),
        ),
        "cannot be loaded: no safetensors there",
    ),
    "a pickle that the config names": (
        in_turn(lambda folder: pickled(folder, "x.bin"), config(transformers_weights="x.bin")),
        "x.bin is to be opened for weights",
    ),
    "weights that the config names elsewhere": (
        in_turn(beside, config(transformers_weights="../elsewhere/model.safetensors")),
        "../elsewhere/model.safetensors lies outside the folder",
    ),
    "weights that the config names and that are not there": (
        config(transformers_weights="absent.safetensors"),
        "absent.safetensors is missing",
    ),
    "an index that leads up": (
        in_turn(beside, index({UP: "../elsewhere/model.safetensors"})),
        "../elsewhere/model.safetensors lies outside the folder",
    ),
    "an index that leads up and back": (
        in_turn(sharded, lambda folder: index({UP: f"../{folder.name}/part-1.safetensors"})(folder)),
        "part-1.safetensors lies outside the folder",
    ),
    "an index that leads to the root": (
        lambda folder: index({UP: str(beside(folder) / FILE)})(folder),
        "model.safetensors lies outside the folder",
    ),
    "a link out of the folder": (linked(FILE), "model.safetensors lies outside the folder"),
    "a shard that is a link out of the folder": (
        in_turn(sharded, linked("part-2.safetensors")),
        "part-2.safetensors lies outside the folder",
    ),
    "a config that is a link out of the folder": (linked("config.json"), "config.json lies outside the folder"),
    "a tokenizer that is a link out of the folder": (
        linked("tokenizer.json"),
        "tokenizer.json lies outside the folder",
    ),
    "a folder that is a link": (
        lambda folder: (
            beside(folder),
            (folder / "part").symlink_to(folder.parent / "elsewhere"),
            index({UP: "part/model.safetensors"})(folder),
        ),
        "part/model.safetensors lies outside the folder",
    ),
    "a missing shard": (in_turn(sharded, without("part-1.safetensors")), "part-1.safetensors is missing"),
    "a tensor that its shard does not hold": (
        lambda folder: sharded(folder, **{UP: "part-1.safetensors" if _in_second(folder) else "part-2.safetensors"}),
        f"{UP} is not in the files that the index names",
    ),
    "a tensor that no shard holds": (
        lambda folder: sharded(folder, made__up="part-1.safetensors"),
        "made.up is not in the files that the index names",
    ),
    "a tensor in two shards": (twice, f"{UP} is held by part-1.safetensors and by part-2.safetensors"),
    "an index without a map": (index(None), "expected metadata, and a weight_map"),
    "an empty index": (index({}), "expected metadata, and a weight_map"),
    "an index without metadata": (index({UP: FILE}, metadata=None), "expected metadata, and a weight_map"),
    "an index of numbers": (index({UP: 3}), "3 is to be opened for weights"),
    "an index that is a list": (in_turn(without(FILE), content(INDEX, b"[]")), "expected a JSON object"),
    "an index cut short": (in_turn(without(FILE), content(INDEX, b'{"weight_map": {')), "not JSON"),
    "weights cut short": (shortened(FILE, 1), "model.safetensors: no whole safetensors file"),
    "weights cut to half": (shortened(FILE, 50_000), "model.safetensors: no whole safetensors file"),
    "no bytes": (content(FILE, b""), "model.safetensors: no whole safetensors file"),
    "zeros": (content(FILE, bytes(1000)), "model.safetensors: no whole safetensors file"),
    "a header that is no JSON": (content(FILE, struct.pack("<Q", 4) + b"{{{{"), "no whole safetensors file"),
    "a header longer than the file": (content(FILE, struct.pack("<Q", 10**6) + b"{}"), "no whole safetensors file"),
    "a header of a million million bytes": (content(FILE, struct.pack("<Q", 10**12) + b"{}"), "no whole safetensors"),
    "a header of other tensors": (
        content(FILE, struct.pack("<Q", len(HEADER)) + HEADER + bytes(8)),
        "but the weights are 1 tensors in all",
    ),
    "a pointer to what was not downloaded": (
        content(FILE, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        "model.safetensors: no whole safetensors file",
    ),
    "an adapter beside": (
        edited("adapter_config.json", base_model_name_or_path="other/model", peft_type="LORA"),
        "adapter_config.json there, expected a whole model",
    ),
    "a checkpoint of several processes beside": (of_processes, "shard-00000-model-00001-of-00001.safetensors there"),
    "no config": (without("config.json"), "no config.json, expected a model's folder"),
    "another config": (config(configuration_files=["config.4.0.0.json"]), "configuration_files names another config"),
    "attention from elsewhere": (
        config(attn_implementation="someone/kernel"),
        "attn_implementation is 'someone/kernel', which is code from elsewhere",
    ),
    "a vocabulary elsewhere": (
        edited("tokenizer_config.json", vocab_file="/etc/hostname"),
        "tokenizer_config.json: vocab_file is '/etc/hostname', expected a file of the model's folder",
    ),
    "a vocabulary above": (
        edited("tokenizer_config.json", merges_file="../merges.txt"),
        "merges_file is '../merges.txt'",
    ),
    "a tokenizer above": (
        edited("tokenizer_config.json", fast_tokenizer_files=["tokenizer.json", "../elsewhere/tokenizer.4.0.json"]),
        "fast_tokenizer_files.1 is '../elsewhere/tokenizer.4.0.json'",
    ),
    "a tokenizer that takes files": (
        edited("tokenizer_config.json", init_inputs=["/etc/hostname"]),
        "init_inputs is ['/etc/hostname'], expected none",
    ),
}


def _in_second(folder: Path) -> bool:
    return sorted(load_file(folder / FILE)).index(UP) % 2 == 1


@pytest.mark.parametrize("case", FILES)
def test_nothing_but_safetensors_of_the_folder_is_opened(folder: Path, case: str) -> None:
    change, said = FILES[case]
    change(folder)
    assert said in refusal(folder)
    assert not (folder / "touched").exists()


def test_paths_that_transformers_does_not_follow_are_let_be(folder: Path) -> None:
    """Old tokenizers' configs name files of the machine that they were saved on."""
    before = read(folder).tokenizer("w1 w2").input_ids
    edited(
        "tokenizer_config.json",
        special_tokens_map_file="/root/.cache/special_tokens_map.json",
        tokenizer_file="/root/.cache/tokenizer.json",
        name_or_path="/root/there",
        init_inputs=[],
    )(folder)
    config(_name_or_path="other/model", name_or_path="../other")(folder)
    assert read(folder).tokenizer("w1 w2").input_ids == before


def in_subfolder(folder: Path) -> None:
    sharded(folder)
    held = json.loads((folder / INDEX).read_text())["weight_map"]
    (folder / "deep").mkdir()
    for file in set(held.values()):
        (folder / file).rename(folder / "deep" / file)
    index({name: f"deep/{file}" for name, file in held.items()})(folder)


def named_by_config(folder: Path) -> None:
    (folder / FILE).rename(folder / "mine.safetensors")
    config(transformers_weights="mine.safetensors")(folder)


def beside_a_second_copy(folder: Path) -> None:
    (folder / INDEX).write_text("not read")
    pickled(folder, "pytorch_model.bin")


def link_within(folder: Path) -> None:
    (folder / FILE).rename(folder / "real.bin")
    (folder / FILE).symlink_to("real.bin")


@pytest.mark.parametrize(
    "layout", [sharded, in_subfolder, named_by_config, beside_a_second_copy, link_within, in_hubs_cache]
)
def test_weights_are_read_wherever_in_the_folder_they_lie(folder: Path, layout: Callable[[Path], Path | None]) -> None:
    expected = read(folder).model.state_dict()
    found = read(layout(folder) or folder).model.state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_a_link_out_of_the_hubs_cache_is_refused(folder: Path) -> None:
    outside = beside(folder) / FILE
    snapshot = in_hubs_cache(folder)
    (snapshot / FILE).unlink()
    (snapshot / FILE).symlink_to(outside)
    assert "model.safetensors lies outside the folder" in refusal(snapshot)
