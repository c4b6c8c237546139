"""What jobs ask for: grown with each attempt, within the limits, of the type of GPU that the model's entry names."""

from pathlib import Path

import pytest

from uphill.config import hardware
from uphill.errors import UphillError

TEXT = """
limits: {runtime: 30}
cpu: {mem_mb: 100, runtime: 20}
models:
  large: {gpu: 2, gpu_model: h200, mem_mb: 1000, runtime: 10}
  long: {runtime: 90}
"""

NO_SHARE = "expected a whole number of GPUs, or a share of one in hundredths"


@pytest.fixture
def read(tmp_path: Path) -> hardware.Hardware:
    (tmp_path / "hardware.yaml").write_text(TEXT)
    return hardware.read(tmp_path / "hardware.yaml")


def test_attempts_double_up_to_the_limit(read: hardware.Hardware) -> None:
    attempts = (1, 2, 3)
    assert [read.asked("large", "runtime", attempt) for attempt in attempts] == [10, 20, 30]
    assert [read.asked(None, "runtime", attempt) for attempt in attempts] == [20, 30, 30]
    assert [read.asked("long", "runtime", attempt) for attempt in attempts] == [30, 30, 30]
    assert [read.asked("large", "mem_mb", attempt) for attempt in attempts] == [1000, 2000, 4000]


def test_gpus_stay_as_they_are(read: hardware.Hardware) -> None:
    assert [read.asked("large", "gpu", attempt) for attempt in (1, 3)] == [2, 2]
    assert [read.asked("large", "gpu_model", attempt) for attempt in (1, 3)] == ["h200", "h200"]
    assert read.asked("long", "gpu_model", 1) == ""
    assert [read.asked("large", "gpu_percent", attempt) for attempt in (1, 3)] == [200, 200]
    assert [read.asked(None, "gpu", 1), read.asked(None, "gpu_percent", 1)] == [0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: {gpu: 4}", r"limits\.gpu: is 4"),
        *((f"models: {{large: {{gpu: {gpu}}}}}", f"gpu: is {gpu}, {NO_SHARE}") for gpu in ("1.5", "0.001", "0.333")),
        ("models: {large: {gpu: 1.0e-12}}", f"gpu: is 1e-12, {NO_SHARE}"),
        ("models: {large: {gpu: .nan}}", r"models\.large\.gpu: is nan"),
        ("models: {large: {gpu: .inf}}", r"models\.large\.gpu: is inf"),
        ("models: {large: {gpu: -0.5}}", r"models\.large\.gpu: is -0\.5"),
        ("models: {large: {gpu: 65}}", r"models\.large\.gpu: is 65"),
        (
            'models: {large: {gpu: "0.5"}}',
            r"gpu: is '0\.5', expected a valid number: 0\.5, without quotes",
        ),
        ("default: {gpu: 0.005}", r"default\.gpu: is 0\.005"),
        ("models: {large: {gpu_model: nvidia-h200}}", r"models\.large\.gpu_model: is 'nvidia-h200'"),
    ],
)
def test_what_no_scheduler_would_take_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "hardware.yaml").write_text(text)
    with pytest.raises(UphillError, match=message):
        hardware.read(tmp_path / "hardware.yaml")


@pytest.mark.parametrize(("written", "gpu"), [("0.25", 0.25), (".5", 0.5), ("0.01", 0.01), ("1.0", 1), ("2", 2)])
def test_a_share_of_a_gpu_or_whole_ones_are_taken(tmp_path: Path, written: str, gpu: float) -> None:
    (tmp_path / "hardware.yaml").write_text(f"models: {{small: {{gpu: {written}}}}}")
    assert hardware.read(tmp_path / "hardware.yaml").of("small").gpu == gpu
