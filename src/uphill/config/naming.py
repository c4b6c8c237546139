"""What a study is called: the name of a folder that no other study's files are in."""

from typing import Annotated

from pydantic import AfterValidator

from uphill.running.places import ROOMS
from uphill.schemas.spelling import Name


def _no_room(name: str) -> str:
    """The name of a study.

    Raises:
        ValueError: files of a study without a name are in a folder of that name.
    """
    if name.casefold() in ROOMS:
        raise ValueError(f"is {name!r}, the name of a folder of every study, expected another")
    return name


StudyName = Annotated[Name, AfterValidator(_no_room)]
