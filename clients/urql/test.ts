import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gql } from 'urql';
import WebSocket from 'ws';
import { KEY, until, URL_OF_GRAPHQL } from '../support/server.ts';
import { createUrqlClient } from './src/client.ts';
import { type Card, CHANGES, FEED, hasCode, rename } from './src/news.ts';

const open = (key?: string) =>
  createUrqlClient({ url: URL_OF_GRAPHQL, key, webSocketImpl: WebSocket });

const PUT = gql<{ putArticle: { article: Card; userErrors: object[] } }>`
  mutation Put($input: PutArticleInput!) {
    putArticle(input: $input) {
      article {
        id
        title
        revision
      }
      userErrors {
        code
      }
    }
  }
`;

async function put(slug: string, title: string): Promise<Card> {
  const { client } = open(KEY);
  const provider = { domain: 'urql.example', name: 'urql' };
  const input = { slug, title, publishedDateTime: '2031-01-01T00:00:00Z', provider };
  const { data, error } = await client.mutation(PUT, { input });
  assert.deepEqual(data?.putArticle.userErrors, [], error?.message);
  return data.putArticle.article;
}

test('pages of a list become one list', async () => {
  const { client } = open();
  const first = await client.query(FEED, { first: 2 });
  const after = first.data?.articles.pageInfo.endCursor;
  const { data } = await client.query(FEED, { first: 2, after });
  assert.equal(new Set(data?.articles.edges.map(({ node }) => node.id)).size, 4);
});

test('a change of a title shows at once, and the old title again after a conflict', async () => {
  const card = await put('2031-01-01-optimistic', 'Before');
  const { client } = open(KEY);
  const titles: (string | undefined)[] = [];
  const shown = client.query(FEED, { first: 5 }).subscribe(({ data }) => {
    titles.push(data?.articles.edges.find(({ node }) => node.id === card.id)?.node.title);
  });
  await until(() => titles.includes('Before'));
  assert.deepEqual(await rename(client, card, 'After'), []);
  assert.deepEqual(await rename(client, card, 'Too late'), ['CONFLICT']);
  await until(() => titles.at(-1) === 'After');
  assert(titles.includes('Too late'));
  shown.unsubscribe();
});

test('a list follows the changes of others', async (context) => {
  const card = await put('2031-01-02-followed', 'First title');
  const { client, webSockets } = open(KEY);
  context.after(() => webSockets.dispose());
  let cards: Card[] = [];
  const shown = client.query(FEED, { first: 5 }).subscribe(({ data }) => {
    cards = data?.articles.edges.map(({ node }) => node) ?? cards;
  });
  const { data } = await client.query(FEED, { first: 5 });
  const following = client
    .subscription(CHANGES, { after: data?.changesCursor ?? '' })
    .subscribe(() => {});
  const titleOf = () => cards.find(({ id }) => id === card.id)?.title;
  await put('2031-01-02-followed', 'Second title');
  await until(() => titleOf() === 'Second title');
  const DELETE = gql`
    mutation Delete($id: ID!) {
      deleteArticle(input: { id: $id }) {
        deletedId
        userErrors {
          code
        }
      }
    }
  `;
  await open(KEY).client.mutation(DELETE, { id: card.id });
  await until(() => titleOf() === undefined);
  following.unsubscribe();
  shown.unsubscribe();
});

test('an error is told by its code', async () => {
  const { error } = await open().client.query(
    gql`
      {
        articles(first: -1) {
          totalCount
        }
      }
    `,
    {},
  );
  assert(hasCode(error, 'BAD_PAGE_SIZE'));
});

test('a query goes by its hash; the server learns its text once', async (context) => {
  const { client } = createUrqlClient({
    url: URL_OF_GRAPHQL,
    webSocketImpl: WebSocket,
    usePersistedQueries: true,
  });
  const sent: string[] = [];
  const send = globalThis.fetch;
  context.mock.method(globalThis, 'fetch', (...words: Parameters<typeof fetch>) => {
    sent.push(`${words[0]} ${words[1]?.body ?? ''}`);
    return send(...words);
  });
  const hasText = () => sent.map((request) => /query(=|":")/.test(request));
  const { data } = await client.query(FEED, { first: 2 });
  assert.equal(data?.articles?.edges?.length, 2);
  assert.deepEqual(hasText(), [false, true]);
  const again = createUrqlClient({
    url: URL_OF_GRAPHQL,
    webSocketImpl: WebSocket,
    usePersistedQueries: true,
  }).client;
  await again.query(FEED, { first: 2 });
  assert.deepEqual(hasText(), [false, true, false]);
});
