"""StackSpot's dialect is a set of total functions, and lenient with streams: agents differ in what they send."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy.providers import (
    Completion,
    ProviderAPIError,
    ProviderAuthenticationError,
    ProviderCapabilityError,
    ProviderConfigError,
    ProviderContextLengthError,
    ProviderError,
    ProviderInputError,
    ProviderQuotaError,
    ProviderRateLimitError,
    ProviderResponseError,
    Usage,
)
from pepperpy.providers import options as check
from pepperpy.providers.capabilities import Capabilities
from pepperpy.providers.dialect import Event, Request
from pepperpy.providers.messages import Message, Native, ToolCall
from pepperpy.providers.parts import File, Image
from pepperpy_stackspot.answers import StackSpotStreamParser, parse_tokens
from pepperpy_stackspot.bearer import is_bearer, parse_token, parse_token_error, read_client
from pepperpy_stackspot.dialect import AGENT, QUICK_COMMAND, SET_ON_THE_AGENT, StackSpotDialect
from pepperpy_stackspot.executions import is_under_way, look_at, parse_execution_id

from .spoiling import json_values, spoiled_values

DIALECT = StackSpotDialect(agent_id="agent-1", agents={"smart": "agent-2"})

ANSWER: dict[str, Any] = {
    "message": "Olá",
    "stop_reason": "stop",
    "tokens": {"user": None, "enrichment": None, "input": 3, "output": 5},
    "source": [{"slug": "ks-1"}],
    "conversation_id": "01K2",
    "message_id": "01K1",
}
EXECUTION: dict[str, Any] = {
    "execution_id": "01HZ",
    "progress": {"status": "COMPLETED", "execution_percentage": 1.0},
    "steps": [{"step_result": {"answer": "Hola"}}],
    "result": "Hola",
}
CHUNK: dict[str, Any] = {
    "choices": [{"index": 0, "delta": {"content": "Olá"}, "finish_reason": None}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
}
ERROR = {"type": "BadRequestError", "code": "INFERENCE_6001_LLM_MODEL_BAD_REQUEST", "details": "Input tokens exceed"}
TOKEN = {"access_token": "bearer-1", "expires_in": 1199, "token_type": "Bearer"}
WHOLES = (ANSWER, EXECUTION, CHUNK, ERROR, TOKEN)

JSON = json_values("error", "type", "done", "message", "choices", "progress", "FAILURE")


def spoiled(*wholes: Any) -> st.SearchStrategy[Any]:
    return spoiled_values(wholes or WHOLES, JSON)


EVENTS = st.lists(
    st.builds(
        lambda data, name: Event(data, name) if name else data,
        spoiled(*WHOLES).map(lambda event: json.dumps(event).encode()) | st.binary() | st.just(b"[DONE]"),
        st.sampled_from([b"", b"message", b"error", b"done"]),
    )
)


VALUES = st.booleans() | JSON | st.lists(st.sampled_from(["u1", "01K2"]), min_size=1) | st.just("01K2")


def check_error(error: ProviderError) -> None:
    assert isinstance(error, ProviderAPIError)
    assert len(str(error)) < 2_500
    json.dumps(error.details, allow_nan=False)
    assert pickle.loads(pickle.dumps(error)).details == error.details


def check_completion(completion: Any) -> None:
    assert isinstance(completion, Completion)
    for text in (completion.finish_reason, completion.native_finish_reason, completion.id):
        assert text is None or isinstance(text, str)
    for count in (completion.usage.input_tokens, completion.usage.output_tokens, completion.usage.total_tokens):
        assert count is None or count >= 0


def fields(parser: StackSpotStreamParser) -> str:
    completion = parser.completion()
    return repr((completion.text, completion.usage, completion.finish_reason, completion.id, str(parser.error)))


@given(spoiled())
def test_any_answer_gives_a_completion_or_an_error(payload: Any) -> None:
    """Whatever stands wherever in an answer, it is read or refused."""
    try:
        check_completion(DIALECT.parse_completion(payload))
    except ProviderError as error:
        check_error(error)


@given(EVENTS)
def test_a_stream_of_anything_never_raises(events: list[bytes]) -> None:
    """Whatever the events hold, there are pieces, none empty, and perhaps an error."""
    parser = DIALECT.stream_parser()
    pieces = parser.feed(events)

    assert all(pieces)
    assert parser.completion() == "".join(pieces)
    check_completion(parser.completion())
    if parser.error is not None:
        check_error(parser.error)


@given(EVENTS)
def test_events_mean_the_same_one_by_one_and_together(events: list[bytes]) -> None:
    """How many events come in one read makes no difference up to what ends them."""
    together, one_by_one = DIALECT.stream_parser(), DIALECT.stream_parser()
    pieces = together.feed(events)
    singly: list[str] = []
    for event in events:
        if not (one_by_one.done or one_by_one.error):
            singly += one_by_one.feed([event])

    assert singly == pieces
    assert fields(one_by_one) == fields(together)
    assert one_by_one.finished == together.finished


@given(st.integers(300, 599), spoiled() | st.text())
def test_any_error_body_gives_an_error(status: int, payload: Any) -> None:
    """Whatever an error's body is, an error of the right status comes out, of either service."""
    for error in (DIALECT.parse_error(status, payload), parse_token_error(status, payload)):
        check_error(error)

        assert error.status == status


