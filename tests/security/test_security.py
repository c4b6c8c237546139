"""What is downloaded, shared or typed in cannot run code, leave the results folder, or carry a token out."""

import ast
import json
import logging
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Checkout, Run, shrink

from uphill import __main__ as main
from uphill.config import hardware
from uphill.config.checked import check
from uphill.config.entries import Model
from uphill.engine.loading import load
from uphill.errors import UphillError
from uphill.planning.study import read_study
from uphill.running.secrets import Formatter, hide
from uphill.workflow import launch
from uphill.workflow.study import Study

TOKEN = "hf_" + "aBcD1234" * 4
SOURCES = sorted(path for room in ("src", "workflow", "benchmarks") for path in (ROOT / room).rglob("*.py"))


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call in a file, with the dotted name of what is called."""
    tree = ast.parse(path.read_text())
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def said(call: ast.Call, keyword: str) -> str | None:
    """The source of a keyword argument."""
    return next((ast.unparse(word.value) for word in call.keywords if word.arg == keyword), None)


def unpickles(name: str, call: ast.Call) -> bool:
    """Whether a call reads a pickle, or YAML that makes objects."""
    last = name.rsplit(".", 1)[-1]
    if name == "torch.load":
        return said(call, "weights_only") != "True"
    if name in ("np.load", "numpy.load"):
        return said(call, "allow_pickle") not in (None, "False")
    return last in ("read_pickle", "unsafe_load", "full_load") or name in ("yaml.load", "eval", "exec", "os.system")


def test_no_pickle_is_read_and_no_text_is_run() -> None:
    assert len(SOURCES) > 100
    found = [f"{path.name}: {name}" for path in SOURCES for name, call in calls(path) if unpickles(name, call)]
    assert found == []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"} & set(names), path


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("torch.load(x)", True),
        ("torch.load(x, weights_only=True)", False),
        ("np.load(x, allow_pickle=True)", True),
        ("pd.read_pickle(x)", True),
        ("yaml.load(x, yaml.Loader)", True),
        ("yaml.safe_load(x)", False),
    ],
)
def test_the_scan_tells_a_pickle_when_it_sees_one(code: str, expected: bool) -> None:
    call = ast.parse(code).body[0].value  # type: ignore[attr-defined]
    assert unpickles(ast.unparse(call.func), call) is expected


def test_every_model_is_loaded_from_safetensors() -> None:
    loads = [
        (path.name, call)
        for path in SOURCES
        for name, call in calls(path)
        if name.endswith(".from_pretrained") and "Tokenizer" not in name and "Config" not in name
    ]
    assert loads
    # A GGUF file holds numbers and texts; transformers opens no other file where it is told of one.
    others = [(name, call) for name, call in loads if said(call, "gguf_file") is None]
    assert [name for name, _ in loads if name not in {other for other, _ in others}] == ["gguf_files.py"]
    assert [name for name, call in others if said(call, "use_safetensors") != "True"] == []


ENTRY = {"revision": None, "dtype": "float32", "quantization": "none", "trust_remote_code": False}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the demo model, to tamper with."""
    shutil.copytree(ROOT / "resources/demo-models/1280k", tmp_path / "model")
    return tmp_path / "model"


class Touch:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_model_of_pickles_is_refused_unread(model: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(touched)))
    pickle.loads((model / "pytorch_model.bin").read_bytes())  # noqa: S301 - it does what it says
    assert touched.exists()
    touched.unlink()
    with pytest.raises(UphillError, match=r"cannot be loaded: .*safetensors"):
        load(ENTRY | {"path": str(model)}, 512)
    assert not touched.exists()


