"""YAML files as they were written: no key twice, no value that YAML turns into another, nothing that runs.

Snakemake reads a config as YAML 1.1 does: the last of two equal keys wins, `no` is false, `010` is 8 and `1:30` is 90,
and where `__use_yte__` is set, texts are run as Python. Here each of these is one line that says where, and what to
write. What is read is built from the parsed document, so that no spelling, escape, anchor or merge hides a key.
"""

import json
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from uphill.config.complaints import guess
from uphill.errors import UphillError

MOST_BYTES, MOST_DEPTH, MOST_VALUES = 250_000, 30, 100_000
"""Of a file: some twenty times the largest that ships, deeper than any key, and more values than it can hold."""
EXPRESSIONS = ("__use_yte__", "__definitions__", "__variables__")
"""Keys by which a file turns Snakemake's expressions on, or feeds them."""
_TAG = "tag:yaml.org,2002:"
_AS_WRITTEN = {
    "bool": re.compile(r"true|false", re.IGNORECASE),
    "int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "float": re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)(e[-+][0-9]+)?|[-+]?\.inf|\.nan", re.IGNORECASE),
    "null": re.compile(r"|~|null", re.IGNORECASE),
    "str": re.compile(r".*", re.DOTALL),
}
"""By type, the spellings that every reader of YAML takes for it."""


def read_map(path: Path | str) -> dict[str, Any]:
    """The map in a YAML or JSON file.

    Raises:
        UphillError: it holds something else, or `read_yaml` refuses it.
    """
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise UphillError(f"{path}: {_kind(found)}, expected a map of keys")
    return found


def _kind(found: Any) -> str:
    return "empty" if found is None else {"list": "a list", "str": "a text"}.get(type(found).__name__, repr(found))


def read_yaml(path: Path | str, keys_as_text: bool = False) -> Any:
    """The content of a YAML or JSON file.

    Args:
        path: the file.
        keys_as_text: a key such as 5 is the text that was written. Where Snakemake reads the file too, it is refused.

    Raises:
        UphillError: it cannot be read, is too large, is no YAML, says a key twice, or says what readers of YAML take
            for different things; by line or key, with what to write instead.
    """
    text = _text(Path(path))
    try:
        found = _json(text)
        return _yaml(text, keys_as_text) if found is _NO_JSON else found
    except _Refused as refusal:
        raise UphillError(f"{path}: {refusal}") from None
    except yaml.YAMLError as error:
        raise UphillError(f"{path}: not YAML: {_problem(error, text)}") from None


class _Refused(Exception):
    """What is wrong, without the file's name."""


_NO_JSON = object()


