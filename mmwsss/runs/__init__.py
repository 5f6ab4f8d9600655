"""The graph of runs: what a run is, the store that makes or finds it, and pipelines of runs.

Where a run's result is decided: its key in :mod:`mmwsss.runs.keys`, what it does in :mod:`mmwsss.runs.actions`, whether
it stands in :mod:`mmwsss.runs.store`.
"""

from mmwsss.runs.loading import load_pipeline
from mmwsss.runs.pipeline import Pipeline
from mmwsss.runs.run import Output, Run, in_order
from mmwsss.runs.store import StaleRunError, State, Store

__all__ = ['Output', 'Pipeline', 'Run', 'StaleRunError', 'State', 'Store', 'in_order', 'load_pipeline']
