"""What went wrong with an upstream, in words that hold neither content nor secrets, and say what to change."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx2

from streamsvc.producers.base import UpstreamError
from streamsvc.producers.endpoint import Endpoint

_CODE = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,64}", re.ASCII)
# An account without credit is answered like one that is too fast, but waiting does not help it.
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})
_STATUS_OF_WORD = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "billing_error": 429,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "request_too_large": 413,
    "context_length_exceeded": 400,
    "content_policy_violation": 400,
    "image_content_policy_violation": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "permission_error": 403,
    "model_not_found": 404,
    "not_found_error": 404,
    "timeout_error": 504,
    "server_error": 500,
    "api_error": 500,
    "overloaded_error": 529,
}


class Reported(Exception):
    """The upstream says inside its stream that it failed; `error` is its own object, which may quote the prompt."""

    def __init__(self, error: object) -> None:
        super().__init__()
        self.error = error


class Failures:
    """The failures of one endpoint, as the runner and the reader of a log need them.

    None of them carries the package's own exception: that quotes the upstream's words, which may quote the prompt, or
    the header with the key.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._name = endpoint.name
        self._address = endpoint.address
        self._has_key = endpoint.has_key
        self._connect_timeout = endpoint.connect_timeout
        self._retries = endpoint.max_retries > 0

    def of_call(self, error: Exception, model: str) -> UpstreamError:
        """Return the failure of a request that the package gave up: its exception, or one with a `status_code`."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            return self._of_status(status, _code(getattr(error, "body", None)), model, retried=self._retries)
        cause = error.__cause__
        if isinstance(cause, httpx2.ConnectTimeout):
            return self.silent("connect", "took no connection", self._connect_timeout, retried=self._retries)
        kind = type(cause or error).__name__
        if isinstance(cause, httpx2.ConnectError | httpx2.ProxyError):
            what = f"the upstream {self._name} cannot be reached at {self._address} ({kind})"
        else:
            what = f"the upstream {self._name} at {self._address} did not answer: the connection failed ({kind})"
        return self._unavailable(what, retried=self._retries, error=kind)

    def of_read(self, error: Exception) -> UpstreamError:
        """Return the failure of a stream whose bytes could not be read."""
        if isinstance(error, httpx2.DecodingError):
            return self.malformed("sent bytes that cannot be decompressed")
        return self.broken_off()

    def of_report(self, error: object, model: str) -> UpstreamError:
        """Return the failure that the upstream reported inside its stream."""
        code = _code(error)
        words = (_word(error, "code"), _word(error, "type"))
        status = next((int(word) for word in words if word.isdecimal() and len(word) == 3), None)
        if status is None:
            status = next((_STATUS_OF_WORD[word] for word in words if word in _STATUS_OF_WORD), None)
        if status is not None and status >= 400:
            return self._of_status(status, code, model, retried=False)
        what = f"the upstream {self._name} at {self._address} reported an error while it answered"
        return self._unavailable(f"{what} ({code})", code=code) if code else self._unavailable(what)

    def silent(self, phase: str, what: str, limit: timedelta, *, retried: bool = False) -> UpstreamError:
        """Return the failure of an upstream that kept silent in `phase` for longer than `limit`."""
        text = f"{limit.total_seconds():g} s"
        message = f"the upstream {self._name} {what} within {text}"
        metadata = {"upstream": self._name, "phase": phase, "limit": text}
        return UpstreamError("UPSTREAM_TIMEOUT", message, retryable=True, retried=retried, metadata=metadata)

    def malformed(self, what: str, **metadata: str) -> UpstreamError:
        """Return the failure of an upstream that does not speak the protocol."""
        message = f"the upstream {self._name} {what}"
        return UpstreamError(
            "UPSTREAM_INVALID", message, retryable=False, metadata={"upstream": self._name, **metadata}
        )

    def no_stream(self, content_type: str) -> UpstreamError:
        """Return the failure of an upstream that answers with something else than an event stream."""
        found = _MEDIA_TYPE.match(content_type)
        media_type = found.group() if found else "something else"
        what = f"answered with {media_type} instead of an event stream; check that its address is {self._address}"
        return self.malformed(what, media_type=media_type, base_url=self._address)

    def other_dialect(self) -> UpstreamError:
        """Return the failure of an upstream whose events are not those of its family."""
        what = f"at {self._address} sent data that its kind of API does not send; check its kind and its base_url"
        return self.malformed(what, base_url=self._address)

    def broken_off(self) -> UpstreamError:
        """Return the failure of a stream that ended before the answer did."""
        return self._unavailable(f"the upstream {self._name} at {self._address} broke off before the answer's end")

    def of_continuation(self, error: UpstreamError) -> UpstreamError:
        """Return the failure of a request that asked to go on with an answer, with the way out if it was refused."""
        if error.reason != "UPSTREAM_REJECTED":
            return error
        message = f"{error.message}; it was asked to go on with an answer, see continue_mode"
        return UpstreamError(error.reason, message, retryable=False, retried=error.retried, metadata=error.metadata)

    def astray(self) -> UpstreamError:
        """Return the failure of an upstream that says something else than it had said, and cannot go on with that."""
        return self.malformed("does not go on with the answer that it is handed, see continue_mode")

    def _of_status(self, status: int, code: str, model: str, *, retried: bool) -> UpstreamError:
        metadata = {"upstream": self._name, "status": str(status)}
        if code:
            metadata["code"] = code
        said = f"status {status}" + (f" ({code})" if code and code != str(status) else "")
        if status == 429:
            message, reason = f"the upstream {self._name} takes no more requests just now: {said}", "RATE_LIMITED"
        elif status == 408:
            message, reason = f"the upstream {self._name} gave up waiting: {said}", "TIMEOUT"
        elif status >= 500 or status == 409:
            message, reason = f"the upstream {self._name} failed with {said}", "UNAVAILABLE"
        elif status >= 400:
            message, reason = f"the upstream {self._name} refused the request with {said}", "REJECTED"
            if status == 404 or code == "model_not_found":
                message += f"; the model {model} or the endpoint {self._address} is not there"
                metadata |= {"model": model, "base_url": self._address}
            elif advice := self._advice(status):
                message += f"; {advice}"
        else:
            return self.malformed(f"answered with {said}", status=str(status))
        retryable = reason != "REJECTED" and code not in _SPENT
        return UpstreamError(f"UPSTREAM_{reason}", message, retryable=retryable, retried=retried, metadata=metadata)

    def _advice(self, status: int) -> str:
        if status in (401, 403) and not self._has_key:
            return f"it has no API key: name the variable that holds one in api_key_env of [upstreams.{self._name}]"
        return {401: "check its API key", 403: "check what its API key may do"}.get(status, "")

    def _unavailable(self, message: str, *, retried: bool = False, **metadata: str) -> UpstreamError:
        metadata |= {"upstream": self._name, "base_url": self._address}
        return UpstreamError("UPSTREAM_UNAVAILABLE", message, retryable=True, retried=retried, metadata=metadata)


def _code(error: object) -> str:
    """Return the upstream's own code, which says more than the status that some endpoints repeat in its place."""
    words = (_word(error, "code"), _word(error, "type"))
    return next((word for word in words if word and not word.isdecimal()), words[0])


def _word(error: object, key: str) -> str:
    # Anthropic's package hands the whole body, OpenAI's the error in it.
    inner = error.get("error") if isinstance(error, dict) else None
    owner = inner if isinstance(inner, dict) else error
    return _short(owner.get(key)) if isinstance(owner, dict) else ""


def _short(value: object) -> str:
    """Return a code of the upstream if it looks like one: a sentence may quote what was said."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _CODE.fullmatch(text) else ""
