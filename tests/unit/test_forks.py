"""The scripts of the tests' runs are forks of a process that has imported the libraries, whatever a test imports."""

import warm
from conftest import ROOT, WARM, environment


def test_what_a_test_imports_is_not_told_to_the_runs_that_it_starts() -> None:
    """By it, a script would be a new Python, and each of some thousand jobs take seconds longer."""
    assert warm._known(environment(ROOT)) == warm._known(WARM.environment)
