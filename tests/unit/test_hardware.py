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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: {gpu: 4}", r"limits\.gpu: is 4"),
        ("models: {large: {gpu_model: nvidia-h200}}", r"models\.large\.gpu_model: is 'nvidia-h200'"),
    ],
)
def test_what_no_scheduler_would_take_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "hardware.yaml").write_text(text)
    with pytest.raises(UphillError, match=message):
        hardware.read(tmp_path / "hardware.yaml")
