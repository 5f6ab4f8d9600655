"""The tables of the method's paper: rows, how they are run, and what came out beside what was published.

The runner is in :mod:`mmwsss.ablation.runner`: to list the rows no network library is imported.
"""

from mmwsss.ablation.rows import ROWS, Row, select_rows
from mmwsss.ablation.tables import list_table, results_json, results_table

__all__ = ['ROWS', 'Row', 'list_table', 'results_json', 'results_table', 'select_rows']
