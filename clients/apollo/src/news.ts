import {
  type ApolloClient,
  CombinedGraphQLErrors,
  gql,
  type TypedDocumentNode,
} from '@apollo/client';

export interface Card {
  __typename: 'Article';
  id: string;
  title: string;
  revision: string;
}

const CARD = gql`
  fragment Card on Article {
    id
    title
    revision
  }
`;

export const FEED: TypedDocumentNode<
  {
    changesCursor: string;
    articles: {
      edges: { node: Card }[];
      pageInfo: { hasNextPage: boolean; endCursor: string | null };
    };
  },
  { first: number; after?: string | null }
> = gql`
  query Feed($first: Int!, $after: String) {
    changesCursor # the state of the list: followChanges goes on from here
    articles(first: $first, after: $after) {
      edges {
        node {
          ...Card
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${CARD}
`;

const RENAME: TypedDocumentNode<
  { putArticle: { article: Card | null; userErrors: { code: string; message: string }[] } },
  { input: { id: string; title: string; expectedRevision: string } }
> = gql`
  mutation Rename($input: PutArticleInput!) {
    putArticle(input: $input) {
      article {
        ...Card
      }
      userErrors {
        code
        message
      }
    }
  }
  ${CARD}
`;

/** Changes a title. The page shows it at once, and the old one again if the server refuses. */
export async function rename(client: ApolloClient, card: Card, title: string): Promise<string[]> {
  const { data } = await client.mutate({
    mutation: RENAME,
    variables: { input: { id: card.id, title, expectedRevision: card.revision } },
    optimisticResponse: { putArticle: { article: { ...card, title }, userErrors: [] } },
  });
  return data?.putArticle.userErrors.map(({ code }) => code) ?? [];
}

const CHANGES: TypedDocumentNode<
  {
    changes: {
      cursor: string;
      kind: 'PUT' | 'DELETE' | 'GAP';
      deletedId: string | null;
      article: Card | null;
    };
  },
  { after: string }
> = gql`
  subscription Changes($after: String!) {
    changes(after: $after) {
      cursor
      kind
      deletedId
      article {
        ...Card
      }
    }
  }
  ${CARD}
`;

/** Keeps the cache in step with the server. Ends when you unsubscribe. */
export function followChanges(client: ApolloClient, after: string) {
  return client.subscribe({ query: CHANGES, variables: { after } }).subscribe(({ data }) => {
    const change = data?.changes;
    if (change?.kind === 'GAP') void client.refetchQueries({ include: 'active' });
    // An article of a PUT is in the cache by now: Apollo finds it by its id.
    if (change?.deletedId) {
      client.cache.evict({ id: `Article:${change.deletedId}` });
      client.cache.gc();
    }
  });
}

/** Whether a request failed with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return (
    CombinedGraphQLErrors.is(error) &&
    error.errors.some(({ extensions }) => extensions?.code === code)
  );
}
