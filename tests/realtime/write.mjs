// A writer that sends mutations with a client that people use, one after the other.
//
//   node write.mjs ws|sse|sse-single URL BEARER REQUESTS
//
// REQUESTS is JSON: [{"query", "variables", "key"}]; `key` is the Idempotency-Key, if any. For each
// request it prints one JSON line: the result, or {"refused": why} where there is none.
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

const [transport, url, bearer, requests] = process.argv.slice(2);
const authorization = bearer ? { Authorization: `Bearer ${bearer}` } : {};

for (const { key, ...request } of JSON.parse(requests)) {
  const client = transport === 'ws' ? overWebSocket() : overEvents(key);
  const extensions = key && transport === 'ws' ? { idempotencyKey: key } : undefined;
  try {
    for await (const result of client.iterate({ ...request, extensions })) {
      console.log(JSON.stringify(result));
    }
  } catch (error) {
    console.log(JSON.stringify({ refused: error.response?.status ?? error }));
  }
  client.dispose();
}

function overWebSocket() {
  return createWsClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: authorization,
    retryAttempts: 0,
  });
}

function overEvents(key) {
  return createSseClient({
    url,
    singleConnection: transport === 'sse-single',
    headers: { ...authorization, ...(key ? { 'Idempotency-Key': key } : {}) },
    retryAttempts: 0,
  });
}
