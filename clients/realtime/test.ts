import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { createClient } from '../fetch/src/newsgraph.ts';
import { KEY, restart, until, URL_OF_GRAPHQL } from '../support/server.ts';
import { type Change, followOverEvents, followOverWebSocket } from './src/follow.ts';

const CURSOR = '{ changesCursor }';
const PUT =
  'mutation ($input: PutArticleInput!) { putArticle(input: $input) { userErrors { code } } }';
const writer = createClient({ url: URL_OF_GRAPHQL, key: KEY });

async function write(slug: string): Promise<void> {
  const provider = { domain: 'live.example', name: 'Live' };
  const input = { slug, title: slug, publishedDateTime: '2026-11-01T12:00:00Z', provider };
  await writer.mutate(PUT, { input });
}

for (const [name, follow] of Object.entries({ followOverWebSocket, followOverEvents })) {
  test(`${name} gets each change once, though the server is killed`, async () => {
    const { changesCursor } = await writer.query<{ changesCursor: string }>(CURSOR);
    const received: Change[] = [];
    const end = follow({
      url: URL_OF_GRAPHQL,
      key: KEY,
      after: changesCursor,
      onChange: (change) => received.push(change),
      webSocketImpl: WebSocket,
    });
    const slugs: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      if (round > 0) await restart();
      for (const step of ['a', 'b', 'c']) {
        slugs.push(`2026-11-01-${name.toLowerCase()}-${round}${step}`);
        await write(slugs.at(-1) ?? '');
      }
      await until(() => received.length >= slugs.length);
    }
    end();
    assert.deepEqual(
      received.map(({ slug }) => slug),
      slugs,
    );
    assert.deepEqual(
      received.map(({ kind }) => kind),
      slugs.map(() => 'PUT'),
    );
  });
}