@given(spoiled(TOKEN))
def test_any_token_gives_a_bearer_or_an_error(payload: Any) -> None:
    """Whatever stands wherever, there is a bearer that fits in a header and a time that is finite, or an error."""
    try:
        bearer, seconds = parse_token(payload)
    except ProviderResponseError as error:
        check_error(error)
        return

    assert bearer
    assert all("!" <= character <= "~" for character in bearer)
    assert 0 <= seconds <= 86_400


@given(spoiled(EXECUTION) | JSON)
def test_any_state_goes_on_or_is_an_end(payload: Any) -> None:
    """Whatever a look at an execution returns, it goes on, or it is a completion or an error."""
    if is_under_way(payload):
        return
    try:
        check_completion(
            DIALECT.parse_completion({"progress": None, **payload} if isinstance(payload, dict) else payload)
        )
    except ProviderError as error:
        check_error(error)


@given(JSON)
def test_an_id_stays_in_its_place(payload: Any) -> None:
    """What the service calls an execution's id cannot lead a request elsewhere."""
    try:
        path = look_at(parse_execution_id(payload)).path
    except ProviderResponseError:
        return

    assert path.count("/") == 4
    assert not set(path) & set("?#%\\ \r\n\t")


@given(st.sampled_from(["", "agent:", "rqc:", "quick-command:"]), st.text() | st.text("a./?#%", max_size=4))
def test_no_model_name_leaves_its_place(prefix: str, name: str) -> None:
    """The path has one segment for an agent or a quick command, whatever is asked for."""
    try:
        path = DIALECT.locate(prefix + name)
    except ProviderInputError:
        return

    assert path.count("/") == 4
    assert path.isascii()
    assert not {"", ".", ".."} & set(path.split("/")[1:])
    assert not set(path) & set("?#%\\ \r\n\t")


@pytest.mark.parametrize("name", sorted({*AGENT, *QUICK_COMMAND, *SET_ON_THE_AGENT, "system", "user"}))
@settings(max_examples=30)
@given(value=VALUES)
def test_any_option_is_sent_or_refused(name: str, value: Any) -> None:
    """An option is in the request, or an error says why it is not."""
    for model in ("agent", "rqc:x"):
        try:
            request = DIALECT.complete("x", model=model, stream=False, options={name: value})
        except (ProviderInputError, ProviderCapabilityError) as error:
            said = str(error)
        else:
            said = name if json.dumps(value).strip('"') in request.path + json.dumps(request.body) else ""

        assert name in said


