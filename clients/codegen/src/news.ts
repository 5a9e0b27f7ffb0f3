import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { graphql } from './generated/index.ts';

/** A list of cards, one page after the other. */
export const CARDS = graphql(`
  query Cards($filter: ArticleFilter, $after: String) {
    articles(first: 2, after: $after, filter: $filter) {
      nodes {
        id
        title
        publishedDateTime
        url
        provider {
          name
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** Runs a document. Its variables and its result are typed. */
export async function execute<Result, Variables>(
  url: string,
  document: TypedDocumentNode<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: print(document), variables }),
  });
  const { data, errors } = (await response.json()) as {
    data?: Result;
    errors?: { message: string }[];
  };
  if (errors || !data) throw new Error(errors?.map(({ message }) => message).join('\n'));
  return data;
}
