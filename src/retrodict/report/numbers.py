"""Numbers for people: as many digits as they mean."""

import math

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"


def significant(value: float, digits: int = 3) -> str:
    """`value` with `digits` significant digits: `0.00123`, `12 300`, `1.2×10⁻⁷`."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    if value == 0:
        return "0"
    if value == int(value) and abs(value) < 1e9:
        return _signed(_grouped(f"{abs(int(value)):d}"), value)
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if -4 <= exponent < 7:
        text = f"{abs(value):.{max(0, digits - 1 - exponent)}f}"
        whole, dot, fraction = text.partition(".")
        return _signed(_grouped(whole) + dot + fraction, value)
    mantissa = f"{abs(value):.{digits - 1}e}".split("e")[0]
    return _signed(f"{mantissa}×10{str(exponent).translate(_SUPERSCRIPTS)}", value)


def percent(share: float, digits: int = 2) -> str:
    """`0.0123` as `1.2 %`."""
    return f"{significant(100 * share, digits)}\N{NO-BREAK SPACE}%"


def aligned(value: float, scale: float) -> str:
    """`value` to the decimal place of the third digit of `scale`, e.g. of a posterior's sd."""
    if not (math.isfinite(value) and math.isfinite(scale)) or scale <= 0:
        return significant(value, 4)
    decimals = 2 - math.floor(math.log10(scale))
    if decimals > 7 or abs(value) >= 1e7:
        return significant(value, 4)
    text = f"{abs(value):.{max(0, decimals)}f}"
    whole, dot, fraction = text.partition(".")
    is_zero = not text.strip("0.")
    return _signed(_grouped(whole) + dot + fraction, 0.0 if is_zero else value)


def bounds(lower: float, upper: float) -> str:
    """The support in words that fit a table cell."""
    if math.isinf(lower) and math.isinf(upper):
        return "unbounded"
    if math.isinf(upper):
        return f"≥ {significant(lower, 4)}"
    if math.isinf(lower):
        return f"≤ {significant(upper, 4)}"
    return f"{significant(lower, 4)} to {significant(upper, 4)}"


def _signed(text: str, value: float) -> str:
    return f"\N{MINUS SIGN}{text}" if value < 0 else text


def _grouped(digits: str) -> str:
    """Thousands apart, from five digits on, so that 2024 stays 2024."""
    return digits if len(digits) < 5 else f"{int(digits):,}".replace(",", _NARROW_SPACE)