@pytest.mark.parametrize(
    ("events", "text", "reason", "usage"),
    [
        ([{"message": "Ol"}, {"message": "á"}, {"message": "", "stop_reason": "stop"}], "Olá", "stop", Usage()),
        ([{"message": "a"}, {"tokens": {"input": 1, "output": 2}}], "a", None, Usage(input_tokens=1, output_tokens=2)),
        ([{"message": "a"}, {"message": None, "stopReason": "length"}], "a", "length", Usage()),
        ([{"message": "a", "tokens": {"user": 1, "enrichment": 2, "output": 3}, "stop_reason": "stop"}], "a", "stop",
         Usage(input_tokens=3, output_tokens=3)),
        ([{**ANSWER, "message": "a"}, {**ANSWER, "message": "b"}, {**ANSWER, "message": ""}, {"message": "c"}], "ab", "stop",
         Usage(input_tokens=3, output_tokens=5)),
        ([{"message": "a"}, b"[DONE]", {"message": "b"}], "a", None, Usage()),
        ([{"message": "a"}, {"type": "done"}, {"message": "b"}], "a", None, Usage()),
        ([{"message": "a"}, Event(b"{}", b"done"), {"message": "b"}], "a", None, Usage()),
        ([{"message": "a"}, Event(b"end", b"done"), {"message": "b"}], "a", None, Usage()),
        ([b"Ol", b"\xc3\xa1", b" 42", b"42", b"true", b"null", b'"!"', b"[DONE]"], "Olá 4242true!", None, Usage()),
        ([{"state": "THINKING"}, {"message": "a"}, {"stop_reason": "stop"}, b"{broken"], "a", "stop", Usage()),
        ([{"choices": None}, CHUNK, {"choices": [{"delta": {}, "finish_reason": "stop"}]}], "Olá", "stop",
         Usage(input_tokens=3, output_tokens=5, total_tokens=8)),
    ],
)  # fmt: skip
def test_reads_every_kind_of_stream(events: list[Any], text: str, reason: str | None, usage: Usage) -> None:
    """Fragments in flat events, in chunks as OpenAI words them, or bare; ended in any of the ways that are known."""
    parser = DIALECT.stream_parser()
    pieces = parser.feed([event if isinstance(event, bytes) else json.dumps(event).encode() for event in events])

    assert "".join(pieces) == text
    assert parser.finished
    assert parser.error is None
    completion = parser.completion()
    assert (completion.finish_reason, completion.usage) == (reason, usage)


@pytest.mark.parametrize(
    "events", [[b'{"message":"a"}'], [b"a"], [b'{"message":"a","stop_reason":null,"tokens":{"output":null}}'], []]
)
def test_a_stream_without_an_end_is_not_finished(events: list[bytes]) -> None:
    """Text alone does not end an answer."""
    parser = DIALECT.stream_parser()
    parser.feed(events)

    assert not parser.finished


def test_the_count_behind_the_reason_is_not_lost() -> None:
    """A reason alone leaves the stream open for the count of tokens; both together end it."""
    parser = DIALECT.stream_parser()

    parser.feed([b'{"message":"a","stop_reason":"stop"}'])
    assert (parser.finished, parser.done) == (True, False)

    parser.feed([b'{"message":"","tokens":{"input":1,"output":2}}'])
    assert parser.done
    assert parser.completion().usage == Usage(input_tokens=1, output_tokens=2)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (Event(b'{"message":"boom"}', b"error"), ProviderAPIError),
        (Event(b"boom", b"error"), ProviderAPIError),
        (b'{"type":"error","message":"boom"}', ProviderAPIError),
        (b'{"type":"error","error":{"message":"boom","code":"INFERENCE_3008_X"}}', ProviderRateLimitError),
        (b'{"error":"boom"}', ProviderAPIError),
        (b'{"type":"TooManyRequests","code":"CODEBUDDY_1044_X","details":"boom"}', ProviderQuotaError),
        (b'{"type":"BadRequestError","details":"boom"}', ProviderAPIError),
        (b'{"error":"boom: Credit Limit Reached"}', ProviderQuotaError),
        (b'{"message": boom', ProviderResponseError),
        (b"[DONE]", ProviderResponseError),
    ],
)
def test_an_error_in_a_stream_ends_it(event: bytes, kind: type[ProviderError]) -> None:
    """An error among the events is an error, with the service's words; so is a stream that holds nothing."""
    parser = DIALECT.stream_parser()
    pieces = parser.feed([event, b'{"message":"behind"}'])

    assert pieces == []
    assert type(parser.error) is kind
    assert parser.error.status == 200
    assert kind is ProviderResponseError or "boom" in str(parser.error)


@pytest.mark.parametrize(
    ("status", "payload", "kind", "retryable"),
    [
        (400, ERROR, ProviderContextLengthError, False),
        (400, {"code": "INFERENCE_1", "details": "credit limit: a word of the prompt"}, ProviderAPIError, False),
        (429, {"code": "INFERENCE_3008_CHAT_RATE_LIMIT_EXCEEDED", "details": "x"}, ProviderRateLimitError, True),
        (429, {"code": "CODEBUDDY_1044_QUICK_COMMAND_RATE_LIMIT_EXCEEDED"}, ProviderQuotaError, False),
        (429, "Credit Limit Reached", ProviderQuotaError, False),
        (429, "", ProviderRateLimitError, True),
        (401, None, ProviderAuthenticationError, False),
        (403, {"message": "no agent"}, ProviderAuthenticationError, False),
        (503, "<html>", ProviderAPIError, True),
    ],
)
def test_errors_have_the_class_that_they_mean(
    status: int, payload: Any, kind: type[ProviderError], retryable: bool
) -> None:
    """Code and status decide, and words only where there is nothing else."""
    error = DIALECT.parse_error(status, payload)

    assert type(error) is kind
    assert error.retryable == retryable


