import { type Cache, cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { persistedExchange } from '@urql/exchange-persisted';
import { createClient as createWebSockets, type ClientOptions } from 'graphql-ws';
import { Client, fetchExchange, subscriptionExchange } from 'urql';

export interface Options {
  /** The address of the GraphQL API, such as https://news.example/graphql. */
  url: string;
  key?: string;
  /** Node before 22 has no WebSocket; there give the npm package ws. */
  webSocketImpl?: ClientOptions['webSocketImpl'];
  /** Send the hash of a query instead of its text. The server needs `--apq-bytes`. */
  usePersistedQueries?: boolean;
}

export function createUrqlClient({ url, key, webSocketImpl, usePersistedQueries }: Options) {
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  const webSockets = createWebSockets({
    url: url.replace(/^http/, 'ws'),
    connectionParams: authorization,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    webSocketImpl,
  });
  const subscriptions = subscriptionExchange({
    forwardSubscription({ query = '', variables }) {
      const operation = { query, variables: { ...variables } };
      return {
        subscribe: (sink) => ({
          unsubscribe: webSockets.subscribe<Record<string, any>>(operation, {
            ...sink,
            next(result) {
              // After a lost connection go on from the last change, without a hole.
              if (result.data?.changes) operation.variables.after = result.data.changes.cursor;
              sink.next(result as Parameters<typeof sink.next>[0]);
            },
          }),
        }),
      };
    },
  });
  const persisted = persistedExchange({ preferGetForPersistedQueries: 'force' });
  const client = new Client({
    url,
    fetchOptions: { headers: authorization },
    preferGetMethod: 'force',
    exchanges: [
      createCache(),
      ...(usePersistedQueries ? [persisted] : []),
      fetchExchange,
      subscriptions,
    ],
  });
  return { client, webSockets };
}

/** Objects without an identity of their own are kept within the article that has them. */
const embedded = () => null;

export const createCache = () =>
  cacheExchange({
    keys: {
      Author: embedded,
      Change: embedded,
      Image: embedded,
      Picture: embedded,
      PictureSize: embedded,
      ProviderMention: embedded,
      RelatedArticle: embedded,
    },
    resolvers: {
      Query: { articles: relayPagination() },
      Provider: { articles: relayPagination() },
      Topic: { articles: relayPagination() },
    },
    updates: {
      Mutation: {
        deleteArticle: (_result, { input }, cache) => drop(cache, (input as { id?: string }).id),
      },
      Subscription: {
        changes({ changes }, _variables, cache) {
          drop(cache, (changes as { deletedId: string | null }).deletedId);
        },
      },
    },
    optimistic: {
      putArticle: ({ input }) => ({
        __typename: 'ArticlePayload',
        article: { __typename: 'Article', ...(input as object) },
        userErrors: [],
      }),
    },
  });

function drop(cache: Cache, id: string | null | undefined): void {
  if (id) cache.invalidate({ __typename: 'Article', id });
}
