import { type Draft, previewDraft } from './preview.ts';

/** A page that shows one draft, and its edits as they are saved. */
const settings = new URLSearchParams(location.search);
const root = document.getElementById('root');

function show(draft: Draft | null): void {
  if (!root) return;
  root.textContent = draft ? draft.title : 'There is no such draft.';
}

previewDraft(
  settings.get('url') ?? '/graphql',
  settings.get('slug') ?? '',
  settings.get('preview') ?? '',
  show,
).catch((error: Error) => {
  if (root) root.textContent = error.message;
});
