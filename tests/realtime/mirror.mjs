// A mirror of the articles: it reads all of them, then follows `changes`, with a client that people
// use, over connections that break at random moments.
//
//   node mirror.mjs ws|sse URL FILTER SEED BREAKS UNTIL
//
// FILTER is JSON: an ArticleFilter or null. A connection breaks 0 to LONGEST_MS after it was begun,
// mostly soon: before it is open, between two pages, before the first change, or later. After BREAKS of these it
// prints "broken". It ends at the PUT of the slug UNTIL, and prints one JSON line: the revisions of
// its articles by id, and counts.
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';

const [transport, url, filterText, seed, breaksText, until] = process.argv.slice(2);
const filter = JSON.parse(filterText);
const random = randomNumbers(Number(seed));
const BREAKS = Number(breaksText);
const LONGEST_MS = 60;
const PAUSE_MS = 10;
const LIST = `query ($filter: ArticleFilter, $end: String) {
  changesCursor(filter: $filter)
  articles(filter: $filter, first: 5, after: $end) {
    nodes { id revision } pageInfo { hasNextPage endCursor } } }`;
const FOLLOW = `subscription ($filter: ArticleFilter, $after: String) {
  changes(filter: $filter, after: $after) { cursor kind articleId deletedId slug article { id revision } } }`;

const articles = new Map();
let page = { cursor: undefined, end: undefined }; // of the list; undefined once it is read
let after; // the cursor of the last change that was applied
const counts = { events: 0, breaks: 0, lists: 0, gaps: 0, losses_before_an_event: 0, repeated: 0 };
const cursors = new Set();

while (!(await connectOnce())) {
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
console.log(JSON.stringify({ articles: Object.fromEntries(articles), ...counts }));

/** Read and follow until the connection breaks (false) or UNTIL was put (true). */
async function connectOnce() {
  const { client, breakConnection } = transport === 'ws' ? overWebSocket() : overEvents();
  const timer = counts.breaks < BREAKS && setTimeout(onBreak, random() ** 3 * LONGEST_MS);
  function onBreak() {
    counts.breaks += 1;
    if (counts.breaks === BREAKS) console.log('broken');
    breakConnection();
  }
  try {
    while (page) await readPage(client);
    return await follow(client);
  } catch (error) {
    if (!isLoss(error)) throw error;
    return false;
  } finally {
    clearTimeout(timer);
    client.dispose();
  }
}

/** Read the next page of the list. The cursor is that of the first page. */
async function readPage(client) {
  for await (const { data, errors } of client.iterate({
    query: LIST,
    variables: { filter, end: page.end },
  })) {
    if (errors) throw new Error(JSON.stringify(errors));
    page.cursor ??= data.changesCursor;
    for (const { id, revision } of data.articles.nodes) articles.set(id, revision);
    const { hasNextPage, endCursor } = data.articles.pageInfo;
    if (hasNextPage) {
      page.end = endCursor;
    } else {
      after = page.cursor;
      page = undefined;
      counts.lists += 1;
    }
    return;
  }
  throw new Error('connection closed before the answer');
}

async function follow(client) {
  let heard = 0;
  try {
    for await (const { data, errors } of client.iterate({
      query: FOLLOW,
      variables: { filter, after },
    })) {
      if (errors) throw new Error(JSON.stringify(errors));
      heard += 1;
      if (apply(data.changes)) return true;
      if (page) return false; // a gap
    }
    return false;
  } finally {
    if (!heard) counts.losses_before_an_event += 1;
  }
}

/** Apply a change; whether it is the last one. */
function apply({ cursor, kind, articleId, deletedId, slug, article }) {
  counts.events += 1;
  if (cursors.has(cursor)) counts.repeated += 1;
  cursors.add(cursor);
  after = cursor;
  if (kind === 'GAP') {
    counts.gaps += 1;
    articles.clear();
    page = { cursor: undefined, end: undefined };
  } else if (article) {
    articles.set(articleId, article.revision);
  } else if (deletedId) {
    articles.delete(deletedId);
  }
  return kind === 'PUT' && slug === until;
}

function overWebSocket() {
  let socket;
  class Socket extends WebSocket {
    constructor(...options) {
      super(...options);
      socket = this;
    }
  }
  const client = createWsClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: Socket,
    retryAttempts: 0,
  });
  return { client, breakConnection: () => socket?.terminate() };
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
  if (!(error instanceof Error)) return (error.code ?? 0) < 4000; // a close of the WebSocket
  return /fetch failed|terminated|closed|socket|aborted|ECONNREFUSED|connection/i.test(
    `${error.message} ${error.cause ?? ''}`,
  );
}

/** Numbers from 0 to 1, the same for a seed (mulberry32). */
function randomNumbers(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