def _text(path: Path) -> str:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UphillError(f"{path}: a folder, expected a YAML file")
        if not stat.S_ISREG(status.st_mode):
            raise UphillError(f"{path}: a pipe or device, expected a YAML file")
        if status.st_size > MOST_BYTES:
            raise UphillError(f"{path}: {status.st_size} bytes, expected a YAML file of at most {MOST_BYTES}")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        meant = guess(str(path), _beside(path)) if isinstance(error, FileNotFoundError) else ""
        raise UphillError(f"{path}: cannot be read ({said}), expected a YAML file{meant}") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UphillError(f"{path}: UTF-16 or UTF-32, expected UTF-8; save it as UTF-8")
    if b"\0" in content:
        raise UphillError(f"{path}: binary (a zero byte at {content.index(0)}), expected a YAML file in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UphillError(f"{path}: not UTF-8 (byte {error.start}), expected a YAML file in UTF-8") from None


def _beside(path: Path) -> list[str]:
    """YAML files of a file's folder, and of the folder `config`."""
    return [str(one) for folder in (path.parent, Path("config")) for one in sorted(folder.glob("*.yaml"))]


def _problem(error: yaml.YAMLError, text: str) -> str:
    """A parser's complaint in one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    lines = text.splitlines()
    said = str(getattr(error, "problem", None) or error)
    if mark.line < len(lines) and re.match(r" *\t", lines[mark.line]):
        said = "a tab, expected spaces before a key"
    return f"line {mark.line + 1}: {said}"


def _json(text: str) -> Any:
    """The content of a JSON file, in which 1e-4 is a number; `_NO_JSON` of any other file."""
    if not text.lstrip().startswith("{"):
        return _NO_JSON
    try:
        found = json.loads(text, object_pairs_hook=_pairs)
    except ValueError:
        return _NO_JSON
    except RecursionError:
        raise _Refused(f"nested more than {MOST_DEPTH} deep") from None
    return found


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        _plain_key(key, key)
        if key in found:
            raise _Refused(f"{key}: given twice, expected each key once")
        found[key] = value
    return found


def _plain_key(key: str, where: str) -> None:
    if key in EXPRESSIONS or key.startswith("?"):
        raise _Refused(f"{where}: expected plain YAML, no expressions for Snakemake to evaluate")


def _yaml(text: str, keys_as_text: bool) -> Any:
    # By the parser that Snakemake uses, so that nothing is hidden between two: not by the faster one of libyaml.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise _Refused(f"line {line}: nested more than {MOST_DEPTH} deep")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _Refused(f"not YAML: could not determine a constructor for the tag {tag!r} on line {line}; drop it")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    return None if node is None else _Builder(keys_as_text).built(node, ())


Keys = tuple[str, ...]


@dataclass
class _Builder:
    """Values from nodes.

    Attributes:
        keys_as_text: as for `read_yaml`.
        above: nodes that the one at work is in.
        values: how many were built: an alias is built wherever it is used.
    """

    keys_as_text: bool
    above: list[yaml.Node] = field(default_factory=list)
    values: int = 0

    def built(self, node: yaml.Node, keys: Keys) -> Any:
        """The value of a node at `keys`."""
        self.values += 1
        if self.values > MOST_VALUES:
            raise _Refused(f"{_at(keys)}: more than {MOST_VALUES} values once its aliases are followed")
        if any(node is other for other in self.above):
            raise _Refused(f"{_at(keys)}: an alias of what it is in, expected no value that holds itself")
        if len(self.above) > MOST_DEPTH:
            raise _Refused(f"{_at(keys)}: nested more than {MOST_DEPTH} deep")
        self.above.append(node)
        found = self._of(node, keys)
        self.above.pop()
        return found

    def _of(self, node: yaml.Node, keys: Keys) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, _at(keys), "write what is meant, or quote it")
        if isinstance(node, yaml.SequenceNode):
            return [self.built(item, (*keys, str(place))) for place, item in enumerate(node.value)]
        return self._map(node, keys)

    def _map(self, node: yaml.Node, keys: Keys) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value in node.value:
            key = _key(key_node, keys, self.keys_as_text)
            if key in lines:
                twice = f"lines {lines[key]} and {key_node.start_mark.line + 1}"
                raise _Refused(f"{_at((*keys, key))}: given twice ({twice}), expected each key once")
            lines[key] = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                merged = self._merged(value, keys)
            else:
                own[key] = self.built(value, (*keys, key))
        # What a map says itself wins over what it merges: that is what `<<` is for.
        return {**merged, **own}

    def _merged(self, value: yaml.Node, keys: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for node in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(node, yaml.MappingNode):
                raise _Refused(f"{_at((*keys, '<<'))}: expected a map, or a list of maps, to merge")
            part: dict[str, Any] = self.built(node, keys)
            for key in part.keys() & found.keys():
                raise _Refused(f"{_at((*keys, key))}: merged from two maps, expected it from one")
            found |= part
        return found


def _at(keys: Keys) -> str:
    return ".".join(keys) or "the file"


def _key(node: yaml.Node, keys: Keys, as_text: bool) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _Refused(f"{_at(keys)}: a list or map as a key on line {node.start_mark.line + 1}, expected a name")
    where = _at((*keys, str(node.value)))
    if not as_text and node.tag not in (f"{_TAG}str", f"{_TAG}merge"):
        # Even 7: beside "7" it would be another key, and the same name.
        raise _Refused(f"{where}: a key that YAML reads as {_meant(node)}, expected a name: '{node.value}' in quotes")
    _plain_key(node.value, where)
    return str(node.value)


def _scalar(node: yaml.ScalarNode, where: str, remedy: str) -> Any:
    kind = node.tag.removeprefix(_TAG)
    if kind not in _AS_WRITTEN or not _AS_WRITTEN[kind].fullmatch(node.value):
        raise _Refused(f"{where}: is {node.value}, which YAML reads as {_meant(node)}; {remedy}")
    return node.value if kind == "str" else yaml.SafeLoader("").construct_object(node)


def _meant(node: yaml.Node) -> str:
    """What YAML 1.1 makes of a scalar."""
    try:
        value = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        return "no text"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def plain(value: Any) -> Iterator[str]:
    """What of a value, such as Snakemake's reading of a config, is no plain data: each as the end of a line.

    Args:
        value: maps, lists and scalars.
    """
    yield from _complaints(value, (), [0])


def _complaints(value: Any, keys: Keys, seen: list[int]) -> Iterator[str]:
    seen[0] += 1
    if len(keys) > MOST_DEPTH or seen[0] > MOST_VALUES:
        yield f"{_at(keys[:3])}: too deep or too large, expected at most {MOST_DEPTH} levels and {MOST_VALUES} values"
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield f"{_at((*keys, str(key)))}: the key is {key!r}, expected a name: '{key}' in quotes"
                return
            yield from _complaints(inner, (*keys, key), seen)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _complaints(inner, (*keys, str(place)), seen)
    elif isinstance(value, float) and not abs(value) < float("inf"):
        yield f"{_at(keys)}: is {value}, expected a finite number"
    elif isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            yield f"{_at(keys)}: is {value!r}, expected text without halves of a character"
    elif value is not None and not isinstance(value, int | float | Path):
        yield f"{_at(keys)}: is {value!r}, a {type(value).__name__}, expected text or a number; quote it"
