"""What users bring: tables, columns and observations, checked, with names."""

from retrodict.tables.check import (
    Matrix as Matrix,
    as_matrix as as_matrix,
    check_enough_rows as check_enough_rows,
    check_no_constant_column as check_no_constant_column,
    check_observation as check_observation,
    check_pairs as check_pairs,
    outside_range as outside_range,
)
from retrodict.tables.columns import select_columns as select_columns
from retrodict.tables.parse import (
    parse_bounds as parse_bounds,
    parse_name as parse_name,
    parse_names as parse_names,
    parse_names_and_units as parse_names_and_units,
    parse_values as parse_values,
    variables_of as variables_of,
)
from retrodict.tables.read import read_table as read_table
from retrodict.tables.write import write_table as write_table
