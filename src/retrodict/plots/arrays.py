"""What a picture accepts: finite numbers, of shapes that agree with the variables."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from retrodict.errors import NonFiniteError, ShapeError
from retrodict.variables import Variable

Numbers = np.ndarray


def checked(
    name: str, values: ArrayLike, shape: Sequence[int | None], axes: Sequence[str]
) -> Numbers:
    """`values` as finite float64 of the expected shape.

    Args:
        name: the argument, as in the caller's signature.
        values: what was given.
        shape: the expected sizes; None where any positive size will do.
        axes: what each axis means, for the message.

    Raises:
        ShapeError: another number of axes, another size, or nothing at all.
        NonFiniteError: NaN or infinity, with their number and first place.
    """
    array = np.asarray(values, dtype=np.float64)
    wrong_size = array.ndim != len(shape) or any(
        size == 0 or (expected is not None and size != expected)
        for size, expected in zip(array.shape, shape, strict=False)
    )
    if wrong_size:
        wanted = ", ".join(
            axis if size is None else f"{axis}={size}"
            for axis, size in zip(axes, shape, strict=True)
        )
        raise ShapeError(
            f"`{name}` must have the shape ({wanted}) with at least one entry; got {array.shape}.",
            "Check the order of the axes and that the variables are those of the array's columns.",
        )
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise NonFiniteError(
            f"`{name}` holds {int(bad.sum())} NaN or infinite values, the first at {first}.",
            "Remove or repair these entries before plotting them.",
        )
    return array


def check_variables(variables: Sequence[Variable]) -> tuple[Variable, ...]:
    """The variables as a tuple.

    Raises:
        ShapeError: there are none.
    """
    if not variables:
        raise ShapeError("A picture needs at least one variable; got none.", "Name the columns.")
    return tuple(variables)