@pytest.mark.parametrize(
    ("tokens", "usage"),
    [
        ({"input": 812, "output": 40, "user": None, "enrichment": None}, Usage(input_tokens=812, output_tokens=40)),
        ({"input": 0, "user": 7, "output": 0}, Usage(input_tokens=0, output_tokens=0)),
        ({"user": 12, "enrichment": 30, "output": 2}, Usage(input_tokens=42, output_tokens=2)),
        ({"user": 12, "enrichment": None}, Usage(input_tokens=12)),
        ({"user": None, "enrichment": None, "output": None}, Usage()),
        ({"input": "3", "output": -1}, Usage()),
        (None, Usage()),
    ],
)
def test_reads_both_counts_of_tokens(tokens: Any, usage: Usage) -> None:
    """The documented count, in parts, and the present one; what the service did not say is None."""
    assert parse_tokens(tokens) == usage


def test_an_error_in_a_plain_answer_is_one() -> None:
    """A good status does not make an answer of an error."""
    with pytest.raises(ProviderContextLengthError, match="Input tokens exceed"):
        DIALECT.parse_completion(ERROR)


@pytest.mark.parametrize("payload", [{}, {"message": None}, {"message": 3, "stop_reason": "stop"}, [], "x", None])
def test_an_answer_without_a_text_is_an_error(payload: Any) -> None:
    """A text, or the reason for having none, is what makes an answer."""
    with pytest.raises(ProviderResponseError):
        DIALECT.parse_completion(payload)


def test_a_result_that_is_nested_too_deep_is_an_error() -> None:
    """What cannot be written as text is refused."""
    result: list[Any] = []
    for _ in range(100_000):
        result = [result]

    with pytest.raises(ProviderResponseError, match="too deep"):
        DIALECT.parse_completion({**EXECUTION, "result": result})


def test_reads_no_embeddings() -> None:
    """There are none to read, whatever comes."""
    with pytest.raises(ProviderCapabilityError):
        DIALECT.parse_embeddings({"data": []}, Request("/embeddings", {}))


def test_lists_no_models() -> None:
    """The service documents no list; the error says how agents are named instead."""
    for ask in (lambda: DIALECT.models(None), lambda: DIALECT.parse_models({"data": []})):
        with pytest.raises(ProviderCapabilityError, match=r"agent_id=.*model='agent:ID'"):
            ask()


def test_what_it_can_do_is_known() -> None:
    """Conversations of texts, and the options of agents and quick commands."""
    options = frozenset({"system", *AGENT, *QUICK_COMMAND})

    assert DIALECT.capabilities == Capabilities(conversations=True, options=options)


@pytest.mark.parametrize("name", sorted(set(check.COMMON) - {"system"}))
def test_every_common_option_says_what_to_do_on_the_agent(name: str) -> None:
    """What all other services take with a call is refused, with the word of where it belongs."""
    for model in ("agent", "rqc:x"):
        with pytest.raises(ProviderCapabilityError, match=f"no {name} with a call: .*agent"):
            DIALECT.complete("x", model=model, stream=False, options={name: "x"})


CALL = ToolCall("c1", "weather", "{}")
KEPT = Native("stackspot", {"conversation_id": "01K2"})
SYSTEM, ASKED, ASKED_AGAIN = Message.system("Be brief."), Message.user("2+2?"), Message.user("And 3+3?")
ANSWERED = Message.assistant("4", native=KEPT)
ELSEWHERE = Message.assistant("4", native=Native("openai.chat", {"conversation_id": "01K9"}))
WRITTEN = "<history>\n<user>\n2+2?\n</user>\n<assistant>\n4\n</assistant>\n</history>\n\nAnd 3+3?"
TOLD = "<system_prompt>\nBe brief.\n</system_prompt>\n\n"


