// The page: GraphiQL over this server's own /graphql, with our examples as its first tabs.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import './workers.js';
import './style.css';
import { examples } from './examples.js';
import { createStorage } from './storage.js';

const endpoint = new URL('/graphql', window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

// Subscriptions go over graphql-ws, and what the headers editor holds is the payload of their
// connection_init. Incremental delivery is off because its fetcher asks for `application/json`,
// under which a refused request answers 200; without it the status codes show in the browser's tools.
const fetcher = createGraphiQLFetcher({
  url: endpoint.href,
  subscriptionUrl: socket.href,
  enableIncrementalDelivery: false,
});

const storage = createStorage();

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    defaultTabs={examples}
    defaultEditorToolsVisibility
    shouldPersistHeaders={false}
    inputValueDeprecation
    schemaDescription
  >
    <GraphiQL.Logo>
      <a className="home" href="/">
        newsgraph
      </a>
    </GraphiQL.Logo>
  </GraphiQL>,
);
