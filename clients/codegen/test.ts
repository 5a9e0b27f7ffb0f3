import assert from 'node:assert/strict';
import { test } from 'node:test';
import { URL_OF_GRAPHQL } from '../support/server.ts';
import { CARDS, execute, executeById } from './src/news.ts';

test('a typed document pages through a filtered list', async () => {
  const titles: string[] = [];
  let after: string | null | undefined = null;
  do {
    const { articles } = await execute(URL_OF_GRAPHQL, CARDS, {
      filter: { topics: { some: ['Tides'] } },
      after,
    });
    titles.push(...articles.nodes.map(({ title }) => title));
    after = articles.pageInfo.hasNextPage ? articles.pageInfo.endCursor : null;
  } while (after);
  assert(titles.length > 2);
  assert.equal(new Set(titles).size, titles.length);
});

test('a trusted document is executed by its id', async () => {
  const variables = { filter: { topics: { some: ['Tides'] } } };
  assert.deepEqual(
    await executeById(URL_OF_GRAPHQL, CARDS, variables),
    await execute(URL_OF_GRAPHQL, CARDS, variables),
  );
});
