import { useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider, useClient, useQuery, useSubscription } from 'urql';
import { createUrqlClient } from './client.ts';
import { CHANGES, FEED, rename } from './news.ts';

/** The newest headlines: more on demand, live, and a click renames one. */
function Feed() {
  const client = useClient();
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, error }, refetch] = useQuery({ query: FEED, variables: { first: 3, after } });
  const [start] = useFirst(data?.changesCursor);
  useSubscription(
    { query: CHANGES, variables: { after: start ?? '' }, pause: start === undefined },
    (_, change) => {
      if (change.changes.kind === 'GAP') refetch({ requestPolicy: 'network-only' });
      return change;
    },
  );
  if (error) return <p role="alert">{error.message}</p>;
  if (!data) return <p>Loading …</p>;
  const { edges, pageInfo } = data.articles;
  return (
    <main>
      <ul>
        {edges.map(({ node }) => (
          <li key={node.id} onClick={() => rename(client, node, `${node.title} (renamed)`)}>
            {node.title}
          </li>
        ))}
      </ul>
      {pageInfo.hasNextPage && <button onClick={() => setAfter(pageInfo.endCursor)}>More</button>}
    </main>
  );
}

/** The first value that is not undefined. */
function useFirst<T>(value: T | undefined) {
  const state = useState(value);
  const [first, setFirst] = state;
  if (first === undefined && value !== undefined) setFirst(value);
  return state;
}

function App() {
  const { client } = useMemo(() => {
    const settings = new URLSearchParams(location.search);
    return createUrqlClient({
      url: settings.get('url') ?? '/graphql',
      key: settings.get('key') ?? undefined,
    });
  }, []);
  return (
    <Provider value={client}>
      <Feed />
    </Provider>
  );
}

const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
