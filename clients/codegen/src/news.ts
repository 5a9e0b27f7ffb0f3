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

type Document<Result, Variables> = TypedDocumentNode<Result, Variables> & {
  __meta__?: Record<string, unknown>;
};

/** Runs a document. Its variables and its result are typed. */
export function execute<Result, Variables>(
  url: string,
  document: Document<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  return send(url, { query: print(document), variables });
}

/**
 * The same by the document's id. The server has the documents:
 * `newsgraph serve FOLDER --trusted-documents src/generated/persisted-documents.json`.
 */
export function executeById<Result, Variables>(
  url: string,
  document: Document<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  return send(url, { documentId: document.__meta__?.hash, variables });
}

async function send<Result>(url: string, request: object): Promise<Result> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const { data, errors } = (await response.json()) as {
    data?: Result;
    errors?: { message: string }[];
  };
  if (errors || !data) throw new Error(errors?.map(({ message }) => message).join('\n'));
  return data;
}
