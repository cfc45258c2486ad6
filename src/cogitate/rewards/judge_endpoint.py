"""A judge behind an OpenAI-compatible endpoint, with the standard library's HTTP client.

Nothing is sent anywhere unless a configuration names the endpoint. The key is read from an
environment variable or a file, is sent to that host only (redirects are not followed), and stands
in no message and no log. A request that fails is tried again with growing pauses; when the endpoint
stays away, completions are masked and training goes on.
"""

import http.client
import ipaddress
import json
import logging
import math
import os
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from cogitate.errors import ConfigError
from cogitate.rewards.calling import Failure
from cogitate.rewards.config import JudgeConfig
from cogitate.rewards.judge_prompts import JudgeRequest

MAX_BODY_BYTES = 4 * 2**20
MAX_PAUSE_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.5
_RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_logger = logging.getLogger(__name__)


class _Refused(Exception):
    """The endpoint answered, and asking again will not help."""


class _Unavailable(Exception):
    """No answer, or one that asks to come back later."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class EndpointJudge:
    """A model at ``endpoint``/chat/completions, asked greedily.

    Raises:
        ConfigError: the address or the key cannot be used.
    """

    def __init__(self, config: JudgeConfig) -> None:
        self.name = config.model
        self._config = config
        self._url = _checked_url(config.endpoint)
        self._key = _read_key(config, self._url)
        self._constrain = True
        self._down = False

    def replies(self, requests: Sequence[JudgeRequest]) -> list[str | Failure]:
        """What the model said to each request, or why nothing came; several are asked at once."""
        if len(requests) < 2:
            return [self._reply(request) for request in requests]
        with ThreadPoolExecutor(self._config.concurrency, "judge") as threads:
            return list(threads.map(self._reply, requests))

    def close(self) -> None:
        """Nothing is kept open."""

    def _reply(self, request: JudgeRequest) -> str | Failure:
        # While the endpoint is away every request is tried once, or training would stand still.
        attempts = 1 if self._down else self._config.attempts
        pause, reason = FIRST_PAUSE_SECONDS, ""
        for attempt in range(attempts):
            try:
                text = self._ask(request)
            except _Refused as error:
                return Failure(cause="judge_refused", reason=str(error))
            except _Unavailable as error:
                reason = str(error)
                if attempt + 1 < attempts:
                    time.sleep(min(max(pause, error.pause), MAX_PAUSE_SECONDS))
                    pause *= 2
                continue
            self._down = False
            return text
        if not self._down:
            _logger.warning(
                "judge %s at %s does not answer (%s); what it should judge is masked until it does",
                self.name, self._url.netloc, reason,
            )  # fmt: skip
        self._down = True
        return Failure(cause="judge_unreachable", reason=reason)

    def _ask(self, request: JudgeRequest) -> str | Failure:
        constrained = self._constrain
        try:
            status, headers, body = self._post(self._body(request, constrained))
        except (OSError, http.client.HTTPException, ssl.SSLError) as error:
            raise _Unavailable(f"{type(error).__name__} after at most "
                               f"{self._config.timeout:g} s") from error  # fmt: skip
        if status == 400 and constrained:
            # Not every server knows response_format; the verdict is checked either way.
            self._constrain = False
            return self._ask(request)
        if status in _RETRIED:
            raise _Unavailable(f"HTTP {status}", _retry_after(headers))
        if status != 200:
            raise _Refused(f"the endpoint answered HTTP {status}")
        return _content(body)

    def _body(self, request: JudgeRequest, constrained: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._config.model,
            "messages": [
                {"role": "system", "content": request.system},
                {"role": "user", "content": request.user},
            ],
            "temperature": 0,
            "max_tokens": self._config.max_tokens,
        }
        if constrained:
            schema = {
                "type": "object",
                "properties": {
                    "analysis": {"type": "string"},
                    request.key: {"type": "string", "enum": list(request.allowed)},
                },
                "required": ["analysis", request.key],
                "additionalProperties": False,
            }
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": schema},
            }
        return body

    def _post(self, body: dict[str, Any]) -> tuple[int, http.client.HTTPMessage, bytes]:
        deadline = time.monotonic() + self._config.timeout
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection = self._connection()
        try:
            path = self._url.path.rstrip("/") + "/chat/completions"
            connection.request("POST", path, json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            received = bytearray()
            # Each read has the socket's timeout; a server that drips must meet the deadline too.
            while chunk := answer.read1(65536):
                received += chunk
                if len(received) > MAX_BODY_BYTES or time.monotonic() > deadline:
                    raise TimeoutError("the answer is too long or too slow")
            return answer.status, answer.headers, bytes(received)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host = cast(str, self._url.hostname)
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(
                host, self._url.port, timeout=self._config.timeout,
                context=ssl.create_default_context(),
            )  # fmt: skip
        return http.client.HTTPConnection(host, self._url.port, timeout=self._config.timeout)


def _content(body: bytes) -> str | Failure:
    """The text of the first choice."""
    try:
        choice = json.loads(body)["choices"][0]
        text, ended = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Failure(
            cause="judge_unparseable", reason="the endpoint sent no chat completion"
        )  # fmt: skip
    if ended == "length" or not isinstance(text, str):
        return Failure(
            cause="judge_unparseable", reason="the judge was cut off before its verdict"
        )  # fmt: skip
    return text


def _retry_after(headers: http.client.HTTPMessage) -> float:
    try:
        seconds = float(headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _checked_url(endpoint: str) -> SplitResult:
    url = urlsplit(endpoint)
    try:
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.query or url.fragment or url.username or url.password:
        raise ConfigError(
            f"reward.judge.endpoint: {url.scheme}://{url.hostname or ''}{url.path} cannot be used. "
            "Expected the base address of an OpenAI-compatible server without key or query, such "
            'as "http://127.0.0.1:8000/v1".'
        )
    return url


def _read_key(config: JudgeConfig, url: SplitResult) -> str:
    """The key, from where the configuration says. Its text never enters a message."""
    if config.key_env:
        place, key = f"environment variable {config.key_env}", os.environ.get(config.key_env, "")
    elif config.key_file:
        place = f"file {config.key_file}"
        try:
            key = Path(config.key_file).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"reward.judge: {place} cannot be read ({type(error).__name__}).") from None  # fmt: skip # noqa: E501
    else:
        return ""
    key = key.strip()
    if not key:
        raise ConfigError(
            f"reward.judge: {place} is empty or not set. Put the endpoint's key there."
        )
    if not all(33 <= ord(character) < 127 for character in key):
        raise ConfigError(f"reward.judge: {place} holds characters that no key has.")
    if url.scheme == "http" and not _is_loopback(cast(str, url.hostname)):
        raise ConfigError(
            f"reward.judge: a key would travel unencrypted to {url.hostname}. Use https."
        )
    return key


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
