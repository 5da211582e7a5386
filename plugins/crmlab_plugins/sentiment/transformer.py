"""Sentiment by a transformer that lies on this machine; nothing is ever downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.errors import DataError, MissingExtraError, ParamsError
from crmlab.labels import Text
from crmlab_plugins.sentiment.base import SentimentAnnotator, spread

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_BATCH = 32


class SentimentTransformer(SentimentAnnotator):
    """Judges texts by a model for text classification in a folder of this machine.

    ``path`` is a folder as ``save_pretrained`` of the package transformers writes it, with ``config.json``
    and weights as safetensors; a model with code of its own is not run. ``positive_label`` and
    ``negative_label`` name its classes, in any case of letters; its other classes count for neither.
    Without ``path`` nothing is judged.
    """

    title: ClassVar[Text] = Text(
        "情感分析（本地 Transformer 模型）", "Sentiment (a transformer of this machine)"
    )

    path: str | None = None
    positive_label: str = "positive"
    negative_label: str = "negative"

    def definition(self) -> Text:
        """How a text is judged."""
        low, high = self._bands()
        name = Path(self.path).name if self.path else "–"
        return Text(
            f"本机文件夹中的文本分类模型（{name}）给出“{self.positive_label}”在正负两类中的概率，"
            f"高于 {high} 记为正面，低于 {low} 记为负面，介于两者之间记为不确定。准确率取决于所给模型。",
            f"A text-classification model in a folder of this machine ({name}) gives the probability of "
            f"“{self.positive_label}” among its two classes; above {high} positive, below {low} negative, "
            "between them uncertain. Its accuracy is that of the model given.",
        )

    def _fit(self, feedback: pl.DataFrame) -> None:
        if self.path is not None:
            self._pipeline()

    def _probabilities(self, texts: pl.Series, language: pl.Series) -> NDArray[np.float64]:
        import numpy as np

        chosen = language.is_not_null()
        if self.path is None or not chosen.any():
            return np.full(len(texts), np.nan)
        positive, negative = self.positive_label.casefold(), self.negative_label.casefold()
        found = []
        for scores in self._pipeline()(
            texts.filter(chosen).to_list(), batch_size=_BATCH, truncation=True, top_k=None
        ):
            of_class = {each["label"].casefold(): float(each["score"]) for each in scores}
            both = of_class[positive] + of_class[negative]
            found.append(of_class[positive] / both if both else float("nan"))
        return spread(texts, chosen, found)

    def _pipeline(self) -> Any:
        """Return the model, ready to judge."""
        folder = Path(self.path or "")
        if not (folder / "config.json").is_file():
            raise ParamsError(
                f"path of sentiment-transformer is {self.path!r}, which is no folder with a config.json. "
                "Give a folder of this machine that holds a saved model; names on a hub are not looked up."
            )
        for name in _OFFLINE:
            os.environ[name] = "1"  # read when the package is imported
        try:
            from transformers import pipeline
        except ImportError as error:
            raise MissingExtraError(
                "The annotator sentiment-transformer needs the package transformers. "
                "Run: pip install 'crmlab[transformers]'"
            ) from error
        try:
            model = pipeline(
                "text-classification",
                model=str(folder),
                tokenizer=str(folder),
                trust_remote_code=False,
                model_kwargs={"local_files_only": True, "use_safetensors": True},
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"The model in {folder.name} cannot be loaded ({type(error).__name__}). It must be a model "
                "for text classification with its tokenizer and weights as safetensors."
            ) from error
        classes = {str(name).casefold() for name in model.model.config.id2label.values()}
        absent = {self.positive_label.casefold(), self.negative_label.casefold()} - classes
        if absent:
            raise ParamsError(
                f"The model in {folder.name} has the classes {', '.join(sorted(classes))}; "
                f"{', '.join(sorted(absent))} is not among them. Set positive_label and negative_label."
            )
        return model
