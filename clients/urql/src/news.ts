import { type Client, CombinedError, gql, type TypedDocumentNode } from 'urql';

export interface Card {
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
    changesCursor # the state of the list: CHANGES goes on from here
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

export const CHANGES: TypedDocumentNode<
  { changes: { cursor: string; kind: string; deletedId: string | null; article: Card | null } },
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
export async function rename(client: Client, card: Card, title: string): Promise<string[]> {
  const input = { id: card.id, title, expectedRevision: card.revision };
  const { data, error } = await client.mutation(RENAME, { input });
  if (error) throw error;
  return data?.putArticle.userErrors.map(({ code }) => code) ?? [];
}

/** Whether a request failed with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return (
    error instanceof CombinedError &&
    error.graphQLErrors.some(({ extensions }) => extensions.code === code)
  );
}
