"""Many rows through few programs."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from retrodict._blocks import in_blocks


@pytest.mark.parametrize(
    ("num_rows", "sizes"),
    [
        (1, [256]),
        (300, [512]),
        (501, [1_000]),
        (1_000, [1_000]),
        # The smaller half of a block is filled up to a power of two, the larger one wholly.
        (2_300, [1_000, 1_000, 512]),
        (2_500, [1_000, 1_000, 512]),
        (2_501, [1_000, 1_000, 1_000]),
        (3_000, [1_000, 1_000, 1_000]),
    ],
)
def test_blocks_have_few_sizes_and_every_row_once(num_rows, sizes):
    seen = []

    def function(rows, also):
        assert also is None
        seen.append(len(rows))
        return rows + 1, {"twice": 2 * rows}

    rows = np.arange(3.0 * num_rows).reshape(num_rows, 3)
    plus_one, found = in_blocks(function, rows, None, block_size=1_000)
    assert seen == sizes
    assert_array_equal(plus_one, rows + 1)
    assert_array_equal(found["twice"], 2 * rows)


def test_no_rows_give_none():
    assert in_blocks(lambda rows: rows + 1, np.empty((0, 2))).shape == (0, 2)
