import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';
import { createClient, type ClientOptions } from 'graphql-ws';
import { tap } from 'rxjs';

export interface Options {
  /** The address of the GraphQL API, such as https://news.example/graphql. */
  url: string;
  key?: string;
  /** Node before 22 has no WebSocket; there give the npm package ws. */
  webSocketImpl?: ClientOptions['webSocketImpl'];
  /** Send the hash of a query instead of its text. The server needs `--apq-bytes`. */
  usePersistedQueries?: boolean;
}

export function createApolloClient({ url, key, webSocketImpl, usePersistedQueries }: Options) {
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  const webSockets = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: authorization,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    webSocketImpl,
  });
  const http = new HttpLink({ uri: url, headers: authorization, useGETForQueries: true });
  const queries = usePersistedQueries
    ? new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(http)
    : http;
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      resume.concat(new GraphQLWsLink(webSockets)),
      queries,
    ),
    cache: createCache(),
    clientAwareness: { name: 'newsgraph-example', version: '1.0.0' },
  });
  return { client, webSockets };
}

/** After a lost connection the subscription goes on from the last change, without a hole. */
const resume = new ApolloLink((operation, forward) =>
  forward(operation).pipe(
    tap(({ data }) => {
      if (data?.changes?.cursor) operation.variables.after = data.changes.cursor;
    }),
  ),
);

export function createCache(): InMemoryCache {
  return new InMemoryCache({
    possibleTypes: { Node: ['Article', 'Provider', 'Topic'] },
    typePolicies: {
      Query: {
        fields: {
          // One list for each filter and order; pages are joined to it.
          articles: relayStylePagination(['filter', 'orderBy']),
          // An article that a list has brought need not be asked for again.
          node: {
            read: (existing, { args, toReference, canRead }) => {
              const known = toReference({ __typename: 'Article', id: args?.id });
              return existing ?? (canRead(known) ? known : undefined);
            },
          },
        },
      },
      Provider: { fields: { articles: relayStylePagination(['filter', 'orderBy']) } },
      Topic: { fields: { articles: relayStylePagination(['filter', 'orderBy']) } },
    },
  });
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
