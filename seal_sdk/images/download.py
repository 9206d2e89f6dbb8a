"""Images by URL, fetched within limits of size and time. diffusers' ``load_image`` has none."""

from __future__ import annotations

import io
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeGuard

from seal_sdk.errors import ImageError
from seal_sdk.locations import OFFLINE_VARIABLE, is_offline

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

MAX_BYTES = 64 * 2**20
MAX_SECONDS = 30.0
"""For all of it: names, connections, redirects and the body."""
MAX_REDIRECTS = 10
CHUNK = 2**12  # bytes


def is_url(source: object) -> TypeGuard[str]:
    """Whether this is an http or https URL."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


def public_url(url: str) -> str:
    """A URL without what may be secret: user, password, query."""
    scheme, _, rest = url.partition("://")  # urlsplit refuses hosts that are none
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def fetch(url: str, what: str, adapter: BaseAdapter | None = None) -> bytes:
    """The bytes at an http or https URL. Redirects are followed, and proxies are those of the environment, as `requests` has them.

    what: the image in error messages. adapter: what connects, in the place of requests' own and of proxies. Raises ImageError where
    ``SEAL_OFFLINE`` is set, nothing can be reached, the server refuses, what comes is a page or larger than 64 MiB, or it has not come
    within 30 seconds.
    """
    if is_offline():
        raise ImageError(f"{what} is not fetched: {OFFLINE_VARIABLE} is set. Give a file, or unset it.")
    answers: SimpleQueue[bytes | Exception] = SimpleQueue()
    given_up = Event()
    # Timeouts of sockets are for each read, and none is for looking up names: a thread is the only limit of the whole.
    Thread(target=_answer, args=(url, what, adapter, given_up, answers), name="seal-fetch", daemon=True).start()
    try:
        answer = answers.get(timeout=MAX_SECONDS)
    except Empty:
        raise ImageError(f"{what} did not arrive within {MAX_SECONDS:g} seconds: fetch it yourself.") from None
    finally:
        given_up.set()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(
    url: str, what: str, adapter: BaseAdapter | None, given_up: Event, answers: SimpleQueue[bytes | Exception]
) -> None:
    try:
        answers.put(_read(url, what, adapter, given_up))
    except ImageError as error:
        answers.put(error)
    except Exception as error:  # whatever happens belongs to the caller, who waits in another thread
        told = ImageError(f"{what} could not be fetched: {_told(error)}.")
        told.__cause__ = error
        answers.put(told)


def _told(error: Exception) -> str:
    """Without the URL, which the error may repeat with its query."""
    from requests import exceptions

    words = {
        exceptions.TooManyRedirects: f"it is redirected more than {MAX_REDIRECTS} times",
        exceptions.Timeout: "the server does not answer",
        exceptions.SSLError: "the server's certificate cannot be verified",
        exceptions.ChunkedEncodingError: "the connection broke off",
        exceptions.ConnectionError: "the server cannot be reached, or there is no network",
    }
    return next((told for kind, told in words.items() if isinstance(error, kind)), type(error).__name__)


def _read(url: str, what: str, adapter: BaseAdapter | None, given_up: Event) -> bytes:
    from requests import Session  # it takes a while, and few need it

    with Session() as session:
        session.max_redirects = MAX_REDIRECTS
        if adapter is not None:
            session.trust_env = False
            session.mount("http://", adapter)
            session.mount("https://", adapter)
        session.hooks["response"].append(_drop_body_of_redirect)
        with session.get(url, stream=True, timeout=MAX_SECONDS, headers={"Accept-Encoding": "identity"}) as response:
            if not response.ok:
                raise ImageError(f"{what}: the server answers {response.status_code} {response.reason}.")
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
            if "html" in kind:
                raise ImageError(f"{what} is {kind}, not an image: give the address of the image itself.")
            return _body(response, what, given_up)


def _body(response: Any, what: str, given_up: Event) -> bytes:
    too_large = ImageError(f"{what} is larger than {MAX_BYTES // 2**20} MiB: fetch and resize it yourself.")
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > MAX_BYTES:
        raise too_large
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise too_large
        if given_up.is_set():
            break
    return bytes(body)


def _drop_body_of_redirect(response: Any, **_: Any) -> None:
    """Requests would read all of it into memory, and it may be endless."""
    if response.is_redirect:
        response.raw.close()
        response.raw = io.BytesIO()
