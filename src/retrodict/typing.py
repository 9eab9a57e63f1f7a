"""Names for the shapes that recur. `dim`: causes, `cond`: condition, `rows`: a table's rows."""

from jaxtyping import Array, Float, Int, PRNGKeyArray

Key = PRNGKeyArray
Scalar = Float[Array, ""]
Vector = Float[Array, " dim"]
Condition = Float[Array, "..."]

__all__ = ["Array", "Condition", "Float", "Int", "Key", "Scalar", "Vector"]
