"""What plugins' work becomes in a notebook: Segmentation, Scores, Annotation, Finding."""

from crmlab.results.annotation import Annotation
from crmlab.results.finding import Finding
from crmlab.results.scores import Scores
from crmlab.results.segmentation import Segmentation

__all__ = ["Annotation", "Finding", "Scores", "Segmentation"]
