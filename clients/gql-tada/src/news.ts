import { initGraphQLTada, type ResultOf, type VariablesOf } from 'gql.tada';
import { print } from 'graphql';
import type { introspection } from './graphql-env.d.ts';

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; URL: string; JSON: unknown };
}>();

const CARD = graphql(`
  fragment Card on Article @_unmask {
    title
    publishedDateTime
    topics {
      name
      parent {
        name
      }
    }
  }
`);

export const STORY = graphql(
  `
    query Story($slug: String!) {
      article(by: { slug: $slug }) {
        ...Card
        related {
          title
          article {
            ...Card
          }
        }
      }
    }
  `,
  [CARD],
);

export type Story = NonNullable<ResultOf<typeof STORY>['article']>;

/** One article with its related stories; null if there is none. Types come from the query's text. */
export async function readStory(
  url: string,
  variables: VariablesOf<typeof STORY>,
): Promise<Story | null> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: print(STORY), variables }),
  });
  const { data } = (await response.json()) as { data: ResultOf<typeof STORY> };
  return data.article;
}
