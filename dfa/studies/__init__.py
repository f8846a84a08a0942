"""Studies: points over any field of an experiment or bench, run anywhere, stored at once, drawn."""

from dfa.studies.fields import Setting, setting_fields, with_changes
from dfa.studies.outcome import StudyResults, csv_text, save_study
from dfa.studies.plan import Point, StudyPlan, Task
from dfa.studies.sweep import Axis, Sweep, grid, spaced, together

__all__ = [
    "Axis",
    "Point",
    "Setting",
    "StudyPlan",
    "StudyResults",
    "Sweep",
    "Task",
    "csv_text",
    "grid",
    "save_study",
    "setting_fields",
    "spaced",
    "together",
    "with_changes",
]
