"""The report's page runs nothing that data brought: what is on it is text, whatever it holds, and no script but its own
can run.
"""

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self

import pytest
import yaml
from browsing import digest, in_a_browser, opened, seen, title_in
from conftest import ROOT, shrink
from jinja2 import Environment, meta

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.report.page import POLICY, SCRIPT, TEMPLATE, filled

OWN = ("policy", "script", "style")
"""What the page is given that its own code made."""
LINKS = ("#", "data:image/png;base64,", "tables/", "figures/")
"""What every link and picture begins with: a place on the page, a picture in it, a file beside it."""
TITLE = "Uphill: from easy supervision to hard tasks"
RUN = "document.title='RAN'"
HOSTILE = [
    f"<script>{RUN}</script>",
    f'<img src=x onerror="{RUN}">',
    f'<svg onload="{RUN}"><circle r=1></svg>',
    f"</pre></td></table></title></style></script><script>{RUN}</script>",
    f"--><script>{RUN}</script><!--",
    f"]]><script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f'\'><details open ontoggle="{RUN}">x</details>',
    f'" autofocus tabindex=0 onfocus="{RUN}" x="',
    f"x onerror={RUN} ",
    f"javascript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    f'<a href="javascript:{RUN}">x</a>',
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    '<base href="https://example.org/"><link rel=stylesheet href=x.css>',
    '<meta http-equiv="refresh" content="0;url=data:text/html,x">',
    "<style>* { background: url(https://example.org/) }</style>",
    "<form action=https://example.org><input type=submit></form>",
    "<math><mtext><script>1</script></mtext></math>",
    "{{ 7 * 7 }} {% raw %} {# x #} {{ self }}",
    "&lt;script&gt; &amp; &#x3c;img&#x3e; \u2028\u202e<",
    "=cmd|' /C calc'!A0",
]


class Hostile(float):
    """Anything that the template may ask for, all of it this text: attributes, items, calls, rows; a number where it is
    formatted as one."""

    text: str

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, 1.0)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text

    def __getattr__(self, name: str) -> "Hostile":
        if name.startswith("__"):
            raise AttributeError(name)
        return Hostile(self.text)

    def __getitem__(self, key: object) -> "Hostile":
        return Hostile(self.text)

    def __call__(self) -> list[tuple["Hostile", "Hostile"]]:
        return [(Hostile(self.text), Hostile(self.text))]

    def __iter__(self) -> Any:
        return iter([Hostile(self.text)])

    def __len__(self) -> int:
        return 1


def given() -> list[str]:
    """Every name that the template is filled with."""
    source = (ROOT / "src/uphill/report" / TEMPLATE).read_text()
    return sorted(meta.find_undeclared_variables(Environment().parse(source)) - {*OWN})


def page_of(text: str) -> str:
    return filled(**{name: Hostile(text) for name in given()})


class Page(HTMLParser):
    """What a browser would make of a page, as far as it matters: elements with their attributes, comments, texts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.comments: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "srcdoc", "style")]

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_filled_with_all_that_is_tested() -> None:
    assert {"config", "datasets", "tables", "figures", "cautions", "spent"} <= set(given())
    assert len(Page(page_of("plain")).texts) > 100


@pytest.mark.parametrize("text", HOSTILE)
def test_data_brings_no_element_attribute_comment_or_link(text: str) -> None:
    plain, found = Page(page_of("plain")), Page(page_of(text))
    assert found.elements == plain.elements
    assert found.comments == plain.comments
    assert all(link.startswith(LINKS) for link in found.links)
    assert "".join(found.texts).count(text) == "".join(plain.texts).count("plain") > 30


def test_an_element_that_data_brought_would_be_seen() -> None:
    page = page_of("MARK")
    bare = Page(page.replace("MARK", HOSTILE[1]))
    assert bare.elements != Page(page).elements


def test_the_page_has_one_script_and_no_handler_or_style_of_its_own_elements() -> None:
    found = Page(page_of(HOSTILE[0]))
    names = {name for _, attributes in found.elements for name in attributes}
    tags = [tag for tag, _ in found.elements]
    assert not {*tags} & {"iframe", "object", "embed", "form", "base", "link", "svg"}
    assert tags.count("script") == tags.count("style") == 1
    assert not [name for name in names if name.startswith("on") or name in ("style", "srcdoc", "action")]


def script() -> str:
    return (ROOT / "src/uphill/report" / SCRIPT).read_text()


@pytest.mark.parametrize(
    "sink",
    ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function", "createPolicy", "fetch", "src"],
)
def test_the_script_makes_no_markup_of_a_text_and_asks_for_nothing(sink: str) -> None:
    assert not re.search(rf"\b{re.escape(sink)}\b", script())


def test_the_policy_comes_first_and_lets_nothing_else_run_or_load() -> None:
    page = page_of(HOSTILE[0])
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert policy
    assert "<" not in page[page.index("<head>") + 6 : policy.start()].replace('<meta charset="utf-8">', "")
    said = html.unescape(policy[1])
    assert re.fullmatch(re.sub(r"\\\{(style|script)\\\}", r"'sha256-[A-Za-z0-9+/]{43}='", re.escape(POLICY)), said)
    directives = dict(part.strip().split(" ", 1) for part in said.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == digest(script())
    assert "unsafe" not in said


# -- what a reader of tables and of Snakemake's own report meets ---------------------------------------------------


NAMES = ["=cmd", "+1", "-1", "@SUM(A1)", "<b>x</b>", "x\n.. raw:: html", "|x|"]
BAND = {"dataset": "dial", "variable": "num_steps", "level": "easy"}


def raw() -> dict[str, Any]:
    """A small study's config."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    shrink(config)
    config["models"]["demo"]["path"] = str(ROOT / "resources/demo-models/106k")
    return config


