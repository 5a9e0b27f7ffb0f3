import { GraphQLClient, ClientError, gql } from 'graphql-request';

export const HEADLINES = gql`
  query Headlines($first: Int!, $topic: String!) {
    articles(first: $first, filter: { topics: { some: [$topic] } }) {
      totalCount
      nodes {
        id
        title
        provider {
          name
        }
      }
    }
  }
`;

export interface Headlines {
  articles: {
    totalCount: number;
    nodes: { id: string; title: string; provider: { name: string } }[];
  };
}

/** Queries go by GET, so that caches may keep the answers. */
export function createClient(url: string, key?: string): GraphQLClient {
  return new GraphQLClient(url, {
    method: 'GET',
    headers: key ? { authorization: `Bearer ${key}` } : {},
  });
}

/** Whether a request failed with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return (
    error instanceof ClientError &&
    !!error.response.errors?.some(({ extensions }) => extensions?.code === code)
  );
}
