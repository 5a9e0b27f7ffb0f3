import { ApolloProvider, useQuery } from '@apollo/client/react';
import { useEffect, useMemo } from 'react';
import { createRoot } from 'react-dom/client';
import { createApolloClient } from './client.ts';
import { FEED, followChanges, rename } from './news.ts';

/** The newest headlines: more on demand, live, and a click renames one. */
function Feed() {
  const { data, error, fetchMore, client } = useQuery(FEED, { variables: { first: 3 } });
  const cursor = data?.changesCursor;
  const isLoaded = cursor !== undefined;
  useEffect(() => {
    if (cursor === undefined) return;
    const following = followChanges(client, cursor);
    return () => following.unsubscribe();
    // Only the first cursor counts: the subscription goes on by itself.
  }, [client, isLoaded]);
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
      {pageInfo.hasNextPage && (
        <button onClick={() => fetchMore({ variables: { after: pageInfo.endCursor } })}>
          More
        </button>
      )}
    </main>
  );
}

function App() {
  const { client } = useMemo(() => {
    const settings = new URLSearchParams(location.search);
    return createApolloClient({
      url: settings.get('url') ?? '/graphql',
      key: settings.get('key') ?? undefined,
    });
  }, []);
  return (
    <ApolloProvider client={client}>
      <Feed />
    </ApolloProvider>
  );
}

const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
