"""A judge behind HTTP: what is sent, what comes back, and that the key goes nowhere else."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cogitate.errors import ConfigError
from cogitate.rewards import judge_endpoint
from cogitate.rewards.calling import Failure
from cogitate.rewards.config import JudgeConfig
from cogitate.rewards.judge import build_judge
from cogitate.rewards.judge_endpoint import EndpointJudge
from cogitate.rewards.judge_prompts import correctness_request

ASK = correctness_request("Which river?", "the Loire", "the long one")
SECRET = "sk-a-key-nobody-may-see"
Answer = tuple[int, dict[str, str], bytes]


def chat(text: Any, finish: str = "stop") -> Answer:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return 200, {}, json.dumps({"choices": [choice]}).encode()


class Server:
    """An OpenAI-compatible server on the loopback that answers by a function of the request."""

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Answer] = lambda _: chat("correct")
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.headers.append(dict(self.headers.items()))
                outer.paths.append(self.path)
                status, headers, sent = outer.answer(body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(sent)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between tries, not waited for."""
    slept: list[float] = []
    monkeypatch.setattr(judge_endpoint.time, "sleep", slept.append)
    return slept


def judge(server: Server, **options: Any) -> EndpointJudge:
    return EndpointJudge(JudgeConfig(model="big", endpoint=server.url, **options))


def test_the_request(server: Server):
    assert judge(server, max_tokens=99).replies([ASK]) == ["correct"]
    [body] = server.bodies
    assert server.paths == ["/v1/chat/completions"]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("big", 0, 99)
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert "| the long one" in body["messages"][1]["content"]
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["correctness"]["enum"] == ["correct", "incorrect"]
    assert "Authorization" not in server.headers[0]


def test_a_server_without_response_format(server: Server):
    server.answer = lambda body: (400, {}, b"") if "response_format" in body else chat("correct")
    asked = judge(server)
    assert asked.replies([ASK]) == ["correct"]
    assert asked.replies([ASK]) == ["correct"]
    assert ["response_format" in body for body in server.bodies] == [True, False, False]


def test_several_at_once_in_order(server: Server):
    server.answer = lambda body: chat(body["messages"][1]["content"].splitlines()[-2])
    requests = [correctness_request("q", "g", f"answer {i}") for i in range(20)]
    assert judge(server).replies(requests) == [f"| answer {i}" for i in range(20)]


def test_it_tries_again_with_growing_pauses(server: Server, pauses: list[float]):
    answers = [(503, {}, b""), (429, {"Retry-After": "7"}, b""), (500, {}, b""), chat("correct")]
    server.answer = lambda _: answers.pop(0)
    assert judge(server).replies([ASK]) == ["correct"]
    assert pauses == [0.5, 7.0, 2.0]


def test_it_does_not_wait_for_ever(server: Server, pauses: list[float]):
    server.answer = lambda _: (429, {"Retry-After": "1e9"}, b"")
    judge(server, attempts=2).replies([ASK])
    assert pauses == [30.0]


def test_an_endpoint_that_stays_away(
    server: Server, pauses: list[float], caplog: pytest.LogCaptureFixture
):
    asked = judge(server, attempts=3)
    server.answer = lambda _: (503, {}, b"")
    with caplog.at_level(logging.WARNING):
        [first] = asked.replies([ASK])
        [second] = asked.replies([ASK])
    assert isinstance(first, Failure) and first.cause == "judge_unreachable"
    assert isinstance(second, Failure)
    assert len(server.bodies) == 4, "three tries, then one while it is away"
    assert caplog.text.count("does not answer") == 1
    server.answer = lambda _: chat("correct")
    assert asked.replies([ASK]) == ["correct"]


