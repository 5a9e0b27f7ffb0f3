import { createClient } from './newsgraph.ts';

export interface Draft {
  title: string;
  contentHtml: string | null;
  published: boolean;
}

const DRAFT = `query Draft($slug: String!) {
  changesCursor
  article(by: { slug: $slug }) { title contentHtml published }
}`;
const CHANGES = `subscription Changes($after: String!) {
  changes(after: $after) { article { slug title contentHtml published } }
}`;

/**
 * Shows a draft, and its edits as they are saved. `token` comes from `newsgraph preview SLUG` or from
 * the mutation createPreviewLink. It is in the URL, because an EventSource can send no headers.
 */
export async function previewDraft(
  url: string,
  slug: string,
  token: string,
  show: (draft: Draft | null) => void,
): Promise<EventSource> {
  const address = new URL(url);
  address.searchParams.set('preview', token);
  const client = createClient({ url: address.href });
  const { article, changesCursor } = await client.query<{
    article: Draft | null;
    changesCursor: string;
  }>(DRAFT, { slug });
  show(article);
  address.searchParams.set('query', CHANGES);
  address.searchParams.set('variables', JSON.stringify({ after: changesCursor }));
  const events = new EventSource(address);
  events.addEventListener('next', ({ data }) => {
    const changed = JSON.parse(data).data.changes.article;
    if (changed?.slug === slug) show(changed);
  });
  return events;
}
