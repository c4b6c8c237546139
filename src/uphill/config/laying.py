"""A config that lays itself over another, which its key `extends` names; and which file says each key.

Maps are merged key by key, everything else replaces what was there. Only the file that a run is given is ever
Snakemake's to read: those below it are read here, as data.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uphill.config.complaints import guess, shown
from uphill.config.yaml_files import read_map
from uphill.errors import UphillError
from uphill.running.places import shipped

KEY, DEFAULT, DEFAULT_FILE = "extends", "default", "config/config.yaml"
KIND, SOURCE = "kind", "source"
"""A map of another `kind` is another thing and replaces. In a dataset's `source` null says: there is no such column."""
ABOUT = (
    "Another config that this one lays itself over: `default`, or its path from where the run starts. Maps are "
    "merged by key, unless their kinds differ; lists and values replace; null removes a key, but stays in a dataset's "
    "source."
)
Map = Mapping[str, Any]


@dataclass
class Said:
    """Who says a value.

    Attributes:
        file: the topmost file that says it, or something in it, as an error names the file.
        inside: of a map, the same of each of its keys.
    """

    file: str
    inside: dict[str, "Said"] = field(default_factory=dict)


@dataclass(frozen=True)
class Laid:
    """A config, whole.

    Attributes:
        raw: its keys, without `extends`.
        said: who says them.
    """

    raw: dict[str, Any]
    said: Said

    def where(self, complaint: str) -> str:
        """The file to name with a complaint, which opens with a key: `datasets.exam.human: ...` or `seed is ...`."""
        said, rest, deeper = self.said, complaint, True
        while deeper:
            ends = {key: rest[len(key) : len(key) + 1] for key in said.inside if rest.startswith(key)}
            # Names may have dots, so the longest key that the complaint can mean.
            key = max((key for key, end in ends.items() if end in (".", ":", " ")), key=len, default=None)
            if key is None:
                break
            said, rest, deeper = said.inside[key], rest[len(key) + 1 :], ends[key] == "."
        return said.file


def read(path: Path | str) -> Laid:
    """The config in a file, laid over those that it extends.

    Raises:
        UphillError: a file of them is missing, is no plain YAML, or extends itself.
    """
    own = read_map(path)
    return _laid(own, {str(path): own})


def laid(config: Map, files: Iterable[str]) -> Laid:
    """The config that Snakemake read from some files and its command line, laid over those that it extends.

    Snakemake reads its files before any of this project's code runs, so of its own start this is a refusal and no
    protection; `python -m uphill check`, which `make` runs first, evaluates nothing.

    Raises:
        UphillError: a file is not plain YAML: it says something twice, or something that Snakemake reads otherwise, or
            evaluates as Python; or as for `read`.
    """
    return _laid(config, {path: read_map(path) for path in files})


def _laid(config: Map, files: Mapping[str, Map]) -> Laid:
    """`config` over its bases.

    Args:
        config: what `files` say together.
        files: what each says, by name.
    """
    top = ", ".join(files) or "config"
    bases: list[tuple[str, Map]] = []
    saying = [name for name, one in files.items() if KEY in one]
    by, seen = saying[-1] if saying else top, [os.path.realpath(name) for name in saying]
    own = raw = dict(config)
    while KEY in raw:
        path = _base(raw[KEY], by)
        if os.path.realpath(path) in seen:
            raise UphillError(f"{by}: {KEY} is {path!r}, which leads back to it, expected a config that does not")
        seen.append(os.path.realpath(path))
        raw = read_map(path)
        bases.append((f"{path}, which {by} extends", raw))
        by = path
    found: dict[str, Any] = {}
    said = Said(top)
    for name, one in [*reversed(bases), (top, own)]:
        found = _over(found, one, ())
        _sign(said, one, name)
    for name, one in files.items() if len(files) > 1 else ():
        _sign(said, one, name)
    said.file = top
    return Laid({key: value for key, value in found.items() if key != KEY}, said)


def _base(named: object, by: str) -> str:
    """The path that `extends` of a file names."""
    if not isinstance(named, str) or not named:
        raise UphillError(f"{by}: {KEY} is {shown(named)}, expected {DEFAULT}, or the path of a config")
    path = shipped(DEFAULT_FILE if named == DEFAULT else named)
    if not Path(path).exists():
        beside = str(Path(by).parent / path)
        known = [DEFAULT, *map(str, sorted(Path(path).parent.glob("*.yaml")))]
        hint = f" (did you mean {beside!r}?)" if Path(beside).exists() else guess(named, known)
        raise UphillError(
            f"{by}: {KEY} is {named!r}, and there is no {path}, expected {DEFAULT}, or the path of a config from where "
            f"the run starts{hint}"
        )
    return path


def _over(base: Map, top: Map, keys: tuple[str, ...]) -> dict[str, Any]:
    """A map laid over another; `keys` lead to both."""
    if KIND in base and KIND in top and base[KIND] != top[KIND]:
        return dict(top)
    found = dict(base)
    for key, value in top.items():
        if value is None and key in base and not (len(keys) == 3 and keys[::2] == ("datasets", SOURCE)):
            del found[key]
        elif isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            found[key] = _over(base[key], value, (*keys, key))
        else:
            found[key] = value
    return found


def _sign(said: Said, own: Map, file: str) -> None:
    """Write down that `file` says what is in `own`."""
    said.file = file
    for key, value in own.items():
        inside = said.inside.setdefault(key, Said(file))
        _sign(inside, value if isinstance(value, Mapping) else {}, file)
