import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { KEY, until, URL_OF_GRAPHQL } from '../support/server.ts';
import { createApolloClient } from './src/client.ts';
import { type Card, FEED, followChanges, hasCode, rename } from './src/news.ts';
import { gql } from '@apollo/client';

const open = (key?: string) =>
  createApolloClient({ url: URL_OF_GRAPHQL, key, webSocketImpl: WebSocket });

const PUT = gql`
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
  const provider = { domain: 'apollo.example', name: 'Apollo' };
  const input = { slug, title, publishedDateTime: '2030-01-01T00:00:00Z', provider };
  const { data } = await client.mutate<any>({ mutation: PUT, variables: { input } });
  assert.deepEqual(data.putArticle.userErrors, []);
  return data.putArticle.article;
}

test('pages of a list become one list', async () => {
  const { client } = open();
  const feed = client.watchQuery({ query: FEED, variables: { first: 2 } });
  const watching = feed.subscribe(() => {});
  const page = await until(() => feed.getCurrentResult().data?.articles?.pageInfo);
  await feed.fetchMore({ variables: { after: page.endCursor } });
  const ids = () => feed.getCurrentResult().data?.articles?.edges?.map((edge) => edge?.node?.id);
  await until(() => new Set(ids()).size === 4);
  watching.unsubscribe();
});

test('a change of a title shows at once, and the old title again after a conflict', async () => {
  const card = await put('2030-01-01-optimistic', 'Before');
  const { client } = open(KEY);
  const titles: (string | undefined)[] = [];
  const shown = client.watchQuery({ query: FEED, variables: { first: 5 } });
  const watching = shown.subscribe(({ data }) => {
    titles.push(data?.articles?.edges?.find((edge) => edge?.node?.id === card.id)?.node?.title);
  });
  await until(() => titles.includes('Before'));
  assert.deepEqual(await rename(client, card, 'After'), []);
  assert.deepEqual(await rename(client, card, 'Too late'), ['CONFLICT']);
  await until(() => titles.at(-1) === 'After');
  assert(titles.includes('Too late'));
  watching.unsubscribe();
});

test('a list follows the changes of others', async (context) => {
  const card = await put('2030-01-02-followed', 'First title');
  const { client, webSockets } = open(KEY);
  context.after(() => webSockets.dispose());
  const { data } = await client.query({ query: FEED, variables: { first: 5 } });
  const following = followChanges(client, data?.changesCursor ?? '');
  await put('2030-01-02-followed', 'Second title');
  const titleOf = () => (client.cache.extract() as any)[`Article:${card.id}`]?.title;
  await until(() => titleOf() === 'Second title');
  await client.mutate({
    mutation: gql`
      mutation Delete($id: ID!) {
        deleteArticle(input: { id: $id }) {
          deletedId
          userErrors {
            code
          }
        }
      }
    `,
    variables: { id: card.id },
  });
  await until(() => titleOf() === undefined);
  following.unsubscribe();
});

test('an error is told by its code', async () => {
  const { client } = open();
  await assert.rejects(
    client.query({
      query: gql`
        {
          articles(first: -1) {
            totalCount
          }
        }
      `,
    }),
    (error) => hasCode(error, 'BAD_PAGE_SIZE'),
  );
});

test('a query goes by its hash; the server learns its text once', async (context) => {
  const { client } = createApolloClient({
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
  const { data } = await client.query({ query: FEED, variables: { first: 2 } });
  assert.equal(data?.articles?.edges?.length, 2);
  assert.deepEqual(hasText(), [false, true]);
  const again = createApolloClient({
    url: URL_OF_GRAPHQL,
    webSocketImpl: WebSocket,
    usePersistedQueries: true,
  }).client;
  await again.query({ query: FEED, variables: { first: 2 } });
  assert.deepEqual(hasText(), [false, true, false]);
});
