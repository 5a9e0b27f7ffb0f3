"""The commands on the graph: `schema`, `query` and `stats`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer

from gql.composition.executors import build_executor, page_sizes
from gql.http import GraphQLRequest, Result
from gql.identity.viewer import PREVIEW, PUBLIC
from gql.logs import configure_logging
from gql.schema import Context, build_schema
from gql.schema.federation import subgraph_sdl
from gql.settings import Settings, SettingsError
from gql.store_factory import open_store
from store import Severity, Visibility, Window

from .options import STORE_LOCATION, Json, with_settings
from .output import count_of, escape, format_severity_counts, out, print_json

LIMIT_SETTINGS = (
    "page_size",
    "max_page_size",
    "max_depth",
    "max_tokens",
    "max_aliases",
    "max_cost",
)


@with_settings("federation")
def schema(settings: Settings) -> None:
    """Print the GraphQL schema (SDL); with --federation that of the subgraph, for composition.

    [bold]Examples[/]

    newsgraph schema > schema.graphql

    newsgraph schema --federation > news.graphql
    """
    text = str(build_schema(federation=settings.federation))
    out.print(subgraph_sdl(text) if settings.federation else text, markup=False)


@with_settings(*STORE_LOCATION, "drafts", *LIMIT_SETTINGS)
def query(
    settings: Settings,
    text: Annotated[
        str,
        typer.Argument(metavar="GRAPHQL", help="The operation, or - for standard input."),
    ],
    *,
    variables: Annotated[str | None, typer.Option(help="The variables, as a JSON object.")] = None,
    operation: Annotated[
        str | None, typer.Option(help="The name of the operation, if there are several.")
    ] = None,
) -> None:
    """Run a query on the store and print the response. The exit code is 1 if it has errors.

    [bold]Examples[/]

    newsgraph query '{ articles(first: 3) { nodes { title } } }'

    newsgraph query --variables '{"slug": "harbour"}' - < topic.graphql
    """
    configure_logging("warning", settings.log_format)
    request = GraphQLRequest(
        query=sys.stdin.read() if text == "-" else text,
        operation_name=operation,
        variables=_variables(variables),
    )
    response = orjson.loads(asyncio.run(_execute(settings, request)).body)
    print_json(response)
    if "errors" in response:
        raise typer.Exit(1)


def _variables(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        variables = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"--variables is not JSON: {error}") from None
    if not isinstance(variables, dict):
        raise SettingsError('--variables is not a JSON object; write it as {"name": value}.')
    return variables


async def _execute(settings: Settings, request: GraphQLRequest) -> Result:
    repository = open_store(settings, must_exist=True)
    try:
        sizes = page_sizes(settings)
        viewer = PREVIEW if settings.drafts else PUBLIC
        context = Context(await repository.snapshot(), viewer, sizes, repository)
        return await build_executor(settings, build_schema())(request, context)
    finally:
        await repository.close()


@with_settings(*STORE_LOCATION)
def stats(
    settings: Settings,
    *,
    json: Json = False,
) -> None:
    """Show the numbers of articles, drafts, providers, topics and problems of the store.

    [bold]Examples[/]

    newsgraph stats --store articles/.newsgraph/store.json
    """
    numbers = asyncio.run(_count(settings))
    if json:
        print_json(numbers)
        return
    store = escape(numbers["store"])
    out.print(f"[bold]Store[/]     {store} [dim]({numbers['sizeBytes']:,} bytes)[/]")
    out.print(
        f"[bold]Holds[/]     {count_of(numbers['articles'], 'article')} "
        f"[dim]({count_of(numbers['drafts'], 'draft')} among them)[/], "
        f"{count_of(numbers['providers'], 'provider')}, {count_of(numbers['topics'], 'topic')}"
    )
    problems = {severity: numbers[severity.lower() + "s"] for severity in Severity}
    out.print(f"[bold]Revision[/]  {numbers['revision']}")
    out.print(f"[bold]Problems[/]  {format_severity_counts(problems)}")


async def _count(settings: Settings) -> Mapping[str, Any]:
    repository = open_store(settings, must_exist=True)
    try:
        snapshot = await repository.snapshot()
        all_counts = await snapshot.counts(Visibility.ALL)
        public_counts = await snapshot.counts(Visibility.PUBLISHED)
        problems = {
            severity: (await snapshot.diagnostic_page(Window(first=0), severity)).total
            for severity in Severity
        }
        return {
            "store": str(settings.store_path),
            "sizeBytes": settings.store_path.stat().st_size,
            "revision": snapshot.revision,
            "articles": all_counts.articles,
            "drafts": all_counts.articles - public_counts.articles,
            "providers": all_counts.providers,
            "topics": all_counts.topics,
            **{severity.lower() + "s": count for severity, count in problems.items()},
        }
    finally:
        await repository.close()