def named(place: str, name: str) -> dict[str, Any]:
    """A study with this name in that place."""
    config = raw()
    if place == "human":
        config["datasets"]["dial"]["human"] = ["num_steps", name]
    elif place in ("ladders", "rungs"):
        ladder, rung = (name, "one") if place == "ladders" else ("one", name)
        config["ladders"] = {ladder: {"test": BAND, "train": {rung: BAND}, "methods": ["probe"]}}
    elif place == "measures":
        config[place][name] = config[place].pop("mdl_zero_shot")
    else:
        config[place][name] = next(iter(config[place].values()))
    return config


@pytest.mark.parametrize("place", ["datasets", "models", "methods", "measures", "human", "ladders", "rungs"])
def test_no_name_that_reaches_a_table_or_a_caption_begins_a_formula_or_holds_markup(place: str) -> None:
    """So that no cell of a CSV table is taken for a formula, and no caption for markup."""
    check(named(place, "good"))
    for name in NAMES:
        with pytest.raises(UphillError):
            check(named(place, name))


def test_captions_of_snakemakes_report_hold_names_of_the_config_only() -> None:
    captions = sorted((ROOT / "workflow/report").glob("*.rst"))
    used = {part for path in captions for part in re.findall(r"\{\{(.*?)\}\}", path.read_text())}
    assert captions
    assert {part.strip() for part in used} == {
        "snakemake.wildcards.account",
        "snakemake.wildcards.dataset",
        "snakemake.wildcards.figure",
        "snakemake.wildcards.table",
        "snakemake.params.spec.settings.module",
    }


# -- in a browser ----------------------------------------------------------------------------------------------------


@in_a_browser
def test_a_browser_runs_nothing_of_a_page_full_of_hostile_texts(tmp_path: Path) -> None:
    document = seen(page_of("\n".join(HOSTILE)), tmp_path)
    assert title_in(document) == TITLE
    assert Page(document).texts.count(TITLE) == 1


@in_a_browser
@pytest.mark.parametrize("text", [HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[7]])
def test_a_browser_would_run_it_bare_but_not_under_the_policy(text: str, tmp_path: Path) -> None:
    bare = page_of("MARK").replace("MARK", text, 40)
    assert title_in(seen(bare, tmp_path)) == TITLE
    unguarded = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", bare)
    assert title_in(seen(unguarded, tmp_path)) == "RAN"


@in_a_browser
def test_the_policy_leaves_the_page_its_own_style(tmp_path: Path) -> None:
    """The digest in the policy is that of the style sheet as a browser reads it."""
    probe = "<style>body { max-width: 7px }</style>"
    page = page_of("plain").replace("</head>", f"{probe}</head>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    said = opened(tmp_path / "page.html", "--enable-logging=stderr").stderr
    refused = [line for line in said.splitlines() if "Content Security Policy" in line and "style" in line]
    assert len(refused) == 1, said[-2000:]
