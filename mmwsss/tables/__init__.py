"""The tables of the method's paper, and ACR's: rows, how they are run, and what came out beside what was published.

The runner is in :mod:`mmwsss.tables.runner`: to list the rows no network library is imported.
"""

from mmwsss.tables.formatting import list_table, results_json, results_table
from mmwsss.tables.ledger import Published, ledger
from mmwsss.tables.power import power_of, seeds_needed, smallest_difference
from mmwsss.tables.rows import ACR_ROWS, ROWS, Row, select_rows

__all__ = [
    'ACR_ROWS',
    'ROWS',
    'Published',
    'Row',
    'ledger',
    'list_table',
    'power_of',
    'results_json',
    'results_table',
    'seeds_needed',
    'select_rows',
    'smallest_difference',
]
