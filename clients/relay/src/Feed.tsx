import { useEffect } from 'react';
import {
  graphql,
  useLazyLoadQuery,
  useMutation,
  usePaginationFragment,
  useRelayEnvironment,
} from 'react-relay';
import { followChanges } from './changes.ts';
import type { FeedListFragment$key } from './__generated__/FeedListFragment.graphql.ts';
import type { FeedQuery } from './__generated__/FeedQuery.graphql.ts';
import type { FeedRenameMutation } from './__generated__/FeedRenameMutation.graphql.ts';

/** The newest headlines: more on demand, live, and a click renames one. */
export function Feed() {
  const data = useLazyLoadQuery<FeedQuery>(
    graphql`
      query FeedQuery {
        changesCursor # the state of the list: followChanges goes on from here
        ...FeedListFragment
      }
    `,
    {},
  );
  return data.changesCursor && <FeedList feed={data} cursor={data.changesCursor} />;
}

function FeedList({ feed, cursor }: { feed: FeedListFragment$key; cursor: string }) {
  const { data, hasNext, loadNext, refetch } = usePaginationFragment(
    graphql`
      fragment FeedListFragment on Query
      @refetchable(queryName: "FeedPageQuery")
      @argumentDefinitions(first: { type: "Int", defaultValue: 3 }, after: { type: "String" }) {
        articles(first: $first, after: $after) @connection(key: "Feed_articles") {
          edges {
            node {
              id
              title
              revision
            }
          }
        }
      }
    `,
    feed,
  );
  const environment = useRelayEnvironment();
  useEffect(
    () => followChanges(environment, cursor, () => refetch({}, { fetchPolicy: 'network-only' })),
    [environment, cursor, refetch],
  );
  const [rename] = useMutation<FeedRenameMutation>(graphql`
    mutation FeedRenameMutation($input: PutArticleInput!) {
      putArticle(input: $input) {
        article {
          id
          title
          revision
        }
        userErrors {
          code
          message
        }
      }
    }
  `);
  return (
    <main>
      <ul>
        {data.articles?.edges.map(({ node }) => (
          <li
            key={node.id}
            onClick={() => {
              const title = `${node.title} (renamed)`;
              rename({
                variables: { input: { id: node.id, title, expectedRevision: node.revision } },
                optimisticResponse: {
                  putArticle: { article: { ...node, title }, userErrors: [] },
                },
              });
            }}
          >
            {node.title}
          </li>
        ))}
      </ul>
      {hasNext && <button onClick={() => loadNext(3)}>More</button>}
    </main>
  );
}
