"""The site of the documents, which `make docs` builds from the pages as they lie in the checkout: README is its first.

A link or an anchor that leads nowhere, and a page that no list below names, end the build.
"""

from sphinx.application import Sphinx

project = "Uphill"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "README"
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
include_patterns = ["**.md", "docs/*.rst"]
exclude_patterns = [".*", "build", "data", "results"]

PAGES = {
    "A study": [
        *("docs/data", "config/README", "docs/cluster", "envs/README", "docs/faults", "docs/staleness"),
        *("docs/caching", "docs/security"),
    ],
    "Its results": [
        *("docs/glossary", "docs/statistics", "docs/questions", "docs/figures", "docs/hardness", "docs/weak_to_strong"),
        *("docs/harness", "docs/results/smollm2/README"),
    ],
    "The published studies": ["docs/from-the-originals", "docs/cross_difficulty", "docs/weak_to_strong_rows"],
    "The library": ["CONTRIBUTING", "docs/reference", "docs/architectures", "benchmarks/RESULTS", "CHANGELOG"],
    "Demo models": [f"resources/demo-models/{size}/README" for size in ("106k", "340k", "614k", "1280k")],
}
"""The pages beside the first, in the order and under the headings of the list that stands beside each."""

# A heading's anchor is the one that it has where the repository is shown.
myst_heading_anchors = 6

# Attributes are told of in their class's docstring.
autodoc_default_options = {"members": True, "member-order": "bysource"}
napoleon_use_ivar = True
autodoc_typehints = "description"
default_role = "code"
smartquotes = False  # texts stay as they are written

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_title = "Uphill"
html_show_copyright = False
html_copy_source = False


def listed(_: Sphinx, page: str, source: list[str]) -> None:
    """Put the list of all pages into the first, which has none where the repository is shown."""
    if page == root_doc:
        for heading, names in PAGES.items():
            source[0] += "\n".join(["\n\n```{toctree}", ":hidden:", f":caption: {heading}", "", *names, "```\n"])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", listed)
