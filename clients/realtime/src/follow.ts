import { createClient as createEventStreams } from 'graphql-sse';
import { createClient as createWebSockets, type ClientOptions } from 'graphql-ws';

export interface Change {
  cursor: string;
  kind: 'PUT' | 'DELETE' | 'GAP';
  slug: string | null;
  article: { title: string } | null;
}

export interface Options {
  /** The address of the GraphQL API, such as https://news.example/graphql. */
  url: string;
  key?: string;
  /** The cursor of the last change that you have processed, or `changesCursor` of a list. */
  after: string;
  onChange: (change: Change) => void;
  /** The server refused the subscription. A lost connection is no error: the client retries. */
  onError?: (error: unknown) => void;
  /** Node before 22 has no WebSocket; there give the npm package ws. */
  webSocketImpl?: ClientOptions['webSocketImpl'];
}

const query = `subscription Changes($after: String) {
  changes(after: $after) { cursor kind slug article { title } }
}`;

const always = { retryAttempts: Number.POSITIVE_INFINITY, shouldRetry: () => true };

interface Result {
  data?: { changes: Change } | null;
  errors?: readonly unknown[];
}

/** Follows the changes over a WebSocket. The function that it returns ends this. */
export function followOverWebSocket({ url, key, webSocketImpl, ...options }: Options) {
  const client = createWebSockets({
    ...always,
    url: url.replace(/^http/, 'ws'),
    connectionParams: key ? { authorization: `Bearer ${key}` } : {},
    webSocketImpl,
  });
  return follow(
    (operation, sink) => client.subscribe<Result['data'] & object>(operation, sink),
    client,
    options,
  );
}

/** The same over an event stream (server-sent events), which passes every HTTP proxy. */
export function followOverEvents({ url, key, ...options }: Options) {
  const client = createEventStreams({
    ...always,
    url,
    headers: key ? { authorization: `Bearer ${key}` } : {},
  });
  return follow(
    (operation, sink) => client.subscribe<Result['data'] & object>(operation, sink),
    client,
    options,
  );
}

interface Operation {
  query: string;
  variables: { after: string };
}

interface Sink {
  next: (result: Result) => void;
  error: (error: unknown) => void;
  complete: () => void;
}

function follow(
  subscribe: (
    operation: Operation & { variables: Record<string, unknown> },
    sink: Sink,
  ) => () => void,
  client: { dispose: () => void },
  { after, onChange, onError = console.error }: Pick<Options, 'after' | 'onChange' | 'onError'>,
) {
  const operation = { query, variables: { after } };
  const end = subscribe(operation, {
    next({ data, errors }) {
      if (errors || !data) return onError(errors);
      // The client sends the same operation again after a lost connection: go on from here.
      operation.variables.after = data.changes.cursor;
      onChange(data.changes);
    },
    error: onError,
    complete: () => {},
  });
  return () => {
    end();
    client.dispose();
  };
}
