// The tabs of a first visit. Their names come from the operations in them. They ask for whatever is
// newest instead of naming documents, so that they answer over any folder of articles.

import changes from './examples/changes.graphql?raw';
import drafts from './examples/drafts.graphql?raw';
import draftsHeaders from './examples/drafts.headers.jsonc?raw';
import frontPage from './examples/front-page.graphql?raw';
import paging from './examples/paging.graphql?raw';
import pagingVariables from './examples/paging.variables.json?raw';
import providerNewest from './examples/provider-newest.graphql?raw';
import story from './examples/story.graphql?raw';
import topicTree from './examples/topic-tree.graphql?raw';

// The first has no variables: GraphiQL would not show those of the tab that it opens with.
export const examples = [
  { query: frontPage },
  { query: story },
  { query: providerNewest },
  { query: topicTree },
  { query: paging, variables: pagingVariables },
  { query: changes },
  { query: drafts, headers: draftsHeaders },
];
