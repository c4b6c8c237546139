"""A YAML file means what is written in it: what means two things, or runs, is refused in one line before it is used."""

import os
import time
from pathlib import Path

import pytest
import yaml

from uphill.config import hardware
from uphill.config.checked import check
from uphill.config.laying import laid
from uphill.config.yaml_files import read_map, read_yaml
from uphill.errors import UphillError
from uphill.planning.study import check_profiles, read_study

ROOT = Path(__file__).parents[2]
PLAIN = "expected plain YAML, no expressions for Snakemake to evaluate"


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


TWICE = [
    ("seed: 1\nseeds: 2\nseed: 3\n", "seed: given twice (lines 1 and 3)"),
    ("a: {b: {c: 1, d: 2, c: 1}}\n", "a.b.c: given twice"),
    ("a: [{b: 1}, {c: 1, c: 2}]\n", "a.1.c: given twice"),
    ('seed: 1\n"seed": 2\n', "seed: given twice"),
    ("seed: 1\n'seed': 2\n", "seed: given twice"),
    ('seed: 1\n"\\x73eed": 2\n', "seed: given twice"),
    ("? seed\n: 1\nseed: 2\n", "seed: given twice"),
    ('{"seed": 1, "seed": 2}', "seed: given twice"),
    ('{"a": {"b": 1, "b": 1}}', "b: given twice"),
    ("a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: [*a, *b]}\n", "c.x: merged from two maps"),
    ("a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: *a, <<: *b}\n", "c.<<: given twice"),
    ("base: &b {x: 1, x: 2}\nc: {<<: *b}\n", "base.x: given twice"),
    ("models: {1: {}, '1': {}}\n", "models.1: a key that YAML reads as 1, expected a name: '1' in quotes"),
    ("models: {yes: {}, true: {}}\n", "models.yes: a key that YAML reads as true"),
]
AMBIGUOUS = [
    ("models: {no: {}}", "models.no: a key that YAML reads as false, expected a name: 'no' in quotes"),
    ("models: {2024-01-02: {}}", "models.2024-01-02: a key that YAML reads as"),
    ("models: {1.0: {}}", "models.1.0: a key that YAML reads as 1.0"),
    ("models: {null: {}}", "models.null: a key that YAML reads as null"),
    ("models: {~: {}}", "models.~: a key that YAML reads as null"),
    ("models:\n  ? \n  : 1\n", "a key that YAML reads as null"),
    ("models: {[a, b]: {}}", "models: a list or map as a key"),
    ("test_models: [no]", "test_models.0: is no, which YAML reads as false; write what is meant, or quote it"),
    ("a: yes", "a: is yes, which YAML reads as true"),
    ("a: On", "a: is On, which YAML reads as true"),
    ("a: 007", "a: is 007, which YAML reads as 7"),
    ("a: 010", "a: is 010, which YAML reads as 8"),
    ("a: 0x10", "a: is 0x10, which YAML reads as 16"),
    ("a: 0b11", "a: is 0b11, which YAML reads as 3"),
    ("a: 1_000", "a: is 1_000, which YAML reads as 1000"),
    ("a: 1:30", "a: is 1:30, which YAML reads as 90"),
    ("a: 1:30.5", "a: is 1:30.5, which YAML reads as 90.5"),
    ("a: 1_0.5", "a: is 1_0.5, which YAML reads as 10.5"),
    ("a: 2024-01-02", "a: is 2024-01-02, which YAML reads as 2024-01-02"),
    ("a: 2024-13-45", "a: is 2024-13-45, which YAML reads as no text"),
    ("a: 2001-12-14t21:59:43.10-05:00", "which YAML reads as 2001-12-14"),
    ("a: =", "a: is =, which YAML reads as"),
]
RUNS = [
    ("__use_yte__: true\n", f"__use_yte__: {PLAIN}"),
    ('"__use_yte__": true\n', f"__use_yte__: {PLAIN}"),
    ("'__use_yte__' : true\n", f"__use_yte__: {PLAIN}"),
    ('"\\x5f_use_yte__": true\n', f"__use_yte__: {PLAIN}"),
    ('"__use_\\u0079te__": yes\n', f"__use_yte__: {PLAIN}"),
    ('? "__use\\\n  _yte__"\n: true\n', f"__use_yte__: {PLAIN}"),
    ("{__use_yte__: true, seed: '?1'}\n", f"__use_yte__: {PLAIN}"),
    ("{seed: 1,\n   __use_yte__: true}\n", f"__use_yte__: {PLAIN}"),
    ("? __use_yte__\n: true\n", f"__use_yte__: {PLAIN}"),
    ("&a __use_yte__: true\n", f"__use_yte__: {PLAIN}"),
    ("x: &k __use_yte__\n*k : true\n", f"__use_yte__: {PLAIN}"),
    ("x: &m {__use_yte__: true}\n<<: *m\n", f"x.__use_yte__: {PLAIN}"),
    ("<<: {__use_yte__: true}\n", f"__use_yte__: {PLAIN}"),
    ("__use_yte__: false\n", f"__use_yte__: {PLAIN}"),
    ("__variables__: {a: 1}\n", f"__variables__: {PLAIN}"),
    ("seed: 1\nmodels:\n  ?if True:\n    a: 1\n", f"models.?if True: {PLAIN}"),
    ('{"__use_yte__": true}', f"__use_yte__: {PLAIN}"),
    ('{"\\u005f_use_yte__": true}', f"__use_yte__: {PLAIN}"),
    ("!!str __use_yte__: true\n", "could not determine a constructor for the tag"),
    ("seed: !!python/object/apply:os.system ['true']\n", "could not determine a constructor for the tag"),
    ("seed: !!python/name:os.system\n", "could not determine a constructor for the tag"),
    ("seed: !mine 1\n", "could not determine a constructor for the tag"),
    ("seed: ! 1\n", "could not determine a constructor for the tag"),
    ("%TAG ! tag:yaml.org,2002:python/\n---\nseed: !name:os.system x\n", "could not determine a constructor"),
]
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 28))
BROKEN = [
    (b"", "empty, expected a map of keys"),
    (b"# nothing\n", "empty, expected a map of keys"),
    (b"---\n...\n", "empty, expected a map of keys"),
    (b"- a\n- b\n", "a list, expected a map of keys"),
    (b"seed\n", "a text, expected a map of keys"),
    (b"7\n", "7, expected a map of keys"),
    (b"[1, 2]", "a list, expected a map of keys"),
    (b"a: 1\n---\nb: 2\n", "not YAML: line 2"),
    (b"a:\n\tb: 1\n", "not YAML: line 2: a tab, expected spaces before a key"),
    (b"a: [1,\n", "not YAML: line"),
    (b"a: *nothing\n", "not YAML: line 1: found undefined alias"),
    (b"a: &l {b: *l}\n", "a.b: an alias of what it is in"),
    (b"&l [*l]\n", "an alias of what it is in"),
    (b"a: &l\n  <<: *l\n", "an alias of what it is in"),
    (LAUGHS.encode(), "more than 100000 values once its aliases are followed"),
    (b"a: " + b"[" * 5000, "nested more than 30 deep"),
    (b'{"a": ' * 3000, "nested more than 30 deep"),
    (b"a: " + b"x" * 250_000, "250003 bytes, expected a YAML file of at most 250000"),
    (b"".join(b"k%d: 1\n" % n for n in range(110_000)), "bytes, expected a YAML file of at most"),
    ("seed: 1\n".encode("utf-16"), "UTF-16 or UTF-32, expected UTF-8"),
    ("seed: 1\n".encode("utf-32"), "UTF-16 or UTF-32, expected UTF-8"),
    ("seed: 1\n".encode("utf-16-le"), "binary (a zero byte at 1)"),
    ("a: é\n".encode("latin-1"), "not UTF-8 (byte 3)"),
    (b"PAR1\x00\x00\x15", "binary (a zero byte at 4)"),
    (b"\x89PNG\r\n", "not UTF-8 (byte 0)"),
    (b"a: \x07\n", "not YAML"),
]
ALL = [(text.encode(), message) for text, message in [*TWICE, *AMBIGUOUS, *RUNS]] + BROKEN


