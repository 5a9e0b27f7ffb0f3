import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  commitLocalUpdate,
  ConnectionHandler,
  createOperationDescriptor,
  type Environment,
  fetchQuery,
  getRequest,
} from 'relay-runtime';
import WebSocket from 'ws';
import { createClient } from '../fetch/src/newsgraph.ts';
import { KEY, until, URL_OF_GRAPHQL } from '../support/server.ts';
import query, { type FeedQuery } from './src/__generated__/FeedQuery.graphql.ts';
import { followChanges } from './src/changes.ts';
import { createEnvironment } from './src/environment.ts';

const PUT = `mutation ($input: PutArticleInput!) {
  putArticle(input: $input) { article { id } userErrors { code } }
}`;
const DELETE = 'mutation ($id: ID!) { deleteArticle(input: { id: $id }) { userErrors { code } } }';
const writer = createClient({ url: URL_OF_GRAPHQL, key: KEY });

async function put(slug: string, title: string): Promise<string> {
  const provider = { domain: 'relay.example', name: 'Relay' };
  const input = { slug, title, publishedDateTime: '2032-01-01T00:00:00Z', provider };
  const data = await writer.mutate<{ putArticle: { article: { id: string } } }>(PUT, { input });
  return data.putArticle.article.id;
}

/** The ids of the articles in the list that the page shows. */
function shownIds(environment: Environment): (string | undefined)[] {
  let ids: (string | undefined)[] = [];
  commitLocalUpdate(environment, (store) => {
    const list = ConnectionHandler.getConnection(store.getRoot(), 'Feed_articles');
    const edges = list?.getLinkedRecords('edges') ?? [];
    ids = edges.map((edge) => edge?.getLinkedRecord('node')?.getDataID());
  });
  return ids;
}

test('the store follows the changes of others, with the identity of each article', async (context) => {
  const id = await put('2032-01-01-followed', 'First title');
  const { environment, webSockets } = createEnvironment({
    url: URL_OF_GRAPHQL,
    webSocketImpl: WebSocket,
  });
  context.after(() => webSockets.dispose());
  const data = await fetchQuery<FeedQuery>(environment, query, {}).toPromise();
  const operation = createOperationDescriptor(getRequest(query), {});
  environment.retain(operation); // as a component does that shows it
  const recordOf = () => environment.getStore().getSource().get(id);
  assert.equal(recordOf()?.title, 'First title');
  const end = followChanges(environment, data?.changesCursor ?? '', assert.fail);
  await put('2032-01-01-followed', 'Second title');
  await until(() => recordOf()?.title === 'Second title');
  assert.equal(recordOf()?.__typename, 'Article');
  assert(shownIds(environment).includes(id));
  await writer.mutate(DELETE, { id });
  await until(() => !shownIds(environment).includes(id));
  end();
});
