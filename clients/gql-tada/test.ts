import assert from 'node:assert/strict';
import { test } from 'node:test';
import { URL_OF_GRAPHQL } from '../support/server.ts';
import { readStory } from './src/news.ts';

test('a typed query reads a story with its related articles', async () => {
  const story = await readStory(URL_OF_GRAPHQL, {
    slug: '2026-08-19-port-verrins-lagoon-wall-is-closed-after-six-years',
  });
  assert.match(story?.title ?? '', /lagoon wall/i);
  assert(story?.related.some(({ article }) => article !== null));
});

test('an unknown slug gives null', async () => {
  assert.equal(await readStory(URL_OF_GRAPHQL, { slug: 'no-such-story' }), null);
});