@pytest.mark.parametrize(("content", "message"), ALL, ids=range(len(ALL)))
def test_a_file_that_means_two_things_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    started = time.process_time()
    for read in (read_map, read_study, lambda path: laid({}, [path])):
        with pytest.raises(UphillError) as caught:
            read(path)
        said = str(caught.value)
        assert said.startswith(f"{path}: ")
        assert message in said
        assert "\n" not in said
        assert len(said) < len(str(path)) + 300
    assert time.process_time() - started < 6  # three readings, one of each kind


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path, message in [
        (tmp_path, "a folder, expected a YAML file"),
        (tmp_path / "absent.yaml", "cannot be read (No such file"),
        (tmp_path / "pipe.yaml", "a pipe or device"),
        (Path("/dev/zero"), "a pipe or device"),
        (tmp_path / ("x" * 300), "cannot be read (File name too long"),
    ]:
        for read in (read_study, hardware.read):
            with pytest.raises(UphillError) as caught:
                read(path)
            assert message in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"- a\n", b"x\n", b"7\n", b"[\n", b"cpu: {gpu: 0, gpu: 1}\n", b"models: {7: {}}\n",
                                     b"__use_yte__: true\n", b"\xff\xfea\x00", b"cpu: &c {a: *c}\n", b"cpu: 3\n",
                                     b"limits: {runtime: 1:30}\n", b"cpu: {gpu: true}\n", b"gpu_speed: .nan\n",
                                     b"cpu: {mem_mb: 1.5}\n", b"cpu: {mem_mb: '5'}\n"])  # fmt: skip
