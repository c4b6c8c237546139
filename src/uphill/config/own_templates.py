"""A user's own prompt templates."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from uphill.config.complaints import first_problem
from uphill.config.yaml_files import read_yaml
from uphill.errors import UphillError
from uphill.prompts.forms import Templates


def own_templates(path: Path) -> Templates:
    """A user's templates; ValueError where they cannot be read."""
    try:
        sections = read_yaml(path, keys_as_text=True)
        if not isinstance(sections, Mapping):
            raise ValueError(f"prompts: {path}: expected the sections {', '.join(Templates.model_fields)}")
        return Templates.model_validate(dict(sections))
    except UphillError as error:
        raise ValueError(f"prompts: {error}") from None
    except ValidationError as error:
        raise ValueError(f"prompts: {path}: {first_problem(error, Templates)}") from None
