import assert from 'node:assert/strict';
import { test } from 'node:test';
import { URL_OF_GRAPHQL } from '../support/server.ts';
import { createClient, HEADLINES, hasCode, type Headlines } from './src/newsgraph.ts';

const client = createClient(URL_OF_GRAPHQL);

test('a query by GET is answered', async () => {
  const { articles } = await client.request<Headlines>(HEADLINES, { first: 2, topic: 'Tides' });
  assert.equal(articles.nodes.length, 2);
  assert(articles.totalCount >= 2);
});

test('an error is told by its code', async () => {
  await assert.rejects(client.request('{ articles(first: -1) { totalCount } }'), (error) =>
    hasCode(error, 'BAD_PAGE_SIZE'),
  );
});

test('a key that does not exist is refused', async () => {
  const stranger = createClient(URL_OF_GRAPHQL, 'ng_no-such-key');
  await assert.rejects(stranger.request('{ articles { totalCount } }'), (error) =>
    hasCode(error, 'UNAUTHENTICATED'),
  );
});