def test_broken_hardware_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hardware.yaml"
    path.write_bytes(content)
    with pytest.raises(UphillError, match=r"^\S*hardware.yaml: ") as caught:
        hardware.read(path)
    assert "\n" not in str(caught.value)


def test_what_is_plain_is_read_as_every_reader_does(tmp_path: Path) -> None:
    """Numbers, texts, quotes, anchors, and `<<`, by which a map may say what differs from another."""
    text = """
        a: &a {x: 1, y: [1.5, -2, "007", 'no', true, null, ~, 1e5, text, a: b]}
        b: {<<: *a, x: 2}
        c: *a
        "1e3": "2024-01-02"
        d: |
          ?not run
        e: ?neither
        """
    (tmp_path / "good.yaml").write_text("".join(line[8:] + "\n" for line in text.splitlines()))
    found = read_map(tmp_path / "good.yaml")
    assert found == yaml.safe_load((tmp_path / "good.yaml").read_text())
    assert found["b"]["x"] == 2
    assert found["c"]["y"][2:4] == ["007", "no"]
    (tmp_path / "bom.json").write_text('{"lr": 1e-4, "t": "\\ud83d\\ude00"}', encoding="utf-8-sig")
    assert read_map(tmp_path / "bom.json") == {"lr": 1e-4, "t": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("path", sorted(p for f in ("config", "profiles") for p in (ROOT / f).rglob("*.yaml")), ids=str)
def test_what_ships_is_plain(path: Path) -> None:
    assert read_map(path) == yaml.safe_load(path.read_text())


def test_own_templates_may_have_digits_as_keys(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("instruction: {5: Solve., n: Now.}\n")
    assert read_yaml(tmp_path / "own.yaml", keys_as_text=True) == {"instruction": {"5": "Solve.", "n": "Now."}}
    (tmp_path / "own.yaml").write_text("instruction: {5: Solve., '5': Now.}\n")
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text()) | {"prompts": str(tmp_path / "own.yaml")}
    with pytest.raises(UphillError, match=r"prompts: .*instruction.5: given twice"):
        check(raw)


def test_a_profile_that_runs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_profiles("profiles/local")
    check_profiles("profiles/slurm")
    for name, text in [("mine", "__use_yte__: true\ncores: ?1\n"), ("other", "cores: 1\ncores: 2\n")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.v8+.yaml").write_text(text)
        with pytest.raises(UphillError, match=rf"{name}/config.v8\+.yaml: (__use_yte__|cores)"):
            check_profiles(str(tmp_path / name))
    monkeypatch.setenv("SNAKEMAKE_PROFILE", str(tmp_path / "mine"))
    with pytest.raises(UphillError, match="__use_yte__"):
        check_profiles("profiles/local")


CYCLE: dict[str, object] = {}
CYCLE["a"] = CYCLE


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"models": {7: {}}}, "models.7: the key is 7, expected a name: '7' in quotes"),
        ({True: 1}, "True: the key is True, expected a name"),
        ({"ladders": CYCLE}, "too deep or too large"),
        ({"seed": float("nan")}, "seed: is nan, expected a finite number"),
        ({"statistics": {"coverage": float("inf")}}, "statistics.coverage: is inf, expected a finite number"),
        (
            {"seed": __import__("datetime").date(2024, 1, 2)},
            "seed: is datetime.date(2024, 1, 2), a date, expected text",
        ),
        ({"prompts": b"x"}, "prompts: is b'x', a bytes, expected text"),
        ({"prompts": "\ud800"}, "prompts: is '\\ud800', expected text without halves"),
    ],
)
def test_what_snakemake_hands_over_is_checked_too(extra: dict, message: str) -> None:
    with pytest.raises(UphillError) as caught:
        check(yaml.safe_load((ROOT / "config/config.yaml").read_text()) | extra)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
