"""A study from its config's file, outside the workflow."""

from pathlib import Path

import yaml

from uphill.config import check, plain_yaml
from uphill.errors import UphillError
from uphill.workflow import Plan


def read_study(path: Path) -> Plan:
    """The plan of the config in a file.

    Raises:
        UphillError: it cannot be read, is not YAML, or is a wrong config.
    """
    try:
        raw = yaml.safe_load(path.read_text())
        plain_yaml([path])
    except OSError as error:
        raise UphillError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        raise UphillError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UphillError(f"{path}: {'empty' if raw is None else 'a ' + type(raw).__name__}, expected a map of keys")
    return Plan(check(raw, where=str(path)))
