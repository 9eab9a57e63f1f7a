"""One small trained model that many tests look at."""

import pytest
from small_problem import OBSERVABLES, PARAMETERS, SMALL, pairs

from retrodict.solvers import ConditionalFlow


@pytest.fixture(scope="session")
def fitted():
    estimator = ConditionalFlow(SMALL, max_epochs=15, batch_size=128, random_state=3)
    return estimator.fit(*pairs(1500), parameters=PARAMETERS, observables=OBSERVABLES)