def test_nobody_listens():
    closed = Server()
    closed.close()
    [reply] = judge(closed, attempts=1).replies([ASK])
    assert isinstance(reply, Failure)
    assert (reply.cause, "127.0.0.1" in reply.reason) == ("judge_unreachable", False)


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_refusals_are_not_repeated(server: Server, status: int):
    server.answer = lambda _: (status, {"Location": "http://127.0.0.1:1/elsewhere"}, b"")
    [reply] = judge(server).replies([ASK])
    assert isinstance(reply, Failure)
    assert (reply.cause, reply.reason) == ("judge_refused", f"the endpoint answered HTTP {status}")
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b""),
        (200, {}, b"<html>"),
        (200, {}, b"[]"),
        (200, {}, b'{"choices": []}'),
        (200, {}, b'{"choices": [{"message": null}]}'),
        (200, {}, b"[" * 100_000),
        chat(None),
        chat(["correct"]),
        chat("correct", finish="length"),
    ],
)
def test_what_is_no_reply_is_masked(server: Server, answer: Answer):
    server.answer = lambda _: answer
    [reply] = judge(server).replies([ASK])
    assert isinstance(reply, Failure)
    assert reply.cause == "judge_unparseable"


def test_an_endless_answer_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(judge_endpoint, "MAX_BODY_BYTES", 10_000)
    server.answer = lambda _: chat("x" * 100_000)
    [reply] = judge(server, attempts=1).replies([ASK])
    assert isinstance(reply, Failure) and reply.cause == "judge_unreachable"


class TestKey:
    def test_from_the_environment_and_from_a_file(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("JUDGE_KEY", SECRET)
        (tmp_path / "key").write_text(SECRET + "\n")
        judge(server, key_env="JUDGE_KEY").replies([ASK])
        judge(server, key_file=str(tmp_path / "key")).replies([ASK])
        assert [h["Authorization"] for h in server.headers] == [f"Bearer {SECRET}"] * 2

    def test_it_is_not_told(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        monkeypatch.setenv("JUDGE_KEY", SECRET)
        server.answer = lambda _: (503, {}, SECRET.encode())
        with caplog.at_level(logging.DEBUG):
            asked = judge(server, key_env="JUDGE_KEY")
            replies = asked.replies([ASK, ASK])
        assert SECRET not in caplog.text + repr(replies) + repr(asked) + str(asked._config)

    @pytest.mark.parametrize(
        "key", ["", "  ", f"{SECRET}\nX-Evil: 1", f"{SECRET}\x00", f"{SECRET}é"]
    )
    def test_what_cannot_be_a_key(self, server: Server, key: str, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(judge_endpoint.os, "environ", {"JUDGE_KEY": key})
        with pytest.raises(ConfigError) as caught:
            judge(server, key_env="JUDGE_KEY")
        assert "JUDGE_KEY" in str(caught.value) and SECRET not in str(caught.value)

    def test_no_such_file(self, server: Server, tmp_path: Path):
        with pytest.raises(ConfigError, match="cannot be read"):
            judge(server, key_file=str(tmp_path / "none"))

    def test_it_does_not_travel_in_the_clear(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("JUDGE_KEY", SECRET)
        with pytest.raises(ConfigError, match="unencrypted to models.example. Use https"):
            EndpointJudge(
                JudgeConfig(model="m", endpoint="http://models.example/v1", key_env="JUDGE_KEY")
            )
        EndpointJudge(
            JudgeConfig(model="m", endpoint="https://models.example/v1", key_env="JUDGE_KEY")
        )


@pytest.mark.parametrize(
    "endpoint",
    [
        "models.example/v1",
        "ftp://h/v1",
        "http://",
        "http://user:pw@h/v1",
        "http://h/v1?key=1",
        "http://h:99999/v1",
    ],
)
def test_addresses_that_cannot_be_used(endpoint: str):
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        EndpointJudge(JudgeConfig(model="m", endpoint=endpoint))
    assert "pw" not in str(caught.value).partition("Expected")[0]


def test_a_whole_judge(server: Server):
    def sober(body: dict[str, Any]) -> Answer:
        said = body["messages"][1]["content"].rpartition("BEGIN CANDIDATE")[2]
        right = any(word in said for word in ("Tokyo", "seven", "CO2", "long"))
        return chat(
            json.dumps({"analysis": "", "correctness": "correct" if right else "incorrect"})
        )

    server.answer = sober
    built = build_judge(JudgeConfig(model="m", endpoint=server.url))
    verdicts = built.verdicts(
        [("q", "g", "the long one"), ("q", "g", "the other"), ("q", "g", ":")]
    )
    assert [v.correct for v in verdicts] == [True, False, False]
    assert len(server.bodies) == 6 + 2
    assert not built.off
