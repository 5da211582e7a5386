"""The file system of a storage, and what goes wrong with it, in words that quote no secret."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping
from typing import Any

from crmlab.errors import CrmlabError, MissingExtraError, ParamsError
from crmlab.storage.addresses import Address

CONNECT_SECONDS = 10
"""A server that does not take a connection for this long is not there."""
READ_SECONDS = 60
"""A server that says nothing for this long will not."""
_ATTEMPTS = 2
_EXTRAS = {"s3": "s3", "gs": "gcs", "az": "azure", "webdav": "webdav"}
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def filesystem(address: Address, options: Mapping[str, Any]) -> Any:
    """Return the fsspec file system of an address; ``options`` are those of its storage, secrets resolved.

    Its connections are kept for the next call; listings are not, so what changes elsewhere is seen. Raises
    MissingExtraError where the package is not installed, ParamsError for options that do not go together.
    """
    try:
        import fsspec

        # Otherwise gcsfs asks by gRPC what kind of bucket it is, for minutes where only HTTP gets through.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        made = fsspec.get_filesystem_class(address.storage)
        return made(**_ARGUMENTS[address.storage](address, dict(options)))
    except ImportError:
        extra = _EXTRAS[address.storage]
        raise MissingExtraError(
            f"Addresses {address.scheme}://… need the extra {extra!r}. Install it: "
            f"pip install 'crmlab[{extra}]'."
        ) from None
    except CrmlabError:
        raise
    except Exception as error:  # each package has errors of its own
        raise ParamsError(
            f"storage.{address.storage}: the options are not complete, contradict each other, or name a "
            f"file that cannot be read ({type(error).__name__}). See docs/storage.md for what each means."
        ) from None


def sentence(error: Exception, address: object) -> str:
    """Say what went wrong at an address and what to do; the error's own text is left out: it may quote."""
    chain = _chain(error)
    names = {cls.__name__ for each in chain for cls in type(each).__mro__}
    status = next((found for each in chain if (found := _status(each))), None)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full. Make room for what is fetched, or set TMPDIR to a folder elsewhere."
    if status == 404 or names & {"FileNotFoundError", "ResourceNotFoundError", "ResourceNotFound"}:
        return (
            f"Nothing is found at {address}: there is no such bucket, container or path. Check how it is "
            "written; some storages also say so to an account without permission."
        )
    if "ProfileNotFound" in names:
        return f"{address}: ~/.aws has no profile of the name that storage.s3.profile gives. Check the name."
    if any("Credentials" in name for name in names):
        return (
            f"{address} needs credentials, and none that are complete are found. Give them in the provider's "
            "environment variables or under `storage`, as env:NAME."
        )
    forbidden = isinstance(error, OSError) and str(error).startswith("Forbidden")  # as gcsfs says 403
    if (
        forbidden
        or status in (401, 403)
        or names & {"PermissionError", "ClientAuthenticationError", "ForbiddenOperation"}
    ):
        return (
            f"{address} may not be read or written with these credentials. Check them, and what the account "
            "is allowed to do."
        )
    if any("Connect" in name or "Timeout" in name or name in _UNREACHABLE for name in names):
        return (
            f"{address} cannot be reached: the server does not answer. Check the network, the proxy and, "
            "under `storage`, the endpoint_url; then run again."
        )
    return f"{address}: {type(error).__name__}{f' (status {status})' if status else ''}. Try again later."


_UNREACHABLE = {"gaierror", "TransportError", "ServiceRequestError", "ClientOSError"}


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error of any of the packages holds."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def _s3(_: Address, given: dict[str, Any]) -> dict[str, Any]:
    region = given.pop("region", None)
    return {
        "anon": given.pop("anonymous", False),
        "client_kwargs": {"region_name": region} if region else None,
        "config_kwargs": {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"max_attempts": _ATTEMPTS},
        },
        "use_listings_cache": False,
        **given,
    }


def _gcs(_: Address, given: dict[str, Any]) -> dict[str, Any]:
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it prints what is put into words here
    credentials = given.pop("credentials", None)
    if credentials is not None and not os.path.isfile(credentials):
        raise ParamsError(
            "storage.gs.credentials: the variable names no file. It holds the path of a service account's "
            "key file, which is JSON."
        )
    token = "anon" if given.pop("anonymous", False) else credentials
    return {"token": token, "requests_timeout": READ_SECONDS, "use_listings_cache": False, **given}


def _azure(_: Address, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "anon": given.pop("anonymous", None),
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "use_listings_cache": False,
        **given,
    }


def _webdav(address: Address, given: dict[str, Any]) -> dict[str, Any]:
    import httpx

    encrypted = address.scheme == "webdavs"
    if given and not encrypted and address.place.rsplit(":", 1)[0] not in _LOCAL:
        raise ParamsError(f"{address}: a password is sent over webdavs:// alone. Write it so.")
    user, password = given.get("user"), given.get("password")
    if (user is None) != (password is None):
        raise ParamsError("storage.webdav: `user` and `password` go together.")
    return {
        "base_url": f"http{'s' if encrypted else ''}://{address.place}",
        "auth": (user, password) if user else None,
        "timeout": httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        "retry": False,
    }


_ARGUMENTS = {"s3": _s3, "gs": _gcs, "az": _azure, "webdav": _webdav}
"""What the file system of each storage is made with."""