def body_of(prompt: Any, **options: Any) -> dict[str, Any]:
    body = dict(DIALECT.complete(prompt, model="agent", stream=False, options=options).body)
    del body["streaming"], body["stackspot_knowledge"]
    return body


@pytest.mark.parametrize(
    ("messages", "options", "text"),
    [
        ([ASKED], {}, "2+2?"),
        ([Message.user("2", "+2?")], {}, "2+2?"),
        ([SYSTEM, ASKED], {}, f"{TOLD}2+2?"),
        ([ASKED, ANSWERED, ASKED_AGAIN], {}, WRITTEN),
        ([ASKED, ELSEWHERE, ASKED_AGAIN], {}, WRITTEN),
        ([SYSTEM, ASKED, ANSWERED, ASKED_AGAIN], {}, TOLD + WRITTEN),
        ([ASKED, ANSWERED, ASKED_AGAIN], {"system": "Be brief."}, TOLD + WRITTEN),
        ([SYSTEM, ASKED], {"system": "Be kind."}, "<system_prompt>\nBe kind.\n\nBe brief.\n</system_prompt>\n\n2+2?"),
        ([ASKED, SYSTEM, ASKED_AGAIN], {},
         "<history>\n<user>\n2+2?\n</user>\n<system>\nBe brief.\n</system>\n</history>\n\nAnd 3+3?"),
        ([Message.user("</history>\n&"), Message.user("<b>")], {},
         "<history>\n<user>\n</history>\n&\n</user>\n</history>\n\n<b>"),
    ],
)  # fmt: skip
def test_a_conversation_becomes_one_text(messages: list[Message], options: dict[str, Any], text: str) -> None:
    """System text in front, the turns in tags of their role, the last of the user's bare; nothing is escaped."""
    command = DIALECT.complete(messages, model="rqc:x", stream=False, options=options)

    assert body_of(messages, **options) == {"user_prompt": text}
    assert command.body == {"input_data": text}


@pytest.mark.parametrize(
    ("messages", "options", "text", "conversation_id"),
    [
        # Named by the caller: the service has all up to its last answer.
        ([ASKED, ELSEWHERE, ASKED_AGAIN], {"conversation_id": "01K3"}, "And 3+3?", "01K3"),
        ([SYSTEM, ASKED, ANSWERED, ASKED_AGAIN], {"conversation_id": "01K2"}, "And 3+3?", "01K2"),
        ([SYSTEM, ASKED_AGAIN], {"conversation_id": "01K3"}, f"{TOLD}And 3+3?", "01K3"),
        ([ASKED, ANSWERED, ASKED_AGAIN], {"conversation_id": "01K3", "system": "Be brief."}, f"{TOLD}And 3+3?", "01K3"),
        # Known from the answers: what the service has not heard is told it.
        ([SYSTEM, ASKED, ANSWERED, ASKED_AGAIN], {"use_conversation": True}, "And 3+3?", "01K2"),
        ([ANSWERED, ASKED, ELSEWHERE, ASKED_AGAIN], {"use_conversation": True}, WRITTEN, "01K2"),
        ([ANSWERED, ASKED, ELSEWHERE, ASKED_AGAIN], {"conversation_id": "01K2"}, WRITTEN, "01K2"),
        # The service has nothing of it yet.
        ([ASKED, ELSEWHERE, ASKED_AGAIN], {"use_conversation": True}, WRITTEN, None),
        ([ASKED, ANSWERED, ASKED_AGAIN], {"use_conversation": False, "conversation_id": "01K2"}, WRITTEN, "01K2"),
    ],
)  # fmt: skip
def test_a_kept_conversation_gets_what_it_has_not(
    messages: list[Message], options: dict[str, Any], text: str, conversation_id: str | None
) -> None:
    """Where the service keeps the conversation, only what it has not heard is sent, and nothing of that is lost."""
    expected: dict[str, Any] = {"user_prompt": text, "use_conversation": options.get("use_conversation", True)}
    if conversation_id is not None:
        expected["conversation_id"] = conversation_id

    assert body_of(messages, **options) == expected


def test_a_quick_command_goes_on_with_a_conversation() -> None:
    """It takes the id in its path, and only what the conversation has not heard."""
    messages = [ASKED, ANSWERED, ASKED_AGAIN]
    request = DIALECT.complete(messages, model="rqc:x", stream=False, options={"conversation_id": "01K2"})

    assert request.path.endswith("/x?conversation_id=01K2")
    assert request.body == {"input_data": "And 3+3?"}
    with pytest.raises(ProviderInputError, match="input_data stands in"):
        DIALECT.complete(messages, model="rqc:x", stream=False, options={"input_data": {}})


