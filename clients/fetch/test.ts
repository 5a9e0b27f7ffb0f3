import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEY, URL_OF_GRAPHQL } from '../support/server.ts';
import { createClient, GraphQLRequestError } from './src/newsgraph.ts';

const HEADLINES = 'query ($first: Int!) { articles(first: $first) { nodes { id slug title } } }';
const PUT = `mutation ($input: PutArticleInput!) {
  putArticle(input: $input) { article { slug title } userErrors { code field message } }
}`;
const client = createClient({ url: URL_OF_GRAPHQL });

interface Headlines {
  articles: { nodes: { id: string; slug: string; title: string }[] };
}

test('the same query again is answered from the cache by its ETag', async (context) => {
  const first = await client.query<Headlines>(HEADLINES, { first: 3 });
  const statuses: number[] = [];
  const send = globalThis.fetch;
  context.mock.method(globalThis, 'fetch', async (...words: Parameters<typeof fetch>) => {
    const response = await send(...words);
    statuses.push(response.status);
    return response;
  });
  assert.deepEqual(await client.query<Headlines>(HEADLINES, { first: 3 }), first);
  assert.deepEqual(statuses, [304]);
  assert.equal(first.articles.nodes.length, 3);
});

test('an error is an exception with its code', async () => {
  await assert.rejects(client.query('{ articles(first: 1) { nodes { titel } } }'), (error) => {
    assert(error instanceof GraphQLRequestError);
    assert.equal(error.status, 400);
    return error.has('GRAPHQL_VALIDATION_FAILED');
  });
});

test('a mutation that is sent again under its key runs once', async () => {
  const writer = createClient({ url: URL_OF_GRAPHQL, key: KEY });
  const input = {
    slug: '2026-11-01-written-by-fetch',
    title: 'Written by fetch',
    publishedDateTime: '2026-11-01T12:00:00Z',
    provider: { domain: 'fetch.example', name: 'Fetch' },
  };
  const key = crypto.randomUUID();
  const first = await writer.mutate(PUT, { input }, key);
  assert.deepEqual(first, {
    putArticle: { article: { slug: input.slug, title: input.title }, userErrors: [] },
  });
  assert.deepEqual(await writer.mutate(PUT, { input }, key), first);
});

test('a mutation without a key that may write is refused', async () => {
  await assert.rejects(
    client.mutate(PUT, { input: { slug: '2026-11-01-x', title: 'X' } }),
    (error) => error instanceof GraphQLRequestError && error.has('FORBIDDEN'),
  );
});
