"""Reading a provider's answer: strict JSON or form text into an object, or the error that fits."""

import json
import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal, NoReturn
from urllib.parse import parse_qsl, quote

from asgi_social.errors import ProviderBroken, ProviderRefused, ProviderUnreachable
from asgi_social.expressions import Path
from asgi_social.protocols.message import Response

OddNumbers = Literal["refuse", "text"]

MAX_DEPTH = 32
MAX_RETRY_AFTER_SECONDS = 3600.0


def object_of(
    response: Response,
    *,
    endpoint: str,
    backend: str,
    code: Path | None = None,
    odd_numbers: OddNumbers = "refuse",
) -> dict[str, object]:
    """Give the JSON object or form fields of an answer with a 2xx status.

    Args:
        response: The answer.
        endpoint: The endpoint's name, for errors.
        backend: The backend's name, for errors.
        code: Where the provider has the code of an error, if not in ``error``.
        odd_numbers: See :func:`parsed`.

    Raises:
        ProviderRefused: An error status with an ``error`` member (RFC 6749 section 5.2), or with the provider's own.
        ProviderUnreachable: 429 or a 5xx status.
        ProviderBroken: Anything else: a redirect, HTML, a list, nothing.
    """
    require_success(response, endpoint=endpoint, backend=backend, code=code)
    return _parsed_object(response, endpoint=endpoint, backend=backend, odd_numbers=odd_numbers)


def require_success(response: Response, *, endpoint: str, backend: str, code: Path | None = None) -> None:
    """Raise the error that fits an answer whose status is not 2xx; see :func:`object_of`."""
    status = response.status
    if 200 <= status < 300:
        return
    if status == 429 or status >= 500:
        raise ProviderUnreachable(
            f"the {endpoint} answers {status}",
            endpoint=endpoint,
            may_have_arrived=status != 429,
            retry_after=retry_after_of(response),
            http_status=status,
            backend=backend,
        )
    if status >= 400 and (error := _error_of(response, code)) is not None:
        raise ProviderRefused(
            endpoint=endpoint,
            error=unrepeated(error[0], response),
            description=unrepeated(error[1], response),
            hint="see the provider's manual for this code",
            http_status=status,
            backend=backend,
        )
    raise ProviderBroken(
        endpoint=endpoint,
        expected="an answer with status 200",
        got=f"a redirect ({status})" if 300 <= status < 400 else f"status {status}",
        http_status=status,
        backend=backend,
    )


def unrepeated(text: str, response: Response) -> str:
    """Give a provider's text without what it repeats of the request; Facebook quotes a token that it does not take."""
    for sent in response.sent:
        text = text.replace(sent.reveal(), "…").replace(quote(sent.reveal(), safe=""), "…")
    return text


def retry_after_of(response: Response) -> float | None:
    """Give the seconds that an answer asks to wait, between 0 and one hour, or None where it does not say.

    Source: RFC 9110 section 10.2.3 (seconds or a date).
    """
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the second for a year of twenty digits
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(moment.timestamp() - response.received_at, 0.0), MAX_RETRY_AFTER_SECONDS)


def parsed(text: str | bytes, *, odd_numbers: OddNumbers = "refuse") -> object:
    """Parse JSON as strictly as a security decision needs.

    Refused, by ``ValueError``: bytes that are not UTF-8, a name that comes twice in an object, NaN and Infinity, more
    than 32 levels, a fraction beyond what a float holds. A whole number beyond 64 bits comes as its text, for it names
    something and is not counted with.

    Args:
        text: JSON.
        odd_numbers: ``text``: NaN, Infinity and a fraction beyond a float come as their text too, where what stands
            beside them must not be lost, as tokens that a provider gives only once.
    """
    try:
        value = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=_unrepeated,
            parse_constant=_no_constant if odd_numbers == "refuse" else str,
            parse_int=_whole_number,
            parse_float=_fraction if odd_numbers == "refuse" else _fraction_or_text,
        )
    except RecursionError:
        raise ValueError("too deep") from None
    _require_shallow(value)
    return value


def _parsed_object(response: Response, *, endpoint: str, backend: str, odd_numbers: OddNumbers) -> dict[str, object]:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    got = kind or "no content type"
    try:
        value = parsed(response.body, odd_numbers=odd_numbers)
    except ValueError:
        value = _form_of(response.body) if kind in {"", "text/plain", "application/x-www-form-urlencoded"} else None
    else:
        got = "an array" if isinstance(value, list) else f"a {type(value).__name__}"
    if isinstance(value, dict):
        return value
    raise ProviderBroken(
        endpoint=endpoint,
        expected="a JSON object",
        got=f"{len(response.body)} bytes of {got}" if response.body else "an empty body",
        http_status=response.status,
        backend=backend,
    )


def _form_of(body: bytes) -> dict[str, object] | None:
    try:
        pairs = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=100)
        return _unrepeated(list(pairs))
    except ValueError:
        return None


def _error_of(response: Response, code: Path | None) -> tuple[str, str] | None:
    try:
        value = parsed(response.body)
    except ValueError:
        value = _form_of(response.body)
    answer = value if isinstance(value, dict) else {}
    error, description = answer.get("error"), answer.get("error_description")
    if isinstance(error, dict):  # Facebook and Google answer an object here
        described = error
        error = described.get("type") or described.get("status") or described.get("code")
        description = described.get("message")
    own = code.read({"": answer}) if code else None
    error = error if own is None else own
    if not isinstance(error, str | int) or isinstance(error, bool):
        return None
    return str(error), description if isinstance(description, str) else ""


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name comes twice")
    return value


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _whole_number(digits: str) -> int | str:
    return digits if len(digits) > 20 or int(digits).bit_length() > 64 else int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number beyond all others")
    return value


def _fraction_or_text(digits: str) -> float | str:
    value = float(digits)
    return digits if math.isinf(value) else value


def _require_shallow(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise ValueError("too deep")
