import { createClient, type ClientOptions } from 'graphql-ws';
import {
  Environment,
  type FetchFunction,
  type GraphQLResponse,
  Network,
  Observable,
  RecordSource,
  Store,
  type SubscribeFunction,
} from 'relay-runtime';

export interface Options {
  /** The address of the GraphQL API, such as https://news.example/graphql. */
  url: string;
  key?: string;
  /** Node before 22 has no WebSocket; there give the npm package ws. */
  webSocketImpl?: ClientOptions['webSocketImpl'];
}

export function createEnvironment({ url, key, webSocketImpl }: Options) {
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  const webSockets = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: authorization,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    webSocketImpl,
  });

  const send: FetchFunction = async ({ text, name }, variables) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify({ query: text, operationName: name, variables }),
    });
    return (await response.json()) as GraphQLResponse;
  };

  const subscribe: SubscribeFunction = ({ text, name }, variables) =>
    Observable.create((sink) => {
      const operation = { query: text ?? '', operationName: name, variables: { ...variables } };
      return webSockets.subscribe<Record<string, any>>(operation, {
        ...sink,
        next(result) {
          // After a lost connection go on from the last change, without a hole.
          if (result.data?.changes) operation.variables.after = result.data.changes.cursor;
          sink.next(result as GraphQLResponse);
        },
      });
    });

  const environment = new Environment({
    network: Network.create(send, subscribe),
    store: new Store(new RecordSource()),
  });
  return { environment, webSockets };
}
