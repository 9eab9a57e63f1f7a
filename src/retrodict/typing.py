"""Names for the shapes that recur. `dim`: causes, `cond`: condition, `rows`: a table's rows."""

from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt32

Key = PRNGKeyArray
Scalar = Float[Array, ""]
Vector = Float[Array, " dim"]
Condition = Float[Array, "..."]

__all__ = ["Array", "Bool", "Condition", "Float", "Int", "Key", "Scalar", "UInt32", "Vector"]
