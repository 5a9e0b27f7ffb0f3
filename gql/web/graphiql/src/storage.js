// What GraphiQL remembers between visits: its tabs, its history, the widths of its panes.

import { createLocalStorage } from '@graphiql/toolkit';

// The history keeps the headers of every operation, thus API keys, whatever `shouldPersistHeaders`
// says. These are its two lists.
const HISTORY = /:(queries|favorites)$/;

/**
 * The browser's local storage under a prefix of our own (other GraphiQLs are served from localhost
 * too), to which no header is ever written.
 */
export function createStorage() {
  const storage = createLocalStorage({ namespace: 'newsgraph' });
  const { setItem } = storage;
  storage.setItem = (key, value) => setItem(key, HISTORY.test(key) ? withoutHeaders(value) : value);
  return storage;
}

function withoutHeaders(json) {
  return JSON.stringify(JSON.parse(json), (name, value) => (name === 'headers' ? null : value));
}
