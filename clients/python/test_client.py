"""The generated client against the server in NEWSGRAPH_URL."""

import os
import unittest
from datetime import UTC, datetime

from newsgraph_client import ArticleFilter, Client, ListFilter, ProviderInput, PutArticleInput
from newsgraph_client.exceptions import GraphQLClientGraphQLMultiError

URL = f"{os.environ['NEWSGRAPH_URL']}/graphql"
KEY = os.environ["NEWSGRAPH_KEY"]


class ClientTest(unittest.TestCase):
    def test_list_is_filtered_and_typed(self) -> None:
        with Client(URL) as client:
            tides = ArticleFilter(topics=ListFilter(some=["Tides"]))
            articles = client.headlines(first=2, filter_=tides).articles
        self.assertEqual(len(articles.nodes), 2)
        self.assertIsInstance(articles.nodes[0].published_date_time, datetime)

    def test_unknown_slug_gives_none(self) -> None:
        with Client(URL) as client:
            self.assertIsNone(client.story(slug="no-such-story").article)

    def test_article_is_written(self) -> None:
        new = PutArticleInput(
            title="Written from Python",
            publishedDateTime=datetime(2026, 11, 1, tzinfo=UTC),
            provider=ProviderInput(domain="python.example", name="Python"),
        )
        with Client(URL, headers={"authorization": f"Bearer {KEY}"}) as client:
            payload = client.put_article(input=new).put_article
        self.assertEqual(payload.user_errors, [])
        self.assertEqual(payload.article.slug, "2026-11-01-written-from-python")

    def test_error_has_a_code(self) -> None:
        with Client(URL) as client, self.assertRaises(GraphQLClientGraphQLMultiError) as failure:
            client.headlines(first=-1)
        codes = [error.extensions["code"] for error in failure.exception.errors]
        self.assertEqual(codes, ["BAD_PAGE_SIZE"])


if __name__ == "__main__":
    unittest.main()
