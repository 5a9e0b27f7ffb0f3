// A subscriber that follows `changes` with a client that people use, over connections that break.
//
//   node subscribe.mjs ws|sse URL AFTER UNTIL
//
// It prints one JSON line for each change: {"cursor", "kind", "slug"}. After every third change it
// breaks its connection without a goodbye and connects again, going on from its last cursor. It ends
// when it is told of the article whose slug is UNTIL.
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

const [transport, url, firstCursor, until] = process.argv.slice(2);
const CHANGES_EACH_TIME = 3;
const query =
  'subscription ($after: String) { changes(after: $after) { cursor kind slug article { slug } } }';
let after = firstCursor;

while (!(await followOnce())) {
  // Once more, from where the last connection got to.
}

/** Follow until the connection breaks (false) or there is no more to wait for (true). */
async function followOnce() {
  const { client, breakConnection } = transport === 'ws' ? overWebSocket() : overEvents();
  let heard = 0;
  try {
    for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
      if (errors) throw new Error(JSON.stringify(errors));
      const { cursor, kind, slug } = data.changes;
      console.log(JSON.stringify({ cursor, kind, slug }));
      after = cursor;
      if (slug === until) {
        client.dispose();
        return true;
      }
      heard += 1;
      if (heard === CHANGES_EACH_TIME) breakConnection();
      if (heard >= CHANGES_EACH_TIME) return false;
    }
    return false;
  } catch (error) {
    if (error instanceof Error && !isLoss(error)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 50)); // the server may be starting again
    return false;
  }
}

function overWebSocket() {
  let socket;
  const client = createWsClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: true,
    on: { opened: (opened) => (socket = opened) },
  });
  return { client, breakConnection: () => socket.terminate() };
}

function overEvents() {
  const broken = new AbortController();
  const client = createSseClient({
    url,
    retryAttempts: 0,
    fetchFn: (input, init) =>
      fetch(input, { ...init, signal: AbortSignal.any([init.signal, broken.signal]) }),
  });
  return { client, breakConnection: () => broken.abort() };
}

/** Whether the connection was lost, or could not be had, rather than refused. */
function isLoss(error) {
  return /fetch failed|terminated|closed|socket|aborted|ECONNREFUSED|connection/i.test(
    `${error.message} ${error.cause ?? ''}`,
  );
}
