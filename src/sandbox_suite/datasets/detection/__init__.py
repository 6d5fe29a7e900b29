"""Detection: which columns look like personal data. It proposes and vetoes; default deny is the guarantee."""

from sandbox_suite.datasets.detection.columns import detect, label, observe
from sandbox_suite.datasets.detection.counting import Look
from sandbox_suite.datasets.detection.evidence import Evidence, Label
from sandbox_suite.datasets.detection.tables import Labels, label_all, label_source, parquet, see
from sandbox_suite.datasets.detection.veto import veto

__all__ = [
    "Evidence",
    "Label",
    "Labels",
    "Look",
    "detect",
    "label",
    "label_all",
    "label_source",
    "observe",
    "parquet",
    "see",
    "veto",
]
