"""Commands on the graph: its schema, a query, how much there is."""

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
from gql.settings import Settings, SettingsError
from gql.store_factory import open_store
from store import Severity, Visibility, Window

from .options import with_settings
from .output import escape, out, plural, print_json, problems_text

LIMITS = ("page_size", "max_page_size", "max_depth", "max_tokens", "max_aliases", "max_cost")


def schema() -> None:
    """Print the schema in GraphQL's own language.

    [bold]Examples[/]

    newsgraph schema > schema.graphql
    """
    out.print(str(build_schema()), markup=False)


@with_settings("store", "drafts", *LIMITS)
def query(
    settings: Settings,
    text: Annotated[
        str, typer.Argument(metavar="GRAPHQL", help="The operation; - reads it from the input.")
    ],
    *,
    variables: Annotated[
        str | None, typer.Option(help="The operation's variables, as a JSON object.")
    ] = None,
    operation: Annotated[
        str | None, typer.Option(help="Which operation, where there are several.")
    ] = None,
) -> None:
    """Run a query on the store and print the answer; exit 1 where it has errors.

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
    answer = orjson.loads(asyncio.run(_execute(settings, request)).body)
    print_json(answer)
    if "errors" in answer:
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


@with_settings("store")
def stats(
    settings: Settings,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Show how much is in the store.

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
        f"[bold]Holds[/]     {plural(numbers['articles'], 'article')} "
        f"[dim]({plural(numbers['drafts'], 'draft')} among them)[/], "
        f"{plural(numbers['providers'], 'provider')}, {plural(numbers['topics'], 'topic')}"
    )
    problems = {severity: numbers[severity.lower() + "s"] for severity in Severity}
    out.print(f"[bold]Revision[/]  {numbers['revision']}")
    out.print(f"[bold]Problems[/]  {problems_text(problems)}")


async def _count(settings: Settings) -> Mapping[str, Any]:
    repository = open_store(settings, must_exist=True)
    try:
        snapshot = await repository.snapshot()
        everything = await snapshot.counts(Visibility.ALL)
        published = await snapshot.counts(Visibility.PUBLISHED)
        problems = {
            severity: (await snapshot.diagnostic_page(Window(first=0), severity)).total
            for severity in Severity
        }
        return {
            "store": str(settings.store_path),
            "sizeBytes": settings.store_path.stat().st_size,
            "revision": snapshot.revision,
            "articles": everything.articles,
            "drafts": everything.articles - published.articles,
            "providers": everything.providers,
            "topics": everything.topics,
            **{severity.lower() + "s": count for severity, count in problems.items()},
        }
    finally:
        await repository.close()
