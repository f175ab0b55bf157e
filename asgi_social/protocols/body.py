"""Reading a provider's answer, mostly strict JSON or form text, into an object, or the error that fits."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from asgi_social.errors import ProviderBroken, ProviderRefused, ProviderUnreachable
from asgi_social.expressions import Path
from asgi_social.protocols.formats import Format, fields_of, read_as
from asgi_social.protocols.message import Response
from asgi_social.protocols.strict_json import OddNumbers, parsed

MAX_RETRY_AFTER_SECONDS = 3600.0


def object_of(
    response: Response, *, endpoint: str, backend: str, code: Path | None = None, form: Format = "json"
) -> dict[str, object]:
    """Give the object or the form fields of an answer with a 2xx status.

    Args:
        response: The answer.
        endpoint: The endpoint's name, for errors.
        backend: The backend's name, for errors.
        code: Where the provider has the code of an error, if not in ``error``.
        form: What it is in; form text passes for JSON where its content type says that it is.

    Raises:
        ProviderRefused: An error status with an ``error`` member (RFC 6749 section 5.2), or with the provider's own.
        ProviderUnreachable: 429 or a 5xx status.
        ProviderBroken: Anything else: a redirect, HTML, a list, nothing.
    """
    require_success(response, endpoint=endpoint, backend=backend, code=code)
    return object_in(response, endpoint=endpoint, backend=backend, form=form)


def object_in(
    response: Response, *, endpoint: str, backend: str, form: Format, odd_numbers: OddNumbers = "refuse"
) -> dict[str, object]:
    """Give the object or the form fields of a body, whatever the status; the arguments are those of :func:`object_of`.

    Raises:
        ProviderBroken: It holds something else.
    """
    value, got = _read(response, form, odd_numbers=odd_numbers)
    if isinstance(value, dict):
        return value
    raise _broken(response, got, endpoint=endpoint, backend=backend)


def answer_of(
    response: Response, *, endpoint: str, backend: str, code: Path | None, form: Format
) -> dict[str, object] | list[object]:
    """Give what :func:`object_of` gives, or an array, which some providers answer with."""
    require_success(response, endpoint=endpoint, backend=backend, code=code)
    value, got = _read(response, form, odd_numbers="refuse")
    if isinstance(value, dict | list):
        return value
    raise _broken(response, got, endpoint=endpoint, backend=backend)


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


def _read(response: Response, form: Format, *, odd_numbers: OddNumbers) -> tuple[object, str]:
    """Give what a body holds, None where it cannot be read, and what it is in a few words."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    got = kind or "no content type"
    try:
        value = read_as(form, response.body, odd_numbers=odd_numbers)
    except ValueError:
        is_form = form == "json" and kind in {"", "text/plain", "application/x-www-form-urlencoded"}
        return (_form_of(response.body) if is_form else None), f"{len(response.body)} bytes of {got}"
    what = "an array" if isinstance(value, list) else f"a {type(value).__name__}"
    return value, f"{len(response.body)} bytes of {what}"


def _broken(response: Response, got: str, *, endpoint: str, backend: str) -> ProviderBroken:
    return ProviderBroken(
        endpoint=endpoint,
        expected="a JSON object",
        got=got if response.body else "an empty body",
        http_status=response.status,
        backend=backend,
    )


def _form_of(body: bytes) -> dict[str, object] | None:
    try:
        return fields_of(body)
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
