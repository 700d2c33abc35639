"""`streamsvc start`: a generation, from the words on the command line to the answer in the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from streamsvc.cli import output
from streamsvc.cli.calls import with_client
from streamsvc.cli.errors import Mistake
from streamsvc.cli.follow import watch_job
from streamsvc.cli.options import DEFAULT_TARGET, AsJson, Concurrency, Plain, Target, examples
from streamsvc.cli.prompt import prompt_of
from streamsvc.client import Client, Cursor
from streamsvc.v1 import content_pb2, job_service_pb2

EPILOG = examples(
    'streamsvc start "Why is the sky blue?"',
    'streamsvc start "What is wrong here?" --file app.py --file error.log',
    'git diff | streamsvc start - --system "You write commit messages."',
    """streamsvc start "Hello" --producer scripted --extra '{"rich": true}'""",
)

_EXTRA_FORM = """write a JSON object in single quotes, such as --extra '{"seed": 7}'"""

Prompt = Annotated[
    str | None,
    typer.Argument(
        metavar="PROMPT",
        help="What to ask. `-`, or nothing if something is piped in: read it from standard input.",
        show_default=False,
    ),
]
ConversationId = Annotated[
    str,
    typer.Option("--conversation", metavar="ID", help="Conversation that the job belongs to.", show_default=False),
]
Producer = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Which producer answers; the service's first one if left out.", show_default=False
    ),
]
Model = Annotated[
    str,
    typer.Option("--model", "-m", metavar="NAME", help="Which model; the producer's if left out.", show_default=False),
]
System = Annotated[
    str, typer.Option("--system", "-s", metavar="TEXT", help="Instructions to the model.", show_default=False)
]
Temperature = Annotated[
    float | None,
    typer.Option(metavar="NUMBER", min=0, help="How freely to choose words; 0 for the likeliest.", show_default=False),
]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="NUMBER", min=1, help="Most tokens to generate.", show_default=False)
]
Extra = Annotated[
    str, typer.Option(metavar="JSON", help="More parameters for the producer: a JSON object.", show_default=False)
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="Label to keep with the job. Repeatable.", show_default=False),
]
ConcurrencyChoice = Annotated[
    Concurrency,
    typer.Option(
        metavar="allow|reject|replace",
        help="If the conversation has a running job: let both run, refuse the new one, or cancel the running one.",
    ),
]
RequestId = Annotated[
    str,
    typer.Option(metavar="ID", help="Names this request: repeated, it finds the same job again.", show_default=False),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        "-f",
        metavar="PATH",
        help="Text file to put below the prompt, with its name. Repeatable; `-` is standard input.",
        show_default=False,
    ),
]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", metavar="", help="Print the job's id and leave.", show_default=False)
]


def start(
    prompt: Prompt = None,
    target: Target = DEFAULT_TARGET,
    conversation: ConversationId = "",
    producer: Producer = "",
    model: Model = "",
    system: System = "",
    temperature: Temperature = None,
    max_tokens: MaxTokens = None,
    extra: Extra = "",
    label: Labels = None,
    concurrency: ConcurrencyChoice = Concurrency.ALLOW,
    request_id: RequestId = "",
    file: Files = None,
    detach: Detach = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Ask a model, and show the answer as it comes.

    The answer is a job of the service: it goes on whatever happens here. Ctrl-C stops following, a second Ctrl-C
    cancels the job; `streamsvc follow` takes it up again, from any terminal.

    Exits with 0 if the job completed, 3 if it waits for people (`streamsvc answer`), 4 if it failed, 5 if it was
    cancelled, 130 after Ctrl-C.
    """
    asked = Asked(conversation, producer, model, system, temperature, max_tokens, extra, request_id)

    async def work(client: Client) -> int:
        request = request_of(asked, prompt_of(prompt, file or ()), labels_of(label or ()), concurrency)
        job = await client.start_request(request)
        if detach:
            output.write_json(job) if as_json else typer.echo(job.id)
            return 0
        typer.echo(f"job {job.id}", err=True)
        return await watch_job(client, job.id, target, Cursor("", 0), as_json=as_json, plain=plain, with_question=False)

    with_client(target, work)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say."""

    conversation_id: str = ""
    producer: str = ""
    model: str = ""
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    extra: str = ""
    request_id: str = ""


def request_of(
    asked: Asked, prompt: str, labels: Mapping[str, str], concurrency: Concurrency
) -> job_service_pb2.StartGenerationRequest:
    """Return the request. Raises Mistake if options do not go together or hold no JSON."""
    if concurrency is not Concurrency.ALLOW and not asked.conversation_id:
        raise Mistake(f"--concurrency {concurrency} needs a conversation: add --conversation ID")
    request = job_service_pb2.StartGenerationRequest(
        request_id=asked.request_id,
        producer=asked.producer,
        model=asked.model,
        conversation_id=asked.conversation_id,
        labels=labels,
        concurrency=job_service_pb2.ConcurrencyPolicy.Value(f"CONCURRENCY_POLICY_{concurrency.upper()}"),
    )
    if asked.system.strip():
        request.messages.add(role=content_pb2.ROLE_SYSTEM).parts.add().text.text = asked.system
        request.messages.add(role=content_pb2.ROLE_USER).parts.add().text.text = prompt
    else:
        request.prompt = prompt
    parameters = request.parameters
    parameters.extra_json = extra_of(asked.extra)
    if asked.temperature is not None:
        parameters.temperature = asked.temperature
    if asked.max_tokens is not None:
        parameters.max_tokens = asked.max_tokens
    return request


def extra_of(text: str) -> str:
    """Return `text` if it is a JSON object or empty. Raises Mistake, which says where it is wrong."""
    if not text.strip():
        return ""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise Mistake(f"--extra is not JSON: {error.msg} at character {error.pos + 1}; {_EXTRA_FORM}") from None
    except RecursionError:
        raise Mistake(f"--extra is nested too deep; {_EXTRA_FORM}") from None
    if not isinstance(value, dict):
        raise Mistake(f"--extra is JSON, but no object; {_EXTRA_FORM}")
    return text


def labels_of(given: Sequence[str]) -> dict[str, str]:
    """Return the labels. Raises Mistake for one that is not KEY=VALUE."""
    labels = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise Mistake(f"--label {text} has no value: write KEY=VALUE, such as --label team=search")
        labels[key] = value
    return labels
