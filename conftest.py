"""Doctests see numpy as `np` and `Tally`, printed as numpy prints short arrays."""

from typing import Any

import numpy as np
import pytest

from calibrant.tally import Tally


@pytest.fixture(autouse=True)
def doctest_names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace["np"] = np
    doctest_namespace["Tally"] = Tally
