"""Tell people how a run ended, through the channels that a study names under ``notify``.

A message that does not arrive is a warning: it never changes how a run ended, nor its exit code. What is told
is what the manifest says, without contacts of persons and without secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from crmlab.labels import Language
    from crmlab.notify.message import Message
    from crmlab.notify.settings import ChannelParams
    from crmlab.params import Study


class Published(Protocol):
    """A run that is published: its folder, with its manifest."""

    @property
    def folder(self) -> Path:
        """The folder."""


def after(study: Study, *runs: Published, problems: Sequence[str] = ()) -> list[str]:
    """Tell the study's channels how its runs ended, the cells of one matrix in one message.

    ``problems`` are sentences about what no run tells: cells without one, and runs that could not be copied
    to where the study publishes. Returns a warning for each channel that could not be told; raises nothing.
    """
    if not study.notify or not (runs or problems):
        return []
    from crmlab.notify.message import about_runs

    folders = [run.folder for run in runs]
    return _tell(
        study.notify,
        study.language,
        lambda language, link, traces: about_runs(study.heading, folders, problems, language, link, traces),
        study.settings(),
    )


def not_started(study: Path, due: datetime, code: int, said: list[str]) -> list[str]:
    """Tell the channels of the study in a YAML file that a scheduled run did not come to its end, and why.

    The study itself may be what is wrong, so only its channels are read, and those of them that are
    valid. Returns warnings like :func:`after`.
    """
    from crmlab.documents import parse
    from crmlab.errors import ParamsError
    from crmlab.labels import Text
    from crmlab.notify.message import about_no_run
    from crmlab.notify.settings import valid_channels

    try:
        values = parse(study.read_bytes().decode("utf-8-sig"), str(study)).value
        channels, wrong = valid_channels(values.get("notify") or ())
    except (OSError, ValueError, AttributeError, ParamsError):
        return ["Nobody could be told: the study's channels cannot be read."]
    unread = [f"The notification to notify.{place} did not arrive: it is not valid." for place in wrong]
    name = str(values.get("study", study.stem))
    when = due.isoformat(sep=" ", timespec="minutes")
    return unread + _tell(
        channels,
        "en" if values.get("language") == "en" else "zh",
        lambda language, _, traces: about_no_run(Text(name, name), when, code, said, language, traces),
        values,
    )


def try_out(study: Study) -> list[tuple[str, str | None]]:
    """Send a test message through every channel; return each channel and why it failed, or None."""
    from crmlab.notify.delivery import deliver
    from crmlab.notify.message import test_message

    told = []
    for place, channel in enumerate(study.notify):
        language = channel.language or study.language
        told.append(
            (_called(place, channel), deliver(channel, test_message(study.heading, language), language))
        )
    return told


def _tell(
    channels: Iterable[ChannelParams],
    language: Language,
    message: Callable[..., Message],
    settings: Any,
) -> list[str]:
    from crmlab.environment import secrets_in
    from crmlab.notify.delivery import deliver, secret_parts
    from crmlab.report.traces import Traces

    warnings = []
    secrets = secrets_in(settings)
    for channel in channels:
        secrets |= secret_parts(channel)
    for place, channel in enumerate(channels):
        spoken = channel.language or language
        try:
            told = message(spoken, channel.link, Traces(secrets=secrets))
            if told.good and channel.on == "failure":
                continue
            why = deliver(channel, told, spoken)
        except Exception as error:  # whatever goes wrong here, the run has ended as it has
            why = type(error).__name__
        if why:
            warnings.append(f"The notification to {_called(place, channel)} did not arrive: {why}")
    return warnings


def _called(place: int, channel: ChannelParams) -> str:
    return f"notify.{place} ({channel.kind})"