def test_a_model_with_code_is_refused_unless_it_is_trusted_and_that_is_said(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    touched = tmp_path / "touched"
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Theirs"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "theirs.py").write_text(f"open({str(touched)!r}, 'w').close()\n")
    with pytest.raises(UphillError, match=r"cannot be loaded: .*trust_remote_code"):
        load(ENTRY | {"path": str(model)}, 512)
    assert not touched.exists()
    warned = "running code that comes with the model (trust_remote_code)"
    assert warned not in caplog.text
    with pytest.raises(UphillError):  # it is no model, but its code runs
        load(ENTRY | {"path": str(model), "trust_remote_code": True}, 512)
    assert warned in caplog.text
    assert touched.exists()


def raw() -> dict[str, Any]:
    """A small study's config."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    shrink(config)
    config["models"]["demo"]["path"] = str(ROOT / "resources/demo-models/106k")
    return config


def test_remote_code_is_off_unless_asked_for_and_a_run_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not Model.model_fields["trust_remote_code"].default
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "stop_run_on_signal", lambda jobs_are_here: None)
    config = raw()
    launch.begin(Study(check(config)), jobs_are_here=True)
    assert capsys.readouterr().err == ""
    config["models"]["demo"]["trust_remote_code"] = True
    launch.begin(Study(check(config)), jobs_are_here=True)
    assert "note: models.demo.trust_remote_code is on: code that comes" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/x", "..", ".hidden", "a b", "{x}", ""])
@pytest.mark.parametrize("group", ["datasets", "models", "measures", "methods", "human", "ladders"])
def test_names_that_become_paths_are_plain(name: str, group: str) -> None:
    config = raw()
    if group == "human":
        config["datasets"]["dial"]["human"].append(name)
    elif group == "ladders":
        rung = {"dataset": "dial", "variable": "num_steps", "max": 3}
        config["ladders"] = {name: {"test": rung, "train": {"easy": rung}, "methods": ["probe"]}}
    else:
        config[group][name] = next(iter(config[group].values()))
    with pytest.raises(UphillError) as error:
        check(config)
    assert group in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "target",
    [
        "results/splits/dial/../../../escaped.parquet",
        "results/predictions/probe/../../../escaped/dial.parquet",
        "../escaped/items/dial.parquet",
    ],
)
def test_no_target_leads_out_of_the_results(checkout: Checkout, target: str) -> None:
    run = checkout.snakemake(target, "--configfile", checkout.configure(shrink))
    assert run.status != 0
    assert [line.split(":")[1] for line in run.errors] == [f" {target}"]
    assert ": neither a rule nor a file that the study of mine.yaml makes, expected one of its " in run.output
    assert checkout.made() == []
    assert not list(checkout.folder.rglob("escaped*"))
    assert not list(checkout.folder.parent.glob("escaped*"))


TAGGED = 'seed: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ["touched"]]\n'
EXPRESSION = '__use_yte__: true\nseed: ?open("touched", "w").close()\n'


def test_a_config_that_makes_objects_is_refused_unread(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout.folder)
    bad = checkout.folder / "bad.yaml"
    bad.write_text(TAGGED)
    run: Run = checkout.snakemake("--configfile", "bad.yaml", "-n")
    assert run.status != 0
    assert "Config file is not valid JSON or YAML" in run.output
    assert "Traceback" not in run.output
    for read in (read_study, hardware.read):
        with pytest.raises(UphillError, match=r"^bad.yaml: not YAML: could not determine a constructor") as error:
            read(Path("bad.yaml"))
        assert "\n" not in str(error.value)
    assert not (checkout.folder / "touched").exists()


def test_a_config_with_expressions_is_refused(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snakemake has evaluated it by then, in its own process; this project's reader never does."""
    monkeypatch.chdir(checkout.folder)
    (checkout.folder / "bad.yaml").write_text(EXPRESSION)
    with pytest.raises(UphillError, match=r"^bad.yaml: __use_yte__: expected plain YAML"):
        read_study(Path("bad.yaml"))
    assert not (checkout.folder / "touched").exists()
    run = checkout.snakemake("--configfile", "bad.yaml", "-n")
    assert run.status != 0
    assert run.errors == ["error: bad.yaml: __use_yte__: expected plain YAML, no expressions for Snakemake to evaluate"]


SPELT = ['"\\x5f_use_yte__": true\nseed: ?open("touched", "w").close()\n',
         '{__use_yte__: true, seed: \'?open("touched", "w").close()\'}\n',
         'x: &k __use_yte__\n*k : true\nseed: ?open("touched", "w").close()\n']  # fmt: skip


@pytest.mark.parametrize("content", [EXPRESSION, *SPELT], ids=range(4))
def test_our_commands_look_before_snakemake_starts(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """However expressions are spelt, in a config or in a profile."""
    monkeypatch.chdir(checkout.folder)
    Path("bad.yaml").write_text(content)
    Path("bad").mkdir()
    Path("bad/config.yaml").write_text(content)
    monkeypatch.setattr(main, "summary", lambda *_: pytest.fail("Snakemake has started"))
    for command in (
        *(["check", "bad.yaml"], ["plan", "bad.yaml"], ["why", "--configfile", "bad.yaml"]),
        *(["check", "--profile", "bad"], ["why", "--profile", "bad"]),
    ):
        with pytest.raises(UphillError, match=r"__use_yte__: expected plain YAML, no expressions for Snakemake"):
            main.app(command, standalone_mode=False)
    assert not Path("touched").exists()


@pytest.mark.parametrize("target", ["demo", "demo-all", "why", "check", "plan", "run", "demo-model", "lint"])
def test_every_target_of_make_looks_before_snakemake_starts(target: str) -> None:
    done = subprocess.run(["make", "-n", target, "CONFIG=mine.yaml"], cwd=ROOT, text=True, capture_output=True)
    commands = [line for line in done.stdout.splitlines() if "/python -m uphill" in line or "/snakemake " in line]
    assert "-m uphill" in commands[0]
    assert commands[0].split("-m uphill ")[1].split()[0] in ("check", "plan", "why")
    read = [word.split("--configfile ")[1].split()[0] for word in commands if "--configfile " in word]
    assert all(file in commands[0] for file in read)
    assert ("mine.yaml" in commands[0]) == (target in ("why", "check", "plan", "run"))


@pytest.mark.parametrize("secret", [TOKEN, f"https://me:{'p' * 12}@host/model"])
def test_a_token_in_the_config_is_refused_and_not_repeated(secret: str) -> None:
    config = raw()
    config["models"]["theirs"] = {"hub_id": secret, "revision": "abc"}
    with pytest.raises(UphillError, match=r"models\.theirs\.hub_id holds an access token, expected none") as error:
        check(config)
    assert secret not in str(error.value)


def test_tokens_are_hidden_from_logs() -> None:
    environment = {"HF_TOKEN": TOKEN, "WANDB_API_KEY": "0123456789", "USE_TOKEN": "1", "HOME": "/home/someone"}
    text = f"401 for {TOKEN} and 0123456789 in /home/someone, try 1; or hf_{'Z' * 20}"
    assert hide(text, environment) == "401 for *** and *** in /home/someone, try 1; or ***"
    try:
        raise ValueError(f"no access with {TOKEN}")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord("name", logging.ERROR, "file", 1, "asked with %s", (TOKEN,), trace)
    shown = Formatter("%(message)s").format(record)
    assert "asked with ***" in shown
    assert "no access with ***" in shown
    assert TOKEN not in shown
