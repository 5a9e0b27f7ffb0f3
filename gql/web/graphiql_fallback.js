// Starts the GraphiQL that graphiql.py names from a CDN. A file, because the page's policy admits no inline script.
// Without the history plugin, which would store API keys.
/* global GraphiQL, React, ReactDOM */

const endpoint = new URL('/graphql', window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: endpoint.href, subscriptionUrl: socket.href }),
    plugins: [],
    shouldPersistHeaders: false,
  }),
);