@pytest.mark.parametrize(
    ("messages", "error", "said"),
    [
        ([ASKED, ANSWERED], ProviderInputError, "end the conversation with Message.user"),
        ([SYSTEM], ProviderInputError, "not system"),
        ([ASKED, Message.user("", " ")], ProviderInputError, "blank"),
        ([Message.user("What?", Image.from_url("https://x/a.png"))], ProviderCapabilityError, "no Image .*upload_ids"),
        ([Message.user(File(b"%PDF-"))], ProviderCapabilityError, "no File"),
        ([ASKED, Message.assistant("", tool_calls=[CALL]), Message.tool(CALL, "sun"), ASKED],
         ProviderCapabilityError, "no tool calls .*set on it"),
        ([ASKED, Message.tool(CALL, "sun")], ProviderCapabilityError, "no tool calls"),
        ([ASKED, Message.assistant("", tool_calls=[CALL]), ASKED], ProviderCapabilityError, "no tool calls"),
    ],
)  # fmt: skip
def test_refuses_what_is_no_text(messages: list[Message], error: type[ProviderError], said: str) -> None:
    """A conversation that is more than texts, or that leaves nothing to answer, is refused with what to do."""
    for model in ("agent", "rqc:x"):
        with pytest.raises(error, match=said):
            DIALECT.complete(messages, model=model, stream=False, options={})


def test_with_nothing_new_there_is_nothing_to_answer() -> None:
    """A kept conversation that ends with its answer is not asked again."""
    with pytest.raises(ProviderInputError, match="not assistant"):
        body_of([ASKED, ANSWERED], use_conversation=True)


MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["system", "user", "assistant"]),
        st.text(),
        native=st.none() | st.builds(Native, st.sampled_from(["stackspot", "gemini"]), spoiled(ANSWER)),
    ),
    min_size=1,
)


@given(MESSAGES, st.sampled_from([{}, {"use_conversation": True}, {"conversation_id": "01K2"}]))
def test_any_conversation_is_written_or_refused(messages: list[Message], options: dict[str, Any]) -> None:
    """Whatever a conversation holds, each text of it that is new to the service is in the prompt."""
    try:
        body = body_of(messages, **options)
    except ProviderInputError:
        return

    assert body["user_prompt"].endswith(messages[-1].text)
    if not options:
        assert all(message.text in body["user_prompt"] for message in messages)


def test_an_answer_keeps_its_conversation() -> None:
    """An answer's message knows the conversation that it belongs to, plain and streamed, through a pickle too."""
    parser = DIALECT.stream_parser()
    parser.feed([json.dumps({**ANSWER, "message": "Ol"}).encode(), b'{"message":"","stop_reason":"stop"}'])
    plain = DIALECT.parse_completion(ANSWER)

    for completion in (plain, parser.completion(), pickle.loads(pickle.dumps(plain))):
        assert completion.native == completion.message.native == KEPT
    assert json.loads(json.dumps(KEPT.data)) == KEPT.data
    assert DIALECT.parse_completion({"message": "x", "conversation_id": 3}).native is None


def test_an_empty_answer_is_one() -> None:
    """No text with a reason is a whole answer."""
    assert DIALECT.parse_completion({"message": None, "stop_reason": "stop"}).finish_reason == "stop"


def test_without_an_agent_a_name_leads_nowhere() -> None:
    """A name that is none of an agent says what to set, and why it is not enough."""
    with pytest.raises(ProviderConfigError, match="'gpt-4' leads, because the model is set on the agent"):
        StackSpotDialect().locate("gpt-4")


def test_tells_a_client_from_a_bearer() -> None:
    """A key is a client's, or names its client, or is a bearer."""
    assert read_client("key", "client") == read_client("client:key", None)
    assert read_client("client:key", "other") == read_client("other:client:key", None)
    assert read_client("a.b.c", None) is None
    assert read_client(":key", None) is None
    assert [is_bearer(key) for key in ("a.b-_.c9", "a.b", "a.b.c.d", "a.b.c=", "a..c", "")] == [True] + [False] * 5
    assert "key" not in repr(read_client("key", "client"))
